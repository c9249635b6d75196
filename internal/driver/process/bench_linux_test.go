package process_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// BenchmarkRaw is the floor: fork, exec and wait of /bin/true.
func BenchmarkRaw(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("at=%d", n), func(b *testing.B) {
			jobs(b, n, "", func(context.Context) error {
				p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
				if err == nil {
					_, err = p.Wait()
				}
				return err
			})
		})
	}
}

// BenchmarkDriver is a whole attempt of /bin/true: Start, Wait, Output, Remove.
func BenchmarkDriver(b *testing.B) {
	for _, cgroups := range []string{"off", "auto"} {
		for _, n := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("cgroups=%s/at=%d", cgroups, n), func(b *testing.B) {
				dir := tempDir(b)
				d := open(b, dir, cgroups)
				defer d.Close()
				jobs(b, n, dir, func(ctx context.Context) error {
					id := batch.AttemptID{Job: batch.JobRef{ID: batch.NewJobID(batch.InstantOf(time.Now()))}, Number: 1}.Unit(0)
					return runOne(ctx, d, driver.Spec{
						Unit: id, Command: []string{"/bin/true"},
						Resources: batch.Resources{MilliVCPU: 1000, MemoryMiB: 512},
					})
				})
			})
		}
	}
}

func runOne(ctx context.Context, d driver.Driver, spec driver.Spec) error {
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

// jobs runs b.N jobs, n at once, and reports their rate and the CPU time of
// everybody concerned: ourselves, our children, the runner of dir and its.
func jobs(b *testing.B, n int, dir string, job func(context.Context) error) {
	cpu, own := cpuTime(b, dir), ownCPU(b)
	b.ResetTimer()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := job(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64((cpuTime(b, dir)-cpu).Microseconds())/float64(b.N)/1000, "cpu-ms/job")
	b.ReportMetric(float64((ownCPU(b)-own).Microseconds())/float64(b.N)/1000, "own-cpu-ms/job")
}

// ownCPU is the CPU time of this process alone: in BenchmarkDriver, the
// server's half.
func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func cpuTime(b *testing.B, dir string) time.Duration {
	var all time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	if dir != "" {
		all += runnerCPU(b, dir)
	}
	return all
}
