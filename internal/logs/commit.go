package logs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/fault"
)

// round is what is stored in one transaction. It holds absolute values under
// fixed row ids, so that storing it twice is storing it once.
type round struct {
	streams []streamRow
	groups  []groupRow
	bytes   int
	done    chan struct{} // closed when durable
}

type streamRow struct {
	st                    *stream
	id, group             int64
	name                  string
	created, last         batch.Instant
	written, cursor, next int64
	chunks                []chunk
}

type groupRow struct {
	g       *group
	id      int64
	name    string
	created batch.Instant
	written int64
}

func newRound() *round { return &round{done: make(chan struct{})} }

// commitRound stores the held round, or the next one when none is held. After
// an error the round stays held and the next call tries it again.
func (s *Store) commitRound(ctx context.Context) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.held == nil {
		s.held = s.take()
	}
	if s.held == nil {
		return nil
	}
	now := batch.InstantOf(time.Now())
	fault.Point("logs.before")
	if err := inTx(ctx, s.write, func(tx *sql.Tx) error { return s.held.store(ctx, tx, now) }); err != nil {
		return fmt.Errorf("store log lines: %w", err)
	}
	fault.Point("logs.after")
	s.settle()
	return nil
}

// take collects what the dirty streams have pending; nil if there are none.
func (s *Store) take() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty) == 0 {
		return nil
	}
	r := s.next
	s.next = newRound()
	r.streams = make([]streamRow, 0, len(s.dirty))
	for i, st := range s.dirty {
		s.dirty[i] = nil
		for _, c := range st.chunks {
			st.written += int64(len(c.data))
			st.group.written += int64(len(c.data))
		}
		r.streams = append(r.streams, streamRow{
			st: st, id: st.id, group: st.group.id, name: st.name, created: st.created, last: st.last,
			written: st.written, cursor: st.cursor, next: st.next, chunks: st.chunks,
		})
		r.bytes += st.size
		st.chunks, st.size, st.dirty, st.held = nil, 0, false, true
	}
	s.dirty = s.dirty[:0]
	touched := make(map[*group]bool)
	for i := range r.streams {
		if g := r.streams[i].st.group; !touched[g] {
			touched[g] = true
			r.groups = append(r.groups, groupRow{g: g, id: g.id, name: g.name, created: g.created, written: g.written})
		}
	}
	return r
}

func (r *round) store(ctx context.Context, tx *sql.Tx, now batch.Instant) error {
	for _, g := range r.groups {
		if _, err := tx.ExecContext(ctx, `INSERT INTO groups (id, name, created, written) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET written = excluded.written`, g.id, g.name, g.created, g.written); err != nil {
			return err
		}
	}
	putStream, err := tx.PrepareContext(ctx, `INSERT INTO streams
		(id, group_id, name, created, last, ingested, written, cursor, next) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET last = excluded.last, ingested = excluded.ingested,
			written = excluded.written, cursor = excluded.cursor, next = excluded.next`)
	if err != nil {
		return err
	}
	defer putStream.Close()
	putChunk, err := tx.PrepareContext(ctx,
		`INSERT OR REPLACE INTO chunks (id, group_id, first, last, ingested, data) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer putChunk.Close()
	for i := range r.streams {
		row := &r.streams[i]
		ingested := now
		if row.next == 0 {
			ingested = 0
		}
		if _, err := putStream.ExecContext(ctx, row.id, row.group, row.name, row.created, row.last,
			ingested, row.written, row.cursor, row.next); err != nil {
			return err
		}
		for _, c := range row.chunks {
			if _, err := putChunk.ExecContext(ctx, chunkID(row.id, c.ordinal), row.group, c.first, c.last, now, c.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle lets go of the held round, which is durable. The caller holds commit.
func (s *Store) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.held
	s.held = nil
	for _, g := range r.groups {
		g.g.stored = true
	}
	for i := range r.streams {
		st := r.streams[i].st
		st.stored, st.held = true, false
		s.release(st)
	}
	s.free(r.bytes)
	close(r.done)
}

// free takes n bytes off the pending ones and wakes who waits for room. The
// caller holds mu.
func (s *Store) free(n int) {
	s.pending -= n
	close(s.room)
	s.room = make(chan struct{})
}

// Row ids of chunks: 31 bits of stream, 32 bits of ordinal.
const ordinalBits = 32

func chunkID(stream, ordinal int64) int64 { return stream<<ordinalBits | ordinal }

func splitChunkID(id int64) (stream, ordinal int64) {
	return id >> ordinalBits, id & (1<<ordinalBits - 1)
}
