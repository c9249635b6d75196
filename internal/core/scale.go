package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core/allocate"
)

// Scaling is what the scaling of fleets is told from outside; zero members have
// defaults.
type Scaling struct {
	Catalog *catalog.Catalog // which types there are; EC2's by default
	// How long an instance is kept that holds nothing, in milliseconds: one that
	// has held jobs, where its environment says nothing (five minutes), and one
	// that never has (ten).
	Idle, Unused batch.Instant
}

const (
	idleFor   = 5 * 60_000
	unusedFor = 10 * 60_000
)

// An instance that was terminated because it was idle, and is missed before so
// long, was terminated too early: for a while no other one is, so that a load
// that swings does not have instances come and go. In milliseconds.
const (
	missedWithin = 10 * 60_000
	holdFor      = 15 * 60_000
)

// How often a queue is looked at, in milliseconds, while instances that were
// launched for it have not registered, and after a look that led to nothing. Else
// it is looked at as soon as something waits.
const (
	lookWhileLaunching = 10_000
	lookWhileQuiet     = 50
)

// maxLaunches bounds how many instances are launched in one round.
const maxLaunches = 1024

// look is what was found when a queue was last looked at for jobs that need
// instances.
type look struct {
	at             batch.Instant
	wanted, config uint64 // of the queue and the state, then
	quiet          bool   // nothing was launched
	until          batch.Instant
}

// scaler makes the decisions of one round.
type scaler struct {
	*State
	now   batch.Instant
	out   *Output
	rooms map[*environment]*rooms
	left  int64         // instances that may still be launched in this round
	next  batch.Instant // when there is something to decide without any input; zero for never
}

// manageFleets sees to the instances of all fleets: those that are to go, those
// that are wanted, and those that are not any more. It reports whether it
// has changed anything, from which more may follow at once.
func (s *State) manageFleets(now batch.Instant, out *Output) (more bool) {
	if s.fleets == 0 {
		return false
	}
	effects := len(out.Effects)
	c := &scaler{State: s, now: now, out: out, rooms: make(map[*environment]*rooms), left: maxLaunches}
	for _, e := range s.environmentList {
		if e.fleet != nil {
			more = s.shed(now, e, out) || more
			c.interrupt(e)
		}
	}
	s.settleHosts(now, out)
	for _, e := range s.environmentList {
		if e.fleet != nil {
			c.keepMin(e)
		}
	}
	for _, q := range s.queueList {
		c.serve(q)
	}
	for _, e := range s.environmentList {
		if e.fleet != nil {
			c.shrink(e)
			e.tellDesired(out)
		}
	}
	s.lookAt = c.next
	return more || len(out.Effects) > effects
}

// settleFleets brings up to date, before jobs are placed, which instances are idle
// and which are kept for gangs.
func (s *State) settleFleets(now batch.Instant, out *Output) {
	if s.fleets == 0 {
		return
	}
	for _, q := range s.queueList {
		s.keepGroup(q, out)
	}
	s.settleHosts(now, out)
}

// wake has the next decision made at the given time, or earlier.
func (c *scaler) wake(at batch.Instant) { c.next = sooner(c.next, at) }

// usable reports whether jobs may start in the environment.
func (e *environment) usable() bool {
	return e.row.Enabled && e.row.Status == Valid && (e.fleet == nil || e.fleet.row.Invalid == "")
}

// serve launches instances for what waits in a queue: in the first of its
// environments that may have more and of whose fitting types one can be had, for
// what there is no room for on the instances of any of them, up or launching.
func (c *scaler) serve(q *queue) {
	if len(q.wants) == 0 && q.gangs == 0 || q.full(1) || q.row.ServiceEnvironment != 0 || !c.dueAt(q) {
		return
	}
	launches := c.left
	q.look = look{at: c.now, wanted: q.wanted, config: c.config}
	head, wants := c.demand(q)
	if head != nil && head.gang != nil {
		c.serveGang(q, head)
	}
	var left []want
	for _, w := range wants {
		if w.count -= c.place(q, w); w.count > 0 {
			left = append(left, w)
		}
	}
	for _, e := range q.environ {
		if len(left) == 0 {
			break
		}
		if e.fleet != nil && e.usable() {
			left = c.grow(q, e, left)
		}
	}
	q.look.quiet = c.left == launches
	if c.left <= 0 {
		q.look = look{} // the rest at once
	}
}

// dueAt reports whether a queue is to be looked at now; if it is to be looked at
// later, it is noted when.
func (c *scaler) dueAt(q *queue) bool {
	l := &q.look
	fleets, launching := false, false
	for _, e := range q.environ {
		if e.fleet != nil {
			fleets = true
			launching = launching || e.fleet.launching > 0
		}
	}
	if !fleets {
		return false
	}
	if changed := l.wanted != q.wanted || l.config != c.config; !changed && (l.until == 0 || c.now < l.until) {
		if l.until != 0 {
			c.wake(l.until)
		}
		return false
	}
	at := l.at
	switch {
	case launching && l.at != 0:
		at += lookWhileLaunching
	case l.quiet:
		at += lookWhileQuiet
	}
	if c.now < at {
		c.wake(at)
		return false
	}
	return true
}

// place returns for how many of the jobs there is room on instances already, up
// ones first, then launching ones, each in the queue's order of preference.
func (c *scaler) place(q *queue, w want) (placed int64) {
	need := c.shapes.Need(w.shape)
	for _, e := range q.environ {
		if e.fleet != nil && e.usable() && e.hosts.Best(need) != nil {
			r := c.roomsOf(e)
			if !r.counted {
				r.up, r.counted = c.upRooms(e), true
			}
			placed += pack(&r.up, need, w.count-placed)
		}
	}
	for _, e := range q.environ {
		if e.fleet != nil && e.usable() {
			placed += pack(&c.roomsOf(e).launching, need, w.count-placed)
		}
	}
	return placed
}

