package core

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// TestDeleteLargeQueue deletes a queue with more jobs than one step may end. A
// restart in the middle goes on where it was.
func TestDeleteLargeQueue(t *testing.T) {
	t.Parallel()
	const n = 3*maxSlice + 100
	w := newWorld(t)
	do := func(in Input) {
		t.Helper()
		w.out.Reset()
		if err := w.s.Step(w.now, in, &w.out); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.out.Changes {
			w.rows.apply(c)
		}
	}
	do(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 1000})
	do(CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
	for i := range n {
		do(Submit{ID: batch.JobID{byte(i >> 16), byte(i >> 8), byte(i)}, Queue: "q", MaxAttempts: 1, Needs: batch.Resources{MilliVCPU: 1000}})
	}
	do(UpdateQueue{Name: "q"})
	do(DeleteQueue{Name: "q"})
	slices := 1
	for more := true; more; slices++ {
		if ended := len(w.out.Changes); ended > maxSlice+2 {
			t.Errorf("a slice has %d changes, want at most %d jobs and the queue", ended, maxSlice)
		}
		if err := w.s.Check(); err != nil {
			t.Fatal(err)
		}
		if slices == 2 {
			s, err := w.rows.load(w.s.last)
			if err != nil {
				t.Fatal(err)
			}
			if s.Fingerprint() != w.s.Fingerprint() {
				t.Error("the state loaded in the middle is another one")
			}
			w.s = s
		}
		w.out.Reset()
		more = w.s.Place(w.now, 100, &w.out)
		for _, c := range w.out.Changes {
			w.rows.apply(c)
		}
	}
	if slices < 4 {
		t.Errorf("%d jobs were ended in %d slices", n, slices)
	}
	if w.s.Jobs() != 0 || w.s.queueNames["q"] != nil {
		t.Errorf("%d jobs are left, and of the queue %v", w.s.Jobs(), w.s.queueNames["q"])
	}
	for ref, row := range w.rows.jobs {
		if row.State != batch.Failed || row.StatusReason != reasonQueueDeleted {
			t.Fatalf("job %s is %s (%s)", ref, row.State, row.StatusReason)
		}
	}
}
