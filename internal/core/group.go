package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/allocate"
)

// group is the instances that are kept, or were launched, for the gang at the head
// of a queue: one for each node, all of one type. They take nothing else while
// they are. A gang never starts in parts, so neither is a group kept that has
// lost an instance.
type group struct {
	job   *job
	hosts []*host
}

// keepGroup releases the group of a queue that is no use any more: the gang is
// not at the head, it has started, or an instance did not come.
func (s *State) keepGroup(q *queue, out *Output) {
	g := q.group
	if g == nil {
		return
	}
	head, ok := q.first()
	whole := true
	for _, h := range g.hosts {
		whole = whole && s.hosts[h.ID] == h && (h.row.State == HostUp || h.row.State == HostLaunching)
	}
	if !ok || head != g.job || !whole {
		s.releaseGroup(q, out)
	}
}

// releaseGroup lets the instances of a queue's group take any job.
func (s *State) releaseGroup(q *queue, out *Output) {
	if q.group == nil {
		return
	}
	s.startGroup(q, q.group.hosts, out)
	s.config++
}

// startGroup ends the group of a queue: its instances are those of a gang that
// starts, or are kept for none any more.
func (s *State) startGroup(q *queue, hosts []*host, out *Output) {
	q.group = nil
	for _, h := range hosts {
		if s.hosts[h.ID] == h && h.row.Gang != 0 {
			h.row.Gang = 0
			h.refresh()
			h.touch()
			out.Changes = append(out.Changes, HostPut{h.stored()})
		}
	}
}

// serveGang sees that there is an instance for each node of the gang at the head
// of a queue, in the first environment that can have them all. One that has no
// capacity for them now is waited for, as on AWS, and so is the type that is best.
//
// https://docs.aws.amazon.com/batch/latest/userguide/allocation-strategies.html
// https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable_capacity.html
func (c *scaler) serveGang(q *queue, p *job) {
	if q.group != nil {
		return
	}
	nodes := int64(p.gang.row.Size)
	for _, e := range q.environ {
		if e.fleet == nil || !e.usable() || e.fleet.row.Fleet.Spot {
			continue
		}
		r := c.request(e)
		backedOff := make(map[string]bool)
		for i := range r.Candidates { // no other type is taken instead, as on AWS
			backedOff[r.Candidates[i].Name] = r.Candidates[i].BackedOff
			r.Candidates[i].BackedOff = false
		}
		headroom := r.Headroom
		idle := make(map[string][]*host)
		for h := range e.fleet.idle.Sorted {
			if h.row.Gang == 0 {
				idle[h.row.Type] = append(idle[h.row.Type], h)
				r.Headroom += h.Capacity.MilliVCPU
			}
		}
		r.Demand = []allocate.Demand{{Need: p.gang.row.most(), Count: 1, Nodes: nodes}}
		d := allocate.Decide(r)
		if len(d.Launches) != 1 {
			c.unmet(q, e, &d)
			continue
		}
		l := &d.Launches[0]
		candidate := &r.Candidates[l.Candidate]
		if backedOff[candidate.Name] {
			c.unmet(q, e, &allocate.Decision{Unmet: []allocate.Unmet{{Reason: allocate.NoCapacity}}})
			break
		}
		kept := idle[candidate.Name]
		kept = kept[:min(int64(len(kept)), nodes)]
		l.Count = nodes - int64(len(kept))
		if l.Count*candidate.VCPU > headroom && (!r.Overshoots() || (l.Count-1)*candidate.VCPU >= headroom) || l.Count > c.left {
			continue
		}
		c.form(q, e, p, kept, l, candidate)
		return
	}
}

// form makes a group of instances that are idle and of new ones.
func (c *scaler) form(q *queue, e *environment, p *job, idle []*host, l *allocate.Launch, candidate *allocate.Candidate) {
	g := &group{job: p}
	for _, h := range idle {
		h.row.Gang = p.seq
		h.refresh()
		c.out.Changes = append(c.out.Changes, HostPut{h.stored()})
		g.hosts = append(g.hosts, h)
	}
	for range l.Count {
		g.hosts = append(g.hosts, c.State.launch(c.now, e, candidate.Name, candidate.Usable, p.seq, c.out))
	}
	c.left -= l.Count
	q.group = g
	if l.Count > 0 {
		e.decide(Decision{
			At: c.now, Launched: int32(l.Count), Type: candidate.Name, Why: "multi-node job " + p.ref.String(),
			Demand: c.shapes.Need(p.shape).MilliVCPU, Price: l.Price,
		}, c.out)
	}
	delete(c.rooms, e)
}

// most is the most of each amount that a node needs.
func (g *Gang) most() (need batch.Resources) {
	for _, group := range g.Groups {
		need = need.Max(group.Needs)
	}
	return need
}

// groupFor returns an instance for each node of a gang that waits in the
// environment of a fleet: its group, once all have registered, or as many idle
// instances of one type; nil where there are not enough.
func (s *State) groupFor(e *environment, p *job) []*host {
	if g := p.queue.group; g != nil {
		if g.job != p || g.hosts[0].environment != e {
			return nil
		}
		for _, h := range g.hosts {
			if h.row.State != HostUp || !h.here || len(h.live) > 0 {
				return nil
			}
		}
		return g.hosts
	}
	need, nodes := p.gang.row.most(), int(p.gang.row.Size)
	if e.fleet.row.Fleet.Spot || e.fleet.idle.Len() < nodes {
		return nil
	}
	byType := make(map[string][]*host)
	for h := range e.fleet.idle.Sorted {
		if h.row.Gang != 0 || len(h.live) > 0 || !need.Fits(h.Capacity) {
			continue
		}
		byType[h.row.Type] = append(byType[h.row.Type], h)
		if hosts := byType[h.row.Type]; len(hosts) == nodes {
			return hosts
		}
	}
	return nil
}
