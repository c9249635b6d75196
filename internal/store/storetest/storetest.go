// Package storetest is the conformance suite that every store passes: each
// promise of [store.Store] as a test.
//
// [Run] takes a function that makes a fresh [Harness], once per test. [Same]
// is a property for [rapid.Check]: random inputs to a real core, committed to
// several stores, which have to answer alike and to load what was live.
//
// Rows come from driving a real core.State wherever they can, so that the suite
// tests what is really stored; only what a correct core never does is written
// by hand.
package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// Harness is one data set and what can be done to it.
type Harness struct {
	// Open opens the data set. The suite closes a store before it opens the
	// data set again.
	Open func(t testing.TB) store.Store
	// Fill leaves the open store no space until free is called.
	Fill func(t testing.TB, s store.Store) (free func())
}

// Run runs the suite.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"a new store is empty", testEmpty},
		{"rows come back as they were", testRoundTrip},
		{"jobs are found by reference", testJobs},
		{"a queue is listed newest first", testListQueue},
		{"a queue is listed by name, definition, share and time", testFilters},
		{"an array is listed by index", testListArray},
		{"ended jobs are dropped with all that belongs to them", testDrop},
		{"a gang has nodes", testGang},
		{"events wait in the outbox in their order", testOutbox},
		{"definitions are filtered and paged", testDefinitions},
		{"rounds are numbered without gaps", testNumbers},
		{"a round is applied whole or not at all", testAtomic},
		{"what the state machine forbids is refused", testRefused},
		{"readers see whole rounds", testReaders},
		{"what is committed is there after a restart", testReopen},
		{"active jobs are loaded and ended ones are not", testLoad},
		{"jobs wait for others over restarts", testWaits},
		{"deleted resources leave what jobs refer to", testDeleted},
		{"blocked heads and limits of the time for them", testBlocked},
		{"tags are changed and go", testTags},
		{"jobs are found by what they consume", testConsumers},
		{"service jobs wait in their quota shares", testService},
		{"instances, fleets and decisions", testFleets},
		{"shares keep what they have used", testFairShares},
		{"costs are kept by the hour", testCosts},
		{"a cancelled context is obeyed", testCancelled},
		{"a full store recovers", testFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, fresh(t))
		})
	}
}

// open opens the store of a test that does not reopen it.
func open(t *testing.T, h Harness) store.Store {
	t.Helper()
	s := h.Open(t)
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t tb, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// tb is what *testing.T and *rapid.T share.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// must unwraps the result of a read that may not fail.
func must[T any](t tb) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		return v
	}
}

func same(t tb, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s differ (-want +got):\n%s", what, d)
	}
}

func commit(t tb, s store.Store, number int64, changes ...core.Change) {
	t.Helper()
	if err := s.Commit(context.Background(), store.Round{Number: number, Changes: changes}); err != nil {
		t.Fatalf("commit round %d: %v", number, err)
	}
}

// id makes the nth job id of a test.
func id(n byte) batch.JobID { return batch.JobID{0: 1, 15: n} }

func ref(n byte) batch.JobRef { return batch.JobRef{ID: id(n)} }

func testEmpty(t *testing.T, h Harness) {
	s := open(t, h)
	l := core.NewLoader()
	round, err := s.Load(t.Context(), l)
	if err != nil || round != 0 {
		t.Fatalf("Load: round %d, %v; want 0 of a new store", round, err)
	}
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := state.Fingerprint(), core.NewState().Fingerprint(); got != want {
		t.Errorf("the loaded state is not the empty one")
	}
	ctx := t.Context()
	same(t, "environments", 0, len(must[[]core.EnvironmentRow](t)(s.Environments(ctx))))
	same(t, "queues", 0, len(must[[]core.QueueRow](t)(s.Queues(ctx))))
	same(t, "definitions", 0, len(must[[]core.DefinitionRow](t)(s.Definitions(ctx, store.DefinitionFilter{Limit: 10}))))
	same(t, "definitions by id", 0, len(must[[]core.DefinitionRow](t)(s.DefinitionsByID(ctx, []int64{1}))))
	same(t, "hosts", 0, len(must[[]core.HostRow](t)(s.Hosts(ctx, []int64{1}))))
	same(t, "policies", 0, len(must[[]core.PolicyRow](t)(s.Policies(ctx, []int64{1}))))
	same(t, "service environments", 0, len(must[[]core.ServiceEnvironmentRow](t)(s.ServiceEnvironments(ctx))))
	same(t, "quota shares", 0, len(must[[]core.QuotaShareRow](t)(s.QuotaShares(ctx, 1))))
	same(t, "consumable resources", 0, len(must[[]core.ConsumableRow](t)(s.Consumables(ctx, store.ConsumableFilter{Limit: 10}))))
	same(t, "consumers", 0, len(must[[]store.Job](t)(s.Consumers(ctx, store.ConsumerFilter{Resource: "r", Limit: 10}))))
	same(t, "costs", 0, len(must[[]core.CostRow](t)(s.Costs(ctx, core.CostKey{}, 1<<40, 9))))
	same(t, "costs of jobs", 0, len(must[[]store.JobCost](t)(s.JobCosts(ctx, store.CostFilter{Until: 1 << 60, Limit: 9}))))
	same(t, "outbox", 0, len(must[[]core.Event](t)(s.Outbox(ctx, core.Mark{}, 9))))
	same(t, "baskets", 0, len(must[[]core.BasketRow](t)(s.Baskets(ctx, []int64{1}))))
	same(t, "jobs", 0, len(must[[]store.Job](t)(s.Jobs(ctx, []batch.JobRef{ref(1), batch.ChildRef(id(1), 0)}))))
	same(t, "a queue's jobs", 0, len(must[[]store.Job](t)(s.ListJobs(ctx, store.JobFilter{Queue: 1, State: batch.Runnable, Limit: 10}))))
	same(t, "an array's jobs", 0, len(must[[]store.Job](t)(s.ListJobs(ctx, store.JobFilter{Parent: id(1), State: batch.Runnable, Limit: 10}))))
}
