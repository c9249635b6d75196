package sim

import (
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/fair"
)

// The queue "q2" has a fair-share policy: one of two, which change all the time.

// fairPolicies are the names of the policies that q2 may have.
func fairPolicies() []string { return []string{"fair", "fairer"} }

func (c *clients) setUpShares() {
	for _, name := range fairPolicies() {
		c.insist(core.CreateSchedulingPolicy{Name: name, Fair: &fair.Policy{}})
	}
	c.insist(c.makeQueue("q2"))
}

// fairPolicy draws what a policy says.
func (c *clients) fairPolicy() *fair.Policy {
	rng := c.w.rng
	p := &fair.Policy{DecaySeconds: []int32{0, 900, 86_400}[rng.IntN(3)], Reservation: []int32{0, 25, 90}[rng.IntN(3)]}
	for _, share := range []string{"a*", "b1", "b2*"} {
		if rng.IntN(2) == 0 {
			p.Weights = append(p.Weights, fair.Weight{Share: share, Factor: 1 + rng.Int64N(30_000)})
		}
	}
	return p
}

// share puts a job into a share of q2.
func (c *clients) share(in *core.Submit) {
	rng := c.w.rng
	share := []string{"a", "a1", "b1", "b2", "b22", "c"}[rng.IntN(6)]
	in.Queue, in.New.Share = "q2", share
	in.Fair = &core.FairJob{Share: share, Priority: rng.Int32N(3), MaxShares: 5}
}

// changeShares changes a policy, or which of them the queue has.
func (c *clients) changeShares() {
	rng := c.w.rng
	name := fairPolicies()[rng.IntN(2)]
	if rng.IntN(2) == 0 {
		settings := core.QueueSettings{Backfill: rng.IntN(2) == 0, MaxRunning: rng.Int32N(3) * 4, ShareMaxRunning: rng.Int32N(3)}
		of := core.Tagged{Kind: core.TagQueue, ID: 1 + rng.Int64N(6)} // if there is one
		c.send(core.PutTags{Of: of, Tags: map[string]string{}, Queue: &settings}, nil)
	}
	if rng.IntN(2) == 0 {
		c.send(core.UpdateSchedulingPolicy{Name: name, Fair: c.fairPolicy()}, nil)
		return
	}
	c.send(core.UpdateQueue{Name: "q2", Enabled: true, Priority: rng.Int32N(20), SchedulingPolicy: name, TimeLimits: timeLimits()}, nil)
}

// policyOf is the policy that an update leaves a queue.
func policyOf(queue string) string {
	if queue == "q2" {
		return fairPolicies()[0]
	}
	return ""
}

// makeQueue makes a queue, or makes it again.
func (c *clients) makeQueue(name string) core.CreateQueue {
	return core.CreateQueue{Name: name, Enabled: true, Priority: 5, Environments: []string{"large"}, SchedulingPolicy: policyOf(name), TimeLimits: timeLimits(), Settings: core.QueueSettings{Backfill: name == "q2"}}
}
