package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bargehq/barge/internal/store"
)

// scarce is the free space, in bytes, below which an I/O error is put down to
// lack of space.
const scarce = 1 << 20

// explain makes lack of space [store.ErrFull]. SQLite says so of a write, but a
// sync that fails for it, or growing the shared memory file, is just an I/O
// error, and the reason is lost; then the file system is asked.
func (s *Store) explain(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		var fs syscall.Statfs_t
		if e := syscall.Statfs(s.dir, &fs); e != nil || uint64(fs.Bavail)*uint64(fs.Bsize) >= scarce {
			return err
		}
	default:
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrFull, err)
}
