package oci_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// BenchmarkContainer is a whole container of /bin/true: Start, Wait, Output, Remove.
// The processor time lacks what the kernel does behind the last process of a
// container.
func BenchmarkContainer(b *testing.B) {
	need(b)
	images := shelf(b)
	for _, runtime := range []string{"crun", "runc"} {
		for _, n := range []int{1, 4, 8, 16} {
			b.Run(fmt.Sprintf("runtime=%s/at=%d", runtime, n), func(b *testing.B) {
				dir := b.TempDir()
				d := open(b, dir, runtime, images)
				defer d.Close()
				if err := runOne(b.Context(), d); err != nil { // which unpacks the image
					b.Fatal(err)
				}
				runner := runnerOf(b, dir)
				ownBefore, before := cpuTime(b, runner)
				b.ResetTimer()
				var next atomic.Int64
				var workers sync.WaitGroup
				for range n {
					workers.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if err := runOne(b.Context(), d); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				workers.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "containers/s")
				ownAfter, after := cpuTime(b, runner)
				b.ReportMetric(float64((after-before).Microseconds())/float64(b.N)/1000, "cpu-ms/container")
				b.ReportMetric(float64((ownAfter-ownBefore).Microseconds())/float64(b.N)/1000, "own-cpu-ms/container")
			})
		}
	}
}

func runOne(ctx context.Context, d driver.Driver) error {
	spec := driver.Spec{
		Unit: newUnit(), Image: testImage, Command: []string{"/bin/true"},
		Resources: batch.Resources{MilliVCPU: 1000, MemoryMiB: 512}, MaxProcesses: 4096,
	}
	if err := d.Start(ctx, spec); err != nil {
		return err
	}
	exit, err := d.Wait(ctx, spec.Unit)
	if err == nil && (exit.Code == nil || *exit.Code != 0) {
		err = fmt.Errorf("exit is %+v", exit)
	}
	if err == nil {
		err = d.Output(ctx, spec.Unit, 0, func(driver.Line) error { return nil })
	}
	if err == nil {
		err = d.Remove(ctx, spec.Unit)
	}
	return err
}

// cpuTime is what we and the runner have used, with what the runner has reaped.
func cpuTime(b *testing.B, runner int) (own, all time.Duration) {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	own = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", runner))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:15] { // user and system, its own and of its children
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return own, own + time.Duration(ticks)*10*time.Millisecond
}
