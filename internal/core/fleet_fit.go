package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/allocate"
	"github.com/bargehq/barge/internal/core/fit"
)

// verdict is whether the environment could ever have instances that hold a job:
// on one, or on one each for the nodes of a gang, all of one type. Its limit may
// be exceeded by a single instance, where AWS allows that.
func (f *fleet) verdict(maxVCPU int64, groups []fit.Group, gang bool) verdict {
	var most batch.Resources
	var sum, nodes int64
	for _, g := range groups {
		most = most.Max(g.Need)
		sum += g.Need.MilliVCPU * int64(g.Count)
		nodes += int64(g.Count)
	}
	if gang && f.row.Fleet.Spot {
		return tooSmall // on AWS they do not run on Spot instances
	}
	strategy, _ := allocate.StrategyOf(f.row.Fleet.Strategy)
	r := allocate.Request{Strategy: strategy, Spot: f.row.Fleet.Spot}
	found := tooSmall
	for _, t := range f.types {
		if !most.Fits(f.usable(t.Type)) {
			continue
		}
		found = overMax
		vcpu := t.VCPUs * 1000
		if sum <= maxVCPU && (nodes*vcpu <= maxVCPU || r.Overshoots() && (nodes-1)*vcpu < maxVCPU) {
			return holds
		}
	}
	if found == tooSmall && sum > maxVCPU {
		without := most
		without.MilliVCPU = 0
		for _, t := range f.types {
			if without.Fits(f.usable(t.Type)) {
				return overMax
			}
		}
	}
	return found
}

// shortage looks for what keeps a queue's environments from launching anything
// for the job at its head: all of those that could have been found to have no
// capacity, or not to support, the types that fit. It names one of the types. It
// stays so until one is launched.
func (s *State) shortage(now batch.Instant, q *queue, j *job) (block Block, name string) {
	for _, e := range q.environ {
		if !e.usable() {
			continue
		}
		if e.fleet == nil {
			return Unblocked, ""
		}
		kind, found, ok := e.fleet.shortOf(now, s.demandOf(j))
		switch {
		case !ok && j.gang == nil || ok && s.fits(e, j):
			return Unblocked, ""
		case !ok:
			continue
		case block == Unblocked || kind == NoCapacity:
			block, name = UnsupportedType, found
			if kind == NoCapacity {
				block = Capacity
			}
		}
		if j.gang != nil && block == Capacity {
			break // whatever the others have
		}
	}
	return block, name
}

// demandOf is a job as the allocation strategies see it.
func (s *State) demandOf(j *job) allocate.Demand {
	if j.gang != nil {
		return allocate.Demand{Need: j.gang.row.most(), Count: 1, Nodes: int64(j.gang.row.Size)}
	}
	return allocate.Demand{Need: s.shapes.Need(j.shape), Count: 1}
}

// shortOf reports whether no type that would hold the job was to be had when it
// was last tried, and why that was and which type it was. For multi-node jobs
// there is one type only, the best.
func (f *fleet) shortOf(now batch.Instant, d allocate.Demand) (kind LaunchFailure, name string, short bool) {
	failed := make(map[string]LaunchFailure)
	for _, b := range f.row.Backoffs {
		if b.Until > now-staleAfter && b.Kind != FailedOther {
			failed[b.Type] = b.Kind
			if d.Need.Fits(f.usableOf(b.Type)) && (name == "" || b.Kind == NoCapacity || kind != NoCapacity) {
				kind, name = b.Kind, b.Type // the latest is the last
			}
		}
	}
	if name == "" {
		return 0, "", false
	}
	strategy, _ := allocate.StrategyOf(f.row.Fleet.Strategy)
	r := allocate.Request{Strategy: strategy, Spot: f.row.Fleet.Spot, Headroom: batch.Unlimited, Most: max(1, d.Nodes), Demand: []allocate.Demand{d}}
	for _, t := range f.types {
		c := f.candidate(t, now)
		_, c.BackedOff = failed[t.Name]
		c.BackedOff = c.BackedOff && d.Nodes == 0
		r.Candidates = append(r.Candidates, c)
	}
	made := allocate.Decide(r)
	if d.Nodes > 0 && len(made.Launches) == 1 {
		name = r.Candidates[made.Launches[0].Candidate].Name
		kind, short = failed[name]
		return kind, name, short
	}
	return kind, name, len(made.Unmet) == 1 && made.Unmet[0].Reason == allocate.NoCapacity
}

