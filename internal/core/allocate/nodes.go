package allocate

import "github.com/bargehq/barge/internal/batch"

// nodes launches the instances of multi-node parallel jobs: for each job as many
// as it has nodes, less those that idle, of one type. All of them are launched,
// or none.
func (p *plan) nodes(demand int) {
	d := &p.Demand[demand]
	for n := d.Count; n > 0; n-- {
		missing := d.Nodes - p.idle(d.Need, d.Nodes, false)
		if missing == 0 {
			p.idle(d.Need, d.Nodes, true)
			p.d.Placed[demand]++
			continue
		}
		o, why := p.forNodes(d.Need, missing)
		if why != 0 {
			p.unmet(demand, n, why)
			return
		}
		p.idle(d.Need, d.Nodes, true)
		p.launch(o.candidate, missing, demand, 1)
	}
}

// forNodes chooses the type of so many instances, or says why there is none.
func (p *plan) forNodes(need batch.Resources, missing int64) (option, Reason) {
	if missing > p.left && p.left < p.Most {
		return option{}, Later // a job of more nodes than that is launched alone
	}
	if types := p.types(need, p.headroom/missing); len(types) > 0 {
		o := p.bestFit(types, 1)[0]
		if p.Candidates[o.candidate].BackedOff {
			return option{}, NoCapacity
		}
		return o, 0
	}
	if p.Overshoots() && p.headroom > 0 {
		// All but the last are within the limit, and leave some of it.
		within := int64(batch.Unlimited)
		if missing > 1 {
			within = (p.headroom - 1) / (missing - 1)
		}
		if types := p.within(need, within, false); len(types) > 0 {
			return p.smallest(types), 0
		}
	}
	return option{}, p.why(need)
}

// idle returns how many instances there are, up to so many, on which nothing
// runs and one node has room, and takes them away where it is told to.
func (p *plan) idle(need batch.Resources, nodes int64, take bool) (found int64) {
	for i := range p.rooms {
		r := &p.rooms[i]
		if !r.Idle || !need.Fits(r.Free) {
			continue
		}
		n := min(r.Count, nodes-found)
		found += n
		if take {
			r.Count -= n
		}
	}
	return found
}
