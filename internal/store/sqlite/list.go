package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/store"
)

// ListJobs implements [store.Store].
func (s *Store) ListJobs(ctx context.Context, f store.JobFilter) (out []store.Job, err error) {
	if f.Limit <= 0 {
		return nil, nil
	}
	err = s.view(ctx, "jobs", func(ctx context.Context, tx *sql.Tx) (err error) {
		switch {
		case f.Parent == (batch.JobID{}):
			out, err = s.listQueue(ctx, tx, f)
		case f.Nodes:
			out, err = listNodes(ctx, tx, f)
		default:
			out, err = listChildren(ctx, tx, f)
		}
		return err
	})
	return out, err
}

// recent is how many of the newest rows are looked at before an index is asked
// that has to sort what it finds: a condition that most jobs meet fills a page
// from them.
const recent = 2000

// listQueue lists a queue by the index for the filter's condition.
func (s *Store) listQueue(ctx context.Context, tx *sql.Tx, f store.JobFilter) ([]store.Job, error) {
	q := queueQuery{tx: tx, f: f}
	if q.f.Before == 0 {
		q.f.Before = math.MaxInt64
	}
	switch {
	case f.Name.Prefix:
		return q.recentOr(ctx, `s.name >= ? AND s.name < ?`, ofName+` >= ? AND s.name < ?`,
			f.Name.Name, afterPrefix(f.Name.Name))
	case f.Name.Name != "":
		return q.of(ctx, ofName+` = ?`, f.Name.Name)
	case f.DefinitionPrefix:
		return q.ofDefinitions(ctx, `name >= ? AND name < ?`, f.Definition, afterPrefix(f.Definition))
	case f.Definition != "" && f.Revision == 0:
		return q.ofDefinitions(ctx, `name = ?`, f.Definition)
	case f.Definition != "":
		return q.of(ctx, ofDefinition+` = (SELECT id FROM definitions WHERE name = ? AND revision = ?)`, f.Definition, f.Revision)
	case f.Share != "":
		return q.ofShare(ctx)
	case f.Timed():
		return q.ofTime(ctx)
	}
	rows, err := tx.StmtContext(ctx, s.hot.ofQueue).QueryContext(ctx, f.Queue, int64(f.State), q.f.Before, f.Limit)
	return all(rows, err, decodeNamedJob)
}

// afterPrefix is the least text that comes after all that begin with the prefix,
// byte by byte.
func afterPrefix(prefix string) string {
	if prefix == "" {
		return "\xff"
	}
	b := []byte(prefix)
	b[len(b)-1]++ // no byte of UTF-8 is the last one that there is
	return string(b)
}

// queueQuery makes a page of a queue's jobs.
type queueQuery struct {
	tx *sql.Tx
	f  store.JobFilter
}

// The keys of a queue's jobs by an index, for queueQuery.of.
const (
	ofName       = `SELECT s.seq FROM job_specs s INDEXED BY job_names WHERE s.queue = ? AND s.seq < ? AND s.name`
	ofDefinition = `SELECT j.seq FROM jobs j INDEXED BY jobs_by_definition WHERE j.child = 0 AND j.queue = ? AND j.seq < ? AND j.definition`
)

func (q queueQuery) jobs(ctx context.Context, text string, args ...any) ([]store.Job, error) {
	rows, err := q.tx.QueryContext(ctx, `SELECT `+jobColumns+`, s.name, s.share FROM `+text, args...)
	return all(rows, err, decodeNamedJob)
}

// of returns the jobs whose keys a query finds: it has the queue and the key
// before which to begin as its first parameters.
func (q queueQuery) of(ctx context.Context, keys string, args ...any) ([]store.Job, error) {
	args = append([]any{q.f.Queue, q.f.Before}, args...)
	return q.jobs(ctx, `(`+keys+` ORDER BY 1 DESC LIMIT ?) k JOIN jobs j ON j.seq = k.seq JOIN job_specs s ON s.seq = k.seq ORDER BY k.seq DESC`,
		append(args, q.f.Limit)...)
}

// recentOr looks for a page among the newest jobs, and if there is none for the
// keys by their index.
func (q queueQuery) recentOr(ctx context.Context, condition, keys string, args ...any) ([]store.Job, error) {
	before := q.f.Before
	if before == math.MaxInt64 {
		if err := q.tx.QueryRowContext(ctx, `SELECT job + 1 FROM progress`).Scan(&before); err != nil {
			return nil, err
		}
	}
	// NOT INDEXED goes by the key, CROSS keeps the order of the tables.
	found, err := q.jobs(ctx, `jobs j NOT INDEXED CROSS JOIN job_specs s ON s.seq = j.seq
		WHERE j.seq >= ? AND j.seq < ? AND j.child = 0 AND j.queue = ? AND `+condition+` ORDER BY j.seq DESC LIMIT ?`,
		append(append([]any{before - recent, before, q.f.Queue}, args...), q.f.Limit)...)
	if err != nil || len(found) == q.f.Limit {
		return found, err
	}
	return q.of(ctx, keys, args...)
}

