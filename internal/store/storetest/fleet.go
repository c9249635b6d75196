package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// testFleets writes what is known of instances, changes it and reads it back.
func testFleets(t *testing.T, h Harness) {
	s := open(t, h)
	ctx := t.Context()
	fleet := core.FleetRow{
		Environment: 3, Generation: 2, Desired: 12_000, UpdatedAt: 5, TriedAt: 6, Invalid: "odd \x00 text", Decided: 1 << 40,
		Fleet: core.Fleet{
			Spot: true, Types: []string{"optimal", "m5.large"}, Strategy: "BEST_FIT_PROGRESSIVE", MinVCPU: 1000, DesiredVCPU: 2000,
			BidPercent: 60, DelayMinutes: 20, StopOnUpdate: true, UpdateMinutes: 360,
		},
		Backoffs: []core.Backoff{{Type: "m5.large", Kind: core.NoCapacity, Until: 7}},
	}
	other := core.FleetRow{Environment: 4, Generation: 1, Joined: true, Fleet: core.Fleet{Types: []string{"c5"}}}
	launching := core.HostRow{
		ID: 9, Environment: 3, Capacity: batch.Resources{MilliVCPU: 2000, MemoryMiB: 7953, GPUs: 1}, State: core.HostLaunching,
		Type: "m5.large", Spot: true, Generation: 2, Gang: 1 << 40, LaunchedAt: 8,
	}
	second := launching
	second.ID, second.Gang = 10, 0
	environment := func(id int64, name string) core.Change {
		return core.EnvironmentPut{Row: core.EnvironmentRow{ID: id, Name: name, Enabled: true, MaxVCPU: 1, Spec: []byte("{}")}}
	}
	commit(t, s, 1, environment(3, "a"), environment(4, "b"), core.FleetPut{Row: fleet}, core.FleetPut{Row: other},
		core.HostPut{Row: launching}, core.HostPut{Row: second})
	same(t, "fleets", []core.FleetRow{fleet, other}, must[[]core.FleetRow](t)(s.Fleets(ctx)))
	same(t, "instances", []core.HostRow{launching, second}, must[[]core.HostRow](t)(s.Instances(ctx, 3)))
	same(t, "instances of the other", 0, len(must[[]core.HostRow](t)(s.Instances(ctx, 4))))

	launching.State, launching.Name, launching.SeenAt, launching.Used = core.HostDraining, "i-1", 9, true
	launching.StopAt, launching.GoneAt = 10, 11
	second.State, second.EndedAt, second.Cost = core.HostTerminated, 12, &batch.Cost{NanoUSD: 13, OnDemand: 1 << 50}
	fleet.Fleet, fleet.Backoffs, fleet.Joined, fleet.TriedAt = other.Fleet, nil, true, 0
	decision := core.Decision{Environment: 3, Number: 1, At: 13, Launched: 2, Ended: 1, Type: "m5.large", Why: "odd \x00 text", Demand: 4000, Have: 8000, Price: -1}
	later, overwrites := decision, decision
	later.Number, later.Price = 2, 96_000
	overwrites.Number = 1 + core.DecisionsKept
	commit(t, s, 2, core.FleetPut{Row: fleet}, core.HostPut{Row: launching}, core.HostPut{Row: second}, core.DecisionPut{Row: decision}, core.DecisionPut{Row: later})
	same(t, "changed fleets", []core.FleetRow{fleet, other}, must[[]core.FleetRow](t)(s.Fleets(ctx)))
	same(t, "instances that are not terminated", []core.HostRow{launching}, must[[]core.HostRow](t)(s.Instances(ctx, 3)))
	same(t, "a terminated instance", []core.HostRow{second}, must[[]core.HostRow](t)(s.Hosts(ctx, []int64{10})))
	ended := func(after batch.Instant, id int64, until batch.Instant) []core.HostRow {
		return must[[]core.HostRow](t)(s.EndedInstances(ctx, after, id, until, 9))
	}
	same(t, "ended instances", []core.HostRow{second}, ended(12, 9, 13))
	same(t, "ended instances behind it, and before", 0, len(ended(12, 10, 99))+len(ended(0, 0, 12)))
	same(t, "decisions", []core.Decision{decision, later}, must[[]core.Decision](t)(s.Decisions(ctx, 3)))
	commit(t, s, 3, core.DecisionPut{Row: overwrites})
	same(t, "later decisions", []core.Decision{later, overwrites}, must[[]core.Decision](t)(s.Decisions(ctx, 3)))
	same(t, "decisions of the other", 0, len(must[[]core.Decision](t)(s.Decisions(ctx, 4))))

	commit(t, s, 4, core.FleetDrop{Environment: 3})
	same(t, "fleets left", []core.FleetRow{other}, must[[]core.FleetRow](t)(s.Fleets(ctx)))
	same(t, "decisions left", 0, len(must[[]core.Decision](t)(s.Decisions(ctx, 3))))
	for name, c := range map[string]core.Change{
		"a fleet of no environment": core.FleetPut{Row: core.FleetRow{Environment: 77, Generation: 1}},
		"a fleet without a number":  core.FleetPut{Row: core.FleetRow{Environment: 4}},
		"two instances of a name":   core.HostPut{Row: core.HostRow{ID: 11, Environment: 3, Name: "i-1"}},
	} {
		if err := s.Commit(ctx, store.Round{Number: 5, Changes: []core.Change{c}}); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
}
