package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLocked says that another process uses the data directory.
var ErrLocked = errors.New("another server is using this data directory")

// lock takes the data directory. The lock belongs to the open file, so it ends
// with the process, however that ends. The file itself stays: deleting it would
// let two processes lock two files of the same name.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "barge.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
	case err != nil:
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}
