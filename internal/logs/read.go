package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Position is a place in a stream: the one before the event that has it, and
// behind all events before that. Zero is the beginning. It stays valid as the
// stream grows and expires.
type Position int64

// End is behind every event.
const End Position = math.MaxInt64

// indexBits are the bits of a Position that number the events of a chunk, of
// which the smallest takes three bytes; the bits above hold the ordinal.
const indexBits = 20

func (p Position) ordinal() int64 { return int64(p >> indexBits) }

func chunkStart(ordinal int64) Position { return Position(ordinal) << indexBits }

// The bounds of a page, which are CloudWatch's.
const (
	PageEvents = 10_000
	pageBytes  = 1 << 20
	eventBytes = 26 // what each event counts beyond its message
)

// Event is one line.
type Event struct {
	At       batch.Instant
	Ingested batch.Instant
	Message  string
}

// EventQuery asks for a page of a stream's events.
type EventQuery struct {
	Group, Stream string
	From, To      batch.Instant // From is included, To is not; zero To: no end
	Start         Position
	Backward      bool // the events before Start, not those behind it
	Limit         int  // at most and by default PageEvents
}

// Page is a run of events in the stream's order. It lies between Before, from
// which one reads on backward, and After, from which one reads on forward. An
// empty page has both at the place where it was looked for.
type Page struct {
	Events        []Event
	Before, After Position
}

// Events returns a page of at most 1 MiB.
func (s *Store) Events(ctx context.Context, q EventQuery) (Page, error) {
	g, err := s.Group(ctx, q.Group)
	if err != nil {
		return Page{}, err
	}
	st, err := s.stream(ctx, g, q.Stream)
	if err != nil {
		return Page{}, err
	}
	p := pager{q: q, limit: q.Limit}
	if p.limit <= 0 || p.limit > PageEvents {
		p.limit = PageEvents
	}
	low, high := st.oldest, st.next
	if q.From > 0 {
		if low, err = seek(ctx, s.read, st.id, low, high, q.From); err != nil {
			return Page{}, fmt.Errorf("search log stream: %w", err)
		}
	}
	if q.To > 0 {
		if high, err = seek(ctx, s.read, st.id, low, high, q.To); err != nil {
			return Page{}, fmt.Errorf("search log stream: %w", err)
		}
		high = min(high+1, st.next) // the chunk found may begin before To
	}
	p.start = q.Start
	order := "ASC"
	if q.Backward {
		order = "DESC"
		p.start = min(p.start, chunkStart(high))
		high = min(high, p.start.ordinal()+1)
	} else {
		p.start = max(p.start, chunkStart(low))
		low = min(p.start.ordinal(), high)
	}
	if err := s.eachChunk(ctx, st.id, low, high, order, p.add); err != nil {
		return Page{}, fmt.Errorf("read log stream: %w", err)
	}
	return p.page(), nil
}

// seek returns the ordinal of a stream's first chunk that reaches to the given
// moment or beyond, or high if none does.
func seek(ctx context.Context, db queryer, stream, low, high int64, to batch.Instant) (int64, error) {
	for low < high {
		middle := low + (high-low)/2
		var last batch.Instant
		err := db.QueryRowContext(ctx, `SELECT last FROM chunks WHERE id = ?`, chunkID(stream, middle)).Scan(&last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // no row: it has just expired
			return 0, err
		}
		if last < to {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// eachChunk calls each for a stream's chunks with ordinals in [low, high)
// until it says false.
func (s *Store) eachChunk(ctx context.Context, stream, low, high int64, order string,
	each func(r *reader, ingested batch.Instant) (bool, error),
) error {
	if low >= high {
		return nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, first, ingested, data FROM chunks WHERE id >= ? AND id < ? ORDER BY id `+order,
		chunkID(stream, low), chunkID(stream, high))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var first, ingested batch.Instant
		var data []byte
		if err := rows.Scan(&id, &first, &ingested, &data); err != nil {
			return err
		}
		_, ordinal := splitChunkID(id)
		if more, err := each(newReader(ordinal, first, data), ingested); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}

// pager collects the events of a page.
type pager struct {
	q     EventQuery
	start Position
	limit int
	found []placed // in the order of reading
	bytes int
	chunk []placed // of the chunk at hand, when reading backward
}

type placed struct {
	Event
	position Position
	sort     batch.Instant
}

func (p *pager) add(r *reader, ingested batch.Instant) (bool, error) {
	p.chunk = p.chunk[:0]
	for r.next() {
		e := placed{position: r.position, sort: r.sort}
		e.At, e.Ingested = r.at, ingested
		if p.q.To > 0 && e.sort >= p.q.To || p.q.Backward && e.position >= p.start {
			break
		}
		if e.sort < p.q.From || !p.q.Backward && e.position < p.start {
			continue
		}
		e.Message = string(r.message)
		if p.q.Backward {
			p.chunk = append(p.chunk, e)
		} else if !p.take(e) {
			return false, nil
		}
	}
	if r.err != nil {
		return false, r.err
	}
	for _, e := range slices.Backward(p.chunk) {
		if !p.take(e) {
			return false, nil
		}
	}
	return true, nil
}

// take adds an event to the page and says false when it is full. A page has at
// least one event, however long.
func (p *pager) take(e placed) bool {
	size := len(e.Message) + eventBytes
	if len(p.found) == p.limit || len(p.found) > 0 && p.bytes+size > pageBytes {
		return false
	}
	p.bytes += size
	p.found = append(p.found, e)
	return true
}

func (p *pager) page() Page {
	if len(p.found) == 0 {
		return Page{Before: p.start, After: p.start}
	}
	if p.q.Backward {
		slices.Reverse(p.found)
	}
	page := Page{
		Events: make([]Event, len(p.found)),
		Before: p.found[0].position,
		After:  p.found[len(p.found)-1].position + 1,
	}
	for i := range p.found {
		page.Events[i] = p.found[i].Event
	}
	return page
}
