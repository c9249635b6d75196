package logs

import (
	"container/heap"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// What a page of a search looks at, at most, however few events match.
const (
	searchEvents  = 200_000
	searchBytes   = 32 << 20
	searchSkips   = 200_000 // chunks of other streams
	searchStreams = 100     // so many streams are read one by one, more by time
)

// SearchQuery asks for events of several streams of a group, merged by time.
type SearchQuery struct {
	Group    string
	Streams  []string                  // these, at most 100
	Prefix   string                    // or those whose names begin so; neither: all
	From, To batch.Instant             // From is included, To is not; zero To: no end
	Match    func(message string) bool // nil: every event
	After    *SearchMark               // as Search returned it; nil: from the beginning
	Limit    int                       // at most and by default PageEvents
}

// SearchMark is a place in a merge: behind the event that it names.
type SearchMark struct {
	At       batch.Instant
	Stream   int64
	Position Position
}

func (m SearchMark) compare(o SearchMark) int {
	switch {
	case m.At != o.At:
		return cmpInt(int64(m.At), int64(o.At))
	case m.Stream != o.Stream:
		return cmpInt(m.Stream, o.Stream)
	}
	return cmpInt(int64(m.Position), int64(o.Position))
}

// Found is an event that a search found.
type Found struct {
	Event
	Stream string
	ID     string // unique and stable: 56 digits
}

// Search returns a page of at most 1 MiB and where the search goes on; a nil
// mark means that this was all. A page may be short, or empty, with a mark.
//
// The naive search opens all streams of the group. A group has a million of
// them, so this one goes through the chunks in the order of their first event,
// and keeps only those open that cover the moment that it stands at.
func (s *Store) Search(ctx context.Context, q SearchQuery) ([]Found, *SearchMark, error) {
	g, err := s.Group(ctx, q.Group)
	if err != nil {
		return nil, nil, err
	}
	if q.Limit <= 0 || q.Limit > PageEvents {
		q.Limit = PageEvents
	}
	if q.To == 0 {
		q.To = math.MaxInt64
	}
	m := merge{s: s, q: q, from: q.From}
	if q.After != nil {
		m.mark, m.from = *q.After, max(q.From, q.After.At)
	}
	source, err := s.source(ctx, g, q, m.from)
	if err != nil {
		return nil, nil, err
	}
	m.source = source
	more, err := m.run(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("search log group: %w", err)
	}
	if !more {
		return m.found, nil, nil
	}
	return m.found, &m.mark, nil
}

// merge is one page of a search.
type merge struct {
	s      *Store
	q      SearchQuery
	from   batch.Instant
	mark   SearchMark // everything up to here was looked at
	source chunkSource
	open   openChunks
	found  []Found

	events, bytes, pageBytes int
}

type openChunk struct {
	*reader
	stream   int64
	name     string
	ingested batch.Instant
}

func (c *openChunk) mark() SearchMark { return SearchMark{c.sort, c.stream, c.position} }

// run fills the page and says whether there may be more.
func (m *merge) run(ctx context.Context) (more bool, err error) {
	for {
		ref, err := m.source.peek(ctx)
		if err != nil {
			return false, err
		}
		switch {
		case ref == nil && len(m.open) == 0:
			return false, nil
		case ref != nil && ref.first < m.q.To && (len(m.open) == 0 || ref.first <= m.open[0].sort):
			if ref.name == "" { // the source had to stop among other streams' chunks
				m.mark = SearchMark{At: ref.first}
				return true, nil
			}
			if err := m.load(ctx, ref); err != nil {
				return false, err
			}
			m.source.advance()
			continue
		case len(m.open) == 0 || m.open[0].sort >= m.q.To:
			return false, nil
		}
		c := m.open[0]
		matches := m.q.Match == nil || m.q.Match(string(c.message))
		size := len(c.message) + eventBytes
		full := matches && (len(m.found) == m.q.Limit || len(m.found) > 0 && m.pageBytes+size > pageBytes)
		if full || m.events >= searchEvents || m.bytes >= searchBytes {
			return true, nil
		}
		m.mark = c.mark()
		m.events++
		m.bytes += size
		if matches {
			m.pageBytes += size
			m.found = append(m.found, Found{
				Event:  Event{At: c.at, Ingested: c.ingested, Message: string(c.message)},
				Stream: c.name,
				ID:     fmt.Sprintf("%016d%020d%020d", c.at, c.stream, c.position),
			})
		}
		if c.next() {
			heap.Fix(&m.open, 0)
		} else if heap.Pop(&m.open); c.err != nil {
			return false, c.err
		}
	}
}

// load opens a chunk at its first event that was not looked at yet.
func (m *merge) load(ctx context.Context, ref *chunkRef) error {
	stream, ordinal := splitChunkID(ref.id)
	data := ref.data
	if data == nil {
		err := m.s.read.QueryRowContext(ctx, `SELECT data FROM chunks WHERE id = ?`, ref.id).Scan(&data)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // it has just expired
		}
		if err != nil {
			return err
		}
	}
	c := &openChunk{reader: newReader(ordinal, ref.first, data), stream: stream, name: ref.name, ingested: ref.ingested}
	for c.next() {
		if c.sort >= m.from && c.mark().compare(m.mark) > 0 {
			heap.Push(&m.open, c)
			return nil
		}
	}
	return c.err
}

// openChunks is a heap of chunks by the event that each stands at.
type openChunks []*openChunk

func (o openChunks) Len() int           { return len(o) }
func (o openChunks) Less(i, j int) bool { return o[i].mark().compare(o[j].mark()) < 0 }
func (o openChunks) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *openChunks) Push(c any)        { *o = append(*o, c.(*openChunk)) }
func (o *openChunks) Pop() any {
	last := len(*o) - 1
	c := (*o)[last]
	*o = slices.Delete(*o, last, last+1)
	return c
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
