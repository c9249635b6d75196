package storetest

import (
	"context"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

func testDrop(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(9)
	w.do(submission(1, 0), submission(2, 3), submission(3, 2), submission(4, 0), submission(5, 0))
	w.place(5) // jobs 1, 2:0, 2:1, 2:2, 3:0
	w.do(w.end(0))
	w.do(w.end(1))
	w.do(w.end(0))
	w.do(w.end(0))                                     // the last child of job 2
	w.do(w.end(0))                                     // one child of job 3
	w.do(core.Cancel{Job: ref(4), Reason: "unwanted"}) // without any attempt
	ended := func(until batch.Instant, limit int) (ids []byte) {
		t.Helper()
		jobs := must[[]core.EndedJob](t)(s.Ended(t.Context(), until, limit))
		for _, j := range jobs {
			ids = append(ids, j.Ref.ID[15])
		}
		return ids
	}
	same(t, "ended jobs", []byte{1, 2, 4}, ended(w.now+9, 9))
	same(t, "two ended jobs", []byte{1, 2}, ended(w.now+9, 2))
	jobs := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref(1)}))
	same(t, "jobs ended by then", []byte{1}, ended(jobs[0].StoppedAt, 9))
	same(t, "jobs ended before", []byte(nil), ended(jobs[0].StoppedAt-1, 9))

	for _, bad := range []core.JobDrop{{Seq: 3, Ref: ref(3)}, {Seq: 5, Ref: ref(5)}, {Seq: 5, Ref: ref(1)}, {Seq: 1, Ref: ref(5)}} {
		if err := s.Commit(t.Context(), store.Round{Number: w.round + 1, Changes: []core.Change{bad}}); err == nil {
			t.Errorf("job %s (row %d), which is active, was dropped", bad.Ref, bad.Seq)
			w.round++
		}
	}
	all := []batch.JobRef{ref(1), ref(2), batch.ChildRef(id(2), 0), batch.ChildRef(id(2), 2), ref(3), batch.ChildRef(id(3), 0), ref(4), ref(5)}
	same(t, "jobs before", len(all), len(must[[]store.Job](t)(s.Jobs(t.Context(), all))))

	w.do(core.Prune{Jobs: must[[]core.EndedJob](t)(s.Ended(context.Background(), w.now, 9))})
	w.check()
	var left []batch.JobRef
	for _, j := range must[[]store.Job](t)(s.Jobs(t.Context(), all)) {
		left = append(left, j.Ref)
	}
	same(t, "jobs left", []batch.JobRef{ref(3), batch.ChildRef(id(3), 0), ref(5)}, left)
	same(t, "ended jobs", []byte(nil), ended(w.now+9, 9))
	for _, f := range []store.JobFilter{{Name: store.NamePattern{Prefix: true}}, {Definition: "d"}, {CreatedAfter: 1}} {
		f.Queue, f.AnyState = 1, true
		same(t, "jobs listed", []byte{5, 3}, w.pages(s, f))
	}

	// Again, and a job of the same id: nothing is left in its way.
	w.round++
	commit(t, s, w.round, core.JobDrop{Seq: 1, Ref: ref(1)})
	w.do(submission(1, 2))
	w.place(2)
	same(t, "jobs made anew", 3, len(must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref(1), batch.ChildRef(id(1), 0), batch.ChildRef(id(1), 1)}))))
	w.check()
}
