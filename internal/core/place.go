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
	for _, q := range s.queueList {
		if q.row.Status != Valid {
			continue
		}
		for {
			j, ok := q.first()
			if !ok {
				break
			}
			if q.keepsFree(s.shapes.Need(j.shape)) {
				break
			}
			if j.basket != 0 && !s.ledger.Fits(s.baskets[int64(j.basket)]) {
				break // on AWS it holds up its queue as one does that lacks a host
			}
			if j.gang != nil {
				spots := s.spotsFor(j)
				if spots == nil {
					break
				}
				if budget <= 0 {
					return true
				}
				budget -= len(spots)
				s.startGang(now, j, spots, out)
				continue
			}
			h := s.hostFor(q, j.shape)
			if h == nil {
				break
			}
			if budget <= 0 {
				return true
			}
			budget--
			s.start(now, j, h, out)
		}
	}
	return more
}

func (s *State) hostFor(q *queue, shape fit.Shape) *host {
	need := s.shapes.Need(shape)
	for _, e := range q.environ {
		if !e.row.Enabled || !e.allows(need) {
			continue
		}
		if f := e.hosts.BestFor(shape, need); f != nil {
			return s.hosts[f.ID]
		}
	}
	return nil
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
	j.move(batch.Starting)
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
