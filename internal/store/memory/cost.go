package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

func (s *Store) putCost(r core.CostRow) error {
	if err := errors.Join(key(r.Attempts), amounts(r.Cost.NanoUSD, r.Cost.OnDemand)); err != nil {
		return err
	}
	set(s, s.costs, r.CostKey, r)
	return nil
}

// latestCosts are those of the latest hour that has any.
func (s *Store) latestCosts() (rows []core.CostRow) {
	hour := int64(0)
	for key := range s.costs {
		hour = max(hour, key.Hour)
	}
	for key, row := range s.costs {
		if key.Hour == hour {
			rows = append(rows, row)
		}
	}
	return rows
}

func compareCosts(a, b core.CostKey) int {
	return cmp.Or(
		cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Environment, b.Environment),
		cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Share, b.Share))
}

// EndedInstances implements [store.Store].
func (s *Store) EndedInstances(ctx context.Context, after batch.Instant, afterID int64, until batch.Instant, limit int) ([]core.HostRow, error) {
	return view(ctx, s, func() []core.HostRow {
		rows := slices.SortedFunc(maps.Values(s.hosts), func(a, b core.HostRow) int {
			return cmp.Or(cmp.Compare(a.EndedAt, b.EndedAt), cmp.Compare(a.ID, b.ID))
		})
		return page(rows, limit, func(r core.HostRow) bool {
			behind := r.EndedAt > after || r.EndedAt == after && r.ID > afterID
			return r.State == core.HostTerminated && behind && r.EndedAt < until
		})
	})
}

// page returns the first of the rows that are wanted.
func page[T any](rows []T, limit int, wanted func(T) bool) []T {
	rows = slices.DeleteFunc(rows, func(r T) bool { return !wanted(r) })
	return rows[:min(len(rows), max(0, limit))]
}

// Costs implements [store.Store].
func (s *Store) Costs(ctx context.Context, after core.CostKey, until int64, limit int) ([]core.CostRow, error) {
	return view(ctx, s, func() []core.CostRow {
		rows := slices.SortedFunc(maps.Values(s.costs), func(a, b core.CostRow) int { return compareCosts(a.CostKey, b.CostKey) })
		return page(rows, limit, func(r core.CostRow) bool { return compareCosts(r.CostKey, after) > 0 && r.Hour < until })
	})
}

// JobCosts implements [store.Store].
func (s *Store) JobCosts(ctx context.Context, f store.CostFilter) ([]store.JobCost, error) {
	return view(ctx, s, func() []store.JobCost {
		var list []store.JobCost
		for seq, j := range s.jobs {
			if j.Ref.Child == 0 && j.State.Terminal() {
				first := s.first[seq]
				list = append(list, store.JobCost{Seq: seq, ID: j.Ref.ID, StoppedAt: j.StoppedAt, Name: first.Name, Spec: first.Spec, Cost: j.Cost})
			}
		}
		slices.SortFunc(list, func(a, b store.JobCost) int {
			return cmp.Or(cmp.Compare(a.StoppedAt, b.StoppedAt), cmp.Compare(a.Seq, b.Seq))
		})
		return page(list, f.Limit, func(j store.JobCost) bool {
			behind := j.StoppedAt > f.After || j.StoppedAt == f.After && j.Seq > f.AfterSeq
			return behind && j.StoppedAt < f.Until
		})
	})
}
