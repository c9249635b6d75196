package sqlite

import (
	"context"
	"errors"

	"modernc.org/sqlite"

	"github.com/bargehq/barge/internal/fault"
)

const (
	// checkpointPages is how many pages of 4 KiB the write-ahead log collects
	// before it is moved: 16 MiB. Pages that are written again and again are
	// moved once, so more is cheaper; less makes a start after a crash faster
	// and the file smaller.
	checkpointPages = 4096
	// backstopPages is when a commit moves the log itself: 64 MiB.
	backstopPages = 16384
	// checkpointWaitMillis is how long a checkpoint keeps commits waiting for
	// readers to let go of the log.
	checkpointWaitMillis = 20
)

// Run moves the write-ahead log into the database whenever it is long enough,
// until ctx is done. It returns nil then, and never fails before: what it
// cannot do now it tries again later.
//
// SQLite's own way is that the commit that finds the log long moves it, which
// makes that commit wait for a thousand page writes and two syncs. Here the
// bulk is moved beside the commits. But they go on appending meanwhile, so the
// log would never be empty and never start over; hence a second step with the
// commits held, for the little that came in between. It also has the readers
// that still need the log leave it: new ones do not need it any more once all
// is moved, and old ones are awaited for 20 ms. A reader that takes longer
// costs another attempt every 16 MiB, and is cut off after [Options.ReadFor],
// which bounds the log.
func (s *Store) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.full:
			if err := s.empty(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("the write-ahead log could not be moved into the database", "op", "checkpoint", "err", err)
			}
		}
	}
}

// empty moves the log and makes the next commit start it over.
func (s *Store) empty(ctx context.Context) error {
	if _, err := s.checkpoint.number(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return s.explain(err)
	}
	fault.Point("checkpoint.half")
	s.writing.Lock()
	defer s.writing.Unlock()
	busy, err := s.checkpoint.number(ctx, "PRAGMA wal_checkpoint(RESTART)")
	s.pages = 0
	fault.Point("checkpoint.done")
	if err != nil {
		return s.explain(err)
	}
	if busy != 0 {
		s.log.Debug("a reader holds the write-ahead log", "op", "checkpoint")
	}
	return nil
}

// grown counts what the commit has added to the log and wakes Run. The caller
// holds the writing lock.
func (s *Store) grown() {
	written, _, err := s.writer.Conn.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
	if err != nil {
		return // only for a counter that does not exist
	}
	if s.pages += written; s.pages < checkpointPages {
		return
	}
	select {
	case s.full <- struct{}{}:
	default:
	}
}

// close finishes what the connection has prepared and closes it. The last
// connection to close moves the log into the database and removes it.
func (w *writer) close() error {
	var errs []error
	for _, s := range w.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.Close())...)
}
