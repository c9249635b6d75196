package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// checkHead sees that the block of a head of a queue is true, found by trying.
func (s *State) checkHead(q *queue, h *head, line func() (*job, bool), bad func(string, ...any)) {
	if h.job == nil {
		if h.block != Unblocked {
			bad("queue %s has a block and no head", q.row.Name)
		}
		return
	}
	if q.fair != nil && !q.fair.board.Rolled() {
		return // after a restart nobody has told the time yet, on which turns depend
	}
	j, ok := line()
	if !ok || j.first() != h.ref || h.job.ref != h.ref || s.jobs[h.ref] != h.job || h.job.state != batch.Runnable {
		bad("queue %s is blocked by job %s, which is not at its head", q.row.Name, h.ref)
		return
	}
	if h.block >= ServiceMax {
		if block := s.limitedAt(q, j); block != h.block {
			bad("job %s has block %d, not %d", h.ref, h.block, block)
		}
		return
	}
	over := false
	for _, e := range q.environ {
		if e.fleet != nil {
			continue // see [fleet.verdict]
		}
		var empty fit.Index
		for _, f := range e.hosts.Hosts() {
			empty.Add(&fit.Host{ID: f.ID, Capacity: f.Capacity, Free: f.Capacity, Ready: true})
			if f.Ready && e.row.Enabled && h.block == Undetermined {
				bad("job %s is blocked for reasons unknown, and host %d is there", h.ref, f.ID)
			}
		}
		need := s.shapes.Need(j.shape)
		over = over || need.MilliVCPU > e.row.MaxVCPU
		if _, fits := empty.Spread(s.shapes.Groups(j.shape)); fits && need.MilliVCPU <= e.row.MaxVCPU && h.block != Undetermined {
			bad("job %s is blocked, and environment %s could hold it", h.ref, e.row.Name)
		}
	}
	if h.block == MaxResource && !over && s.fleets == 0 {
		bad("job %s is blocked for its vCPUs, and no environment has too few", h.ref)
	}
}

// checkWhy compares what is said of the first jobs of a queue with what a look
// at everything says.
func (s *State) checkWhy(q *queue, bad func(string, ...any)) {
	if q.fair != nil && !q.fair.board.Rolled() {
		return
	}
	n := 0
	for j := q.jobs.first; j != nil && n < 20; j = j.behind {
		if j.isNode() || j.state != batch.Runnable && (j.state != batch.Pending || j.array != nil) {
			continue
		}
		n++
		w, ok := s.Why(j.ref)[j.ref]
		want := LimitQueue
		first, some := q.first()
		if j.quota != nil {
			first, some = j.quota.waiting.Min()
		}
		switch {
		case j.flags&(Cancelled|Terminated) != 0 || q.row.Status != Valid && j.state == batch.Runnable && j.retryAt == 0:
			want = LimitEnding
		case j.parent != nil && j.parent.flags&(Cancelled|Terminated) != 0:
			want = LimitEnding
		case j.state == batch.Pending:
			want = LimitDependencies
			if len(w.DependsOn) == 0 {
				bad("job %s is said to depend on nothing", j.ref)
			}
		case j.retryAt != 0:
			want = LimitBackoff
		case j.parent != nil && !j.parent.waitsToStart():
			want = LimitArray
		case j.share.full(q, 1):
			want = LimitShareMax
		case j.ceiling.full():
			want = LimitDefinition
		case some && first.first() == j.ref:
			want = w.Limit
			if q.service == nil && q.quota == nil {
				s.checkObstacles(q, first, w.Head, bad)
			}
		}
		if !ok || w.Limit != want {
			bad("job %s is said to wait for %s (%t), not for %s", j.ref, w.Limit, ok, want)
		}
		for _, ref := range w.DependsOn {
			p := s.jobs[ref.Parent()]
			if ref == j.ref || p != nil && ref != p.ref && p.endOf(ref.Child-1) != nil {
				bad("job %s is said to depend on %s, which has ended", j.ref, ref)
			}
		}
	}
}

// checkObstacles looks for a host for the head of a queue by recounting what each
// has free.
func (s *State) checkObstacles(q *queue, j *job, h *Head, bad func(string, ...any)) {
	short := false
	for _, n := range s.baskets[int64(j.basket)] {
		a, ok := s.ledger.Amounts(n.Resource)
		short = short || !ok || max(0, a.Total-a.InUse) < n.Quantity // more than all may be in use
	}
	if short != (len(h.Consumables) > 0) {
		bad("job %s lacks consumable resources: %t, not %v", j.ref, short, h.Consumables)
	}
	if len(h.Environments) != len(q.environ) {
		bad("job %s is told of %d environments, its queue has %d", j.ref, len(h.Environments), len(q.environ))
		return
	}
	takes := false
	machine := s.machine.capacity
	for _, h := range s.hosts {
		if h.environment.machine != nil {
			for held := range h.live {
				machine = machine.Sub(s.shapes.Need(held.shape))
			}
		}
	}
	for i, e := range q.environ {
		var free fit.Index
		var used batch.Resources
		for _, f := range e.hosts.Hosts() {
			x := &fit.Host{ID: f.ID, Capacity: f.Capacity, Free: f.Capacity, Ready: f.Ready}
			for held := range s.hosts[f.ID].live {
				x.Free = x.Free.Sub(s.shapes.Need(held.shape))
				used = used.Add(s.shapes.Need(held.shape))
			}
			free.Add(x)
		}
		_, fits := free.Spread(s.shapes.Groups(j.shape))
		fits = fits && e.row.Enabled && used.MilliVCPU+s.shapes.Need(j.shape).MilliVCPU <= e.row.MaxVCPU
		if e.fleet != nil {
			fits = s.fits(e, j)
		}
		fits = fits && (e.machine == nil || s.shapes.Need(j.shape).Fits(machine))
		fits = fits && h.Environments[i].Limit != LimitKept // checked by scripts
		takes = takes || fits
		if o := h.Environments[i]; fits != (o.Limit == LimitNone) || o.Environment != e.row.Name {
			bad("environment %s takes job %s: %t, said is %+v", e.row.Name, j.ref, fits, o)
		} else if o.Needed > 0 && o.Needed <= o.Available {
			bad("job %s is said to lack what there is: %+v", j.ref, o)
		}
	}
	if (h.Limit == LimitQueueMax) != (q.full(1) && h.Block == Unblocked) {
		bad("job %s waits for %s: as many jobs of its queue run as may: %t", j.ref, h.Limit, q.full(1))
	}
	if h.StartAt != 0 && h.StartAt < s.placedAt {
		bad("job %s is said to start at %d, it is %d", j.ref, h.StartAt, s.placedAt)
	}
	if h.Limit == LimitNone && (short || !takes || q.keepsFree(s.shapes.Need(j.shape))) || h.Block != Unblocked && takes {
		bad("job %s waits for %s, block %d: it could start: %t", j.ref, h.Limit, h.Block, takes && !short)
	}
}
