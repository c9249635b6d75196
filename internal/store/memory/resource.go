package memory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/core"
)

func (s *Store) putResource(c core.Change) error {
	switch c := c.(type) {
	case core.SchedulingPolicyPut:
		r := c.Row
		if err := errors.Join(key(r.ID), unique(s.scheduling, r.ID, func(o core.SchedulingPolicyRow) bool { return o.Name == r.Name })); err != nil {
			return err
		}
		set(s, s.scheduling, r.ID, r)
		s.last.SchedulingPolicy = max(s.last.SchedulingPolicy, r.ID)
	case core.SchedulingPolicyDelete:
		drop(s, s.scheduling, c.ID)
		s.last.SchedulingPolicy = max(s.last.SchedulingPolicy, c.ID)
	case core.FairSharePut:
		r := c.Row
		if err := errors.Join(key(r.ID), unique(s.fair, r.ID, func(o core.FairShareRow) bool {
			return o.Queue == r.Queue && o.Name == r.Name
		})); err != nil {
			return err
		}
		set(s, s.fair, r.ID, r)
		s.last.FairShare = max(s.last.FairShare, r.ID)
	case core.FairShareDelete:
		drop(s, s.fair, c.ID)
		s.last.FairShare = max(s.last.FairShare, c.ID)
	case core.TagsPut:
		if c.Row.Tags == nil {
			drop(s, s.tags, c.Row.Of)
		} else {
			set(s, s.tags, c.Row.Of, c.Row.Tags)
		}
	default:
		return errors.New("unknown change")
	}
	return nil
}

// SchedulingPolicies implements [store.Store].
func (s *Store) SchedulingPolicies(ctx context.Context) ([]core.SchedulingPolicyRow, error) {
	return view(ctx, s, func() []core.SchedulingPolicyRow {
		return slices.SortedFunc(maps.Values(s.scheduling), func(a, b core.SchedulingPolicyRow) int { return strings.Compare(a.Name, b.Name) })
	})
}

// EnvironmentsByID implements [store.Store].
func (s *Store) EnvironmentsByID(ctx context.Context, ids []int64) ([]core.EnvironmentRow, error) {
	return byID(ctx, s, s.environments, ids)
}

// QueuesByID implements [store.Store].
func (s *Store) QueuesByID(ctx context.Context, ids []int64) ([]core.QueueRow, error) {
	return byID(ctx, s, s.queues, ids)
}

// Tags implements [store.Store].
func (s *Store) Tags(ctx context.Context, of []core.Tagged) (map[core.Tagged]map[string]string, error) {
	return view(ctx, s, func() map[core.Tagged]map[string]string {
		found := make(map[core.Tagged]map[string]string)
		for _, k := range of {
			if tags, ok := s.tags[k]; ok {
				found[k] = maps.Clone(tags)
			}
		}
		return found
	})
}
