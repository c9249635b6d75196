package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/store"
)

// testWaits has jobs wait for others, for their next attempt and for a host that
// is lost, and restarts after every commit: also after those that end a job
// before anything that waits for it was told.
func testWaits(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	again := func() {
		t.Helper()
		w.check()
		w.state = w.load(s)
		w.do(core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 3000, MemoryMiB: 1 << 30}})
		w.live = w.live[:0] // all starts were repeated
		w.out.Reset()
		w.do(core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 3000, MemoryMiB: 1 << 30}})
	}
	states := func(what string, want map[batch.JobRef]batch.JobState) {
		t.Helper()
		for ref, state := range want {
			jobs := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref}))
			if len(jobs) != 1 || jobs[0].State != state {
				t.Errorf("%s: job %s is %+v, want %s", what, ref, jobs, state)
			}
		}
	}
	child := func(n byte, index int) batch.JobRef { return batch.ChildRef(id(n), index) }
	after := func(in core.Submit, nToN bool, on ...batch.JobRef) core.Submit {
		for _, ref := range on {
			in.DependsOn = append(in.DependsOn, core.Dependency{Job: ref, NToN: nToN})
		}
		return in
	}
	paused := submission(2, 0)
	paused.MaxAttempts, paused.Retry.Backoff = 2, retry.Backoff{First: 60_000, Factor: 2, Most: 90_000}
	capped := submission(4, 3)
	capped.MaxRunning = 1
	behind := after(submission(5, 3), true, ref(4))
	line := submission(6, 4)
	line.Sequential = true
	w.do(submission(1, 0), paused, after(submission(3, 0), false, ref(1), ref(2)), capped, behind, line,
		after(submission(7, 0), false, child(4, 2)), after(submission(8, 3), false, ref(2)))
	again()
	states("at first", map[batch.JobRef]batch.JobState{
		ref(3): batch.Pending, child(5, 1): batch.Pending, child(6, 0): batch.Runnable, child(6, 1): batch.Pending, ref(7): batch.Pending, child(8, 2): batch.Pending,
	})
	w.place(9) // jobs 1 and 2, one child of 4
	again()
	w.do(w.end(0), w.end(1)) // nobody is told yet
	again()
	w.place(9) // child 0 of 6
	states("2 waits for its second attempt", map[batch.JobRef]batch.JobState{
		ref(1): batch.Succeeded, ref(2): batch.Runnable, ref(3): batch.Pending, child(6, 0): batch.Starting,
	})
	again()
	w.do(core.Cancel{Job: child(5, 2), Reason: "not this one"}, w.end(0)) // child 0 of 4
	again()
	w.place(9)
	states("one child by one", map[batch.JobRef]batch.JobState{
		child(4, 0): batch.Succeeded, child(5, 0): batch.Starting, child(5, 1): batch.Pending, child(5, 2): batch.Pending,
	})
	again()
	w.do(core.HostLost{Environment: 1, Name: "i-1"})
	w.check()
	w.state = w.load(s)
	w.place(0)
	w.check()
	states("what was on a host that is lost", map[batch.JobRef]batch.JobState{
		ref(4): batch.Pending, child(4, 1): batch.Failed, child(5, 0): batch.Failed, child(6, 0): batch.Failed, ref(6): batch.Failed,
		child(5, 1): batch.Failed, child(6, 3): batch.Failed,
	})
	again()
	w.now += 60_000
	w.do(core.Tick{}, core.Terminate{Job: ref(8), Reason: "nor this one"})
	again()
	w.place(9) // job 2, child 2 of 4
	again()
	for len(w.live) > 0 {
		w.do(w.end(1))
		again()
		w.place(9)
	}
	states("in the end", map[batch.JobRef]batch.JobState{
		ref(2): batch.Failed, ref(3): batch.Failed, ref(4): batch.Failed, ref(5): batch.Failed, ref(7): batch.Failed, ref(8): batch.Failed,
	})
	for ref, want := range map[batch.JobRef]string{
		ref(3): "Dependent Job failed", ref(4): "Array Child Job failed", child(5, 2): "not this one", child(6, 3): "Dependent Job failed",
		child(6, 0): "Host EC2 (instance i-1) terminated.", child(8, 1): "nor this one",
	} {
		jobs := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref}))
		if len(jobs) != 1 || jobs[0].StatusReason != want {
			t.Errorf("job %s has failed because of %+v, want %q", ref, jobs, want)
		}
	}
	if n := w.state.Jobs(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}
