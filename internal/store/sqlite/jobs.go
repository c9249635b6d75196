package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// jsonOf passes many keys as one parameter.
func jsonOf(ids []int64) string {
	text, _ := json.Marshal(ids) // numbers always marshal
	return string(text)
}

func decodeNamedJob(r record) (store.Job, error) {
	row, err := decodeJob(r)
	return store.Job{JobRow: row, NewJob: core.NewJob{Name: r.text(jobWidth)}}, err
}

func decodeWholeJob(r record) (store.Job, error) {
	j, err := decodeNamedJob(r)
	j.Spec = r.bytes(jobWidth + 1)
	return j, err
}

// Jobs implements [store.Store].
func (s *Store) Jobs(ctx context.Context, refs []batch.JobRef) ([]store.Job, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	var found map[batch.JobRef]*store.Job
	err := s.view(ctx, "jobs", func(ctx context.Context, tx *sql.Tx) (err error) {
		found, err = jobsByRef(ctx, tx, refs)
		if err != nil {
			return err
		}
		return addAttempts(ctx, tx, found)
	})
	if err != nil {
		return nil, err
	}
	out := make([]store.Job, 0, len(refs))
	for _, ref := range refs {
		if j := found[ref]; j != nil {
			out = append(out, *j)
			continue
		}
		index, child := ref.Index()
		if p := found[ref.Parent()]; child && p != nil && index < int(p.Size) {
			out = append(out, store.Child(*p, index))
		}
	}
	return out, nil
}

// jobsByRef finds the rows of refs and, for children, of their parents.
func jobsByRef(ctx context.Context, tx *sql.Tx, refs []batch.JobRef) (map[batch.JobRef]*store.Job, error) {
	byRef, err := tx.PrepareContext(ctx, `SELECT `+jobColumns+`, s.name, s.spec
		FROM jobs j LEFT JOIN job_specs s ON s.seq = j.seq WHERE j.id = ? AND j.child = ?`)
	if err != nil {
		return nil, err
	}
	defer byRef.Close()
	found := make(map[batch.JobRef]*store.Job, len(refs))
	look := func(ref batch.JobRef) (*store.Job, error) {
		if j, ok := found[ref]; ok {
			return j, nil
		}
		rows, err := byRef.QueryContext(ctx, ref.ID[:], ref.Child)
		jobs, err := all(rows, err, decodeWholeJob)
		if err != nil {
			return nil, err
		}
		if len(jobs) == 0 {
			return nil, nil
		}
		found[ref] = &jobs[0]
		return &jobs[0], nil
	}
	for _, ref := range refs {
		j, err := look(ref)
		if err != nil {
			return nil, err
		}
		if ref.Child == 0 {
			continue
		}
		parent, err := look(ref.Parent())
		if err != nil {
			return nil, err
		}
		if j != nil && parent != nil {
			j.NewJob = parent.NewJob
		}
	}
	return found, nil
}

func addAttempts(ctx context.Context, tx *sql.Tx, jobs map[batch.JobRef]*store.Job) error {
	bySeq := make(map[int64]*store.Job, len(jobs))
	seqs := make([]int64, 0, len(jobs))
	for _, j := range jobs {
		if j.Attempt > 0 {
			bySeq[j.Seq] = j
			seqs = append(seqs, j.Seq)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+attemptColumns+` FROM attempts
		WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, number`, jsonOf(seqs))
	attempts, err := all(rows, err, decodeAttempt)
	for _, a := range attempts {
		j := bySeq[a.Job]
		j.Attempts = append(j.Attempts, a)
	}
	return err
}

// ListJobs implements [store.Store].
func (s *Store) ListJobs(ctx context.Context, f store.JobFilter) (out []store.Job, err error) {
	if f.Limit <= 0 {
		return nil, nil
	}
	err = s.view(ctx, "jobs", func(ctx context.Context, tx *sql.Tx) (err error) {
		if f.Parent != (batch.JobID{}) {
			out, err = listChildren(ctx, tx, f)
		} else {
			out, err = listQueue(ctx, tx, f)
		}
		return err
	})
	return out, err
}

func listQueue(ctx context.Context, tx *sql.Tx, f store.JobFilter) ([]store.Job, error) {
	before := f.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+jobAndName+` FROM jobs j INDEXED BY jobs_by_queue JOIN job_specs s ON s.seq = j.seq
		WHERE j.child = 0 AND j.queue = ? AND j.state = ? AND j.seq < ? ORDER BY j.seq DESC LIMIT ?`,
		f.Queue, int64(f.State), before, f.Limit)
	return all(rows, err, decodeNamedJob)
}

// listChildren merges the children that have rows with those that have none,
// which share the state Rest and lie at or above Next.
func listChildren(ctx context.Context, tx *sql.Tx, f store.JobFilter) ([]store.Job, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+jobAndName+` FROM jobs j JOIN job_specs s ON s.seq = j.seq
		WHERE j.id = ? AND j.child = 0`, f.Parent[:])
	parents, err := all(rows, err, decodeNamedJob)
	if err != nil || len(parents) == 0 {
		return nil, err
	}
	p := parents[0]
	rows, err = tx.QueryContext(ctx, `SELECT `+jobColumns+`, ? FROM jobs j
		WHERE j.id = ? AND j.child > ? AND j.state = ? ORDER BY j.child LIMIT ?`,
		p.Name, f.Parent[:], f.After, int64(f.State), f.Limit)
	stored, err := all(rows, err, decodeNamedJob)
	if err != nil || f.State != p.Rest || !p.IsArray() {
		return stored, err
	}
	first := max(p.Next, f.After) + 1
	rows, err = tx.QueryContext(ctx, `SELECT child FROM jobs WHERE id = ? AND child >= ? ORDER BY child`, f.Parent[:], first)
	taken, err := all(rows, err, func(r record) (int32, error) { return r.int32(0), nil })
	if err != nil {
		return nil, fmt.Errorf("children above %d: %w", first, err)
	}
	return merge(p, stored, taken, first, f.Limit), nil
}

// merge goes through the children from `first` to the end, after those stored
// below it. taken are the ones that have rows.
func merge(p store.Job, stored []store.Job, taken []int32, first int32, limit int) []store.Job {
	out := make([]store.Job, 0, min(limit, int(p.Size)))
	for len(stored) > 0 && stored[0].Ref.Child < first {
		out, stored = append(out, stored[0]), stored[1:]
	}
	for child := first; child <= p.Size && len(out) < limit; child++ {
		switch {
		case len(taken) == 0 || taken[0] != child:
			out = append(out, store.Child(p, int(child)-1))
			continue
		case len(stored) > 0 && stored[0].Ref.Child == child:
			out, stored = append(out, stored[0]), stored[1:]
		}
		taken = taken[1:]
	}
	return out
}
