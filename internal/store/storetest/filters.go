package storetest

import (
	"context"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// pages reads a listing of a queue to its end, in pages of two, and returns the
// last bytes of the jobs' ids.
func (w *world) pages(s store.Store, f store.JobFilter) (ids []byte) {
	w.t.Helper()
	f.Limit = 2
	for {
		page, err := s.ListJobs(context.Background(), f)
		if err != nil || len(page) > f.Limit {
			w.t.Fatalf("list %+v: %d jobs, %v", f, len(page), err)
		}
		for _, j := range page {
			ids = append(ids, j.Ref.ID[15])
			f.Before, f.BeforeAt = j.Seq, j.CreatedAt
			if j.Spec != nil || j.Attempts != nil {
				w.t.Fatalf("list %+v: job %s comes with its spec or attempts", f, j.Ref)
			}
		}
		if len(page) < f.Limit {
			return ids
		}
	}
}

func testFilters(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(2) // definition 1 is d:1
	w.do(core.CreateQueue{Name: "other", Enabled: true, Environments: []string{"e"}},
		core.RegisterDefinition{Name: "d"}, core.RegisterDefinition{Name: "D"}, core.RegisterDefinition{Name: "data_2"})
	began := w.now
	for n, c := range []struct {
		queue, name string
		definition  int64
		share       string
		size        int32
	}{
		1: {"q", "Train", 1, "red", 0},
		2: {"q", "train-2", 2, "", 0},
		3: {"q", "TRAIN", 3, "blue", 0},
		4: {"other", "train", 1, "red", 0},
		5: {"q", "trainz", 4, "red", 3},
		6: {"q", "train_2", 2, "", 0},
		7: {"q", "Zug", 1, "red", 0},
		8: {"q", "train", 1, "blue", 0},
	} {
		if n == 0 {
			continue
		}
		in := submission(byte(n), c.size)
		in.Queue, in.Definition, in.New.Name, in.New.Share = c.queue, c.definition, c.name, c.share
		w.do(in) // n milliseconds after
	}
	w.place(2) // jobs 1 and 2
	w.do(w.end(0))

	pattern := func(name string, prefix bool) store.NamePattern { return store.NamePattern{Name: name, Prefix: prefix} }
	for _, c := range []struct {
		name string
		f    store.JobFilter
		want []byte
	}{
		{"a name in any case", store.JobFilter{Name: pattern("train", false), AnyState: true}, []byte{8, 3, 1}},
		{"names that begin alike", store.JobFilter{Name: pattern("train", true), AnyState: true}, []byte{8, 6, 5, 3, 2, 1}},
		{"names that begin with the last letter", store.JobFilter{Name: pattern("z", true), AnyState: true}, []byte{7}},
		{"any name", store.JobFilter{Name: pattern("", true), AnyState: true}, []byte{8, 7, 6, 5, 3, 2, 1}},
		{"no such name", store.JobFilter{Name: pattern("trai", false), AnyState: true}, nil},
		{"a definition", store.JobFilter{Definition: "d", AnyState: true}, []byte{8, 7, 6, 2, 1}},
		{"a definition in capitals", store.JobFilter{Definition: "D", AnyState: true}, []byte{3}},
		{"a revision", store.JobFilter{Definition: "d", Revision: 2, AnyState: true}, []byte{6, 2}},
		{"no such revision", store.JobFilter{Definition: "d", Revision: 3, AnyState: true}, nil},
		{"definitions that begin alike", store.JobFilter{Definition: "d", DefinitionPrefix: true, AnyState: true}, []byte{8, 7, 6, 5, 2, 1}},
		{"a share", store.JobFilter{Share: "red", AnyState: true}, []byte{7, 5, 1}},
		{"a share's runnable jobs", store.JobFilter{Share: "red", State: batch.Runnable}, []byte{7}},
		{"a share's pending jobs", store.JobFilter{Share: "red", State: batch.Pending}, []byte{5}},
		{"a share's ended jobs", store.JobFilter{Share: "red", State: batch.Succeeded}, []byte{1}},
		{"a share's starting jobs", store.JobFilter{Share: "blue", State: batch.Starting}, nil},
		{"no such share", store.JobFilter{Share: "Red", AnyState: true}, nil},
		{"after a moment", store.JobFilter{CreatedAfter: began + 5, AnyState: true}, []byte{8, 7, 6}},
		{"after all moments", store.JobFilter{CreatedAfter: began + 8, AnyState: true}, nil},
		{"before a moment", store.JobFilter{CreatedBefore: began + 5, AnyState: true}, []byte{3, 2, 1}},
		{"between moments", store.JobFilter{CreatedAfter: began + 1, CreatedBefore: began + 6, AnyState: true}, []byte{5, 3, 2}},
	} {
		c.f.Queue = 1
		same(t, c.name, c.want, w.pages(s, c.f))
	}

	// A clock that was set back: a listing by time is in the order of time.
	early := core.JobRow{Seq: 1000, Ref: ref(99), Queue: 1, State: batch.Runnable, MaxAttempts: 1, CreatedAt: began + 2}
	w.round++
	commit(t, s, w.round, core.JobPut{Row: early, New: &core.NewJob{Name: "early"}})
	same(t, "after a moment, by time", []byte{8, 7, 6, 5, 3, 99, 2}, w.pages(s, store.JobFilter{Queue: 1, CreatedAfter: began + 1, AnyState: true}))
	same(t, "before a moment, by time", []byte{99, 2, 1}, w.pages(s, store.JobFilter{Queue: 1, CreatedBefore: began + 3, AnyState: true}))
	same(t, "by name", []byte{99}, w.pages(s, store.JobFilter{Queue: 1, Name: pattern("early", false), AnyState: true}))

	// A page beyond the newest jobs.
	var changes []core.Change
	for n := range 2500 {
		row := early
		row.Seq, row.Ref.ID = 2000+int64(n), batch.JobID{0: 2, 14: byte(n >> 8), 15: byte(n)}
		changes = append(changes, core.JobPut{Row: row, New: &core.NewJob{Name: "many"}})
	}
	w.round++
	commit(t, s, w.round, changes...)
	same(t, "names that begin alike, far back", []byte{8, 6, 5, 3, 2, 1}, w.pages(s, store.JobFilter{Queue: 1, Name: pattern("train", true), AnyState: true}))
	same(t, "definitions that begin alike, far back", []byte{8, 7, 6, 5, 2, 1},
		w.pages(s, store.JobFilter{Queue: 1, Definition: "d", DefinitionPrefix: true, AnyState: true}))
}
