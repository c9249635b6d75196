package simulate

import (
	"cmp"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// easy is the yardstick: EASY backfilling as in the textbook, on plain arrays, with
// nothing of the core. Without backfill it is a queue whose first job holds up all.
//
// A. W. Mu'alem, D. G. Feitelson: Utilization, Predictability, Workloads, and User
// Runtime Estimates in Scheduling the IBM SP2 with Backfilling. IEEE TPDS 12 (2001).
type easy struct {
	jobs     []easyJob
	free     int64
	running  []int // jobs, by the end that is expected
	queue    []int // jobs, by submission
	backfill bool
}

// easyJob is a job; times are milliseconds.
type easyJob struct {
	submit, runtime, estimate int64
	size                      int64
	start                     int64
	end                       int64
}

func newEasy(s Scenario, backfill bool) *easy {
	e := &easy{free: s.Environments[0].Capacity.MilliVCPU / 1000, backfill: backfill}
	for _, j := range s.Jobs {
		e.jobs = append(e.jobs, easyJob{
			submit: j.Submit, runtime: min(j.Runtime, int64(j.Limit)*1000), estimate: int64(j.Limit) * 1000, size: j.Needs.MilliVCPU / 1000,
		})
	}
	return e
}

func (e *easy) run() {
	arrived := 0
	for arrived < len(e.jobs) || len(e.running) > 0 {
		now := int64(math.MaxInt64)
		if arrived < len(e.jobs) {
			now = e.jobs[arrived].submit
		}
		for _, i := range e.running {
			now = min(now, e.jobs[i].end)
		}
		e.running = slices.DeleteFunc(e.running, func(i int) bool {
			if e.jobs[i].end > now {
				return false
			}
			e.free += e.jobs[i].size
			return true
		})
		for ; arrived < len(e.jobs) && e.jobs[arrived].submit <= now; arrived++ {
			e.queue = append(e.queue, arrived)
		}
		e.schedule(now)
	}
}

func (e *easy) schedule(now int64) {
	n := 0
	for ; n < len(e.queue) && e.jobs[e.queue[n]].size <= e.free; n++ {
		e.start(now, e.queue[n])
	}
	e.queue = e.queue[n:]
	if !e.backfill || len(e.queue) == 0 || e.free == 0 {
		return
	}
	// When will the first job have enough, and what will be left beside it then?
	head := e.jobs[e.queue[0]].size
	available, shadow, extra := e.free, int64(math.MaxInt64), int64(0)
	for _, i := range e.running {
		available += e.jobs[i].size
		if available >= head {
			shadow, extra = e.jobs[i].start+e.jobs[i].estimate, available-head
			break
		}
	}
	for k := 1; k < len(e.queue) && e.free > 0; k++ {
		j := &e.jobs[e.queue[k]]
		inTime := now+j.estimate <= shadow
		if j.size > e.free || !inTime && j.size > extra {
			continue
		}
		if !inTime {
			extra -= j.size
		}
		e.start(now, e.queue[k])
		e.queue = slices.Delete(e.queue, k, k+1)
		k--
	}
}

func (e *easy) start(now int64, i int) {
	j := &e.jobs[i]
	j.start, j.end = now, now+j.runtime
	e.free -= j.size
	at, _ := slices.BinarySearchFunc(e.running, now+j.estimate, func(i int, end int64) int { return cmp.Compare(e.jobs[i].start+e.jobs[i].estimate, end+1) })
	e.running = slices.Insert(e.running, at, i)
}

// measure returns the mean bounded slowdown and the utilization of so many
// processors.
func (e *easy) measure(size int64) (slowdown, utilization float64) {
	var used, last int64
	for _, j := range e.jobs {
		slowdown += max(1, float64(j.end-j.submit)/float64(max(j.runtime, 10_000)))
		used += j.runtime * j.size
		last = max(last, j.end)
	}
	return slowdown / float64(len(e.jobs)), float64(used) / float64(size*(last-e.jobs[0].submit))
}

// workloads are the traces with machines on which jobs have to wait. LCG-2005's jobs
// have a processor each and would need 1,581 all the time, so that on 1,600 thousands
// wait for days; it ran on 24,515.
func workloads(t *testing.T, do func(t *testing.T, s Scenario, size int64)) {
	t.Run("HPC2N", func(t *testing.T) {
		t.Parallel()
		do(t, scenarioOf(t, hpc2n(t), 240), 240)
	})
	t.Run("LCG-2005", func(t *testing.T) {
		t.Parallel()
		do(t, scenarioOf(t, openTrace(t, lcgTrace(t)), 1600), 1600)
	})
}

// lcgTrace is the path of LCG-2005, without which the test is skipped unless it is
// required.
func lcgTrace(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BARGE_LCG_TRACE")
	if path == "" {
		if strings.Contains(","+os.Getenv("BARGE_REQUIRE")+",", ",traces,") {
			t.Fatal("BARGE_LCG_TRACE is not set")
		}
		t.Skip("BARGE_LCG_TRACE is the path of LCG-2005 in the Standard Workload Format")
	}
	return path
}

// TestStrict: without backfill every job starts when the textbook says.
func TestStrict(t *testing.T) {
	t.Parallel()
	workloads(t, func(t *testing.T, s Scenario, size int64) {
		e := newEasy(s, false)
		e.run()
		r := mustRun(t, s.With(Strict))
		for i, j := range e.jobs {
			if got, want := r.Starts[i].Start, float64(j.start)/1000; got != want {
				t.Fatalf("job %s starts after %v s, want %v", r.Starts[i].Job, got, want)
			}
		}
		slowdown, utilization := e.measure(size)
		if math.Abs(slowdown-r.MeanBoundedSlowdown) > 1e-6*slowdown || math.Abs(utilization-r.Utilization) > 1e-9 {
			t.Errorf("mean bounded slowdown %v and utilization %v, want %v and %v", r.MeanBoundedSlowdown, r.Utilization, slowdown, utilization)
		}
	})
}

// TestBackfill: backfilling is no worse than the textbook's, by the mean bounded
// slowdown and by utilization, and better than none where jobs are of several sizes.
func TestBackfill(t *testing.T) {
	t.Parallel()
	workloads(t, func(t *testing.T, s Scenario, size int64) {
		e := newEasy(s, true)
		e.run()
		slowdown, utilization := e.measure(size)
		r := mustRun(t, s.With(Backfill))
		t.Logf("mean bounded slowdown %.4f, the textbook's %.4f; utilization %.6f, the textbook's %.6f", r.MeanBoundedSlowdown, slowdown, r.Utilization, utilization)
		if r.MeanBoundedSlowdown > slowdown*(1+1e-9) || r.Utilization < utilization*(1-1e-9) {
			t.Error("the textbook is better")
		}
	})
}
