package core

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
)

// TestSharesOfAnInstance: what jobs beside each other on an instance are charged
// with is never more than the instance costs, and all of it where they leave
// nothing.
func TestSharesOfAnInstance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := NewState()
		typ := rapid.SampledFrom([]string{"m5.large", "r5.24xlarge", "g4dn.12xlarge", "c7g.medium", "u7in-32tb.224xlarge"}).Draw(t, "type")
		offered := catalog.Builtin().Type(typ).Spot
		capacity := catalog.Builtin().Type(typ).Usable()
		e := &environment{}
		h := &host{environment: e, row: HostRow{Type: typ, Spot: offered && rapid.Bool().Draw(t, "spot")}}
		h.Capacity = capacity
		to := batch.Instant(rapid.Int64Range(0, 1<<40).Draw(t, "time"))
		whole := InstanceCost(s.types(), typ, h.row.Spot, 0, to)
		free, sum := capacity, new(batch.Cost)
		jobs := int64(0)
		charge := func(need batch.Resources) {
			free, jobs = free.Sub(need), jobs+1
			sum = sum.Plus(s.price(h, need, 0, to))
		}
		for range rapid.IntRange(0, 6).Draw(t, "jobs") {
			charge(batch.Resources{
				MilliVCPU: rapid.Int64Range(0, free.MilliVCPU).Draw(t, "vCPUs"), MemoryMiB: rapid.Int64Range(0, free.MemoryMiB).Draw(t, "memory"),
				GPUs: rapid.Int64Range(0, free.GPUs).Draw(t, "GPUs"),
			})
		}
		full := rapid.Bool().Draw(t, "full")
		if full && free != (batch.Resources{}) {
			charge(free)
		}
		if sum.NanoUSD > whole.NanoUSD || sum.OnDemand > whole.OnDemand {
			t.Fatalf("%d jobs cost %v of %v", jobs, *sum, *whole)
		}
		if full && sum.NanoUSD < whole.NanoUSD-jobs {
			t.Fatalf("%d jobs that leave nothing cost %v of %v", jobs, *sum, *whole)
		}
	})
}
