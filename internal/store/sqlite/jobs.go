package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// hot are the reads that clients poll with and that starting an attempt takes:
// parsing them would take longer than running them. database/sql prepares them
// once for each connection.
type hot struct {
	byRef, attempts, ofQueue *sql.Stmt
	byID                     map[string]*sql.Stmt // of the tables of keyed
}

// keyed are the columns of the tables that are read by id.
//
//nolint:gochecknoglobals // a constant in all but name
var keyed = map[string]string{
	"environments": environmentColumns, "queues": queueColumns, "hosts": hostColumns,
	"definitions": definitionColumns, "policies": policyColumns, "baskets": basketColumns,
}

func (h *hot) prepare(ctx context.Context, db *sql.DB) (err error) {
	prepare := func(text string) *sql.Stmt {
		if err != nil {
			return nil
		}
		var s *sql.Stmt
		if s, err = db.PrepareContext(ctx, text); err != nil {
			err = fmt.Errorf("prepare %q: %w", text, err)
		}
		return s
	}
	// The plus keeps the child from being weighed against the partial indexes'
	// conditions: with that SQLite parses the statement anew whenever a value is
	// bound.
	h.byRef = prepare(`SELECT ` + jobColumns + `, s.name, s.share, s.spec
		FROM jobs j LEFT JOIN job_specs s ON s.seq = j.seq WHERE j.id = ? AND j.child = +?`)
	h.attempts = prepare(`SELECT ` + attemptColumns + ` FROM attempts WHERE job = ? ORDER BY number`)
	h.ofQueue = prepare(`SELECT ` + jobColumns + `, s.name, s.share FROM jobs j INDEXED BY jobs_by_queue JOIN job_specs s ON s.seq = j.seq
		WHERE j.child = 0 AND j.queue = ? AND j.state = ? AND j.seq < ? ORDER BY j.seq DESC LIMIT ?`)
	h.byID = make(map[string]*sql.Stmt, len(keyed))
	for table, columns := range keyed {
		h.byID[table] = prepare(`SELECT ` + columns + ` FROM ` + table + ` WHERE id IN (SELECT value FROM json_each(?))`)
	}
	return err
}

func (h *hot) close() error {
	var errs []error
	for _, s := range append([]*sql.Stmt{h.byRef, h.attempts, h.ofQueue}, slices.Collect(maps.Values(h.byID))...) {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

func decodeNamedJob(r record) (store.Job, error) {
	row, err := decodeJob(r)
	return store.Job{JobRow: row, NewJob: core.NewJob{Name: r.text(jobWidth), Share: r.text(jobWidth + 1)}}, err
}

func decodeWholeJob(r record) (store.Job, error) {
	j, err := decodeNamedJob(r)
	j.Spec = r.bytes(jobWidth + 2)
	return j, err
}

// Jobs implements [store.Store].
func (s *Store) Jobs(ctx context.Context, refs []batch.JobRef) ([]store.Job, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	l := lookup{hot: &s.hot, found: make(map[batch.JobRef]*store.Job, len(refs))}
	out := make([]store.Job, 0, len(refs))
	err := s.view(ctx, "jobs", func(ctx context.Context, tx *sql.Tx) error {
		l.tx = tx
		for _, ref := range refs {
			j, err := l.job(ctx, ref)
			if err != nil {
				return err
			}
			if j != nil {
				out = append(out, *j)
			}
		}
		return nil
	})
	return out, err
}

// lookup finds jobs in a snapshot, each one once.
type lookup struct {
	hot   *hot
	tx    *sql.Tx
	found map[batch.JobRef]*store.Job // nil where there is none
}

func (l *lookup) job(ctx context.Context, ref batch.JobRef) (*store.Job, error) {
	if j, ok := l.found[ref]; ok {
		return j, nil
	}
	j, err := l.row(ctx, ref)
	if err != nil {
		return nil, err
	}
	if ref != ref.Parent() {
		parent, err := l.job(ctx, ref.Parent())
		switch {
		case err != nil:
			return nil, err
		case parent == nil:
			j = nil
		case j != nil:
			j.NewJob, j.Gang = parent.NewJob, parent.Gang
		default:
			j = unstored(*parent, ref)
		}
	}
	l.found[ref] = j
	return j, nil
}

// unstored makes the child or node that has no row of its own, or nil where the
// parent has none such.
func unstored(parent store.Job, ref batch.JobRef) *store.Job {
	if index, child := ref.Index(); child && index < int(parent.Size) {
		c := store.Child(parent, index)
		return &c
	}
	if index, node := ref.Node(); node && parent.Gang != nil && index < int(parent.Gang.Size) {
		n := store.Node(parent, index)
		return &n
	}
	return nil
}

func (l *lookup) row(ctx context.Context, ref batch.JobRef) (*store.Job, error) {
	rows, err := l.tx.StmtContext(ctx, l.hot.byRef).QueryContext(ctx, ref.ID[:], ref.Child)
	jobs, err := all(rows, err, decodeWholeJob)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	j := &jobs[0]
	if j.Attempt > 0 {
		rows, err := l.tx.StmtContext(ctx, l.hot.attempts).QueryContext(ctx, j.Seq)
		if j.Attempts, err = all(rows, err, decodeAttempt); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// Ended implements [store.Store].
func (s *Store) Ended(ctx context.Context, until batch.Instant, limit int) ([]core.EndedJob, error) {
	return list(ctx, s, "ended jobs", func(r record) (core.EndedJob, error) {
		j := core.EndedJob{Seq: r.int(0), StoppedAt: r.instant(2), Rows: 2 + 2*r.int32(3) + r.int32(4) + r.int32(5)*(1+r.int32(4))}
		copy(j.Ref.ID[:], r.bytes(1))
		return j, nil
	}, `SELECT seq, id, stopped_at, size, attempt, json_extract(gang, '$.Size') FROM jobs INDEXED BY ended_jobs
		WHERE child = 0 AND state >= 6 AND stopped_at <= ? AND NOT EXISTS (SELECT 1 FROM outbox WHERE job = seq)
		ORDER BY stopped_at, seq LIMIT ?`, int64(until), max(0, limit))
}
