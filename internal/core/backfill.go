package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/pending"
)

// Bounds of one look behind a head. Jobs of one class count once, however many
// they are.
const (
	maxClasses = 1024 // classes that are looked at, all shares together
	maxTurns   = 256  // shares, in the order of their turns
)

// backfill starts jobs behind the head of a queue, which does not start now, where
// that does not delay it: EASY backfilling, with timeouts as the estimates. A job
// may start if it is over by the time that is reserved for the head, or if it needs
// nothing of what the head needs then. Where it is not known when the head can
// start, only what the head can never use is given to others.
//
// Jobs are looked at in the order of the queue, those of a class together: what
// one of them does not get, none behind it gets, unless that has a shorter
// timeout. So it is as if each job that waits were looked at in turn.
//
// D. Lifka, "The ANL/IBM SP scheduling system", 1995.
func (s *State) backfill(now batch.Instant, head *job, budget int, out *Output) (left int, enough bool) {
	q := head.queue
	if q.full(1) || q.keepsFree(s.shapes.Need(head.shape)) {
		return budget, true // whatever starts would be in its way
	}
	b := &behind{State: s, now: now, head: head, reserved: s.reserve(head), dead: map[class]bool{head.class(): true}}
	for {
		j, at := b.next()
		if j == nil {
			return budget, true
		}
		if budget <= 0 {
			return 0, false
		}
		budget -= at.size()
		b.charge(j, at)
		s.startIn(now, j, at, out)
		if next, _ := q.first(); next != head {
			return budget, true
		}
	}
}

// behind is a look behind a head.
type behind struct {
	*State
	now      batch.Instant
	head     *job
	reserved *reservation
	dead     map[class]bool // those that find no room any more
}

// next returns the first job behind the head that may start, and where.
func (b *behind) next() (first *job, where berth) {
	looks := maxClasses
	b.head.queue.lines(func(l *line) bool {
		for c, j := range l.Classes {
			if first != nil && before(first, j) {
				break
			}
			if b.dead[c] {
				continue
			}
			if looks--; looks < 0 {
				return false
			}
			if found, at, ok := b.find(l, c, j); ok && (first == nil || before(found, first)) {
				first, where = found, at
			}
		}
		return first == nil
	})
	return first, where
}

// find returns the first job of a class that may start. One that may run for as
// long as it likes has less choice than one that is over when the head starts.
func (b *behind) find(l *line, c class, first *job) (j *job, where berth, ok bool) {
	if _, ok = b.room(first, nil); !ok {
		b.dead[c] = true
		return nil, where, false
	}
	if where, ok = b.room(first, b.reserved); ok {
		return first, where, true
	}
	if r := b.reserved; r.where != nil && r.at > b.now {
		if j, ok = l.First(c, int32(min(int64(r.at-b.now)/1000, pending.Endless-1))); ok {
			where, ok = b.room(j, r)
			return j, where, ok
		}
	}
	return nil, where, false
}

// room finds room for a job that passes the head.
func (b *behind) room(j *job, r *reservation) (berth, bool) {
	if r != nil && !b.mayPass(j) {
		return berth{}, false
	}
	return b.roomFor(b.now, j, r)
}

// charge counts what a job that is going to start takes beside what is reserved.
func (b *behind) charge(j *job, r berth) {
	until := endOf(b.now, j.timeout)
	if r.nodes == nil {
		b.reserved.charge(r.host.environment, &r.host.Host, b.shapes.Need(j.shape), until)
	}
	for i, h := range r.nodes {
		b.reserved.charge(h.environment, &h.Host, j.gang.row.NodeNeeds(i), until)
	}
}

// mayPass reports whether the job leaves to the head what is not on hosts.
func (b *behind) mayPass(j *job) bool {
	q, head := j.queue, b.head
	mine, its := b.baskets[int64(j.basket)], b.baskets[int64(head.basket)]
	for _, n := range mine {
		for _, m := range its {
			if have, _ := b.ledger.Amounts(n.Resource); n.Resource == m.Resource && have.Available() < n.Quantity+m.Quantity {
				return false
			}
		}
	}
	if j.gang != nil && head.gang != nil && len(b.networks)+2 > batch.Networks {
		return false
	}
	if r := b.reserved; r.where != nil && endOf(b.now, j.timeout) <= r.at {
		return true
	}
	need := b.shapes.Need(j.shape)
	if j.share == head.share && j.share.full(q, 2) || j.ceiling != nil && j.ceiling == head.ceiling && j.ceiling.running+2 > j.ceiling.most {
		return false
	}
	return !q.full(2) && !q.keepsFree(need.Add(b.shapes.Need(head.shape)))
}
