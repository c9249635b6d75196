package core

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
)

// TestPrices follows a series of Spot prices. Nothing is launched while the price
// is above the bid; when it rises above, instances have two minutes and are gone
// with their jobs, which are tried again when it falls.
func TestPrices(t *testing.T) {
	t.Parallel()
	types, err := catalog.Builtin().With([]byte(`{"instanceTypes": [{"instanceType": "m5.large", "spotPrices": [
		{"from": "1970-01-01T00:00:00Z", "usdPerHour": 0.09}, {"from": "1970-01-01T01:00:00Z", "usdPerHour": 0.04},
		{"from": "1970-01-01T03:00:00Z", "usdPerHour": 0.08}, {"from": "1970-01-01T04:00:00Z", "usdPerHour": 0.02}]}]}`), false)
	if err != nil {
		t.Fatal(err)
	}
	const minute, hour = 60_000, 60 * 60_000
	l := newLab(t)
	l.s.scaling.Catalog = types
	l.now = minute
	l.step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 8000, Fleet: &Fleet{
		Types: []string{"m5.large"}, Strategy: "SPOT_CAPACITY_OPTIMIZED", Spot: true, BidPercent: 50, // of 0.096
	}})
	l.step(CreateQueue{Name: "q", Enabled: true, Priority: 1, Environments: []string{"e"}})
	l.submit("q", batch.Resources{MilliVCPU: 1000}, 10*hour)
	l.always = func() {
		if err := l.s.Check(); err != nil {
			t.Fatalf("at %d s: %v", l.now/1000, err)
		}
	}
	var job *job
	for _, j := range l.s.jobs {
		job = j
	}
	have := func(at batch.Instant, vcpus int64, attempt int32, state batch.JobState, limit Limit) {
		t.Helper()
		l.run(at)
		if got := l.s.environmentNames["e"].fleet.have; got != 1000*vcpus || job.attempt != attempt || job.state != state {
			t.Errorf("after %d min there are %d vCPUs, not %d, and the job is %s at attempt %d, not %s at %d", at/minute, got/1000, vcpus, job.state, job.attempt, state, attempt)
		}
		if w, waits := l.s.Why(job.ref)[job.ref]; waits && w.Head.Environments[0].Limit != limit {
			t.Errorf("after %d min the job waits for %s, not for %s", at/minute, w.Head.Environments[0].Limit, limit)
		}
	}
	have(59*minute, 0, 0, batch.Runnable, LimitBid)
	have(62*minute, 2, 1, batch.Starting, "")
	have(3*hour-1, 2, 1, batch.Starting, "")
	have(3*hour+minute/4, 0, 1, batch.Runnable, LimitBid) // its job has stopped in time
	have(4*hour-1, 0, 1, batch.Runnable, LimitBid)
	have(4*hour+2*minute, 2, 2, batch.Starting, "")
}
