package images

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// shelf is a directory of archives and layouts that others fill while we look.
// What it holds is read anew when the directory, or the file in question, has
// changed.
type shelf struct {
	dir string
	log *slog.Logger

	mu    sync.Mutex // held while the directory is read: who comes meanwhile wants the result
	stamp stamp      // of the directory
	books map[string]*book
	names map[string]*item
}

// book is one archive or layout; a layout is a directory.
type book struct {
	path   string
	stamp  stamp
	layout bool
	items  []item
	err    error
}

// item is one image of a book.
type item struct {
	book  *book
	names []string
	pick  string // for an archive of Docker's the tag, empty for its only image; else the digest in the index
	plain bool   // Docker's kind of archive
}

// stamp changes with a file.
type stamp struct {
	time time.Time
	size int64
}

func stampOf(path string) (stamp, error) {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	if st.IsDir() {
		return stamp{time: st.ModTime()}, nil
	}
	return stamp{st.ModTime(), st.Size()}, nil
}

// mark is the file whose stamp tells of a change.
func (b *book) mark() string {
	if b.layout {
		return filepath.Join(b.path, "index.json")
	}
	return b.path
}

// key names one image in one state of its file.
func (i *item) key() string {
	return fmt.Sprintf("%s %d %d %s", i.book.path, i.book.stamp.time.UnixNano(), i.book.stamp.size, i.pick)
}

func newShelf(dir string, log *slog.Logger) *shelf {
	return &shelf{dir: dir, log: log, books: map[string]*book{}}
}

// find returns nil where no file has an image of that name.
func (s *shelf) find(name string) (*item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := stampOf(s.dir)
	if err != nil {
		return nil, fmt.Errorf("look for images: %w", err)
	}
	if i := s.names[name]; i != nil && now == s.stamp {
		if is, err := stampOf(i.book.mark()); err == nil && is == i.book.stamp {
			return i, nil
		}
	}
	if err := s.read(); err != nil {
		return nil, fmt.Errorf("look for images: %w", err)
	}
	s.stamp = now
	return s.names[name], nil
}

// read looks at what is new in the directory. Of equal names the newest file's counts.
func (s *shelf) read() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	books, names := make(map[string]*book, len(entries)), make(map[string]*item)
	for _, e := range entries {
		b := &book{path: filepath.Join(s.dir, e.Name())}
		st, err := os.Stat(b.path)
		if err != nil || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if b.layout = st.IsDir(); !b.layout && bareName(e.Name()) == e.Name() {
			continue
		}
		if b.stamp, err = stampOf(b.mark()); err != nil {
			continue
		}
		if old := s.books[b.path]; old != nil && old.stamp == b.stamp && old.layout == b.layout {
			b = old
		} else if b.items, b.err = b.read(); b.err != nil {
			s.log.Warn("cannot read a file of images", "op", "images", "file", b.path, "err", b.err)
		}
		books[b.path] = b
		for n := range b.items {
			i := &b.items[n]
			for _, name := range i.names {
				if other := names[name]; other == nil || other.book.stamp.time.Before(b.stamp.time) {
					names[name] = i
				}
			}
		}
	}
	s.books, s.names = books, names
	return nil
}

// bareName is a file's name without what says that it is an archive.
func bareName(name string) string {
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz"} {
		if bare, ok := strings.CutSuffix(name, suffix); ok && bare != "" {
			return bare
		}
	}
	return name
}

// read finds the images of an archive or a layout.
func (b *book) read() ([]item, error) {
	var index, manifest []byte
	var err error
	if b.layout {
		index, err = readBounded(b.mark())
	} else {
		index, manifest, err = b.contents()
	}
	switch {
	case err != nil:
		return nil, err
	case manifest != nil: // newer Docker writes both
		return b.dockerItems(manifest)
	case index != nil:
		return b.indexItems(index)
	}
	return nil, fmt.Errorf("it is neither what `docker save` writes nor an OCI layout")
}

// readBounded reads a small file.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return readAtMost(bufio.NewReader(f), maxConfig)
}
