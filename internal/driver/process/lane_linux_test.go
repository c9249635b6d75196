package process

import (
	"log/slog"
	"syscall"
	"testing"
)

// BenchmarkLane is what limits cost a short process: take, fork inside,
// release, beside a fork without.
func BenchmarkLane(b *testing.B) {
	c := openCgroups("barge-bench", slog.New(slog.DiscardHandler))
	if c == nil {
		b.Skip("no cgroups here")
	}
	defer c.close()
	run := func(b *testing.B, l *lane) {
		pid, err := l.fork("/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := wait(pid); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			run(b, nil)
		}
	})
	b.Run("inside", func(b *testing.B) {
		for b.Loop() {
			l, err := c.take(limits{512, 1000, 0})
			if err != nil {
				b.Fatal(err)
			}
			run(b, l)
			if l.outOfMemory() {
				b.Fatal("out of memory")
			}
			l.release()
		}
	})
}
