package memory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/store"
)

// remove deletes a map's entry and remembers how to take that back.
func remove[K comparable, V any](s *Store, m map[K]V, key K) {
	old, had := m[key]
	if !had {
		return
	}
	s.undo = append(s.undo, func() { m[key] = old })
	delete(m, key)
}

// putOther writes what is neither a job nor what jobs run on.
func (s *Store) putOther(c core.Change) error {
	switch c := c.(type) {
	case core.ConsumablePut:
		r := c.Row
		if err := errors.Join(key(r.ID), amounts(r.Total, r.InUse), unique(s.consumables, r.ID, func(o core.ConsumableRow) bool {
			return o.Name == r.Name
		})); err != nil {
			return err
		}
		set(s, s.consumables, r.ID, r)
		s.last.Consumable = max(s.last.Consumable, r.ID)
	case core.ConsumableDelete:
		remove(s, s.consumables, c.ID)
		s.last.Consumable = max(s.last.Consumable, c.ID)
	case core.BasketPut:
		if err := key(c.Row.ID); err != nil {
			return err
		}
		set(s, s.baskets, c.Row.ID, c.Row)
		s.last.Basket = max(s.last.Basket, c.Row.ID)
	default:
		return errors.New("unknown change")
	}
	return nil
}

// Consumables implements [store.Store].
func (s *Store) Consumables(ctx context.Context, f store.ConsumableFilter) ([]core.ConsumableRow, error) {
	return view(ctx, s, func() []core.ConsumableRow {
		out := slices.SortedFunc(maps.Values(s.consumables), func(a, b core.ConsumableRow) int { return strings.Compare(a.Name, b.Name) })
		out = slices.DeleteFunc(out, func(r core.ConsumableRow) bool {
			return r.Name <= f.After || f.Name != "" && r.Name != f.Name || !f.Like.Match(r.Name)
		})
		return out[:min(len(out), max(0, f.Limit))]
	})
}

// Consumers implements [store.Store].
func (s *Store) Consumers(ctx context.Context, f store.ConsumerFilter) ([]store.Job, error) {
	return view(ctx, s, func() (out []store.Job) {
		for _, seq := range slices.Backward(sorted(s.jobs)) {
			r := s.jobs[seq]
			if len(out) >= f.Limit {
				break
			}
			needs := s.baskets[r.Basket].Needs
			if r.Ref.Child > 0 || f.Before != 0 && seq >= f.Before || f.State != nil && *f.State != r.State ||
				!f.Like.Match(s.first[seq].Name) || !slices.ContainsFunc(needs, func(n consume.Need) bool { return n.Resource == f.Resource }) {
				continue
			}
			if j, ok := s.job(r.Ref); ok {
				j.Spec, j.Attempts = nil, nil
				out = append(out, j)
			}
		}
		return out
	})
}

// Baskets implements [store.Store].
func (s *Store) Baskets(ctx context.Context, ids []int64) ([]core.BasketRow, error) {
	return byID(ctx, s, s.baskets, ids)
}
