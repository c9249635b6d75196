package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// launchTimeout is how long an instance may take to register, in milliseconds.
// If none of a configuration ever has, the environment is invalid then. AWS says
// that it waits with that, and not for how long.
const launchTimeout = 30 * 60_000

// Instances are the hosts of a fleet. One is launching until it registers, up
// until it is not wanted any more, draining while it holds what was given to it
// before, terminating until it is known to be gone; then it leaves the state.

// launch makes a host and asks for the instance that it is to be. It counts as
// if it were there.
func (s *State) launch(now batch.Instant, e *environment, name string, capacity batch.Resources, gang int64, out *Output) *host {
	s.last.Host++
	h := s.addHost(HostRow{
		ID: s.last.Host, Environment: e.row.ID, Capacity: capacity, State: HostLaunching,
		Type: name, Spot: e.fleet.row.Fleet.Spot, Generation: e.fleet.row.Generation, Gang: gang, LaunchedAt: now,
	})
	if !e.fleet.row.Joined && e.fleet.row.TriedAt == 0 {
		e.fleet.row.TriedAt = now
		e.putFleet(out)
	}
	s.watchHost(h)
	out.Changes = append(out.Changes, HostPut{h.stored()})
	out.Effects = append(out.Effects, h.wish())
	return h
}

// wish is the effect that asks for the instance.
func (h *host) wish() Effect {
	if h.row.State == HostTerminating {
		return TerminateHost{Environment: h.environment.row.ID, Host: h.ID, Name: h.row.Name}
	}
	return Launch{Environment: h.environment.row.ID, Host: h.ID, Type: h.row.Type, Spot: h.row.Spot, Name: h.row.Name}
}

// stepInstanceSeen takes the word of an instance that it is there. One that
// nobody wants any more is told so again.
func (s *State) stepInstanceSeen(now batch.Instant, e *environment, in HostSeen, out *Output) {
	h := s.hostNamed(e, in.Host, in.Name)
	switch {
	case h == nil:
		out.Effects = append(out.Effects, TerminateHost{Environment: e.row.ID, Host: in.Host, Name: in.Name})
		return
	case h.row.State == HostTerminating:
		out.Effects = append(out.Effects, h.wish())
		return
	case h.row.State == HostGone:
		return
	case h.row.State != HostLaunching:
		s.hostBack(h, in.Capacity, out)
		s.config++
		return
	}
	e.fleet.measure(h.row.Type, in.Capacity)
	s.resize(h, in.Capacity)
	h.row.Name, h.row.SeenAt = in.Name, now
	e.named[h.row.Name] = h
	h.here = true
	h.become(HostUp)
	s.watchHost(h)
	h.touch()
	out.Changes = append(out.Changes, HostPut{h.stored()})
	out.Reply = Reply{ID: h.ID}
	s.config++
	f := e.fleet
	f.row.Joined, f.row.TriedAt = true, 0
	f.row.Backoffs = slices.DeleteFunc(slices.Clone(f.row.Backoffs), func(b Backoff) bool { return b.Type == h.row.Type })
	e.putFleet(out)
}

// stepLaunchFailed takes the word that an instance will not come.
func (s *State) stepLaunchFailed(now batch.Instant, in LaunchFailed, out *Output) {
	h := s.hosts[in.Host]
	if h == nil || h.environment.row.ID != in.Environment || h.row.State != HostLaunching && h.row.State != HostTerminating {
		return
	}
	if h.row.State == HostLaunching {
		s.backOff(now, h.environment, h.row.Type, in.Kind, out)
	}
	s.removeInstance(now, h, out)
}

// instanceLost takes the word that an instance is gone, asked for or not.
func (s *State) instanceLost(now batch.Instant, h *host, out *Output) {
	switch h.row.State {
	case HostLaunching:
		s.stepLaunchFailed(now, LaunchFailed{Environment: h.environment.row.ID, Host: h.ID}, out)
	case HostTerminating:
		s.removeInstance(now, h, out)
	case HostUp, HostDraining:
		h.row.EndedAt = now
		s.loseHost(h, out)
		s.watchHost(h)
	case HostGone:
		h.row.EndedAt = now
	case HostTerminated:
	}
}

