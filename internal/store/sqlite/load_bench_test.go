package sqlite

import (
	"os"
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
	for b.Loop() {
		l := core.NewLoader()
		started := time.Now()
		if _, err := s.Load(b.Context(), l); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(started).Seconds()*1e9/float64(jobs), "ns/job")
	}
}