func (c *scaler) roomsOf(e *environment) *rooms {
	if c.rooms[e] == nil {
		c.rooms[e] = &rooms{launching: c.launchingRooms(e)}
	}
	return c.rooms[e]
}

// grow launches instances of an environment for jobs that wait, and returns those
// for which it has none.
func (c *scaler) grow(q *queue, e *environment, wants []want) (left []want) {
	r := c.request(e)
	for _, w := range wants {
		r.Demand = append(r.Demand, allocate.Demand{Need: c.shapes.Need(w.shape), Count: w.count})
	}
	d := allocate.Decide(r)
	var waits int64
	for _, w := range wants {
		waits += w.count * c.shapes.Need(w.shape).MilliVCPU
	}
	c.launch(e, &r, &d, "jobs of queue "+q.row.Name, waits, 0)
	rooms := c.roomsOf(e)
	for i, w := range wants {
		if w.count -= pack(&rooms.launching, r.Demand[i].Need, w.count); w.count > 0 {
			left = append(left, w)
		}
	}
	c.unmet(q, e, &d)
	return left
}

// launch carries out what was decided.
func (c *scaler) launch(e *environment, r *allocate.Request, d *allocate.Decision, why string, demand int64, gang int64) {
	rooms := c.roomsOf(e)
	if f := e.fleet; len(d.Launches) > 0 && f.endedAt != 0 && c.now < f.endedAt+missedWithin {
		f.holdUntil = c.now + holdFor
	}
	for _, l := range d.Launches {
		candidate := &r.Candidates[l.Candidate]
		for range l.Count {
			c.State.launch(c.now, e, candidate.Name, candidate.Usable, gang, c.out)
		}
		c.left -= l.Count
		if gang == 0 {
			rooms.launching = append(rooms.launching, room{candidate.Usable, l.Count})
		}
		e.decide(Decision{At: c.now, Launched: int32(l.Count), Type: candidate.Name, Why: why, Demand: demand, Price: l.Price}, c.out)
	}
}

// unmet notes what became of jobs that nothing was launched for.
func (c *scaler) unmet(q *queue, e *environment, d *allocate.Decision) {
	for _, u := range d.Unmet {
		switch u.Reason {
		case allocate.NoCapacity:
			for _, b := range e.fleet.row.Backoffs {
				if b.Until > c.now {
					q.look.until = sooner(q.look.until, b.Until)
				}
			}
		case allocate.OverBid:
			if at, ok := e.fleet.nextPrice(c.now); ok {
				q.look.until = sooner(q.look.until, at)
			}
		case allocate.TooLarge, allocate.AtLimit, allocate.Later:
		}
	}
	if q.look.until != 0 {
		c.wake(q.look.until)
	}
}

// request is what a decision about the environment is made from, but for demand.
func (c *scaler) request(e *environment) allocate.Request {
	f := e.fleet
	strategy, _ := allocate.StrategyOf(f.row.Fleet.Strategy)
	r := allocate.Request{Strategy: strategy, Spot: f.row.Fleet.Spot, Headroom: max(0, e.row.MaxVCPU-f.have-f.draining), Most: c.left}
	for _, t := range f.types {
		r.Candidates = append(r.Candidates, f.candidate(t, c.now))
	}
	return r
}

// keepMin launches what is missing of minvCpus, and of what was asked for by hand.
func (c *scaler) keepMin(e *environment) {
	f := e.fleet
	if e.row.Status != Valid || f.row.Invalid != "" {
		return
	}
	floor, why := f.row.Fleet.MinVCPU, "minvCpus"
	if desired := f.row.Fleet.DesiredVCPU; desired > floor && e.row.Enabled {
		floor, why = desired, "desiredvCpus"
	}
	missing := floor - f.have
	if missing <= 0 {
		f.row.Fleet.DesiredVCPU = 0
		return
	}
	if c.now < f.stuckUntil {
		c.wake(f.stuckUntil)
		return
	}
	r := c.request(e)
	r.Demand = []allocate.Demand{{Need: batch.Resources{MilliVCPU: 1000}, Count: (missing + 999) / 1000}}
	d := allocate.Decide(r)
	c.launch(e, &r, &d, why, missing, 0)
	if len(d.Unmet) > 0 {
		f.stuckUntil = c.now + lookWhileLaunching
		c.wake(f.stuckUntil)
	}
}

// decide notes a decision.
func (e *environment) decide(d Decision, out *Output) {
	f := e.fleet
	f.row.Decided++
	d.Environment, d.Number, d.Have = e.row.ID, f.row.Decided, f.have
	e.putFleet(out)
	out.Changes = append(out.Changes, DecisionPut{d})
}

// tellDesired keeps desiredvCpus at what the environment has, or is to have, of
// its limits.
func (e *environment) tellDesired(out *Output) {
	f := e.fleet
	if want := max(0, min(max(f.have, f.row.Fleet.MinVCPU), e.row.MaxVCPU)); want != f.row.Desired {
		f.row.Desired = want
		e.putFleet(out)
	}
}

// candidate is a type as the allocation strategies see it.
func (f *fleet) candidate(t fleetType, now batch.Instant) allocate.Candidate {
	c := allocate.Candidate{
		Name: t.Name, Usable: f.usable(t.Type), VCPU: t.VCPUs * 1000, Rank: t.rank, Score: t.Score, Interruption: t.Interruption,
		Price: f.price(t.Type, now), Bid: f.bid(t.Type),
	}
	for _, b := range f.row.Backoffs {
		c.BackedOff = c.BackedOff || b.Type == t.Name && b.Until > now
	}
	return c
}
