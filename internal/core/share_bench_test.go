package core

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
)

// newFairBench has one queue with a fair-share policy on one host of that many
// vCPUs, and so many jobs of one vCPU in each of so many shares.
func newFairBench(b *testing.B, vcpus int64, shares, jobs int) *benchState {
	b.Helper()
	s := newBenchState(b, 0, vcpus)
	s.must(b, CreateSchedulingPolicy{Name: "p", Fair: &fair.Policy{Reservation: 10, Weights: []fair.Weight{{Share: "s1*", Factor: 5000}}}})
	s.must(b, CreateQueue{Name: "0", Enabled: true, Environments: []string{"e"}, SchedulingPolicy: "p"})
	for i := range jobs {
		in := s.submit(1)
		in.Needs.MilliVCPU = 1000
		in.Fair = &FairJob{Share: fmt.Sprintf("s%d", i%shares), Priority: int32(i % 7), MaxShares: shares}
		binary.BigEndian.PutUint64(in.ID[:], s.last*0x9e3779b97f4a7c15)
		s.must(b, in)
	}
	return s
}

// BenchmarkFairPlace starts jobs by turns, 1,024 at a time, of a million that wait.
func BenchmarkFairPlace(b *testing.B) {
	for _, shares := range []int{50, 10_000} {
		b.Run(fmt.Sprintf("queued=%d/shares=%d", million, shares), func(b *testing.B) {
			s := newFairBench(b, 2*million, shares, million)
			started := 0
			now := batch.Instant(1_700_000_000_000)
			for b.Loop() {
				s.out.Reset()
				now += 20
				if more := s.Place(now, 1024, &s.out); !more {
					b.Fatal("all jobs have started")
				}
				started += len(s.out.Effects)
			}
			b.ReportMetric(float64(started)/b.Elapsed().Seconds(), "starts/s")
		})
	}
}

// BenchmarkFairMemory is BenchmarkMemory with shares.
func BenchmarkFairMemory(b *testing.B) {
	for _, shares := range []int{50, 10_000} {
		b.Run(fmt.Sprintf("queued=%d/shares=%d", million, shares), func(b *testing.B) {
			var held uint64
			var m runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&m)
				before := m.HeapAlloc
				s := newFairBench(b, 1, shares, million)
				runtime.GC()
				runtime.ReadMemStats(&m)
				held = m.HeapAlloc - before
				runtime.KeepAlive(s)
			}
			b.ReportMetric(float64(held)/million, "B/job")
		})
	}
}
