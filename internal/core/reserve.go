package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// reservation is what the head of a queue, which does not start now, is going to
// start on: what others leave to it. It follows from the state and the time and is
// never stored.
type reservation struct {
	head   batch.JobRef
	queue  *queue
	need   batch.Resources
	groups []fit.Group
	could  []*environment // those that can hold the head, as far as is known
	where  *environment   // nil if it is not known when it can start
	at     batch.Instant
	spots  []fit.Spot
	vcpu   int64           // what is left of maxvCpus then, beside the head
	left   batch.Resources // what is left of the machine then, if the environment is of it
}

// reserve finds out where and when the head of its queue starts at the latest: in
// that environment, and there on that host, where what has to end for it ends
// first. Attempts end by their timeout; when those without one end nobody knows. The
// answer changes with the state only, not by the passing of time: what should have
// ended and has not is waited for, and a head that waits for something else than
// hosts has had room since ever.
func (s *State) reserve(j *job) *reservation {
	r := &reservation{head: j.first(), queue: j.queue, need: s.shapes.Need(j.shape), groups: s.shapes.Groups(j.shape)}
	for _, e := range j.queue.environ {
		switch e.verdict(r.groups, j.gang != nil) {
		case overMax, tooSmall:
			continue
		default:
			r.could = append(r.could, e)
		}
		if !e.usable() || e.fleet != nil && j.gang != nil { // a group of instances comes when it comes
			continue
		}
		from, ok := batch.Instant(0), true
		if over := e.over(r.need); over > 0 {
			from, ok = e.hosts.When(batch.Resources{MilliVCPU: over})
		}
		if ok && e.machine != nil { // nobody knows what its other environments give back
			var whole batch.Instant
			whole, ok = e.hosts.When(r.need.Sub(e.machine.free()))
			from = max(from, whole)
		}
		if !ok {
			continue
		}
		at, spots, ok := e.hosts.Earliest(r.groups, from)
		if ok && (r.where == nil || at < r.at) {
			r.where, r.at, r.spots = e, at, spots
			over := e.hosts.Over(at)
			r.vcpu = over.MilliVCPU - e.over(r.need)
			if e.machine != nil {
				r.left = e.machine.free().Add(over).Sub(r.need)
			}
		}
	}
	return r
}

// leaves reports whether something that is over by then at the latest may start
// without delaying the head, if it needs that much of the environment, and of it so
// much on this host.
func (r *reservation) leaves(e *environment, h *fit.Host, need, there batch.Resources, until batch.Instant) bool {
	switch {
	case len(r.could) == 0 || r.where != nil && until <= r.at:
		return true
	case r.where != nil && e.machine != nil && r.where.machine != nil && !need.Fits(r.left):
		return false
	case r.where != nil && e != r.where:
		return true
	case r.where != nil:
		spot := r.spot(h)
		return need.MilliVCPU <= r.vcpu && (spot == nil || there.Fits(spot.Free))
	}
	// The head may start in any environment that could hold it, at any time.
	for _, c := range r.could {
		switch {
		case c.machine != nil && e.machine != nil && !r.need.Add(need).Fits(e.machine.free()):
			return false
		case c == e && (r.fitsOn(h) || e.over(r.need.Add(need)) > 0):
			return false
		}
	}
	return true
}

// leavesAll is leaves for all nodes of a gang. A nil reservation leaves everything.
func (r *reservation) leavesAll(e *environment, groups []fit.Group, shares []fit.Share, until batch.Instant) bool {
	if r == nil {
		return true
	}
	var need batch.Resources
	there := make(map[*fit.Host]batch.Resources)
	for _, s := range shares {
		part := groups[s.Group].Need.Times(s.Count)
		need = need.Add(part)
		there[s.Host] = there[s.Host].Add(part)
	}
	for _, s := range shares {
		if !r.leaves(e, s.Host, need, there[s.Host], until) {
			return false
		}
	}
	return true
}

// fitsOn reports whether any node of the head could run on the host if that were
// empty.
func (r *reservation) fitsOn(h *fit.Host) bool {
	for _, g := range r.groups {
		if g.Need.Fits(h.Capacity) {
			return true
		}
	}
	return false
}

func (r *reservation) spot(h *fit.Host) *fit.Spot {
	for i := range r.spots {
		if r.spots[i].Host == h {
			return &r.spots[i]
		}
	}
	return nil
}

// charge says that what needs that much starts on the host beside what is reserved.
func (r *reservation) charge(e *environment, h *fit.Host, need batch.Resources, until batch.Instant) {
	if r.where == nil || until <= r.at {
		return
	}
	if e.machine != nil {
		r.left = r.left.Sub(need)
	}
	if e != r.where {
		return
	}
	r.vcpu -= need.MilliVCPU
	if spot := r.spot(h); spot != nil {
		spot.Free = spot.Free.Sub(need)
	}
}

// keepAfter is how long ago a gang was submitted that is at the head of its queue
// when hosts are kept free for it, in milliseconds.
const keepAfter = 600_000

// keepFor keeps hosts free for a gang that is at the head of its queue and finds no
// room for all its nodes: from then on the queues behind that one, which could
// otherwise take each host that comes free, leave to it what it waits for. On AWS
// they do not.
func (s *State) keepFor(now batch.Instant, j *job) {
	if j.gang == nil || now < j.createdAt+keepAfter || j.queue.keepsFree(s.shapes.Need(j.shape)) {
		return
	}
	r := s.reserve(j)
	for _, e := range r.could {
		if e.kept != nil || e.fleet != nil || !e.row.Enabled || r.where != nil && r.where != e {
			continue
		}
		if r.where == nil {
			spots := e.hosts.Roomiest(r.groups)
			if spots == nil {
				continue
			}
			r.where, r.spots = e, spots
			r.vcpu = max(0, -e.over(r.need))
		}
		e.kept = r
		return
	}
}

// keptFrom is what is kept in the environment from the jobs of a queue: for a gang of
// a queue that is served before it.
func (e *environment) keptFrom(q *queue) *reservation {
	if r := e.kept; r != nil && r.queue != q && r.queue.before(q) < 0 {
		return r
	}
	return nil
}

// keeps reports whether a job that has room in the environment has none because of
// what is kept there.
func (s *State) keeps(e *environment, kept *reservation, j *job) bool {
	need, until := s.shapes.Need(j.shape), endOf(s.placedAt, j.timeout)
	if j.gang != nil {
		return s.spotsIn(e, j, until, nil) == nil
	}
	return e.hosts.BestWhere(need, func(h *fit.Host) bool { return kept.leaves(e, h, need, need, until) }) == nil
}

// keepNothing ends what keepFor has begun.
func (s *State) keepNothing() {
	for _, e := range s.environmentList {
		e.kept = nil
	}
}
