package storetest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/fair"
	"github.com/bargehq/barge/internal/store"
)

// fairSetUp makes a policy "fair" and a queue "shares" with it.
func (w *world) fairSetUp() {
	w.t.Helper()
	w.do(core.CreateSchedulingPolicy{Name: "fair", Fair: &fair.Policy{DecaySeconds: 700, Reservation: 5, Weights: []fair.Weight{{Share: "a*", Factor: 20_000}}}},
		core.CreateQueue{Name: "shares", Enabled: true, Environments: []string{"e"}, SchedulingPolicy: "fair"})
}

// fairSubmission is a job of a share.
func fairSubmission(n byte, size int32, share string, priority int32) core.Submit {
	in := submission(n, size)
	in.Queue, in.New.Share = "shares", share
	in.Fair = &core.FairJob{Share: share, Priority: priority, MaxShares: 3}
	return in
}

// testFairShares: what shares have used is there after a restart, and so are the
// shares and priorities of jobs; those of children too, with a row and without.
func testFairShares(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(2)
	w.fairSetUp()
	w.do(fairSubmission(1, 0, "a", 7), fairSubmission(2, 3, "b", 1), fairSubmission(3, 0, "a1", 9))
	w.place(10)
	w.check()
	w.now += 100_000
	w.do(w.end(0))
	w.place(10)
	w.check()
	w.do(core.UpdateSchedulingPolicy{Name: "fair", Fair: &fair.Policy{DecaySeconds: 86_400}})
	w.place(10)
	w.check()

	ctx := t.Context()
	jobs := must[[]store.Job](t)(s.Jobs(ctx, []batch.JobRef{ref(1), batch.ChildRef(id(2), 0), batch.ChildRef(id(2), 2), ref(3)}))
	type what struct {
		Priority int32
		ID       int64
		Share    string
	}
	var got []what
	for _, j := range jobs {
		got = append(got, what{j.Priority, j.FairShare, j.Share})
	}
	same(t, "shares", []what{{7, 1, "a"}, {1, 2, "b"}, {1, 2, "b"}, {9, 3, "a1"}}, got)
	policies := must[[]core.SchedulingPolicyRow](t)(s.SchedulingPolicies(ctx))
	same(t, "a policy", &fair.Policy{DecaySeconds: 86_400}, policies[0].Fair)

	w.do(core.UpdateQueue{Name: "shares", SchedulingPolicy: "fair"}, core.DeleteQueue{Name: "shares"})
	for range 3 {
		w.place(10)
		for len(w.live) > 0 {
			w.do(w.end(1))
		}
	}
	w.place(10)
	w.check()
}

// shares draws inputs about shares.
func (c *chaos) shares(t *rapid.T) {
	share := rapid.SampledFrom([]string{"a", "b", "a1", "c"}).Draw(t, "share")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0, 1, 2:
		size := rapid.SampledFrom([]int32{0, 0, 3}).Draw(t, "size")
		in := fairSubmission(byte(len(c.jobs)+1), size, share, rapid.Int32Range(0, 2).Draw(t, "priority"))
		if c.step(in) == nil {
			c.jobs = append(c.jobs, in)
		}
	case 3:
		c.try(core.UpdateSchedulingPolicy{Name: "fair", Fair: &fair.Policy{
			DecaySeconds: rapid.Int32Range(0, 2000).Draw(t, "decay"), Weights: []fair.Weight{{Share: share + "*", Factor: rapid.Int64Range(1, 20_000).Draw(t, "weight")}},
		}})
	case 4:
		c.now += batch.Instant(rapid.Int64Range(0, 900_000).Draw(t, "time"))
	case 5:
		c.try(core.UpdateQueue{Name: "shares", Enabled: true, Environments: []string{"e"}, SchedulingPolicy: "fair", Priority: rapid.Int32Range(0, 9).Draw(t, "priority")})
	}
}
