package core

import (
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
)

// newScheduleBench has a queue with fair shares on 10,000 hosts of 16 vCPUs, and a
// million jobs of 16 sizes in 1,000 shares that wait in it.
func newScheduleBench(b *testing.B, settings QueueSettings) *benchState {
	b.Helper()
	const hosts, shares = 10_000, 1_000
	s := &benchState{State: NewState()}
	s.must(b, CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: hosts * 16_000})
	for i := range hosts {
		s.must(b, HostSeen{Environment: 1, Name: fmt.Sprint(i), Capacity: batch.Resources{MilliVCPU: 16_000, MemoryMiB: 64_000}})
	}
	s.must(b, CreateSchedulingPolicy{Name: "p", Fair: &fair.Policy{}})
	s.must(b, CreateQueue{Name: "0", Enabled: true, Environments: []string{"e"}, SchedulingPolicy: "p", Settings: settings})
	for i := range million {
		in := s.submit(1)
		in.Needs = batch.Resources{MilliVCPU: int64(1+i%4) * 1000, MemoryMiB: int64(1+i/4%4) * 1000}
		in.Fair = &FairJob{Share: fmt.Sprintf("s%d", i%shares), MaxShares: shares}
		s.must(b, in)
	}
	return s
}

// BenchmarkSchedule fills the hosts and then, for each attempt that ends, places what
// fits: a cycle of the scheduler. The time of all but one in a hundred is below p99.
func BenchmarkSchedule(b *testing.B) {
	for _, backfill := range []bool{false, true} {
		b.Run(fmt.Sprintf("queued=%d/hosts=10000/backfill=%t", million, backfill), func(b *testing.B) {
			s := newScheduleBench(b, QueueSettings{Backfill: backfill})
			now := batch.Instant(1_700_000_000_000)
			var live []batch.AttemptID
			place := func() (started int) {
				for more := true; more; {
					s.out.Reset()
					more = s.Place(now, 1024, &s.out)
					for _, e := range s.out.Effects {
						if start, ok := e.(Start); ok {
							live = append(live, start.Attempt)
							started++
						}
					}
				}
				return started
			}
			began := time.Now()
			fills := float64(place()) / time.Since(began).Seconds()
			zero, started := int32(0), 0
			var took []time.Duration
			for b.Loop() {
				now++
				id := live[0]
				live = live[1:]
				began = time.Now()
				s.must(b, AttemptEnded{Attempt: id, StartedAt: now, StoppedAt: now, ExitCode: &zero})
				started += place()
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(fills, "fills/s")
			b.ReportMetric(float64(started)/b.Elapsed().Seconds(), "starts/s")
		})
	}
}

// BenchmarkUnplaceable is BenchmarkLife behind a queue of a higher priority with so
// many jobs that fit nowhere. The garbage collector rests: what a large heap costs it
// is another question.
func BenchmarkUnplaceable(b *testing.B) {
	for _, ahead := range []int{0, million} {
		b.Run(fmt.Sprintf("ahead=%d", ahead), func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			s := newBenchState(b, 2, 2)
			for range ahead {
				in := s.submit(2)
				in.Queue, in.Needs.MilliVCPU = queueNames[1], 4000
				s.must(b, in)
			}
			low := s.submit(2)
			low.Queue = queueNames[0]
			for b.Loop() {
				s.last++
				low.ID[7]++
				low.ID[6] = byte(s.last >> 8)
				low.ID[5] = byte(s.last >> 16)
				s.must(b, low)
				s.Place(1, 1024, &s.out)
				s.life(b)
			}
		})
	}
}
