package core

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

// TestCalm runs steady and sawtooth loads for a day each: instances come and go
// with fewer than one reversal in ten minutes.
func TestCalm(t *testing.T) {
	t.Parallel()
	const minute, day = 60_000, 24 * 60 * 60_000
	for _, c := range []struct {
		name           string
		period, height batch.Instant // of the saw, and how many jobs come in a minute at its top
	}{
		{"steady", 0, 6},
		{"a saw of 4 minutes", 4 * minute, 12},
		{"a saw of 8 minutes", 8 * minute, 12},
		{"a saw of 15 minutes", 15 * minute, 12},
		{"a saw of 25 minutes", 25 * minute, 12},
		{"a saw of an hour", 60 * minute, 12},
		{"a saw of six hours", 360 * minute, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			rng := rand.New(rand.NewPCG(1, 2))
			l.step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 256_000, Fleet: &Fleet{Types: []string{"optimal"}, Strategy: "BEST_FIT_PROGRESSIVE"}})
			l.step(CreateQueue{Name: "q", Enabled: true, Priority: 1, Environments: []string{"e"}})
			for l.now < day {
				rate := c.height
				if c.period > 0 {
					rate = c.height * (l.now % c.period) / c.period
				}
				for range rng.Int64N(int64(2*rate) + 1) {
					l.submit("q", batch.Resources{MilliVCPU: 1000 * (1 + rng.Int64N(4)), MemoryMiB: 1024}, batch.Instant(rng.Int64N(5*minute)))
				}
				l.run(l.now + minute)
			}
			if tenths := int(day / (10 * minute)); l.turns >= tenths {
				t.Errorf("%d reversals in %d times ten minutes", l.turns, tenths)
			}
			t.Logf("%d jobs, %d reversals in a day, %d decisions, %d %% used", l.jobs, l.turns, len(l.decisions), 100*l.used/l.paid)
		})
	}
}

// TestFleets does anything to an environment of instances. It never has more than
// its limit and one instance, has minvCpus soon, gives up on instances that do
// not come, and terminates none that holds a job.
func TestFleets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const minute = 60_000
		l := newLab(t)
		strategy := rapid.SampledFrom([]string{"BEST_FIT", "BEST_FIT_PROGRESSIVE", "SPOT_CAPACITY_OPTIMIZED"}).Draw(t, "strategy")
		fleet := Fleet{Types: []string{"m5", "c5"}, Strategy: strategy, Spot: strategy == "SPOT_CAPACITY_OPTIMIZED", MinVCPU: 1000 * rapid.Int64Range(0, 8).Draw(t, "min")}
		const limit, largest = 32_000, 96_000
		over := int64(limit)
		if strategy != "BEST_FIT" {
			over += largest
		}
		failures := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 20).Draw(t, "boots")
		launched := make(map[int64]batch.Instant)
		l.boot = func(e Launch) (batch.Instant, *LaunchFailed) {
			launched[e.Host] = l.now
			switch n := failures[len(launched)%len(failures)]; n {
			case 0:
				return -1, nil
			case 1, 2:
				return 5000, &LaunchFailed{Kind: LaunchFailure(n)}
			default:
				return batch.Instant(n) * 10_000, nil
			}
		}
		steps := 0
		e := func() *environment { return l.s.environmentNames["e"] }
		l.always = func() {
			if f := e().fleet; f.have+f.draining > over {
				t.Fatalf("at %d s there are %d vCPUs", l.now/1000, (f.have+f.draining)/1000)
			}
			if steps++; steps%16 != 0 {
				return
			}
			if err := l.s.Check(); err != nil {
				t.Fatalf("at %d s: %v", l.now/1000, err)
			}
		}
		l.step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: limit, Fleet: &fleet})
		l.step(CreateQueue{Name: "q", Enabled: true, Priority: 1, Environments: []string{"e"}})
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "jobs") {
					need := batch.Resources{MilliVCPU: 1000 * rapid.Int64Range(1, 24).Draw(t, "vcpus"), MemoryMiB: 1024 * rapid.Int64Range(1, 8).Draw(t, "GiB")}
					l.submit("q", need, batch.Instant(rapid.Int64Range(1, 30*minute).Draw(t, "takes")))
				}
			},
			"wait": func(t *rapid.T) { l.run(l.now + batch.Instant(rapid.Int64Range(1, 20*minute).Draw(t, "ms"))) },
			"interrupt": func(t *rapid.T) {
				if hosts := e().hosts.Hosts(); len(hosts) > 0 {
					h := hosts[rapid.IntRange(0, len(hosts)-1).Draw(t, "which")]
					l.step(HostNotice{Environment: 1, Host: h.ID, At: l.now + 120_000})
				}
			},
			"lose": func(t *rapid.T) {
				if hosts := e().hosts.Hosts(); len(hosts) > 0 {
					h := hosts[rapid.IntRange(0, len(hosts)-1).Draw(t, "which")]
					l.step(HostLost{Environment: 1, Host: h.ID})
				}
			},
			"update": func(t *rapid.T) {
				if e().fleet.row.UpdatedAt == 0 {
					fleet.StopOnUpdate = rapid.Bool().Draw(t, "stop")
					l.step(UpdateEnvironment{Name: "e", Enabled: rapid.Bool().Draw(t, "enabled"), MaxVCPU: limit, Fleet: &fleet, Replace: rapid.Bool().Draw(t, "replace")})
				}
			},
			"": func(t *rapid.T) {
				for id, at := range launched {
					if h := l.s.hosts[id]; h != nil && h.row.State == HostLaunching && l.now > at+launchTimeout {
						t.Fatalf("host %d launches since %d s", id, at/1000)
					}
				}
			},
		})
		// With an end to failures, there is what has to be, and no more.
		failures = []int{9}
		l.run(l.now + 60*minute)
		if e().fleet.row.UpdatedAt == 0 {
			l.step(UpdateEnvironment{Name: "e", Enabled: true, MaxVCPU: limit, Fleet: &fleet})
		}
		l.run(l.now + 24*60*minute)
		f := e().fleet
		if f.have < fleet.MinVCPU || f.row.Invalid != "" {
			t.Fatalf("in the end there are %d vCPUs of %d: %q", f.have, fleet.MinVCPU, f.row.Invalid)
		}
		for _, h := range l.s.hosts {
			if f.have-h.Capacity.MilliVCPU >= fleet.MinVCPU && h.row.State == HostUp && len(h.live) == 0 && l.now > h.idleSince+30*minute {
				t.Fatalf("host %d of %d vCPUs is idle and kept, in state %d, since %d, now %d: %d vCPUs", h.ID, h.Capacity.MilliVCPU, h.row.State, h.idleSince, l.now, f.have)
			}
		}
	})
}
