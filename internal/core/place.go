package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// Place starts runnable jobs where there is room, at most budget of them, and
// goes on with work that Step has cut into slices. It reports whether a further
// call would do more at the same time.
//
// Queues are served in the order of their priority. Within a queue the order is
// that of submission or, with a fair-share policy, of the turns of its shares.
// A head that fits nowhere holds up all behind it, as on AWS. Environments are
// tried in the queue's order of preference.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_scheduling.html
func (s *State) Place(now batch.Instant, budget int, out *Output) (more bool) {
	out.now = now
	defer func() { more = s.manageFleets(now, out) || more }()
	more = s.passShares(now, out)
	defer s.keepShares(now, out)
	defer s.lookAtFronts(now)
	defer s.lookAtHeads(now, out)
	more = s.loseOn(now, out) || more
	more = s.drainOn(now, out) || more
	more = s.closeShares(now, out) || more
	more = s.sweepOn(now, out) || more
	more = s.settle(now, out) || more
	more = s.evictOn(out) || more
	more = s.removeDrained(out) || more
	s.settleFleets(now, out)
	s.keepNothing()
	passing := false
	for _, q := range s.queueList {
		if q.row.Status != Valid {
			continue
		}
		left, enough := s.serve(now, q, budget, out)
		if !enough {
			return true
		}
		// What starts here may be over before the head of an earlier queue would have
		// started, which makes room for others there.
		more = more || passing && left < budget
		passing = passing || q.row.Settings.Backfill
		budget = left
	}
	return more
}

// serve starts what may start of a queue. It returns what is left of the budget,
// and whether that was enough.
func (s *State) serve(now batch.Instant, q *queue, budget int, out *Output) (left int, enough bool) {
	if q.quota != nil || q.service != nil {
		enough = !s.placeOther(now, q, &budget, out)
		return budget, enough
	}
	for {
		enough = true
		j, ok := q.first()
		if !ok {
			return budget, enough
		}
		at, ok := s.roomFor(now, j, nil)
		if !ok {
			s.keepFor(now, j)
			if q.row.Settings.Backfill {
				budget, enough = s.backfill(now, j, budget, out)
			}
			if next, _ := q.first(); next == j || !enough {
				return budget, enough
			}
			continue // what passed has given the turn to another share
		}
		if budget <= 0 {
			return 0, false
		}
		budget -= at.size()
		s.startIn(now, j, at, out)
	}
}

// berth is where a job may start: a host or, for each node of a gang, one.
type berth struct {
	host  *host
	nodes []*host
}

func (b berth) size() int { return max(1, len(b.nodes)) }

// roomFor finds room for a job in the first environment of its queue that has
// some, beside what is reserved for the head that it passes, if it passes one.
func (s *State) roomFor(now batch.Instant, j *job, passes *reservation) (berth, bool) {
	q, need := j.queue, s.shapes.Need(j.shape)
	switch {
	case q.full(1) || q.keepsFree(need):
		return berth{}, false
	case j.basket != 0 && !s.ledger.Fits(s.baskets[int64(j.basket)]):
		return berth{}, false // on AWS it holds up its queue as one does that lacks a host
	case j.gang != nil && len(s.networks) == batch.Networks:
		return berth{}, false
	}
	until := endOf(now, j.timeout)
	for _, e := range q.environ {
		if !e.usable() || !e.allows(need) {
			continue
		}
		if j.gang != nil {
			if nodes := s.spotsIn(e, j, until, passes); nodes != nil {
				return berth{nodes: nodes}, true
			}
			continue
		}
		h := e.hosts.BestFor(j.shape, need)
		if h != nil && s.keepsOff(h.ID, j, need) {
			continue
		}
		if h != nil && !e.spares(q, h, need, until, passes) {
			h = e.hosts.BestWhere(need, func(h *fit.Host) bool { return e.spares(q, h, need, until, passes) })
		}
		if h != nil {
			return berth{host: s.hosts[h.ID]}, true
		}
	}
	return berth{}, false
}

// spares reports whether the host is not needed for what goes before a job of the
// queue.
func (e *environment) spares(q *queue, h *fit.Host, need batch.Resources, until batch.Instant, passes *reservation) bool {
	kept := e.keptFrom(q)
	return (passes == nil || passes.leaves(e, h, need, need, until)) && (kept == nil || kept.leaves(e, h, need, need, until))
}

func (s *State) startIn(now batch.Instant, j *job, r berth, out *Output) {
	if r.nodes != nil {
		s.startGang(now, j, r.nodes, out)
	} else {
		s.start(now, j, r.host, out)
	}
}

// start gives the job, or the next child of an array job, to the host.
func (s *State) start(now batch.Instant, j *job, h *host, out *Output) {
	if p := j.array; p != nil {
		if c, ok := p.again.Min(); ok {
			j = c
		} else {
			index, _ := j.next()
			j = s.newChild(j, index)
		}
	}
	if j.service != nil {
		j.move(batch.Scheduled)
	} else {
		j.move(batch.Starting)
	}
	s.enqueue(j)
	j.attempt++
	j.scheduled = now
	j.host = h
	h.hold(j, s.shapes.Need(j.shape))
	s.take(j, out)
	s.put(j, ended{}, out)
	s.putParent(j, out)
	out.Effects = append(out.Effects, Start{Host: h.ID, Attempt: j.attemptID()})
}
