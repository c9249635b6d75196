package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// openBench opens a store with its checkpoints running beside the commits.
func openBench(b testing.TB, dir string) *Store {
	b.Helper()
	s, err := Open(b.Context(), Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// history makes the rounds of jobs that live a whole life.
type history struct {
	round, seq int64
	spec       []byte
	started    time.Time
}

func newHistory(spec int) *history {
	return &history{spec: make([]byte, spec), started: time.Now()}
}

func (h *history) commit(b testing.TB, s *Store, changes ...core.Change) {
	b.Helper()
	h.round++
	if err := s.Commit(b.Context(), store.Round{Number: h.round, Changes: changes}); err != nil {
		b.Fatal(err)
	}
}

func (h *history) setUp(b testing.TB, s *Store) {
	b.Helper()
	h.commit(b, s,
		core.EnvironmentPut{Row: core.EnvironmentRow{ID: 1, Name: "e", CreatedAt: 1}},
		core.QueuePut{Row: core.QueueRow{ID: 1, Name: "q", Environments: []int64{1}, CreatedAt: 1}},
		core.HostPut{Row: core.HostRow{
			ID: 1, Environment: 1, Name: "h", SeenAt: 1,
			Capacity: batch.Resources{MilliVCPU: batch.Unlimited, MemoryMiB: batch.Unlimited},
		}})
}

func (h *history) submit() core.JobPut {
	h.seq++
	id := batch.NewJobID(batch.InstantOf(h.started) + batch.Instant(h.seq/50))
	return core.JobPut{
		Row: core.JobRow{
			Seq: h.seq, Ref: batch.JobRef{ID: id}, Queue: 1, Definition: 1, State: batch.Runnable,
			Needs:       batch.Resources{MilliVCPU: 1000, MemoryMiB: 2048},
			MaxAttempts: 3, TimeoutSeconds: 3600, CreatedAt: batch.InstantOf(h.started) + batch.Instant(h.seq),
		},
		New: &core.NewJob{Name: fmt.Sprintf("nightly-render-%d", h.seq), Spec: h.spec},
	}
}

// BenchmarkSubmit commits rounds of new jobs with specs of 300 bytes.
func BenchmarkSubmit(b *testing.B) {
	for _, size := range []int{1, 16, 64, 128, 1024} {
		b.Run(fmt.Sprintf("round=%d", size), func(b *testing.B) {
			s := openBench(b, b.TempDir())
			h := newHistory(300)
			h.setUp(b, s)
			changes := make([]core.Change, size)
			b.ReportAllocs()
			for b.Loop() {
				for i := range changes {
					changes[i] = h.submit()
				}
				h.commit(b, s, changes...)
			}
			b.ReportMetric(float64(h.seq)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// BenchmarkLife commits four rounds of each group of jobs: submitted, starting,
// running, ended with an attempt.
func BenchmarkLife(b *testing.B) {
	for _, size := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprintf("round=%d", size), func(b *testing.B) {
			s := openBench(b, b.TempDir())
			h := newHistory(300)
			h.setUp(b, s)
			jobs := make([]core.JobRow, size)
			put := func(change func(*core.JobRow)) []core.Change {
				changes := make([]core.Change, size)
				for i := range jobs {
					change(&jobs[i])
					changes[i] = core.JobPut{Row: jobs[i]}
				}
				return changes
			}
			b.ReportAllocs()
			for b.Loop() {
				changes := make([]core.Change, size)
				for i := range jobs {
					p := h.submit()
					jobs[i], changes[i] = p.Row, p
				}
				h.commit(b, s, changes...)
				h.commit(b, s, put(func(j *core.JobRow) { j.State, j.Attempt, j.Host = batch.Starting, 1, 1 })...)
				h.commit(b, s, put(func(j *core.JobRow) { j.State, j.StartedAt = batch.Running, j.CreatedAt+1000 })...)
				zero := int32(0)
				ended := put(func(j *core.JobRow) { j.State, j.StoppedAt, j.ExitCode = batch.Succeeded, j.CreatedAt+9000, &zero })
				for i := range jobs {
					j := &jobs[i]
					ended = append(ended, core.AttemptPut{Row: core.AttemptRow{
						Job: j.Seq, Number: 1, Host: 1, StartedAt: j.StartedAt, StoppedAt: j.StoppedAt, ExitCode: &zero,
					}})
				}
				h.commit(b, s, ended...)
			}
			b.ReportMetric(float64(h.seq)/b.Elapsed().Seconds(), "lives/s")
			b.ReportMetric(5*float64(h.seq)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkAttempt reads what the start of an attempt needs.
func BenchmarkAttempt(b *testing.B) {
	s := openBench(b, b.TempDir())
	h := newHistory(300)
	h.setUp(b, s)
	var changes []core.Change
	refs := make([]batch.JobRef, 1000)
	for i := range refs {
		p := h.submit()
		refs[i], changes = p.Row.Ref, append(changes, p)
	}
	h.commit(b, s, changes...)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		jobs, err := s.Jobs(b.Context(), refs[i%len(refs):][:1])
		if err != nil || len(jobs) != 1 {
			b.Fatal(jobs, err)
		}
		queues, err := s.QueuesByID(b.Context(), []int64{1})
		if err != nil || len(queues) != 1 {
			b.Fatal(queues, err)
		}
		hosts, err := s.Hosts(b.Context(), []int64{1})
		if err != nil || len(hosts) != 1 {
			b.Fatal(hosts, err)
		}
	}
}
