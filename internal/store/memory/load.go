package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, l *core.Loader) (round int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	l.Counters(s.last)
	for _, id := range sorted(s.environments) {
		if row := s.environments[id]; row.Status != core.Deleted {
			l.Environment(row)
		}
	}
	if err := feed(s.fleets, l.Fleet); err != nil {
		return 0, err
	}
	for _, id := range sorted(s.scheduling) {
		l.SchedulingPolicy(s.scheduling[id])
	}
	for _, id := range sorted(s.services) {
		l.ServiceEnvironment(s.services[id])
	}
	queue := func(row core.QueueRow) error {
		if row.Status == core.Deleted {
			return nil
		}
		return l.Queue(row)
	}
	host := func(row core.HostRow) error {
		if s.environments[row.Environment].Status == core.Deleted || row.State == core.HostTerminated {
			return nil
		}
		return l.Host(row)
	}
	if err := errors.Join(feed(s.queues, queue), feed(s.shares, l.QuotaShare), feed(s.fair, l.FairShare), feed(s.hosts, host), feed(s.policies, l.Policy)); err != nil {
		return 0, err
	}
	for _, row := range s.latestCosts() {
		l.Cost(row)
	}
	for _, id := range sorted(s.consumables) {
		l.Consumable(s.consumables[id])
	}
	if err := feed(s.baskets, l.Basket); err != nil {
		return 0, err
	}
	last := make(map[string]int32)
	for _, d := range s.definitions {
		last[d.Name] = max(last[d.Name], d.Revision)
	}
	for name, revision := range last {
		l.Revision(name, revision)
	}
	claims := slices.SortedFunc(maps.Values(s.claims), func(a, b core.ClaimRow) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), slices.Compare(a.Token[:], b.Token[:]))
	})
	for _, c := range claims {
		if err := l.Claim(c); err != nil {
			return 0, err
		}
	}
	if err := s.loadJobs(l); err != nil {
		return 0, err
	}
	for _, ref := range l.Targets() {
		if seq, ok := s.refs[ref]; ok {
			l.Target(s.jobs[seq])
		}
	}
	return s.round, nil
}

func (s *Store) loadJobs(l *core.Loader) error {
	for _, seq := range sorted(s.jobs) { // a parent before its children
		j := s.jobs[seq]
		if j.State.Terminal() || j.Ref.Child < 0 {
			continue
		}
		if err := l.Job(j); err != nil {
			return err
		}
		if err := s.loadNodes(l, j); err != nil {
			return err
		}
		for child := j.Next + 1; child <= j.Size; child++ {
			seq, ok := s.refs[batch.JobRef{ID: j.Ref.ID, Child: child}]
			if !ok || !s.jobs[seq].State.Terminal() {
				continue // no row, or one that comes by itself
			}
			if err := l.Job(s.jobs[seq]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) loadNodes(l *core.Loader, parent core.JobRow) error {
	if parent.Gang == nil {
		return nil
	}
	for i := range parent.Gang.Size {
		seq, ok := s.refs[batch.NodeRef(parent.Ref.ID, int(i))]
		if !ok {
			return nil
		}
		if err := l.Job(s.jobs[seq]); err != nil {
			return err
		}
	}
	return nil
}

func sorted[V any](rows map[int64]V) []int64 { return slices.Sorted(maps.Keys(rows)) }

func feed[V any](rows map[int64]V, to func(V) error) error {
	for _, id := range sorted(rows) {
		if err := to(rows[id]); err != nil {
			return err
		}
	}
	return nil
}
