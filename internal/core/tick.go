package core

import "github.com/bargehq/barge/internal/batch"

// NextDeadline is when the next Tick has something to do.
func (s *State) NextDeadline() (at batch.Instant, ok bool) {
	j, ok := s.deadlines.Min()
	if !ok {
		return 0, false
	}
	return j.due(), true
}

// stepTick stops attempts whose time is up, a bounded number at a time: the
// deadline of those left is in the past, so another Tick follows.
func (s *State) stepTick(now batch.Instant, out *Output) {
	for range maxSlice {
		j, ok := s.deadlines.Min()
		if !ok || j.due() > now {
			return
		}
		s.deadlines.Remove(j)
		j.flags |= TimedOut
		s.put(j, ended{}, out)
		out.Effects = append(out.Effects, Stop{Host: j.host.ID, Attempt: j.attemptID()})
	}
}
