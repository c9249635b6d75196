package core

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// benchState has queues on one environment with one host of that many vCPUs.
type benchState struct {
	*State
	out  Output
	last uint64 // id given out
}

func newBenchState(b *testing.B, queues int, vcpus int64) *benchState {
	b.Helper()
	s := &benchState{State: NewState()}
	s.must(b, CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: vcpus * 1000})
	s.must(b, HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: vcpus * 1000, MemoryMiB: batch.Unlimited}})
	for i := range queues {
		s.must(b, CreateQueue{Name: fmt.Sprint(i), Enabled: true, Priority: int32(i), Environments: []string{"e"}})
	}
	return s
}

func (s *benchState) must(b *testing.B, in Input) {
	b.Helper()
	s.out.Reset()
	if err := s.Step(1, in, &s.out); err != nil {
		b.Fatal(err)
	}
}

// submit returns a submit to one of the queues, of one of 50 shapes that all
// need two vCPUs.
func (s *benchState) submit(queues int) Submit {
	s.last++
	in := Submit{
		Queue: queueNames[s.last%uint64(queues)], Definition: 1, MaxAttempts: 3, TimeoutSeconds: 3600,
		Needs: batch.Resources{MilliVCPU: 2000, MemoryMiB: int64(1 + s.last%50)},
	}
	binary.BigEndian.PutUint64(in.ID[:], s.last*0x9e3779b97f4a7c15) // spread, as real ones are in a map
	return in
}

var queueNames = []string{"0", "1", "2", "3", "4", "5", "6", "7"}

// fill queues jobs.
func (s *benchState) fill(b *testing.B, jobs, queues int) {
	b.Helper()
	for range jobs {
		s.must(b, s.submit(queues))
	}
}

const million = 1_000_000

// BenchmarkSubmit admits single jobs.
func BenchmarkSubmit(b *testing.B) {
	s := newBenchState(b, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if s.Jobs() == million {
			b.StopTimer()
			s = newBenchState(b, 1, 1)
			b.StartTimer()
		}
		s.must(b, s.submit(1))
	}
}

// life takes the one job that the host has room for from its start, which is
// in s.out, to its end.
func (s *benchState) life(b *testing.B) {
	b.Helper()
	start, ok := s.out.Effects[0].(Start)
	if !ok {
		b.Fatalf("no job was started but %T", s.out.Effects[0])
	}
	zero := int32(0)
	s.must(b, AttemptRunning{Attempt: start.Attempt, At: 1})
	s.must(b, AttemptEnded{Attempt: start.Attempt, StartedAt: 1, StoppedAt: 2, ExitCode: &zero})
	s.out.Reset()
	s.Place(2, 1024, &s.out)
}

// BenchmarkLife submits a job, starts it, has it run and succeed, with that many
// others queued behind it.
func BenchmarkLife(b *testing.B) {
	for _, queued := range []int{0, million} {
		b.Run(fmt.Sprintf("queued=%d", queued), func(b *testing.B) {
			const queues = 8
			s := newBenchState(b, queues, 2)
			s.fill(b, queued, queues)
			s.out.Reset()
			s.Place(1, 1024, &s.out)
			b.ReportAllocs()
			for b.Loop() {
				if queued == 0 {
					s.must(b, s.submit(queues))
					s.Place(1, 1024, &s.out)
				} else {
					first := s.out.Effects[0]
					s.must(b, s.submit(queues))
					s.out.Effects = append(s.out.Effects, first)
				}
				s.life(b)
			}
		})
	}
}

// BenchmarkPlace looks at queues whose heads fit nowhere.
func BenchmarkPlace(b *testing.B) {
	const queues = 8
	b.Run(fmt.Sprintf("queued=%d/queues=%d/blocked", million, queues), func(b *testing.B) {
		s := newBenchState(b, queues, 1)
		s.fill(b, million, queues)
		b.ReportAllocs()
		for b.Loop() {
			s.out.Reset()
			if s.Place(1, 1024, &s.out); len(s.out.Effects) > 0 {
				b.Fatal("something was started")
			}
		}
	})
}

// BenchmarkArray ends arrays of 10,000 children: cancelled before any child has
// started, and terminated while all of them run, until all are told to stop.
func BenchmarkArray(b *testing.B) {
	const size = 10_000
	for _, kind := range []string{"cancel/queued", "terminate/running"} {
		b.Run(fmt.Sprintf("%s/children=%d", kind, size), func(b *testing.B) {
			room := int64(1)
			if kind == "terminate/running" {
				room = batch.Unlimited / 2000
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				s := newBenchState(b, 1, room)
				in := s.submit(1)
				in.Size = size
				s.must(b, in)
				for s.Place(1, 1024, &s.out) {
				}
				ref := batch.JobRef{ID: in.ID}
				b.StartTimer()
				if kind == "cancel/queued" {
					s.must(b, Cancel{Job: ref, Reason: "enough"})
					continue
				}
				s.must(b, Terminate{Job: ref, Reason: "enough"})
				for s.Place(2, 1024, &s.out) {
				}
				if got := len(s.out.Effects); got != size {
					b.Fatalf("%d of %d children are told to stop", got, size)
				}
			}
		})
	}
}

// BenchmarkMemory queues a million jobs and reports what the core holds of each.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	b.Run(fmt.Sprintf("queued=%d", million), func(b *testing.B) {
		var held uint64
		for b.Loop() {
			b.StopTimer()
			before := heap()
			b.StartTimer()
			s := newBenchState(b, 8, 1)
			s.fill(b, million, 8)
			b.StopTimer()
			held = heap() - before
			runtime.KeepAlive(s)
			b.StartTimer()
		}
		b.ReportMetric(float64(held)/million, "B/job")
	})
}
