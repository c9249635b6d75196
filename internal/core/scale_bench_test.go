package core

import (
	"fmt"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// BenchmarkScale decides about 10,000 instances in 50 environments, with a
// million jobs of 20 sizes in 50 queues, each of which has two of the
// environments.
func BenchmarkScale(b *testing.B) {
	s := NewState()
	var out Output
	step := func(in Input) {
		b.Helper()
		if err := s.Step(1000, in, &out); err != nil {
			b.Fatal(err)
		}
	}
	const environments, instances, jobs, sizes = 50, 200, 20_000, 20
	for i := range environments {
		step(CreateEnvironment{Name: fmt.Sprintf("e%d", i), Enabled: true, MaxVCPU: 10_000_000, Fleet: &Fleet{
			Types: []string{"optimal"}, Strategy: "BEST_FIT_PROGRESSIVE",
		}})
	}
	id := batch.JobID{}
	for i := range environments {
		q := fmt.Sprintf("q%d", i)
		step(CreateQueue{Name: q, Enabled: true, Priority: 1, Environments: []string{fmt.Sprintf("e%d", i), fmt.Sprintf("e%d", (i+1)%environments)}})
		for j := range jobs {
			n := i*jobs + j
			id[13], id[14], id[15] = byte(n>>16), byte(n>>8), byte(n)
			out.Reset()
			step(Submit{
				ID: id, Queue: q, MaxAttempts: 1,
				Needs: batch.Resources{MilliVCPU: int64(1+j%sizes) * 1000, MemoryMiB: int64(1+j%7) * 1024},
			})
		}
	}
	for _, e := range s.environmentList {
		for range instances {
			h := s.launch(1000, e, "m6i.4xlarge", batch.Resources{MilliVCPU: 16_000, MemoryMiB: 60_000}, 0, &out)
			out.Reset()
			step(HostSeen{Environment: e.row.ID, Host: h.ID, Name: fmt.Sprintf("i-%d", h.ID), Capacity: h.Capacity})
			need := batch.Resources{MilliVCPU: 15_000 + int64(h.ID%10)*100}
			h.environment.hosts.Take(&h.Host, need, fit.Never, h.ID) // what runs there does not matter
		}
	}
	s.lookAtFronts(1000)
	b.ReportMetric(float64(len(s.hosts)), "instances")
	known := s.last.Host
	for b.Loop() {
		c := scaler{State: s, now: 2000, out: &out, rooms: make(map[*environment]*rooms), left: maxLaunches}
		for _, q := range s.queueList {
			c.serve(q)
		}
		b.StopTimer()
		if c.left == maxLaunches {
			b.Fatal("nothing was launched")
		}
		for id := s.last.Host; id > known; id-- {
			s.removeInstance(2000, s.hosts[id], &out)
		}
		known = s.last.Host
		for _, q := range s.queueList {
			q.look = look{}
		}
		out.Reset()
		b.StartTimer()
	}
}
