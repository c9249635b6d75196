package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// checkHead sees that the block of a queue's head is true, found by trying.
func (s *State) checkHead(q *queue, bad func(string, ...any)) {
	h := q.head
	if h.job == nil {
		if h.block != Unblocked {
			bad("queue %s has a block and no head", q.row.Name)
		}
		return
	}
	if q.fair != nil && !q.fair.board.Rolled() {
		return // after a restart nobody has told the time yet, on which turns depend
	}
	j, ok := q.first()
	if !ok || j.first() != h.ref || h.job.ref != h.ref || s.jobs[h.ref] != h.job || h.job.state != batch.Runnable {
		bad("queue %s is blocked by job %s, which is not at its head", q.row.Name, h.ref)
		return
	}
	over := false
	for _, e := range q.environ {
		var empty []*fit.Host
		for _, f := range e.hosts {
			empty = append(empty, &fit.Host{Capacity: f.Capacity, Free: f.Capacity, Ready: true})
			if f.Ready && e.row.Enabled && h.block == Undetermined {
				bad("job %s is blocked for reasons unknown, and host %d is there", h.ref, f.ID)
			}
		}
		need := s.shapes.Need(j.shape)
		over = over || need.MilliVCPU > e.row.MaxVCPU
		if _, fits := fit.Spread(empty, s.groupsOf(j)); fits && need.MilliVCPU <= e.row.MaxVCPU && h.block != Undetermined {
			bad("job %s is blocked, and environment %s could hold it", h.ref, e.row.Name)
		}
	}
	if h.block == MaxResource && !over {
		bad("job %s is blocked for its vCPUs, and no environment has too few", h.ref)
	}
}