// launches reports whether the environment has instances on their way.
func (e *environment) launches() bool { return e.fleet != nil && e.fleet.launching > 0 }

// fleetObstacle is what is in the way of a job in an environment of instances.
func (s *State) fleetObstacle(e *environment, j *job) Obstacle {
	f, need := e.fleet, s.shapes.Need(j.shape)
	groups := s.shapes.Groups(j.shape)
	most := need
	if j.gang != nil {
		most = j.gang.row.most()
	}
	var size batch.Resources
	for _, t := range f.types {
		size = size.Max(f.usable(t.Type))
	}
	with := func(l Limit, needed, available, total int64) Obstacle {
		return Obstacle{Environment: e.row.Name, Limit: l, Needed: needed, Available: available, Total: total}
	}
	switch v := f.verdict(e.row.MaxVCPU, groups, j.gang != nil); {
	case !e.row.Enabled:
		return with(LimitDisabled, 0, 0, 0)
	case f.row.Invalid != "":
		return with(LimitInvalid, 0, 0, 0)
	case s.fits(e, j):
		return with(LimitNone, 0, 0, 0)
	case v == overMax && need.MilliVCPU > e.row.MaxVCPU:
		return with(LimitMaxVCPUs, need.MilliVCPU, 0, e.row.MaxVCPU)
	case v != holds && most.GPUs > size.GPUs:
		return with(LimitGPUs, most.GPUs, 0, size.GPUs)
	case v != holds && most.MilliVCPU > size.MilliVCPU:
		return with(LimitVCPUs, most.MilliVCPU, 0, size.MilliVCPU)
	case v != holds && most.MemoryMiB > size.MemoryMiB:
		return with(LimitMemory, most.MemoryMiB, 0, size.MemoryMiB)
	case v != holds:
		return with(LimitNoType, 0, 0, 0)
	}
	if _, _, short := f.shortOf(s.placedAt, s.demandOf(j)); short {
		return with(LimitCapacity, 0, 0, 0)
	}
	if f.launching > 0 {
		return with(LimitLaunching, 0, 0, 0)
	}
	headroom := max(0, e.row.MaxVCPU-f.have-f.draining)
	c := scaler{State: s, now: s.placedAt, left: 1}
	r := c.request(e)
	r.Demand = []allocate.Demand{{Need: most, Count: 1}}
	d := allocate.Decide(r)
	switch {
	case len(d.Unmet) == 1 && d.Unmet[0].Reason == allocate.OverBid:
		return with(LimitBid, 0, 0, 0)
	case j.gang != nil:
		return with(LimitNodes, int64(j.gang.row.Size), 0, 0)
	case headroom < need.MilliVCPU:
		return with(LimitVCPUs, need.MilliVCPU, headroom, e.row.MaxVCPU)
	case len(d.Unmet) == 1 && d.Unmet[0].Reason == allocate.AtLimit:
		return with(LimitAtMax, 0, 0, e.row.MaxVCPU)
	}
	return with(LimitNoHost, 0, 0, 0)
}

// fits reports whether the environment takes the job now.
func (s *State) fits(e *environment, j *job) bool {
	if e.fleet != nil && j.gang != nil {
		return e.usable() && s.groupFor(e, j) != nil
	}
	_, fits := e.hosts.SpreadFor(j.shape, s.shapes.Groups(j.shape))
	return fits && e.row.Enabled && e.allows(s.shapes.Need(j.shape))
}
