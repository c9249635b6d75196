package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// stepHostSeen makes a host take work. One that is known already has come back:
// it is told again of everything that it should be doing, since what it was told
// before may have been lost with either side.
func (s *State) stepHostSeen(now batch.Instant, in HostSeen, out *Output) *batch.Error {
	e := s.environments[in.Environment]
	if e == nil {
		return batch.Errorf(batch.NotFound, "host %s: no compute environment %d", in.Name, in.Environment)
	}
	if e.fleet != nil {
		s.stepInstanceSeen(now, e, in, out)
		return nil
	}
	e.asked = false
	s.config++
	if e.machine != nil {
		e.machine.seen(in.Capacity)
	}
	if h := s.hostNamed(e, 0, in.Name); h != nil {
		s.hostBack(h, in.Capacity, out)
		return nil
	}
	s.last.Host++
	row := HostRow{ID: s.last.Host, Environment: in.Environment, Name: in.Name, Capacity: in.Capacity, SeenAt: now}
	h := s.addHost(row)
	h.here = true
	h.refresh()
	out.Changes = append(out.Changes, HostPut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

// hostNamed finds a host of the environment by its id or, where that is zero, by
// its name.
func (s *State) hostNamed(e *environment, id int64, name string) *host {
	if id != 0 {
		if h := s.hosts[id]; h != nil && h.environment == e {
			return h
		}
		return nil
	}
	return e.named[name]
}

func (s *State) hostBack(h *host, capacity batch.Resources, out *Output) {
	out.Reply = Reply{ID: h.ID}
	if h.row.State == HostGone && len(h.live) > 0 {
		h.back = true // what it held before it was lost is no more
		return
	}
	if h.row.State == HostGone {
		h.become(HostUp)
		out.Changes = append(out.Changes, HostPut{h.stored()})
	}
	h.here = true
	h.refresh()
	h.touch()
	if h.Capacity != capacity {
		s.resize(h, capacity)
		out.Changes = append(out.Changes, HostPut{h.stored()})
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

// resize makes the host as large as it says. One that has become smaller than
// what it holds shrinks no further than that.
func (s *State) resize(h *host, capacity batch.Resources) {
	var used batch.Resources
	for j := range h.live {
		used = used.Add(s.shapes.Need(j.shape))
	}
	capacity = capacity.Max(used)
	h.count(-1)
	h.environment.hosts.Resize(&h.Host, capacity, capacity.Sub(used))
	h.count(1)
}

func (s *State) stepHostLost(now batch.Instant, in HostLost, out *Output) {
	e := s.environments[in.Environment]
	if e == nil {
		return
	}
	h := s.hostNamed(e, in.Host, in.Name)
	if h == nil {
		return
	}
	if e.fleet != nil {
		s.instanceLost(now, h, out)
		return
	}
	if h.row.State != HostGone {
		s.loseHost(h, out)
	}
}

// loseHost notes that a host is gone, and has what it held ended.
func (s *State) loseHost(h *host, out *Output) {
	h.back = false
	h.become(HostGone)
	out.Changes = append(out.Changes, HostPut{h.stored()})
	s.losses = append(s.losses, h)
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
			out.Effects = append(out.Effects, Stop{Host: h.ID, Attempt: j.attemptID(), Kill: true})
			s.stepAttemptEnded(now, AttemptEnded{Attempt: j.attemptID(), StoppedAt: now, StatusReason: reason}, out)
		}
		if h.environment.fleet != nil {
			s.instanceEmptied(h, out)
			continue
		}
		if h.back {
			h.back = false
			h.become(HostUp)
			out.Changes = append(out.Changes, HostPut{h.stored()})
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

// refresh says whether the host takes work: it is up and has registered since the
// state was loaded. An instance that is kept for a gang, or holds a node of one,
// is that gang's alone.
func (h *host) refresh() {
	alone := h.environment.fleet != nil && (h.row.Gang != 0 || h.nodes > 0)
	h.environment.hosts.SetReady(&h.Host, h.row.State == HostUp && h.here && !alone)
}

// hold gives the host a job's attempt.
func (h *host) hold(j *job, need batch.Resources) {
	h.live[j] = h.environment.hosts.Take(&h.Host, need, j.latestEnd(), j.seq)
	e := h.environment
	e.used += need.MilliVCPU
	if e.machine != nil {
		e.machine.used = e.machine.used.Add(need)
	}
	if j.isNode() {
		h.nodes++
		h.refresh()
	}
	h.touch()
}

// release takes an attempt back that is over.
func (h *host) release(j *job, need batch.Resources) {
	h.environment.hosts.Give(h.live[j])
	delete(h.live, j)
	e := h.environment
	e.used -= need.MilliVCPU
	if e.machine != nil {
		e.machine.used = e.machine.used.Sub(need)
	}
	if j.isNode() {
		h.nodes--
		h.refresh()
	}
	h.touch()
}

// stored is the host as it is to be stored.
func (h *host) stored() HostRow {
	row := h.row
	row.Capacity = h.Capacity
	return row
}

// become takes the host to another state, and the counts of its fleet with it.
func (h *host) become(state HostState) {
	h.count(-1)
	h.row.State = state
	h.refresh()
	h.count(1)
}

// latestEnd is when the attempt is over at the latest, as far as is known. One
// that is still starting counts as if it ran.
func (j *job) latestEnd() batch.Instant {
	since, timeout := j.scheduled, j.timeout
	if j.state == batch.Running {
		since = j.startedAt
	}
	if j.isNode() {
		timeout = j.parent.timeout
		if j.parent.state == batch.Running {
			since = j.parent.startedAt
		}
	}
	return endOf(since, timeout)
}

func endOf(since batch.Instant, timeout int32) batch.Instant {
	if timeout == 0 {
		return fit.Never
	}
	return since + batch.Instant(timeout)*1000
}

// runs says anew when the attempt is over.
func (h *host) runs(j *job) {
	if hold := h.live[j]; hold != nil {
		h.environment.hosts.Until(hold, j.latestEnd())
	}
}
