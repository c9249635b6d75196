package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// rooms are the working directories, `work/1` and up. Making and removing a
// directory costs about a seventh of a short process, and most attempts leave
// theirs empty, so an empty one is used again.
type rooms struct {
	dir string

	mu   sync.Mutex // guards the lists, for moments
	free []int      // there and empty
	gone []int      // not there
	last int        // all numbers up to it have been given
}

// openRooms removes all working directories but those in use.
func openRooms(dir string, used map[int]bool) (*rooms, error) {
	w := &rooms{dir: dir}
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err != nil || !used[n] {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	for n := range used {
		w.last = max(w.last, n)
	}
	for n := 1; n < w.last; n++ {
		if !used[n] {
			w.gone = append(w.gone, n)
		}
	}
	return w, nil
}

func (w *rooms) path(n int) string { return filepath.Join(w.dir, strconv.Itoa(n)) }

// take returns an empty working directory that belongs to the user.
func (w *rooms) take(user *identity) (int, error) {
	n, there := w.number()
	if !there {
		if err := os.Mkdir(w.path(n), 0o700); err != nil {
			w.give(&w.gone, n)
			return 0, fmt.Errorf("make working directory: %w", err)
		}
	}
	if user != nil {
		if err := os.Lchown(w.path(n), int(user.uid), int(user.gid)); err != nil {
			w.leave(n)
			return 0, fmt.Errorf("hand over working directory: %w", err)
		}
	}
	return n, nil
}

func (w *rooms) number() (n int, there bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := len(w.free); k > 0 {
		n, w.free = w.free[k-1], w.free[:k-1]
		return n, true
	}
	if k := len(w.gone); k > 0 {
		n, w.gone = w.gone[k-1], w.gone[:k-1]
		return n, false
	}
	w.last++
	return w.last, false
}

func (w *rooms) give(list *[]int, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, n)
}

// leave ends the use of a working directory. What cannot be removed keeps its
// number until the runner starts again.
func (w *rooms) leave(n int) {
	if untouched(w.path(n)) {
		w.give(&w.free, n)
	} else if os.RemoveAll(w.path(n)) == nil {
		w.give(&w.gone, n)
	}
}

// untouched says whether path is a directory as take makes it for ourselves.
func untouched(path string) bool {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Close(fd) }()
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&0o7777 != 0o700 || int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		return false
	}
	var buf [1024]byte
	n, err := syscall.ReadDirent(fd, buf[:])
	if err != nil {
		return false
	}
	_, _, names := syscall.ParseDirent(buf[:n], 1, nil) // without . and ..
	return len(names) == 0
}
