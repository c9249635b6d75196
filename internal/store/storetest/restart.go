package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/store"
)

func testReopen(t *testing.T, h Harness) {
	s := h.Open(t)
	w := newWorld(t, s)
	w.setUp(2)
	w.do(submission(1, 0), submission(2, 4), submission(3, 0))
	w.place(2)
	w.do(w.end(0))
	ref1, ref2 := ref(1), ref(2)
	before := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref1, ref2}))
	shut(t, s)

	s = h.Open(t)
	w.stores[0] = s
	w.check()
	same(t, "jobs after a restart", before, must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref1, ref2})))
	w.state = w.load(s)
	w.do(submission(4, 0), core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 2000, MemoryMiB: 1 << 30}})
	w.place(9)
	w.check()
	shut(t, s)

	s = h.Open(t)
	w.stores[0] = s
	w.check()
	if err := s.Commit(t.Context(), store.Round{Number: w.round}); err != nil {
		t.Errorf("the last round before a restart, again: %v", err)
	}
	if err := s.Commit(t.Context(), store.Round{Number: w.round + 2}); err == nil {
		t.Error("after a restart a gap was accepted")
	}
	shut(t, s)
}

func testLoad(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(4)
	w.check()

	tried := submission(1, 0)
	tried.MaxAttempts, tried.Retry.Rules = 3, []retry.Rule{{OnExitCode: "1"}, {OnReason: "*", Exit: true}}
	timed := submission(2, 0)
	timed.TimeoutSeconds = 60
	w.do(tried, timed, submission(3, 8))
	w.check()
	w.place(4) // jobs 1 and 2, children 0 and 1
	w.check()
	w.do(core.AttemptRunning{Attempt: w.live[1], At: w.now})
	w.check()
	w.do(w.end(1)) // job 1 is tried again
	w.check()
	for _, index := range []int{2, 5, 7} { // 2 is next, the others are ahead
		w.do(core.Terminate{Job: batch.ChildRef(id(3), index), Reason: "gone"})
		w.check()
	}
	w.now += 61_000
	w.do(core.Tick{}, core.Terminate{Job: batch.ChildRef(id(3), 0), Reason: "stop"})
	w.check()
	w.place(9)
	w.check()
	w.do(core.Cancel{Job: ref(3), Reason: "all"})
	w.check()
	for len(w.live) > 0 {
		w.do(w.end(137))
		w.place(9)
		w.check()
	}
	if n := w.load(s).Jobs(); n != 0 {
		t.Errorf("%d jobs are loaded when all have ended", n)
	}
}