// ofDefinitions returns jobs of several revisions. Those of one are in order.
func (q queueQuery) ofDefinitions(ctx context.Context, names string, args ...any) ([]store.Job, error) {
	rows, err := q.tx.QueryContext(ctx, `SELECT id FROM definitions WHERE `+names+` LIMIT 2`, args...)
	ids, err := all(rows, err, func(r record) (int64, error) { return r.int(0), nil })
	switch {
	case err != nil || len(ids) == 0:
		return nil, err
	case len(ids) == 1:
		return q.of(ctx, ofDefinition+` = ?`, ids[0])
	}
	in := ` IN (SELECT id FROM definitions WHERE ` + names + `)`
	return q.recentOr(ctx, `j.definition`+in, ofDefinition+in, args...)
}

// ofShare lists by share: in the states in which few jobs are by the state.
func (q queueQuery) ofShare(ctx context.Context) ([]store.Job, error) {
	if q.f.AnyState {
		return q.of(ctx, `SELECT s.seq FROM job_specs s INDEXED BY job_shares WHERE s.queue = ? AND s.seq < ? AND s.share = ?`, q.f.Share)
	}
	if q.f.State.Live() {
		return q.jobs(ctx, `jobs j INDEXED BY jobs_by_queue CROSS JOIN job_specs s ON s.seq = j.seq
			WHERE j.child = 0 AND j.queue = ? AND j.state = ? AND j.seq < ? AND s.share = ? ORDER BY j.seq DESC LIMIT ?`,
			q.f.Queue, int64(q.f.State), q.f.Before, q.f.Share, q.f.Limit)
	}
	return q.jobs(ctx, `job_specs s INDEXED BY job_shares CROSS JOIN jobs j ON j.seq = s.seq
		WHERE s.queue = ? AND s.share = ? AND s.seq < ? AND j.state = ? ORDER BY s.seq DESC LIMIT ?`,
		q.f.Queue, q.f.Share, q.f.Before, int64(q.f.State), q.f.Limit)
}

// ofTime lists by the time of creation, to which the position belongs here.
func (q queueQuery) ofTime(ctx context.Context) ([]store.Job, error) {
	at, before := q.f.BeforeAt, q.f.Before
	switch {
	case q.f.CreatedBefore != 0 && (at == 0 || at >= q.f.CreatedBefore):
		at, before = q.f.CreatedBefore, 0
	case at == 0:
		at = math.MaxInt64
	}
	return q.jobs(ctx, `jobs j INDEXED BY jobs_by_time CROSS JOIN job_specs s ON s.seq = j.seq
		WHERE j.child = 0 AND j.queue = ? AND j.created_at > ? AND (j.created_at, j.seq) < (?, ?)
		ORDER BY j.created_at DESC, j.seq DESC LIMIT ?`,
		q.f.Queue, int64(q.f.CreatedAfter), int64(at), before, q.f.Limit)
}

// listChildren merges the children that have rows with those that have none and
// lie at or above Next.
func listChildren(ctx context.Context, tx *sql.Tx, f store.JobFilter) ([]store.Job, error) {
	p, ok, err := listParent(ctx, tx, f.Parent)
	if err != nil || !ok {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+jobColumns+`, ?, ? FROM jobs j
		WHERE j.id = ? AND j.child > ? AND j.state = ? ORDER BY j.child LIMIT ?`,
		p.Name, nullable(p.Share), f.Parent[:], f.After, int64(f.State), f.Limit)
	stored, err := all(rows, err, decodeNamedJob)
	ready := p.Waits != nil && len(p.Waits.Ready) > 0 && f.State == batch.Runnable
	if err != nil || f.State != p.Rest && !ready || !p.IsArray() {
		return stored, err
	}
	first := max(p.Next, f.After) + 1
	rows, err = tx.QueryContext(ctx, `SELECT child FROM jobs WHERE id = ? AND child >= ? ORDER BY child`, f.Parent[:], first)
	taken, err := all(rows, err, func(r record) (int32, error) { return r.int32(0), nil })
	if err != nil {
		return nil, fmt.Errorf("children above %d: %w", first, err)
	}
	return merge(p, stored, taken, first, &f), nil
}

// merge goes through the children from `first` to the end, after those stored
// below it. taken are the ones that have rows.
func merge(p store.Job, stored []store.Job, taken []int32, first int32, f *store.JobFilter) []store.Job {
	out := make([]store.Job, 0, min(f.Limit, int(p.Size)))
	for len(stored) > 0 && stored[0].Ref.Child < first {
		out, stored = append(out, stored[0]), stored[1:]
	}
	for child := first; child <= p.Size && len(out) < f.Limit; child++ {
		switch {
		case len(taken) == 0 || taken[0] != child:
			if c := store.Child(p, int(child)-1); c.State == f.State {
				out = append(out, c)
			}
			continue
		case len(stored) > 0 && stored[0].Ref.Child == child:
			out, stored = append(out, stored[0]), stored[1:]
		}
		taken = taken[1:]
	}
	return out
}
