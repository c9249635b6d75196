package sqlite

import (
	"context"
	"database/sql"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/store"
)

// listParent returns the job whose children or nodes are listed.
func listParent(ctx context.Context, tx *sql.Tx, id batch.JobID) (p store.Job, ok bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+jobColumns+`, s.name, s.share FROM jobs j JOIN job_specs s ON s.seq = j.seq
		WHERE j.id = ? AND j.child = 0`, id[:])
	parents, err := all(rows, err, decodeNamedJob)
	if err != nil || len(parents) == 0 {
		return p, false, err
	}
	return parents[0], true, nil
}

// listNodes lists the nodes of a multi-node job. All of them have rows, or none:
// those of a job that has never been started.
func listNodes(ctx context.Context, tx *sql.Tx, f store.JobFilter) ([]store.Job, error) {
	p, ok, err := listParent(ctx, tx, f.Parent)
	if err != nil || !ok || p.Gang == nil {
		return nil, err
	}
	var out []store.Job
	if p.Attempt == 0 {
		for n := f.After; f.State == p.State && n < p.Gang.Size && len(out) < f.Limit; n++ {
			out = append(out, store.Node(p, int(n)))
			out[len(out)-1].Spec = nil
		}
		return out, nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+jobColumns+`, ?, ? FROM jobs j
		WHERE j.id = ? AND j.child < ? AND j.state = ? ORDER BY j.child DESC LIMIT ?`,
		p.Name, nullable(p.Share), f.Parent[:], -f.After, int64(f.State), f.Limit)
	if out, err = all(rows, err, decodeNamedJob); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Gang = p.Gang
	}
	return out, nil
}
