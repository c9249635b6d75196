package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// stepHostSeen makes a host take work. One that is known already has come back:
// it is told again of everything that it should be doing, since what it was told
// before may have been lost with either side.
func (s *State) stepHostSeen(now batch.Instant, in HostSeen, out *Output) *batch.Error {
	e := s.environments[in.Environment]
	if e == nil {
		return batch.Errorf(batch.NotFound, "host %s: no compute environment %d", in.Name, in.Environment)
	}
	e.asked = false
	s.config++
	if e.machine != nil {
		e.machine.seen(in.Capacity)
	}
	if h := e.named[in.Name]; h != nil {
		s.hostBack(h, in.Capacity, out)
		return nil
	}
	s.last.Host++
	row := HostRow{ID: s.last.Host, Environment: in.Environment, Name: in.Name, Capacity: in.Capacity, SeenAt: now}
	s.addHost(row).setReady(true)
	out.Changes = append(out.Changes, HostPut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) hostBack(h *host, capacity batch.Resources, out *Output) {
	out.Reply = Reply{ID: h.ID}
	if h.lost && len(h.live) > 0 {
		h.back = true // what it held before it was lost is no more
		return
	}
	h.setReady(true)
	if h.lost {
		h.lost = false
		out.Changes = append(out.Changes, HostPut{h.row()})
	}
	if h.Capacity != capacity {
		// One that has become smaller than what it holds shrinks no further
		// than that.
		var used batch.Resources
		for j := range h.live {
			used = used.Add(s.shapes.Need(j.shape))
		}
		capacity = capacity.Max(used)
		h.environment.hosts.Resize(&h.Host, capacity, capacity.Sub(used))
		out.Changes = append(out.Changes, HostPut{h.row()})
	}
	for _, j := range h.attempts() {
		switch j.state {
		case batch.Scheduled, batch.Starting:
			out.Effects = append(out.Effects, Start{Host: h.ID, Attempt: j.attemptID()})
		case batch.Running:
			out.Effects = append(out.Effects, Attach{Host: h.ID, Attempt: j.attemptID()})
		default:
			continue // a node that waits for its main node
		}
		if j.stopping() {
			out.Effects = append(out.Effects, Stop{Host: h.ID, Attempt: j.attemptID()})
		}
	}
}

func (s *State) stepHostLost(in HostLost, out *Output) {
	e := s.environments[in.Environment]
	if e == nil {
		return
	}
	if h := e.named[in.Name]; h != nil && !h.lost {
		h.lost, h.back = true, false
		h.setReady(false)
		out.Changes = append(out.Changes, HostPut{h.row()})
		s.losses = append(s.losses, h)
	}
}

// loseOn ends the next slice of the attempts that were on lost hosts, and
// reports whether there are more.
func (s *State) loseOn(now batch.Instant, out *Output) (more bool) {
	for budget := maxSlice; len(s.losses) > 0; s.losses = s.losses[1:] {
		h := s.losses[0]
		for _, j := range h.attempts() {
			if budget--; budget < 0 {
				return true
			}
			reason := hostGone(h)
			if j.reserved() {
				s.loseNode(now, j, reason, out)
				continue
			}
			s.stepAttemptEnded(now, AttemptEnded{Attempt: j.attemptID(), StoppedAt: now, StatusReason: reason}, out)
		}
		if h.back {
			h.lost, h.back = false, false
			h.setReady(true)
			out.Changes = append(out.Changes, HostPut{h.row()})
		}
	}
	s.losses = nil
	return false
}

// attempts returns what the host holds, in the order of submission.
func (h *host) attempts() []*job {
	jobs := make([]*job, 0, len(h.live))
	for j := range h.live {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *job) int { return int(a.seq - b.seq) })
	return jobs
}

// setReady says whether the host takes work.
func (h *host) setReady(ready bool) { h.environment.hosts.SetReady(&h.Host, ready) }

// hold gives the host a job's attempt.
func (h *host) hold(j *job, need batch.Resources) {
	h.environment.hosts.Take(&h.Host, need)
	h.live[j] = struct{}{}
	e := h.environment
	e.used += need.MilliVCPU
	if e.machine != nil {
		e.machine.used = e.machine.used.Add(need)
	}
}

// release takes an attempt back that is over.
func (h *host) release(j *job, need batch.Resources) {
	h.environment.hosts.Give(&h.Host, need)
	delete(h.live, j)
	e := h.environment
	e.used -= need.MilliVCPU
	if e.machine != nil {
		e.machine.used = e.machine.used.Sub(need)
	}
}

func (h *host) row() HostRow {
	return HostRow{ID: h.ID, Environment: h.environment.row.ID, Name: h.name, Capacity: h.Capacity, SeenAt: h.seenAt, Lost: h.lost}
}
