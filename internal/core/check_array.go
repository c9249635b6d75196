package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
)

// checkArrays compares what array jobs say of their children with the children.
// counts are the children in State.jobs by state.
func (s *State) checkArrays(counts map[*job][batch.JobStates]int32, bad func(string, ...any)) {
	for ref, p := range s.jobs {
		a := p.array
		if a == nil {
			continue
		}
		want := counts[p]
		var active int32
		for _, n := range want {
			active += n
		}
		want[batch.Succeeded] += a.succeeded.Len()
		want[batch.Failed] += a.failed.Len()
		want[a.rest] += p.others().Len()
		want[batch.Runnable] += p.ready().Len()
		if want != a.counts {
			bad("array job %s counts %v, a recount says %v", ref, a.counts, want)
		}
		if n := a.succeeded.Len() + a.failed.Len() + active; n != a.own.Len() {
			bad("array job %s has %d children with rows, %d by their states", ref, a.own.Len(), n)
		}
		for what, set := range map[string]depend.Set{
			"succeeded without a row": depend.Subtract(a.succeeded, a.own), "failed without a row": depend.Subtract(a.failed, a.own),
			"succeeded and failed": depend.Intersect(a.succeeded, a.failed), "ready with a row": depend.Intersect(p.ready(), a.own),
			"beyond the end": depend.Subtract(depend.Union(a.own, p.ready()), depend.Of(0, a.size)),
		} {
			if len(set) > 0 {
				bad("array job %s has children %v that are %s", ref, set, what)
			}
		}
		for i := range a.held.All {
			if c := s.jobs[batch.ChildRef(ref.ID, int(i))]; c == nil || c.state != batch.Pending || p.waits == nil {
				bad("child %s:%d is held, and waits for nothing", ref, i)
			}
		}
		if a.maxRunning > 0 && a.counts[batch.Starting]+a.counts[batch.Running] > a.maxRunning {
			bad("array job %s runs %v of %d", ref, a.counts, a.maxRunning)
		}
	}
}

// checkWaits sees that every job that waits for others is going to hear of them,
// and that nothing has started too early.
func (s *State) checkWaits(bad func(string, ...any)) {
	type listening struct {
		target batch.JobRef
		job    *job
	}
	hear := make(map[listening]bool)
	for target, f := range s.followers {
		for _, j := range f.list {
			hear[listening{target, j}] = true
		}
	}
	for ref, j := range s.jobs {
		w := j.waits
		if w == nil {
			if j.state == batch.Pending && j.parent == nil && j.array == nil || j.array != nil && j.array.rest == batch.Pending {
				bad("job %s is pending and waits for nothing", ref)
			}
			continue
		}
		if j.state != batch.Pending {
			bad("job %s is %s and waits for others", ref, j.state)
		}
		for _, l := range w.Links {
			target := l.Job.Parent()
			if l.Outcome != depend.Open {
				continue
			}
			if !hear[listening{target, j}] {
				bad("job %s depends on %s and does not hear of it", ref, l.Job)
			}
			if n := s.newsOf[target]; s.jobs[target] == nil && (n == nil || n.ended == nil) {
				bad("job %s depends on %s, which has ended, and is not told", ref, l.Job)
			}
		}
		if open, failed := w.Whole(); (open || failed) && len(w.Ready) > 0 {
			bad("children %v of %s are ready, and it waits for jobs", w.Ready, ref)
		}
	}
}
