package storetest

import (
	"fmt"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// gang is a job of that many nodes with one vCPU each; the main one is node 1.
func gang(n byte, nodes int32) core.Submit {
	s := submission(n, 0)
	s.Gang = &core.Gang{Size: nodes, Main: 1, Groups: []core.NodeGroup{{Needs: s.Needs}}}
	return s
}

func testGang(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	again := gang(1, 3)
	again.MaxAttempts = 2
	w.do(again, gang(2, 3))
	w.check()
	list := func(n byte, state batch.JobState, limit int, after int32) (names []string) {
		t.Helper()
		f := store.JobFilter{Parent: id(n), Nodes: true, State: state, Limit: limit, After: after}
		for {
			page := must[[]store.Job](t)(s.ListJobs(t.Context(), f))
			for _, j := range page {
				index, _ := j.Ref.Node()
				names = append(names, fmt.Sprintf("%s #%d of %d", j.Name, index, j.Gang.Size))
				f.After = int32(index) + 1
			}
			if len(page) < f.Limit {
				return names
			}
		}
	}
	name := func(n byte, index int) string { return fmt.Sprintf("job-%c #%d of 3", 'a'+rune(n), index) }

	same(t, "nodes of a job that was never started", []string{name(1, 0), name(1, 1), name(1, 2)}, list(1, batch.Runnable, 2, 0))
	same(t, "starting nodes of it", []string(nil), list(1, batch.Starting, 2, 0))
	w.place(9)
	w.check()
	main := w.live[0]
	for _, limit := range []int{1, 2, 9} {
		same(t, "nodes that wait for the main node", []string{name(1, 0), name(1, 2)}, list(1, batch.Runnable, limit, 0))
		same(t, "of them after the first", []string{name(1, 2)}, list(1, batch.Runnable, limit, 1))
	}
	same(t, "the main node", []string{name(1, 1)}, list(1, batch.Starting, 9, 0))
	w.do(core.AttemptRunning{Attempt: main, At: w.now})
	w.check()
	w.do(core.AttemptEnded{Attempt: w.live[1], StoppedAt: w.now, StatusReason: "alone"})
	w.check()
	same(t, "a worker that failed", []string{name(1, 0)}, list(1, batch.Failed, 9, 0))

	// The main node fails and all start again, the failed one too.
	w.do(w.end(1))
	w.check()
	w.do(core.AttemptEnded{Attempt: batch.AttemptID{Job: batch.NodeRef(id(1), 2), Number: 1}, StoppedAt: w.now})
	w.check()
	same(t, "nodes that are to start again", 3, len(list(1, batch.Runnable, 9, 0)))
	w.place(9)
	w.check()
	w.do(core.Terminate{Job: ref(1), Reason: "enough"})
	w.check()
	w.do(core.AttemptEnded{Attempt: batch.AttemptID{Job: main.Job, Number: 2}, StoppedAt: w.now, StartedAt: w.now})
	w.check()
	w.do(core.Terminate{Job: ref(2), Reason: "never started"})
	w.check()

	var got []string
	for _, j := range must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{
		batch.NodeRef(id(2), 2), ref(1), main.Job, batch.NodeRef(id(1), 0), batch.NodeRef(id(1), 3), batch.ChildRef(id(1), 0), batch.NodeRef(id(9), 0),
	})) {
		got = append(got, fmt.Sprintf("%d#%d %s (%s) %q attempts=%d nodes=%d", j.Ref.ID[15], j.Ref.Child, j.State, j.StatusReason, j.Name, len(j.Attempts), j.Gang.Size))
	}
	same(t, "jobs and nodes", []string{
		`2#-3 FAILED (never started) "job-c" attempts=0 nodes=3`,
		`1#0 FAILED (enough) "job-b" attempts=2 nodes=3`,
		`1#-2 FAILED (enough) "job-b" attempts=2 nodes=3`,
		`1#-1 FAILED (enough) "job-b" attempts=1 nodes=3`,
	}, got)
	same(t, "active jobs", 0, w.load(s).Jobs())

	w.do(core.Prune{Jobs: must[[]core.EndedJob](t)(s.Ended(t.Context(), w.now, 9))})
	same(t, "rows of what is forgotten", 0, len(must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref(1), main.Job}))))
	w.do(gang(1, 3)) // nothing is in its way
	w.place(9)
	w.check()
}
