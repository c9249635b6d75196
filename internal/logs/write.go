package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// streamOverhead is what a stream with pending lines costs in memory beyond
// the lines themselves, roughly.
const streamOverhead = 256

// stream is a stream that somebody writes to, or has written to since the last
// commit. Its numbers include the lines that are pending. Store.mu guards it.
type stream struct {
	ready   chan struct{} // closed when it is loaded
	loadErr error
	writers int

	group   *group
	name    string
	id      int64
	created batch.Instant
	last    batch.Instant // greatest timestamp
	written int64
	cursor  int64
	next    int64 // ordinal of the next chunk
	stored  bool

	chunks []chunk // pending; the last one still grows
	size   int     // what they count in Store.pending
	dirty  bool
	held   bool   // part of the held round
	round  *round // the last one that it is or will be part of
}

// Writer appends to one stream. Several may write to the same one.
type Writer struct {
	s  *Store
	st *stream
}

// Stream opens a stream for appending and makes it, and its group, where they
// do not exist. It exists for readers from now on. The caller closes the
// Writer when it has no more lines.
func (s *Store) Stream(ctx context.Context, group, name string) (*Writer, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	key := streamName{group, name}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if st := s.open[key]; st != nil {
		st.writers++
		s.mu.Unlock()
		<-st.ready
		return &Writer{s, st}, st.loadErr
	}
	st := &stream{ready: make(chan struct{}), group: s.groupNamed(group), name: name, writers: 1}
	s.open[key] = st
	groupStored := st.group.stored
	s.mu.Unlock()

	var err error
	if groupStored { // a group that is not stored has no stored streams
		err = s.loadStream(context.WithoutCancel(ctx), st) // others may wait for it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(st.ready)
	if err != nil {
		st.loadErr = fmt.Errorf("open log stream %q: %w", name, err)
		delete(s.open, key)
		return nil, st.loadErr
	}
	if !st.stored {
		s.lastStream++
		st.id, st.created = s.lastStream, batch.InstantOf(time.Now())
		s.soil(st)
	}
	return &Writer{s, st}, nil
}

// groupNamed returns the group, new where there is none. The caller holds mu.
func (s *Store) groupNamed(name string) *group {
	g := s.groups[name]
	if g == nil {
		s.lastGroup++
		g = &group{id: s.lastGroup, name: name, created: batch.InstantOf(time.Now())}
		s.groups[name] = g
	}
	return g
}

// loadStream fills a stream that nobody else sees yet from its row, if any.
func (s *Store) loadStream(ctx context.Context, st *stream) error {
	err := s.named.QueryRowContext(ctx, st.group.id, st.name).
		Scan(&st.id, &st.created, &st.last, &st.written, &st.cursor, &st.next)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	st.stored = err == nil
	return err
}

// Append adds a line that was written at the given moment. Bytes that are no
// UTF-8 become U+FFFD, an empty line becomes one space, and what is longer than
// MaxMessage becomes several events. cursor is stored with it; zero leaves the
// stored one. Append waits while too much is pending. The line is durable
// after Flush, or some time later without it. text may be used again at once.
func (w *Writer) Append(ctx context.Context, at batch.Instant, text []byte, cursor int64) error {
	message := clean(text)
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.pending >= s.maxPending && !s.closed {
		room := s.room
		s.mu.Unlock()
		poke(s.hurry)
		select {
		case <-room:
			s.mu.Lock()
		case <-ctx.Done():
			s.mu.Lock()
			return context.Cause(ctx)
		}
	}
	if s.closed {
		return ErrClosed
	}
	// All pieces go in under one lock, hence into one transaction.
	for len(message) > 0 {
		var head []byte
		head, message = cut(message)
		s.add(w.st, at, head)
	}
	if cursor != 0 {
		w.st.cursor = cursor
	}
	s.soil(w.st)
	if s.pending >= hurryBytes {
		poke(s.hurry)
	}
	return nil
}

// add puts one event into the stream's pending chunks. The caller holds mu.
func (s *Store) add(st *stream, at batch.Instant, message []byte) {
	sort := max(st.last, at)
	if n := len(st.chunks); n == 0 || !st.chunks[n-1].accepts(sort, len(message)) {
		st.chunks = append(st.chunks, chunk{ordinal: st.next, first: sort, last: sort, previous: sort})
		st.next++
	}
	c := &st.chunks[len(st.chunks)-1]
	before := len(c.data)
	c.add(at, message)
	st.last = sort
	st.size += len(c.data) - before
	s.pending += len(c.data) - before
}

// soil makes the stream part of the next round. The caller holds mu.
func (s *Store) soil(st *stream) {
	if st.dirty {
		return
	}
	st.dirty, st.round = true, s.next
	st.size += streamOverhead
	s.pending += streamOverhead
	s.dirty = append(s.dirty, st)
	poke(s.wake)
}

// Flush returns when everything appended before is durable.
func (w *Writer) Flush(ctx context.Context) error {
	w.s.mu.Lock()
	round, waiting := w.st.round, w.st.dirty || w.st.held
	w.s.mu.Unlock()
	if !waiting {
		return nil
	}
	poke(w.s.hurry)
	select {
	case <-round.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cursor returns the cursor of the last line appended, durable or not, and
// zero for a stream that never had one.
func (w *Writer) Cursor() int64 {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.st.cursor
}

// Close ends the use of the Writer. What was appended is stored all the same.
func (w *Writer) Close() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.st.writers--
	w.s.release(w.st)
}

// release forgets a stream that nobody needs in memory. The caller holds mu.
func (s *Store) release(st *stream) {
	if st.writers == 0 && !st.dirty && !st.held {
		delete(s.open, streamName{st.group.name, st.name})
	}
}
