//go:build unix

package logs

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTinyStreams is a job of one line: open, append, flush, close, many
// at a time. The budget is 0.3 ms of CPU each and 2,000 each second.
func BenchmarkTinyStreams(b *testing.B) {
	s := running(b, Options{})
	text := []byte("hello from a job that prints one line")
	before := cpu(b)
	work := make(chan int)
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for i := range work {
				w, err := s.Stream(b.Context(), DefaultGroup, fmt.Sprintf("definition/default/%032x", uint64(i)*0x9e3779b97f4a7c15))
				if err != nil {
					b.Error(err)
					continue
				}
				err1 := w.Append(b.Context(), batch.Instant(1_000_000+i), text, 1)
				err2 := w.Flush(b.Context())
				w.Close()
				if err1 != nil || err2 != nil {
					b.Error(err1, err2)
				}
			}
		})
	}
	n := 0
	for b.Loop() {
		work <- n
		n++
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(n), "cpu-µs/stream")
}

// BenchmarkOneStream is a job that prints as fast as it can. The budget is
// 50,000 lines each second.
func BenchmarkOneStream(b *testing.B) {
	s := running(b, Options{})
	w, err := s.Stream(b.Context(), DefaultGroup, "s")
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	text := []byte("2026-01-01T00:00:00Z INFO step 12345 of the pipeline took 17.3 ms and everything was fine")
	before := cpu(b)
	n := 0
	for b.Loop() {
		if err := w.Append(b.Context(), batch.Instant(n/50), text, int64(n+1)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := w.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(n), "cpu-ns/line")
}

// BenchmarkSearch reads pages of 10,000 events that come from as many streams.
func BenchmarkSearch(b *testing.B) {
	s := openStore(b, Options{MaxPending: 1 << 30})
	for i := range 30_000 {
		w, err := s.Stream(b.Context(), DefaultGroup, fmt.Sprintf("definition/default/%d", i))
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(b.Context(), batch.Instant(i), []byte("hello from a job that prints one line"), 1); err != nil {
			b.Fatal(err)
		}
		w.Close()
	}
	if err := s.commitRound(b.Context()); err != nil {
		b.Fatal(err)
	}
	q := SearchQuery{Group: DefaultGroup}
	for b.Loop() {
		found, mark, err := s.Search(b.Context(), q)
		if err != nil || len(found) != PageEvents {
			b.Fatal(len(found), err)
		}
		q.After = mark
	}
}
