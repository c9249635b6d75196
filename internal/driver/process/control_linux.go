package process

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// controls writes to the files of one cgroup and keeps them open: a start
// writes a dozen times, and opening and closing cost twice what writing does.
// Who uses it is alone with it.
type controls struct {
	dir  string
	open map[string]int // -1 where there is no such file
}

// write writes to an existing file of the cgroup.
func (c *controls) write(name string, text []byte) error {
	fd, ok := c.open[name]
	if !ok {
		var err error
		fd, err = openFile(filepath.Join(c.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if c.open == nil {
			c.open = make(map[string]int)
		}
		c.open[name] = fd
	}
	path := filepath.Join(c.dir, name)
	if fd < 0 {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return writeAt(fd, path, text)
}

func (c *controls) close() {
	for _, fd := range c.open {
		if fd >= 0 {
			_ = syscall.Close(fd) // what was written took effect at once
		}
	}
	c.open = nil
}

// writeFile writes once to an existing file of a cgroup.
func writeFile(dir, name string, text []byte) error {
	path := filepath.Join(dir, name)
	fd, err := openFile(path)
	if err != nil {
		return err
	}
	return errors.Join(writeAt(fd, path, text), syscall.Close(fd))
}

// openFile opens a file without the poller, which would have nothing to wait
// for; -1 if it cannot.
func openFile(path string) (int, error) {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	for errors.Is(err, syscall.EINTR) {
		fd, err = syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// writeAt writes all or nothing, at the beginning.
func writeAt(fd int, path string, text []byte) error {
	_, err := syscall.Pwrite(fd, text, 0)
	for errors.Is(err, syscall.EINTR) {
		_, err = syscall.Pwrite(fd, text, 0)
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}