// instanceEmptied goes on with a lost instance when all that it held has ended.
func (s *State) instanceEmptied(h *host, out *Output) {
	if h.row.EndedAt == 0 { // we took it; whoever has it is to be told
		s.endInstance(h, out)
		return
	}
	s.removeInstance(h.row.EndedAt, h, out)
}

// endInstance asks for the end of an instance that holds nothing.
func (s *State) endInstance(h *host, out *Output) {
	h.become(HostTerminating)
	s.watchHost(h)
	h.environment.fleet.idle.Remove(h)
	s.config++
	out.Changes = append(out.Changes, HostPut{h.stored()})
	out.Effects = append(out.Effects, h.wish())
}

// removeInstance forgets an instance that is no more.
func (s *State) removeInstance(now batch.Instant, h *host, out *Output) {
	e := h.environment
	h.become(HostTerminated)
	h.row.EndedAt = now
	h.row.Cost = s.endCost(h)
	s.watchHost(h)
	e.fleet.idle.Remove(h)
	delete(s.hosts, h.ID)
	e.hosts.Remove(&h.Host)
	delete(e.named, h.row.Name)
	s.config++
	out.Changes = append(out.Changes, HostPut{h.stored()})
}

// stepHostNotice drains an instance that is about to be interrupted and stops
// what it holds: it has until the given time to come to an end.
func (s *State) stepHostNotice(now batch.Instant, in HostNotice, out *Output) {
	e := s.environments[in.Environment]
	if e == nil || e.fleet == nil {
		return
	}
	h := s.hostNamed(e, in.Host, in.Name)
	if h == nil || h.row.GoneAt != 0 && h.row.GoneAt <= in.At {
		return
	}
	s.drainHost(h, now, in.At, out)
}

// drainHost gives an instance no more work. What it holds is stopped at stopAt
// and is gone at goneAt; zero means never. It is terminated when it is empty.
func (s *State) drainHost(h *host, stopAt, goneAt batch.Instant, out *Output) {
	switch {
	case h.row.State != HostUp && h.row.State != HostLaunching && h.row.State != HostDraining:
		return
	case len(h.live) == 0:
		s.endInstance(h, out)
		return
	}
	if h.row.State != HostDraining {
		h.become(HostDraining)
	}
	h.row.StopAt, h.row.GoneAt = sooner(h.row.StopAt, stopAt), sooner(h.row.GoneAt, goneAt)
	s.watchHost(h)
	out.Changes = append(out.Changes, HostPut{h.stored()})
}

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b batch.Instant) batch.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// due is when something happens to an instance by the passing of time; zero for
// never.
func (h *host) due() batch.Instant {
	switch h.row.State {
	case HostLaunching:
		return h.row.LaunchedAt + launchTimeout
	case HostDraining:
		if h.stopped {
			return h.row.GoneAt
		}
		return sooner(h.row.StopAt, h.row.GoneAt)
	case HostUp, HostTerminating, HostGone, HostTerminated:
	}
	return 0
}

// watchHost sets the deadline of an instance, as it is now.
func (s *State) watchHost(h *host) {
	s.dues.Remove(h)
	if at := h.due(); at != 0 {
		h.dueAt = at
		s.dues.Push(h)
	}
}

// wakeHosts does what is due with instances: a bounded number of them.
func (s *State) wakeHosts(now batch.Instant, out *Output) {
	for n := 0; n < maxSlice; n++ {
		h, ok := s.dues.Min()
		if !ok || h.dueAt > now {
			return
		}
		switch {
		case h.row.State == HostLaunching:
			s.launchTimedOut(now, h, out)
		case h.row.GoneAt != 0 && h.row.GoneAt <= now:
			s.loseHost(h, out)
		default:
			h.stopped = true
			s.evictions = append(s.evictions, &eviction{live: h.attempts()})
		}
		s.watchHost(h)
	}
}

