package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// DefaultGroup is where AWS Batch puts the output of jobs that name no group.
// It exists from the start.
const DefaultGroup = "/aws/batch/job"

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("log store is closed")

const (
	linger      = 50 * time.Millisecond // the longest time that a line waits for its commit to begin
	commitGap   = 10 * time.Millisecond // the shortest time between two commits
	hurryBytes  = 1 << 20               // so much pending does not linger
	retryFirst  = 100 * time.Millisecond
	retryLast   = 5 * time.Second
	expireEvery = time.Hour
)

// Options configure a [Store].
type Options struct {
	Dir string // where logs.db lives; made when missing
	Log *slog.Logger
	// MaxPending is how many bytes of lines wait for their commit before
	// Append blocks. Zero means 16 MiB.
	MaxPending int
}

// Store is the log file and the lines on their way to it.
type Store struct {
	log        *slog.Logger
	maxPending int
	write      *sql.DB // one connection
	read       *sql.DB
	named      *sql.Stmt // finds a stream: each attempt asks, and parsing it takes longer

	// life is held for reading while a stream is loaded, and for writing
	// while streams are removed, so that nobody opens half a stream.
	life sync.RWMutex
	// commit is held by whoever writes to the file. It guards held. Locks
	// are taken in the order life, commit, mu.
	commit sync.Mutex
	held   *round // taken from the appenders, not durable yet

	// mu guards what follows. It is a mutex because appenders are
	// thousands of goroutines that must not wait for the disk, and is never
	// held while the file is used.
	mu         sync.Mutex
	closed     bool
	groups     map[string]*group
	open       map[streamName]*stream
	dirty      []*stream
	next       *round        // what the dirty streams will be part of
	pending    int           // bytes, those of the held round included
	room       chan struct{} // closed when pending shrinks
	lastGroup  int64
	lastStream int64

	wake  chan struct{} // something is dirty
	hurry chan struct{} // somebody waits for it
	sweep chan struct{} // something was deleted
}

// group is a group in memory. All of them are, for as long as they exist.
type group struct {
	id      int64
	name    string
	created batch.Instant
	written int64 // bytes ever
	stored  bool
}

type streamName struct{ group, stream string }

// Open opens or makes the store. Lines are stored when [Store.Run] runs.
func Open(o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxPending == 0 {
		o.MaxPending = 16 << 20
	}
	write, read, err := openFile(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		log:        o.Log,
		maxPending: o.MaxPending,
		write:      write,
		read:       read,
		groups:     make(map[string]*group),
		open:       make(map[streamName]*stream),
		next:       newRound(),
		room:       make(chan struct{}),
		wake:       make(chan struct{}, 1),
		hurry:      make(chan struct{}, 1),
		sweep:      make(chan struct{}, 1),
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("load log store: %w", err), s.closeFile())
	}
	return s, nil
}

func (s *Store) load() error {
	ctx := context.Background()
	var err error
	if s.named, err = s.read.PrepareContext(ctx,
		`SELECT id, created, last, written, cursor, next FROM streams WHERE group_id = ? AND name = ?`); err != nil {
		return err
	}
	rows, err := s.write.QueryContext(ctx, `SELECT id, coalesce(name, ''), created, written FROM groups`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		g := &group{stored: true}
		if err = rows.Scan(&g.id, &g.name, &g.created, &g.written); err != nil {
			return err
		}
		s.lastGroup = max(s.lastGroup, g.id)
		if g.name != "" {
			s.groups[g.name] = g
		}
	}
	if err = rows.Err(); err != nil {
		return err
	}
	if err = rows.Close(); err != nil {
		return err
	}
	if err = s.write.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM streams`).Scan(&s.lastStream); err != nil {
		return err
	}
	_, err = s.CreateGroup(ctx, DefaultGroup, 0)
	return err
}

// Run stores what is appended and removes what has expired, until ctx ends;
// then it stores the rest and returns. It must run once.
func (s *Store) Run(ctx context.Context) error {
	var expiry sync.WaitGroup
	expiry.Go(func() { s.expireLoop(ctx) })
	defer expiry.Wait()

	var last time.Time
	retry := retryFirst
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-s.wake:
		}
		select {
		case <-ctx.Done():
		case <-s.hurry:
			pause(ctx, commitGap-time.Since(last))
		case <-time.After(linger):
		}
		for ctx.Err() == nil {
			err := s.commitRound(context.WithoutCancel(ctx))
			last = time.Now()
			if err == nil {
				if retry != retryFirst {
					s.log.Info("log lines are stored again")
					retry = retryFirst
				}
				break
			}
			s.log.Error("log lines cannot be stored, jobs that print will wait", "err", err, "dur", retry)
			pause(ctx, retry)
			retry = min(2*retry, retryLast)
		}
	}
	if err := s.drain(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("store the last log lines: %w", err)
	}
	return nil
}

// drain commits the held round and whatever came after it.
func (s *Store) drain(ctx context.Context) error {
	for range 2 {
		if err := s.commitRound(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) expireLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.Expire(ctx, batch.InstantOf(time.Now())); err != nil && ctx.Err() == nil {
			s.log.Error("old log lines cannot be removed", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-s.sweep:
		case <-time.After(expireEvery):
		}
	}
}

// Close stores what is pending and closes the file. Run must have returned.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.room)
	s.room = make(chan struct{})
	s.mu.Unlock()
	err := s.drain(context.Background())
	if err != nil {
		err = fmt.Errorf("store the last log lines: %w", err)
	}
	return errors.Join(err, s.closeFile())
}

// closeFile closes the database and with it what was prepared.
func (s *Store) closeFile() error { return errors.Join(s.read.Close(), s.write.Close()) }

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// poke leaves a signal for whoever listens; one that waits already is enough.
func poke(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
