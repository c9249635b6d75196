package sqlite

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// BenchmarkLoad loads queued jobs from a database that also has as many ended
// ones. Their number is 100,000, or 1,000,000 with BARGE_BENCH_BIG set.
func BenchmarkLoad(b *testing.B) {
	jobs := 100_000
	if os.Getenv("BARGE_BENCH_BIG") != "" {
		jobs *= 10
	}
	s := openBench(b, b.TempDir())
	h := newHistory(300)
	h.setUp(b, s)
	for done := 0; done < 2*jobs; done += 1000 {
		changes := make([]core.Change, 1000)
		for i := range changes {
			p := h.submit()
			if i%2 == 0 {
				p.Row.State, p.Row.StoppedAt = batch.Succeeded, 1
			}
			changes[i] = p
		}
		h.commit(b, s, changes...)
	}
	b.ReportAllocs()
	before, loads := cpu(b), 0
	for b.Loop() {
		loads++
		if _, err := s.Load(b.Context(), core.NewLoader()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(jobs*loads), "ns/job")
	b.ReportMetric(float64(cpu(b)-before)/float64(jobs*loads), "cpu-ns/job")
}

// cpu is the processor time of the process, which unlike the wall clock does
// not depend on what else the machine does.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
