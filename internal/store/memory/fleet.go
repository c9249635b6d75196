package memory

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/core"
)

// putFleet writes what is known of instances beside their rows.
func (s *Store) putFleet(c core.Change) error {
	switch c := c.(type) {
	case core.FleetPut:
		if err := errors.Join(key(c.Row.Environment), key(int64(c.Row.Generation)), amounts(c.Row.Desired)); err != nil {
			return err
		}
		set(s, s.fleets, c.Row.Environment, c.Row)
	case core.FleetDrop:
		for _, k := range slices.Collect(maps.Keys(s.decisions)) {
			if k[0] == c.Environment {
				remove(s, s.decisions, k)
			}
		}
		remove(s, s.fleets, c.Environment)
	case core.DecisionPut:
		set(s, s.decisions, [2]int64{c.Row.Environment, c.Row.Number % core.DecisionsKept}, c.Row)
	default:
		return errors.New("unknown change")
	}
	return nil
}

// Fleets implements [store.Store].
func (s *Store) Fleets(ctx context.Context) ([]core.FleetRow, error) {
	return view(ctx, s, func() []core.FleetRow {
		return slices.SortedFunc(maps.Values(s.fleets), func(a, b core.FleetRow) int { return int(a.Environment - b.Environment) })
	})
}

// Instances implements [store.Store].
func (s *Store) Instances(ctx context.Context, environment int64) ([]core.HostRow, error) {
	return view(ctx, s, func() []core.HostRow {
		rows := slices.SortedFunc(maps.Values(s.hosts), func(a, b core.HostRow) int { return int(a.ID - b.ID) })
		return slices.DeleteFunc(rows, func(r core.HostRow) bool {
			return r.Environment != environment || r.State == core.HostTerminated
		})
	})
}

// Decisions implements [store.Store].
func (s *Store) Decisions(ctx context.Context, environment int64) ([]core.Decision, error) {
	return view(ctx, s, func() []core.Decision {
		rows := slices.SortedFunc(maps.Values(s.decisions), func(a, b core.Decision) int { return int(a.Number - b.Number) })
		return slices.DeleteFunc(rows, func(r core.Decision) bool { return r.Environment != environment })
	})
}
