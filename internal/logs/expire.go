package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// What one transaction removes at most, so that commits do not wait long.
const (
	expireStreams = 200
	expireChunks  = 1000
)

// Expire removes the events that are older than their group's retention, the
// streams that have none left, and what was deleted. It works in small steps,
// between which commits go on. An event goes with its chunk, hence up to ten
// seconds late.
func (s *Store) Expire(ctx context.Context, now batch.Instant) error {
	type due struct {
		group   int64
		before  batch.Instant
		deleted bool
	}
	var all []due
	rows, err := s.read.QueryContext(ctx, `SELECT id, name IS NULL, retention_days FROM groups WHERE name IS NULL OR retention_days > 0`)
	if err != nil {
		return fmt.Errorf("list log groups: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d due
		var days int
		if err = rows.Scan(&d.group, &d.deleted, &days); err != nil {
			return fmt.Errorf("list log groups: %w", err)
		}
		d.before = now.Add(-time.Duration(days) * 24 * time.Hour)
		if d.deleted {
			d.before = math.MaxInt64
		}
		all = append(all, d)
	}
	if err = rows.Err(); err != nil {
		return fmt.Errorf("list log groups: %w", err)
	}
	for _, d := range all {
		e := expiry{s: s, group: d.group, before: d.before, after: -1 << 62}
		for more := true; more; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if more, err = e.step(ctx); err != nil {
				return fmt.Errorf("remove old log lines: %w", err)
			}
		}
		if d.deleted && d.group != 0 {
			if err := s.dropGroup(ctx, d.group); err != nil {
				return fmt.Errorf("remove log group: %w", err)
			}
		}
	}
	return nil
}

func (s *Store) dropGroup(ctx context.Context, id int64) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	_, err := s.write.ExecContext(ctx, `DELETE FROM groups WHERE id = ?
		AND NOT EXISTS (SELECT 1 FROM streams WHERE group_id = groups.id)`, id)
	return err
}

// expiry walks through the streams of a group that are older than `before`.
type expiry struct {
	s      *Store
	group  int64
	before batch.Instant
	after  batch.Instant // where it stands: behind this stream, in the order of last event and id
	id     int64
}

// step removes some and says whether there is more to look at.
func (e *expiry) step(ctx context.Context) (more bool, _ error) {
	s := e.s
	s.life.Lock()
	defer s.life.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	open := make(map[int64]bool)
	s.mu.Lock()
	for _, st := range s.open {
		open[st.id] = true
	}
	s.mu.Unlock()
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		candidates, err := e.candidates(ctx, tx)
		if err != nil {
			return err
		}
		more = len(candidates) == expireStreams
		budget := int64(expireChunks)
		for _, c := range candidates {
			end := c.next
			if c.LastEvent >= e.before {
				if end, err = seek(ctx, tx, c.id, c.oldest, c.next, e.before); err != nil {
					return err
				}
			}
			if end-c.oldest > budget {
				end, more = c.oldest+budget, true
			}
			if err := e.remove(ctx, tx, c, end, end == c.next && !open[c.id]); err != nil {
				return err
			}
			budget -= end - c.oldest
			if budget <= 0 {
				more = true
				return nil
			}
			e.after, e.id = c.LastEvent, c.id
		}
		return nil
	})
	return more, err
}

func (e *expiry) candidates(ctx context.Context, tx *sql.Tx) ([]Stream, error) {
	rows, err := tx.QueryContext(ctx, selectStream+`WHERE group_id = ? AND (last, id) > (?, ?) AND created < ?
		ORDER BY last, id LIMIT ?`, e.group, e.after, e.id, e.before, expireStreams)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Stream
	for rows.Next() {
		st, err := scanStream(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, rows.Err()
}

// remove takes away a stream's chunks up to ordinal end, and its row if asked.
func (e *expiry) remove(ctx context.Context, tx *sql.Tx, st Stream, end int64, row bool) error {
	var bytes int64
	if end > st.oldest {
		low, high := chunkID(st.id, st.oldest), chunkID(st.id, end)
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(sum(length(data)), 0) FROM chunks WHERE id >= ? AND id < ?`, low, high).
			Scan(&bytes); err != nil {
			return err
		}
		_, err1 := tx.ExecContext(ctx, `DELETE FROM chunks WHERE id >= ? AND id < ?`, low, high)
		_, err2 := tx.ExecContext(ctx, `UPDATE streams SET oldest = ?, expired = expired + ? WHERE id = ?`, end, bytes, st.id)
		_, err3 := tx.ExecContext(ctx, `UPDATE groups SET expired = expired + ? WHERE id = ?`, bytes, e.group)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
	}
	if !row {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM streams WHERE id = ?`, st.id)
	return err
}
