package core

import "github.com/bargehq/barge/internal/batch"

// NextDeadline is when the next Tick has something to do.
func (s *State) NextDeadline() (at batch.Instant, ok bool) {
	at, ok = s.claims.due()
	if next, some := s.updates.due(); some && (!ok || next < at) {
		at, ok = next, true
	}
	if next, some := s.nextTurn(); some && (!ok || next < at) {
		at, ok = next, true
	}
	if j, watched := s.deadlines.Min(); watched && (!ok || j.due() < at) {
		at, ok = j.due(), true
	}
	if s.lookAt != 0 && (!ok || s.lookAt < at) {
		at, ok = s.lookAt, true
	}
	if h, some := s.dues.Min(); some && (!ok || h.dueAt < at) {
		at, ok = h.dueAt, true
	}
	for _, q := range s.queueList {
		for h := range q.heads {
			if next, some := q.headDue(h); some && (!ok || next < at) {
				at, ok = next, true
			}
		}
	}
	return at, ok
}

// stepTick does what is due, a bounded amount at a time: the deadline of what is
// left is in the past, so another Tick follows.
func (s *State) stepTick(now batch.Instant, out *Output) {
	s.claims.forget(now, out)
	s.updates.forget(now, out)
	s.limitHeads(now, out)
	s.wakeHosts(now, out)
	s.wake(now, out)
}

// wake stops attempts whose time is up, and puts jobs that have waited long
// enough back into their queues.
func (s *State) wake(now batch.Instant, out *Output) {
	for budget := maxSlice; budget > 0; budget-- {
		j, ok := s.deadlines.Min()
		if !ok || j.due() > now {
			return
		}
		s.deadlines.Remove(j)
		if j.state == batch.Runnable {
			j.retryAt = 0
			s.enqueue(j)
			s.put(j, ended{}, out)
			continue
		}
		j.flags |= TimedOut
		s.put(j, ended{}, out)
		s.stop(j, out)
		if j.gang != nil {
			budget -= len(j.gang.nodes)
		}
	}
}
