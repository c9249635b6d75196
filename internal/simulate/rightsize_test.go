package simulate

import (
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// TestRightSize: of instances that hold one process each, nobody can do with fewer
// vCPU-seconds than the processes use, whatever is known of them before; what the
// core launches is at most 5 % more, and nothing waits longer than for the next
// look and an instance to boot.
func TestRightSize(t *testing.T) {
	t.Parallel()
	workloads(t, func(t *testing.T, s Scenario, _ int64) {
		const boot, look = 60, 10
		var processes []Job
		for _, j := range s.Jobs {
			n := j.Needs.MilliVCPU / 1000
			j.Needs, j.Limit = batch.Resources{MilliVCPU: 1000, MemoryMiB: 1}, 0
			for range n {
				processes = append(processes, j)
			}
		}
		s.Jobs = processes
		s.Environments[0].Capacity, s.Environments[0].Largest = batch.Resources{MilliVCPU: 100_000_000}, 1
		s.Environments[0].Fleet = &core.Fleet{Types: []string{"m6g.medium"}, Strategy: "BEST_FIT_PROGRESSIVE"}
		s.Environments[0].Boot = spread{From: boot * span(time.Second), To: boot * span(time.Second)}
		r := mustRun(t, s)
		e := r.Environments[0]
		t.Logf("%d processes on %d instances, %.1f %% of what was there was used, the longest wait is %.0f s", len(processes), e.Instances, 100*e.Used/e.Capacity, r.MaxWait)
		if e.Capacity > 1.05*e.Used {
			t.Errorf("there were %.0f vCPU-seconds for %.0f", e.Capacity, e.Used)
		}
		if r.MaxWait > boot+look {
			t.Errorf("a process waited for %.0f s", r.MaxWait)
		}
	})
}
