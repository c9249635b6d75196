package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Group is a log group as readers see it.
type Group struct {
	Name          string
	Created       batch.Instant
	RetentionDays int   // zero: for ever
	StoredBytes   int64 // what its events take up

	id int64
}

// GroupQuery asks for groups in the order of their names.
type GroupQuery struct {
	Prefix   string // names that begin so
	Contains string // names that contain it
	After    string // names behind this one
	Limit    int
}

// afterAll stands behind every name that begins with the text before it.
const afterAll = "\U0010ffff"

const selectGroup = `SELECT id, name, created, retention_days, written - expired FROM groups `

func errNoGroup() error {
	return batch.Errorf(batch.NotFound, "The specified log group does not exist.")
}

func scanGroup(row interface{ Scan(...any) error }) (g Group, err error) {
	err = row.Scan(&g.id, &g.Name, &g.Created, &g.RetentionDays, &g.StoredBytes)
	return g, err
}

// Group returns one group.
func (s *Store) Group(ctx context.Context, name string) (Group, error) {
	g, err := scanGroup(s.read.QueryRowContext(ctx, selectGroup+`WHERE name = ?`, name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return g, errNoGroup()
	case err != nil:
		return g, fmt.Errorf("read log group: %w", err)
	}
	return g, nil
}

// Groups returns the groups that the query asks for.
func (s *Store) Groups(ctx context.Context, q GroupQuery) ([]Group, error) {
	rows, err := s.read.QueryContext(ctx, selectGroup+
		`WHERE name >= ? AND name < ? AND name > ? AND instr(name, ?) > 0 ORDER BY name LIMIT ?`,
		q.Prefix, q.Prefix+afterAll, q.After, q.Contains, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list log groups: %w", err)
	}
	defer rows.Close()
	var groups []Group
	for rows.Next() {
		g, err := scanGroup(rows)
		if err != nil {
			return nil, fmt.Errorf("list log groups: %w", err)
		}
		groups = append(groups, g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list log groups: %w", err)
	}
	return groups, nil
}

// CreateGroup makes a group whose events are kept for so many days (zero: for
// ever) and says false when there is one of that name, which it leaves alone.
func (s *Store) CreateGroup(ctx context.Context, name string, retentionDays int) (bool, error) {
	s.commit.Lock()
	defer s.commit.Unlock()
	s.mu.Lock()
	g := s.groupNamed(name)
	stored := g.stored
	row := groupRow{g: g, id: g.id, name: name, created: g.created}
	s.mu.Unlock()
	if stored {
		return false, nil
	}
	if _, err := s.write.ExecContext(ctx, `INSERT INTO groups (id, name, created, retention_days) VALUES (?, ?, ?, ?)`,
		row.id, row.name, row.created, retentionDays); err != nil {
		return false, fmt.Errorf("make log group %q: %w", name, err)
	}
	s.mu.Lock()
	g.stored = true
	s.mu.Unlock()
	return true, nil
}

// SetRetention says for how many days a group's events are kept; zero means
// for ever.
func (s *Store) SetRetention(ctx context.Context, name string, days int) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	done, err := s.write.ExecContext(ctx, `UPDATE groups SET retention_days = ? WHERE name = ?`, days, name)
	if err != nil {
		return fmt.Errorf("set retention of log group %q: %w", name, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNoGroup())
	}
	return nil
}

// DeleteGroup removes a group with its streams. The name is free at once, the
// space after some time. A stream that somebody writes to comes back, empty,
// and its group with it.
func (s *Store) DeleteGroup(ctx context.Context, name string) error {
	s.life.Lock()
	defer s.life.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	done, err := s.write.ExecContext(ctx, `UPDATE groups SET name = NULL WHERE name = ?`, name)
	if err != nil {
		return fmt.Errorf("delete log group %q: %w", name, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNoGroup())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.groups[name]
	delete(s.groups, name)
	for _, st := range s.open {
		if st.group == old {
			s.restart(st, s.groupNamed(name))
		}
	}
	if s.held != nil {
		s.held.groups = slices.DeleteFunc(s.held.groups, func(g groupRow) bool { return g.g == old })
	}
	poke(s.sweep)
	return nil
}

// DeleteStream removes a stream, as DeleteGroup does.
func (s *Store) DeleteStream(ctx context.Context, groupName, name string) error {
	s.life.Lock()
	defer s.life.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	g, err := s.Group(ctx, groupName)
	if err != nil {
		return err
	}
	// Names in the bin are ids, which are unique.
	failed := inTx(ctx, s.write, func(tx *sql.Tx) error {
		var bytes int64
		err := tx.QueryRowContext(ctx, `UPDATE streams SET group_id = 0, name = id WHERE group_id = ? AND name = ?
			RETURNING written - expired`, g.id, name).Scan(&bytes)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoStream()
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE groups SET expired = expired + ? WHERE id = ?`, bytes, g.id)
		return err
	})
	if failed != nil {
		return fmt.Errorf("delete log stream %q: %w", name, failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.open[streamName{groupName, name}]; st != nil {
		s.restart(st, st.group)
	}
	poke(s.sweep)
	return nil
}

// restart makes an open stream whose rows are gone a new and empty one. If
// somebody writes to it, it is part of the next round, as it may have been
// already: a Flush that waits must see the end of that round. The caller holds
// commit and mu.
func (s *Store) restart(st *stream, g *group) {
	if s.held != nil {
		s.held.streams = slices.DeleteFunc(s.held.streams, func(r streamRow) bool { return r.st == st })
	}
	if st.dirty {
		s.dirty = slices.DeleteFunc(s.dirty, func(d *stream) bool { return d == st })
		s.free(st.size)
	}
	s.lastStream++
	st.group, st.id, st.created = g, s.lastStream, batch.InstantOf(time.Now())
	st.last, st.written, st.next, st.stored = 0, 0, 0, false
	st.chunks, st.size, st.dirty, st.held = nil, 0, false, false
	if st.writers > 0 {
		s.soil(st)
	}
	s.release(st)
}
