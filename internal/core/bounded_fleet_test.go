package core

import (
	"fmt"
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// TestBoundedFleet has six thousand instances come, and go in each way that there
// is: no call does more than a few slices of it, and the rest goes on after a
// restart.
func TestBoundedFleet(t *testing.T) {
	t.Parallel()
	const many = 6000
	fleet := Fleet{Types: []string{"m5.large"}, StopOnUpdate: true, Strategy: "BEST_FIT_PROGRESSIVE"}
	for _, c := range []struct {
		name  string
		touch []Input
	}{
		{"they are replaced", []Input{UpdateEnvironment{Name: "e", Fleet: &fleet, Replace: true}}},
		{"they are deleted", []Input{
			UpdateQueue{Name: "q", Environments: []string{"other"}}, UpdateEnvironment{Name: "e", Fleet: &fleet}, DeleteEnvironment{Name: "e"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &bounded{t: t, world: newWorld(t)}
			b.step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 2000 * many, Fleet: &fleet})
			b.step(CreateEnvironment{Name: "other", Enabled: true, Fleet: &fleet})
			b.step(CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
			b.step(Submit{ID: batch.JobID{1}, Queue: "q", Size: many, MaxAttempts: 1, Needs: batch.Resources{MilliVCPU: 2000}})
			b.rest()
			for id := int64(1); id <= many; id++ {
				h := b.s.hosts[id]
				if h == nil {
					t.Fatalf("%d instances were launched, not %d", id-1, many)
				}
				b.step(HostSeen{Environment: 1, Host: id, Name: fmt.Sprint("i-", id), Capacity: h.Capacity})
			}
			b.rest()
			for _, in := range c.touch {
				b.step(in)
			}
			b.rest()
			if len(b.stops) != many {
				t.Errorf("%d jobs are stopped, not %d", len(b.stops), many)
			}
			for _, a := range b.stops {
				b.step(AttemptEnded{Attempt: a, StatusReason: "no"})
			}
			b.rest()
			for id := range b.rows.hosts {
				b.step(HostLost{Environment: 1, Host: id})
			}
			b.rest()
			if len(b.s.hosts) != 0 || b.s.Jobs() != 0 || b.s.environmentNames["e"] != nil && b.s.environmentNames["e"].fleet.row.UpdatedAt != 0 {
				t.Errorf("%d instances and %d jobs are left", len(b.s.hosts), b.s.Jobs())
			}
		})
	}
}

// rest places, and lets the clock tick, until nothing happens at once, with a
// restart after each step.
func (b *bounded) rest() {
	b.t.Helper()
	for n := 0; ; n++ {
		if n > 100 {
			b.t.Fatal("it never rests")
		}
		more := b.place(2000)
		if at, ok := b.s.NextDeadline(); ok && at <= b.now {
			b.step(Tick{})
			more = true
		}
		if !more {
			return
		}
		if n%4 == 3 {
			here := make(map[int64]batch.Resources)
			for id, h := range b.s.hosts {
				if h.here {
					here[id] = h.Capacity
				}
			}
			b.reload()
			for id, h := range b.s.hosts {
				if size, ok := here[id]; ok && h.row.State != HostTerminating {
					b.step(HostSeen{Environment: 1, Host: id, Name: h.row.Name, Capacity: size})
				}
			}
		}
	}
}
