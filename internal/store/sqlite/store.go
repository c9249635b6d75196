package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/store"
)

// Options say where and how.
type Options struct {
	Dir     string // the data directory; made if it is missing
	Log     *slog.Logger
	Readers int           // how many reads at once; zero means 8
	ReadFor time.Duration // how long one read may take; zero means 10 s

	vfs string // the file system, for tests; empty for SQLite's own
}

// Store is the embedded [store.Store].
type Store struct {
	log     *slog.Logger
	dir     string
	vfs     string
	readFor time.Duration

	lock  *os.File
	reads *sql.DB
	hot   hot

	// writing is held while the database is written: by the committer for a
	// round, by Run for the last step of a checkpoint. Two goroutines, and
	// SQLite's own lock would make one of them poll.
	writing sync.Mutex
	writer  *writer
	pages   int // written to the log since Run last emptied it

	checkpoint *conn
	full       chan struct{} // one slot: the log is worth a checkpoint
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a directory that no other process uses, making it if
// there is none. The caller closes it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("no data directory")
	}
	if o.Readers < 0 || o.ReadFor < 0 {
		return nil, errors.New("negative options")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{log: o.Log, dir: dir, vfs: o.vfs, readFor: o.ReadFor, full: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.readFor == 0 {
		s.readFor = 10 * time.Second
	}
	readers := o.Readers
	if readers == 0 {
		readers = 8
	}
	if err := s.open(ctx, readers); err != nil {
		return nil, errors.Join(s.explain(fmt.Errorf("open the database in %s: %w", dir, err)), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, readers int) (err error) {
	if err = os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lock(s.dir); err != nil {
		return err
	}
	if err = create(s.path()); err != nil {
		return err
	}
	c, err := connect(ctx, s.dsn("rw", writing(5000)))
	if err != nil {
		return err
	}
	s.writer = &writer{conn: c}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err = migrate(ctx, c, files); err != nil {
		return err
	}
	if err = s.writer.prepare(ctx); err != nil {
		return err
	}
	if s.checkpoint, err = connect(ctx, s.dsn("rw", writing(checkpointWaitMillis))); err != nil {
		return err
	}
	if s.reads, err = pool(s.dsn("ro", reading()), readers); err != nil {
		return err
	}
	return s.hot.prepare(ctx, s.reads)
}

func (s *Store) path() string { return filepath.Join(s.dir, "barge.db") }

func (s *Store) dsn(mode string, settings pragmas) string {
	return dsn(s.path(), mode, s.vfs, settings)
}

// create makes the file if it is missing. Jobs' environments hold secrets, so
// it is ours alone; SQLite gives the files beside it the same permissions. Its
// name has to survive a power loss as its content does.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close implements [store.Store]. Run has returned and no other call is under
// way.
func (s *Store) Close() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.hot.close(), s.reads.Close())
	}
	if s.checkpoint != nil {
		errs = append(errs, s.checkpoint.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
