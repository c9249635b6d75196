package sim

import (
	"context"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// checkState recounts the state, and sees that nothing waits that could start.
func (w *World) checkState() {
	s := w.rounds.State
	if err := s.Check(); err != nil {
		w.bad("%w", err)
		return
	}
	if w.rounds.More() {
		return
	}
	var out core.Output
	if s.Place(w.now, 1, &out) || len(out.Effects) > 0 {
		w.bad("a job waits that fits: %v", out.Effects)
	}
}

// checkEdge compares a committed row with the one before it.
func (w *World) checkEdge(row core.JobRow) {
	old, had := w.rows[row.Seq]
	switch {
	case row.Attempt > row.MaxAttempts && row.Preempt == nil && row.Ref.Child >= 0:
		w.bad("job %s has attempt %d of %d", row.Ref, row.Attempt, row.MaxAttempts)
	case row.State.Terminal() != (row.StoppedAt != 0):
		w.bad("job %s is %s and stopped at %d", row.Ref, row.State, row.StoppedAt)
	case !had:
	case old.State.Terminal() && row.Ref.Child < 0 && row.State != batch.Running:
		// Nodes start again with their job; how far, this round does not tell.
	case old.State.Terminal():
		w.bad("job %s was %s and is written again as %s", row.Ref, old.State, row.State)
	case old.State != row.State && !reachable(old.State, row.State):
		w.bad("job %s went from %s to %s", row.Ref, old.State, row.State)
	case row.Attempt < old.Attempt:
		w.bad("job %s went from attempt %d back to %d", row.Ref, old.Attempt, row.Attempt)
	}
}

// checkGang sees that a node starts only while its job's attempt goes on, and
// after its main node.
func (m *machine) checkGang(id batch.AttemptID) {
	if id.Job.Child >= 0 {
		return
	}
	for _, row := range m.w.rows {
		if row.Ref != id.Job.Parent() {
			continue
		}
		main := batch.AttemptID{Job: batch.NodeRef(row.Ref.ID, int(row.Gang.Main)), Number: id.Number}
		if !row.State.Live() || int(row.Attempt) != id.Number || id != main && m.starts[main] == 0 {
			m.w.bad("node %s starts, its job is %s at attempt %d, its main node was started: %t", id, row.State, row.Attempt, m.starts[main] > 0)
		}
		return
	}
	m.w.bad("node %s starts and has no job", id)
}

// checkWaited sees that all has succeeded that a job depends on which starts.
func (w *World) checkWaited(ref batch.JobRef) {
	in, ok := w.clients.submits[ref.ID]
	if !ok {
		return
	}
	needs := make([]batch.JobRef, 0, len(in.DependsOn)+1)
	for _, d := range in.DependsOn {
		if d.NToN {
			d.Job.Child = ref.Child
		}
		needs = append(needs, d.Job)
	}
	if in.Sequential && ref.Child > 1 {
		needs = append(needs, batch.JobRef{ID: ref.ID, Child: ref.Child - 1})
	}
	for _, need := range needs {
		jobs, err := w.store.Jobs(context.Background(), []batch.JobRef{need})
		if err != nil || len(jobs) != 1 || jobs[0].State != batch.Succeeded {
			w.bad("job %s starts and depends on %s, which has not succeeded (%v)", ref, need, err)
		}
	}
	if len(needs) > 0 {
		w.stats.Dependent++
	}
}

// checkLost sees that a job failed because of a dependency exactly if it should.
func (w *World) checkLost(j *store.Job) {
	if strings.HasPrefix(j.StatusReason, "Canceled by JobStateTimeLimit") {
		w.stats.Blocked++
		if j.Flags&core.Cancelled == 0 || j.Needs.MilliVCPU <= 1000 && !strings.Contains(j.StatusReason, core.Capacity.Reason()) { // what the smallest environment ever has
			w.bad("job %s has been cancelled as too large: %+v", j.Ref, j.JobRow)
		}
	}
	in := w.clients.submits[j.Ref.ID]
	if j.StatusReason != "Dependent Job failed" {
		return
	}
	if j.Attempt > 0 {
		w.bad("job %s has an attempt and has failed with a dependency", j.Ref)
	}
	w.stats.Lost++
	for _, d := range in.DependsOn {
		if d.NToN {
			d.Job.Child = j.Ref.Child
		}
		jobs, err := w.store.Jobs(context.Background(), []batch.JobRef{d.Job})
		if err == nil && len(jobs) == 1 && jobs[0].State == batch.Failed {
			return
		}
	}
	if in.Sequential && j.Ref.Child > 1 {
		for child := int32(1); child < j.Ref.Child; child++ {
			jobs, err := w.store.Jobs(context.Background(), []batch.JobRef{{ID: j.Ref.ID, Child: child}})
			if err == nil && len(jobs) == 1 && jobs[0].State == batch.Failed {
				return
			}
		}
	}
	w.bad("job %s has failed with a dependency, and none has failed: %+v", j.Ref, in.DependsOn)
}

// reachable follows legal edges: a round keeps only the last of several changes
// to a row.
func reachable(from, to batch.JobState) bool {
	seen := [batch.JobStates]bool{}
	var walk func(batch.JobState) bool
	walk = func(s batch.JobState) bool {
		if s == to {
			return true
		}
		seen[s] = true
		for next := batch.JobState(0); int(next) < batch.JobStates; next++ {
			if s.May(next) && !seen[next] && walk(next) {
				return true
			}
		}
		return false
	}
	return walk(from)
}

// checkAcknowledged looks every acknowledged job up, with all of its children.
func (w *World) checkAcknowledged() {
	for _, id := range w.clients.acknowledged {
		jobs, err := w.store.Jobs(context.Background(), []batch.JobRef{{ID: id}})
		switch {
		case err != nil:
			w.bad("%w", err)
		case len(jobs) == 0:
			w.bad("job %s was acknowledged and is not stored", id)
		case !jobs[0].State.Terminal():
			w.bad("job %s is %s in the end", id, jobs[0].State)
		}
		if len(jobs) == 0 {
			continue
		}
		w.public.check(&jobs[0])
		w.checkCost(&jobs[0])
		if !jobs[0].IsArray() {
			w.checkLost(&jobs[0])
			continue
		}
		var counts [batch.JobStates]int32
		for i := range jobs[0].Size {
			children, err := w.store.Jobs(context.Background(), []batch.JobRef{batch.ChildRef(id, int(i))})
			if err != nil || len(children) != 1 {
				w.bad("child %s:%d: %v, %d rows", id, i, err, len(children))
				return
			}
			counts[children[0].State]++
			w.checkLost(&children[0])
			w.public.check(&children[0])
		}
		if counts != jobs[0].Counts {
			w.bad("array job %s counts %v, its children are %v", id, jobs[0].Counts, counts)
		}
	}
}