// settleHosts looks at the instances whose jobs have changed: those that have
// become idle or busy, and those that were to be terminated when they are empty.
func (s *State) settleHosts(now batch.Instant, out *Output) {
	for _, e := range s.environmentList {
		if e.fleet == nil {
			continue
		}
		for _, h := range e.fleet.touched {
			h.touched = false
			switch idle := h.row.State == HostUp && h.here && len(h.live) == 0; {
			case h.row.State == HostDraining && len(h.live) == 0:
				s.endInstance(h, out)
			case !idle:
				e.fleet.idle.Remove(h)
			case !e.fleet.idle.Has(h):
				h.idleSince = now
				e.fleet.idle.Push(h)
				e.fleet.idleDue = sooner(e.fleet.idleDue, now+s.keptFor(h))
			}
			if len(h.live) > 0 && !h.row.Used {
				h.row.Used = true
				out.Changes = append(out.Changes, HostPut{h.stored()})
			}
		}
		clear(e.fleet.touched)
		e.fleet.touched = e.fleet.touched[:0]
	}
}

// touch has settleHosts look at the host.
func (h *host) touch() {
	if f := h.environment.fleet; f != nil && !h.touched {
		h.touched = true
		f.touched = append(f.touched, h)
	}
}

// count counts the host in its fleet, or counts it out.
func (h *host) count(n int64) {
	f := h.environment.fleet
	if f == nil {
		return
	}
	switch h.row.State {
	case HostLaunching:
		f.launching += int(n)
		f.have += n * h.Capacity.MilliVCPU
	case HostUp:
		f.have += n * h.Capacity.MilliVCPU
	case HostDraining:
		f.draining += n * h.Capacity.MilliVCPU
	case HostTerminating, HostGone, HostTerminated:
	}
}

// launchTimedOut gives up on an instance that does not register. Where none ever
// has, the environment is invalid.
func (s *State) launchTimedOut(now batch.Instant, h *host, out *Output) {
	e := h.environment
	s.backOff(now, e, h.row.Type, FailedOther, out)
	s.endInstance(h, out)
	if f := e.fleet; !f.row.Joined {
		f.row.Invalid = reasonNoneJoined
		f.row.TriedAt = 0
		s.config++
		e.putFleet(out)
	}
}

// reasonNoneJoined is AWS's word for an environment that has never had an
// instance.
//
// https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html
const reasonNoneJoined = "Your compute environment has been INVALIDATED and scaled down because none of the instances joined the underlying ECS Cluster. " +
	"Common issues preventing instances joining are the following: VPC/Subnet configuration preventing communication to ECS, " +
	"incorrect Instance Profile policy preventing authorization to ECS, or customized AMI or LaunchTemplate configurations affecting ECS agent."

// staleAfter is how long it is remembered that a type could not be launched, once
// it might be tried again and was not.
const staleAfter = 30 * 60_000

// backOff launches no more of the type for a while.
func (s *State) backOff(now batch.Instant, e *environment, name string, kind LaunchFailure, out *Output) {
	f := e.fleet
	until := now + backoffFor(f.row.Fleet.Strategy, kind)
	f.row.Backoffs = slices.DeleteFunc(slices.Clone(f.row.Backoffs), func(b Backoff) bool { return b.Type == name || b.Until <= now-staleAfter })
	f.row.Backoffs = append(f.row.Backoffs, Backoff{Type: name, Kind: kind, Until: until})
	e.putFleet(out)
	s.config++
}

// backoffFor is how long a type is not launched after a failure, in milliseconds.
// AWS tells no times.
func backoffFor(strategy string, kind LaunchFailure) batch.Instant {
	switch {
	case kind == FailedOther:
		return 60_000
	case kind == NoCapacity && (strategy == "" || strategy == "BEST_FIT"): // it waits for this type
		return 5 * 60_000
	}
	return 10 * 60_000
}
