package core

import (
	"strconv"

	"github.com/bargehq/barge/internal/batch"
)

// updateMinutes is how long jobs may go on by default on instances that an
// update replaces: jobExecutionTimeoutMinutes.
const updateMinutes = 30

// updateFleet changes a fleet to what an update says. Instances that are to be
// replaced take no more work from now on.
//
// https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
func (s *State) updateFleet(now batch.Instant, e *environment, in UpdateEnvironment, out *Output) {
	f := e.fleet
	if in.Fleet != nil {
		f.row.Fleet = *in.Fleet
		s.resolve(f)
	}
	repaired := f.row.Invalid != ""
	if in.Replace || repaired {
		f.row.Generation++
		f.row.Invalid, f.row.Joined, f.row.TriedAt, f.row.Backoffs, f.row.Measured = "", false, 0, nil, nil
		if e.hosts.Len() > 0 {
			f.row.UpdatedAt = now
		}
	}
	e.putFleet(out)
}

// shed drains, a bounded number at a time, the instances that a fleet is not to
// have any more, whatever it needs: all of them, or those of earlier
// configurations. They are in the way of nothing but maxvCpus. It reports whether
// there are more.
func (s *State) shed(now batch.Instant, e *environment, out *Output) (more bool) {
	f := e.fleet
	all := e.row.Status == Deleting || f.row.Invalid != ""
	if !all && f.row.UpdatedAt == 0 {
		return false
	}
	stopAt := now
	if !all && !f.row.Fleet.StopOnUpdate {
		minutes := batch.Instant(f.row.Fleet.UpdateMinutes)
		if minutes == 0 {
			minutes = updateMinutes
		}
		stopAt = f.row.UpdatedAt + minutes*60_000
	}
	budget, old := maxSlice, 0
	for _, x := range e.hosts.Hosts() {
		h := s.hosts[x.ID]
		if !all && h.row.Generation == f.row.Generation {
			continue
		}
		old++
		if goes := h.row.State == HostUp || h.row.State == HostLaunching || h.row.State == HostDraining && sooner(h.row.StopAt, stopAt) != h.row.StopAt; !goes {
			continue
		}
		if budget--; budget < 0 {
			return true
		}
		s.drainHost(h, stopAt, 0, out)
	}
	if !all && old == 0 {
		f.row.UpdatedAt = 0
		e.putFleet(out)
	}
	return false
}

// interruptAfter is how long an instance has between the notice of its
// interruption and its end, in milliseconds.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const interruptAfter = 120_000

// interrupt gives notice to the Spot instances whose type has come to cost more
// than the bid.
func (c *scaler) interrupt(e *environment) {
	f := e.fleet
	switch {
	case !f.row.Fleet.Spot || f.priceDue == 0:
		return
	case c.now < f.priceDue:
		c.wake(f.priceDue)
		return
	}
	over := make(map[string]bool)
	for _, t := range f.types {
		if bid := f.bid(t.Type); bid > 0 && f.price(t.Type, c.now) > bid {
			over[t.Name] = true
		}
	}
	if at, ok := f.nextPrice(c.now); ok {
		f.priceDue = at
		c.wake(at)
	} else {
		f.priceDue = 0
	}
	if len(over) == 0 {
		return
	}
	budget := maxSlice
	for _, x := range e.hosts.Hosts() {
		h := c.hosts[x.ID]
		if !over[h.row.Type] || h.row.State != HostUp && h.row.State != HostLaunching {
			continue
		}
		if budget--; budget < 0 {
			f.priceDue = c.now + 1 // the rest at once
			c.wake(f.priceDue)
			return
		}
		c.drainHost(h, c.now, c.now+interruptAfter, c.out)
	}
}

// shrink terminates instances that hold nothing for long enough, the longest idle
// first, down to minvCpus; those beyond maxvCpus at once.
func (c *scaler) shrink(e *environment) {
	f := e.fleet
	over := f.have > e.row.MaxVCPU
	if !over && f.idleConfig == c.config && (f.idleDue == 0 || c.now < f.idleDue) {
		c.wake(f.idleDue)
		return
	}
	f.idleDue, f.idleConfig = 0, c.config
	type group struct {
		name string
		n    int32
	}
	var ended []group
	var gone []*host
	have := f.have
	for h := range f.idle.Sorted {
		due := max(h.idleSince+c.keptFor(h), f.holdUntil)
		if beyond := have > e.row.MaxVCPU; !beyond && due > c.now {
			f.idleDue = sooner(f.idleDue, due)
			continue
		}
		if h.row.Gang != 0 || have-h.Capacity.MilliVCPU < f.row.Fleet.MinVCPU || len(gone) == maxSlice {
			continue
		}
		have -= h.Capacity.MilliVCPU
		gone = append(gone, h)
		if n := len(ended); n == 0 || ended[n-1].name != h.row.Type {
			ended = append(ended, group{name: h.row.Type})
		}
		ended[len(ended)-1].n++
	}
	for _, h := range gone {
		f.idle.Remove(h)
		c.endInstance(h, c.out)
		f.endedAt = c.now
	}
	for _, g := range ended {
		why := "idle for " + strconv.FormatInt(int64(c.keptFor(gone[0])/1000), 10) + " s"
		if over {
			why = "more than maxvCpus"
		}
		e.decide(Decision{At: c.now, Ended: g.n, Type: g.name, Why: why, Price: f.priceOf(g.name, c.now)}, c.out)
	}
	c.wake(f.idleDue)
}

// keptFor is how long an instance is kept that holds nothing, in milliseconds.
func (s *State) keptFor(h *host) batch.Instant {
	delay := h.environment.fleet.row.Fleet.DelayMinutes
	switch {
	case !h.row.Used && s.scaling.Unused > 0:
		return s.scaling.Unused
	case !h.row.Used:
		return unusedFor
	case delay > 0:
		return batch.Instant(delay) * 60_000
	case s.scaling.Idle > 0:
		return s.scaling.Idle
	}
	return idleFor
}
