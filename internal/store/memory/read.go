package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// view runs a read that sees whole rounds only.
func view[T any](ctx context.Context, s *Store, read func() T) (out T, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return read(), nil
}

// Jobs implements [store.Store].
func (s *Store) Jobs(ctx context.Context, refs []batch.JobRef) ([]store.Job, error) {
	return view(ctx, s, func() (out []store.Job) {
		for _, ref := range refs {
			if j, ok := s.job(ref); ok {
				out = append(out, j)
			}
		}
		return out
	})
}

func (s *Store) job(ref batch.JobRef) (store.Job, bool) {
	parent := s.refs[ref.Parent()]
	if seq, ok := s.refs[ref]; ok {
		j := store.Job{JobRow: s.jobs[seq], NewJob: s.first[parent], Attempts: s.attempts[seq]}
		j.Gang = s.jobs[parent].Gang
		return j, true
	}
	p := store.Job{JobRow: s.jobs[parent], NewJob: s.first[parent]}
	if index, child := ref.Index(); child && index < int(p.Size) {
		return store.Child(p, index), true
	}
	if index, node := ref.Node(); node && p.Gang != nil && index < int(p.Gang.Size) {
		return store.Node(p, index), true
	}
	return store.Job{}, false
}

// ListJobs implements [store.Store].
func (s *Store) ListJobs(ctx context.Context, f store.JobFilter) ([]store.Job, error) {
	return view(ctx, s, func() (out []store.Job) {
		add := func(ref batch.JobRef) {
			if j, ok := s.job(ref); ok && (f.AnyState || j.State == f.State) {
				j.Spec, j.Attempts = nil, nil
				out = append(out, j)
			}
		}
		if f.Parent != (batch.JobID{}) && f.Nodes {
			if g := s.jobs[s.refs[batch.JobRef{ID: f.Parent}]].Gang; g != nil {
				for n := f.After; n < g.Size && len(out) < f.Limit; n++ {
					add(batch.NodeRef(f.Parent, int(n)))
				}
			}
			return out
		}
		if f.Parent != (batch.JobID{}) {
			size := s.jobs[s.refs[batch.JobRef{ID: f.Parent}]].Size
			for child := f.After + 1; child <= size && len(out) < f.Limit; child++ {
				add(batch.JobRef{ID: f.Parent, Child: child})
			}
			return out
		}
		list := s.submitted[f.Queue]
		if f.Timed() {
			list = slices.Clone(list)
			slices.SortStableFunc(list, func(a, b int64) int { return cmp.Compare(s.jobs[a].CreatedAt, s.jobs[b].CreatedAt) })
		}
		for _, seq := range slices.Backward(list) {
			if len(out) >= f.Limit {
				break
			}
			if s.listed(&f, seq) {
				add(s.jobs[seq].Ref)
			}
		}
		return out
	})
}

// listed reports whether a job comes after the filter's position and meets its
// condition. The state is not looked at.
func (s *Store) listed(f *store.JobFilter, seq int64) bool {
	j := s.jobs[seq]
	if f.Timed() && f.BeforeAt != 0 {
		if j.CreatedAt > f.BeforeAt || j.CreatedAt == f.BeforeAt && seq >= f.Before {
			return false
		}
	} else if f.Before != 0 && seq >= f.Before {
		return false
	}
	first := s.first[seq]
	d, known := s.definitions[j.Definition]
	definition := d.Name == f.Definition || f.DefinitionPrefix && strings.HasPrefix(d.Name, f.Definition)
	return f.Name.Match(first.Name) &&
		(f.Definition == "" && !f.DefinitionPrefix || known && definition) &&
		(f.Revision == 0 || d.Revision == f.Revision) &&
		(f.Share == "" || first.Share == f.Share) &&
		(f.CreatedBefore == 0 || j.CreatedAt < f.CreatedBefore) &&
		(f.CreatedAfter == 0 || j.CreatedAt > f.CreatedAfter)
}

// Ended implements [store.Store].
func (s *Store) Ended(ctx context.Context, until batch.Instant, limit int) ([]core.EndedJob, error) {
	return view(ctx, s, func() (out []core.EndedJob) {
		for _, j := range s.jobs {
			if j.Ref.Child == 0 && j.State.Terminal() && j.StoppedAt <= until && s.told(j.Seq) {
				e := core.EndedJob{Seq: j.Seq, Ref: j.Ref, StoppedAt: j.StoppedAt, Rows: 2 + 2*j.Size + j.Attempt}
				if j.Gang != nil {
					e.Rows += j.Gang.Size * (1 + j.Attempt)
				}
				out = append(out, e)
			}
		}
		slices.SortFunc(out, func(a, b core.EndedJob) int {
			return cmp.Or(cmp.Compare(a.StoppedAt, b.StoppedAt), cmp.Compare(a.Seq, b.Seq))
		})
		return out[:min(len(out), max(0, limit))]
	})
}

// Environments implements [store.Store].
func (s *Store) Environments(ctx context.Context) ([]core.EnvironmentRow, error) {
	return view(ctx, s, func() []core.EnvironmentRow {
		rows := slices.SortedFunc(maps.Values(s.environments), func(a, b core.EnvironmentRow) int { return strings.Compare(a.Name, b.Name) })
		return slices.DeleteFunc(rows, func(r core.EnvironmentRow) bool { return r.Status == core.Deleted })
	})
}

// Queues implements [store.Store].
func (s *Store) Queues(ctx context.Context) ([]core.QueueRow, error) {
	return view(ctx, s, func() []core.QueueRow {
		rows := slices.SortedFunc(maps.Values(s.queues), func(a, b core.QueueRow) int { return strings.Compare(a.Name, b.Name) })
		return slices.DeleteFunc(rows, func(r core.QueueRow) bool { return r.Status == core.Deleted })
	})
}

// Definitions implements [store.Store].
func (s *Store) Definitions(ctx context.Context, f store.DefinitionFilter) ([]core.DefinitionRow, error) {
	return view(ctx, s, func() (out []core.DefinitionRow) {
		for _, d := range s.definitions {
			after := f.AfterName == "" || d.Name > f.AfterName || d.Name == f.AfterName && d.Revision < f.BeforeRevision
			if after && (f.Name == "" || d.Name == f.Name) && (f.Revision == 0 || d.Revision == f.Revision) &&
				(f.Active == nil || d.Active == *f.Active) {
				out = append(out, d)
			}
		}
		slices.SortFunc(out, func(a, b core.DefinitionRow) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.Revision, a.Revision))
		})
		return out[:min(len(out), max(0, f.Limit))]
	})
}

// DefinitionsByID implements [store.Store].
func (s *Store) DefinitionsByID(ctx context.Context, ids []int64) ([]core.DefinitionRow, error) {
	return byID(ctx, s, s.definitions, ids)
}

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context, ids []int64) ([]core.HostRow, error) {
	return byID(ctx, s, s.hosts, ids)
}

// Policies implements [store.Store].
func (s *Store) Policies(ctx context.Context, ids []int64) ([]core.PolicyRow, error) {
	return byID(ctx, s, s.policies, ids)
}

func byID[V any](ctx context.Context, s *Store, rows map[int64]V, ids []int64) ([]V, error) {
	return view(ctx, s, func() (out []V) {
		sorted := slices.Clone(ids)
		slices.Sort(sorted)
		for _, id := range slices.Compact(sorted) {
			if row, ok := rows[id]; ok {
				out = append(out, row)
			}
		}
		return out
	})
}
