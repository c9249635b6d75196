package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
)

// chunkRef names a chunk that a search may have to open. An empty name means
// that the source gave up there, among chunks that it does not want.
type chunkRef struct {
	id          int64
	first, last batch.Instant
	name        string // of its stream
	ingested    batch.Instant
	data        []byte // nil: too large to be read ahead
}

// aheadBytes is the largest chunk whose data comes with its chunkRef. Jobs of
// a few lines make a search meet thousands of chunks, each too small to be
// worth a query of its own.
const aheadBytes = 4 << 10

// chunkSource gives the chunks of a search in the order of their first event.
type chunkSource interface {
	peek(context.Context) (*chunkRef, error) // nil at the end
	advance()
}

// source chooses how to find the chunks that reach to `from` or beyond.
func (s *Store) source(ctx context.Context, g Group, q SearchQuery, from batch.Instant) (chunkSource, error) {
	var streams []Stream
	switch {
	case len(q.Streams) > 0:
		for _, name := range q.Streams {
			st, err := s.stream(ctx, g, name)
			if err != nil {
				return nil, err
			}
			streams = append(streams, st)
		}
	case q.Prefix != "":
		few, mark, err := s.Streams(ctx, StreamQuery{Group: g.Name, Prefix: q.Prefix, Limit: searchStreams})
		if err != nil {
			return nil, err
		}
		if mark != nil {
			return s.byTime(g, q.Prefix, from), nil
		}
		streams = few
	default:
		return s.byTime(g, "", from), nil
	}
	return s.byStream(ctx, streams, from)
}

// streamSource walks through a few streams at once.
type streamSource struct {
	s    *Store
	rest []streamRest
	head *chunkRef
	at   int // whose head it is
}

type streamRest struct {
	Stream
	ordinal int64     // of the chunk that ref is, or will be
	ref     *chunkRef // nil: not read yet
}

func (s *Store) byStream(ctx context.Context, streams []Stream, from batch.Instant) (*streamSource, error) {
	b := &streamSource{s: s}
	seen := make(map[int64]bool)
	for _, st := range streams {
		if seen[st.id] {
			continue
		}
		seen[st.id] = true
		ordinal, err := seek(ctx, s.read, st.id, st.oldest, st.next, from)
		if err != nil {
			return nil, fmt.Errorf("search log stream: %w", err)
		}
		b.rest = append(b.rest, streamRest{Stream: st, ordinal: ordinal})
	}
	return b, nil
}

func (b *streamSource) peek(ctx context.Context) (*chunkRef, error) {
	if b.head != nil {
		return b.head, nil
	}
	for i := range b.rest {
		r := &b.rest[i]
		for r.ref == nil && r.ordinal < r.next {
			ref := chunkRef{id: chunkID(r.id, r.ordinal), name: r.Name}
			err := b.s.read.QueryRowContext(ctx, `SELECT first, ingested, CASE WHEN length(data) <= ? THEN data END
				FROM chunks WHERE id = ?`, aheadBytes, ref.id).Scan(&ref.first, &ref.ingested, &ref.data)
			if errors.Is(err, sql.ErrNoRows) {
				r.ordinal++ // it has just expired
				continue
			}
			if err != nil {
				return nil, err
			}
			r.ref = &ref
		}
		if r.ref != nil && (b.head == nil || r.ref.first < b.head.first) {
			b.head, b.at = r.ref, i
		}
	}
	return b.head, nil
}

func (b *streamSource) advance() {
	r := &b.rest[b.at]
	r.ref, b.head = nil, nil
	r.ordinal++
}

// timeBatch is how many chunks timeSource reads ahead. It holds no query open
// meanwhile, since searches that wait for each other's connections would wait
// for ever.
const timeBatch = 1000

// timeSource walks through the chunks of a group.
type timeSource struct {
	s       *Store
	group   int64
	prefix  string
	from    batch.Instant
	batch   []chunkRef
	after   chunkRef // the last one read
	ended   bool
	skipped int
}

func (s *Store) byTime(g Group, prefix string, from batch.Instant) *timeSource {
	// What begins more than chunkSpan before a moment does not reach it.
	return &timeSource{s: s, group: g.id, prefix: prefix, from: from, after: chunkRef{first: from - chunkSpan - 1}}
}

func (t *timeSource) peek(ctx context.Context) (*chunkRef, error) {
	for {
		if len(t.batch) == 0 {
			if t.ended {
				return nil, nil
			}
			if err := t.read(ctx); err != nil {
				return nil, err
			}
			continue
		}
		ref := &t.batch[0]
		if ref.name != "" {
			return ref, nil
		}
		if ref.first > t.from { // only then giving up is progress
			t.skipped++
		}
		if t.skipped >= searchSkips {
			return ref, nil
		}
		t.advance()
	}
}

// read fetches the next chunks, those of streams that are not wanted without
// name and data.
func (t *timeSource) read(ctx context.Context) error {
	rows, err := t.s.read.QueryContext(ctx, `SELECT c.id, c.first, c.last, c.ingested, coalesce(s.name, ''),
			CASE WHEN s.name IS NOT NULL AND length(c.data) <= ? THEN c.data END
		FROM chunks AS c INDEXED BY chunks_by_time
		LEFT JOIN streams AS s ON s.id = c.id >> 32 AND s.group_id = c.group_id AND s.name >= ? AND s.name < ?
		WHERE c.group_id = ? AND (c.first, c.last, c.id) > (?, ?, ?) AND c.last >= ?
		ORDER BY c.first, c.last, c.id LIMIT ?`,
		aheadBytes, t.prefix, t.prefix+afterAll, t.group, t.after.first, t.after.last, t.after.id, t.from, timeBatch)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var ref chunkRef
		if err := rows.Scan(&ref.id, &ref.first, &ref.last, &ref.ingested, &ref.name, &ref.data); err != nil {
			return err
		}
		t.batch = append(t.batch, ref)
		t.after = ref
	}
	t.ended = len(t.batch) < timeBatch
	return rows.Err()
}

func (t *timeSource) advance() { t.batch = t.batch[1:] }
