package sim

import (
	"context"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
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
	case row.Attempt > row.MaxAttempts:
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
		if len(jobs) == 0 || !jobs[0].IsArray() {
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
		}
		if counts != jobs[0].Counts {
			w.bad("array job %s counts %v, its children are %v", id, jobs[0].Counts, counts)
		}
	}
}
