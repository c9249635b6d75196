package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
)

// Stream is a log stream as readers see it. The last three moments are zero
// while it has no events.
type Stream struct {
	Name       string
	Created    batch.Instant
	FirstEvent batch.Instant
	LastEvent  batch.Instant
	Ingested   batch.Instant // when the last event was stored

	id           int64
	oldest, next int64 // ordinals: of the first chunk that is kept, and behind the last
}

// StreamMark is a place in a list of streams.
type StreamMark struct {
	Name string        // in lists by name
	Last batch.Instant // in lists by time
	ID   int64         // in lists by time, where moments are equal
}

// StreamQuery asks for streams of a group, by name or by the time of the last
// event.
type StreamQuery struct {
	Group      string
	Prefix     string // not with ByTime
	ByTime     bool
	Descending bool
	After      *StreamMark // as Streams returned it; nil: from the beginning
	Limit      int
}

const selectStream = `SELECT id, name, created, last, ingested, oldest, next,
	coalesce((SELECT first FROM chunks WHERE chunks.id = streams.id << 32 | streams.oldest), 0) FROM streams `

func errNoStream() error {
	return batch.Errorf(batch.NotFound, "The specified log stream does not exist.")
}

func scanStream(row interface{ Scan(...any) error }) (st Stream, err error) {
	err = row.Scan(&st.id, &st.Name, &st.Created, &st.LastEvent, &st.Ingested, &st.oldest, &st.next, &st.FirstEvent)
	return st, err
}

// Streams returns the streams that the query asks for and where the list goes
// on; a nil mark means that this was all.
func (s *Store) Streams(ctx context.Context, q StreamQuery) ([]Stream, *StreamMark, error) {
	g, err := s.Group(ctx, q.Group)
	if err != nil {
		return nil, nil, err
	}
	compare, order := ">", "ASC"
	if q.Descending {
		compare, order = "<", "DESC"
	}
	where := `WHERE group_id = ? AND name >= ? AND name < ? `
	args := []any{g.id, q.Prefix, q.Prefix + afterAll}
	by := "name " + order
	if q.ByTime {
		where, args = `WHERE group_id = ? `, args[:1]
		by = "last " + order + ", id " + order
	}
	switch {
	case q.After != nil && q.ByTime:
		where += "AND (last, id) " + compare + " (?, ?) "
		args = append(args, q.After.Last, q.After.ID)
	case q.After != nil:
		where += "AND name " + compare + " ? "
		args = append(args, q.After.Name)
	}
	rows, err := s.read.QueryContext(ctx, selectStream+where+"ORDER BY "+by+" LIMIT ?", append(args, q.Limit+1)...)
	if err != nil {
		return nil, nil, fmt.Errorf("list log streams: %w", err)
	}
	defer rows.Close()
	var streams []Stream
	for rows.Next() {
		st, err := scanStream(rows)
		if err != nil {
			return nil, nil, fmt.Errorf("list log streams: %w", err)
		}
		streams = append(streams, st)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("list log streams: %w", err)
	}
	if len(streams) <= q.Limit {
		return streams, nil, nil
	}
	streams = streams[:q.Limit]
	last := &streams[q.Limit-1]
	return streams, &StreamMark{Name: last.Name, Last: last.LastEvent, ID: last.id}, nil
}

// stream returns one stream of a group. A stream that was opened a moment ago
// and has no row yet is an empty one.
func (s *Store) stream(ctx context.Context, group Group, name string) (Stream, error) {
	s.mu.Lock()
	open := s.open[streamName{group.Name, name}]
	s.mu.Unlock()
	st, err := scanStream(s.read.QueryRowContext(ctx, selectStream+`WHERE group_id = ? AND name = ?`, group.id, name))
	switch {
	case errors.Is(err, sql.ErrNoRows) && open != nil:
		return Stream{Name: name}, nil
	case errors.Is(err, sql.ErrNoRows):
		return st, errNoStream()
	case err != nil:
		return st, fmt.Errorf("read log stream: %w", err)
	}
	return st, nil
}

// CreateStream makes an empty stream in a group that exists and says false
// when there is one of that name.
func (s *Store) CreateStream(ctx context.Context, group, name string) (bool, error) {
	if _, err := s.Group(ctx, group); err != nil {
		return false, err
	}
	w, err := s.Stream(ctx, group, name)
	if err != nil {
		return false, err
	}
	defer w.Close()
	s.mu.Lock()
	created := !w.st.stored && w.st.writers == 1
	s.mu.Unlock()
	return created, w.Flush(ctx)
}

// HasStream says whether a stream exists; it fails where the group does not.
func (s *Store) HasStream(ctx context.Context, group, name string) (bool, error) {
	g, err := s.Group(ctx, group)
	if err != nil {
		return false, err
	}
	_, err = s.stream(ctx, g, name)
	if no := new(batch.Error); errors.As(err, &no) {
		return false, nil
	}
	return err == nil, err
}

// Cursor returns the cursor that a stream's last line came with, and false for
// a stream that does not exist.
func (s *Store) Cursor(ctx context.Context, group, name string) (int64, bool, error) {
	s.mu.Lock()
	if st := s.open[streamName{group, name}]; st != nil {
		s.mu.Unlock()
		<-st.ready
		s.mu.Lock()
		defer s.mu.Unlock()
		return st.cursor, st.loadErr == nil, st.loadErr
	}
	s.mu.Unlock()
	var cursor int64
	err := s.read.QueryRowContext(ctx, `SELECT cursor FROM streams JOIN groups ON groups.id = group_id
		WHERE groups.name = ? AND streams.name = ?`, group, name).Scan(&cursor)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read cursor of log stream %q: %w", name, err)
	}
	return cursor, true, nil
}
