package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
)

// settle tells followers and reviews array jobs, a slice of them, and reports
// whether there is more to do.
func (s *State) settle(now batch.Instant, out *Output) (more bool) {
	for budget := maxSlice; budget > 0 && len(s.news)+len(s.reviews) > 0; {
		if len(s.reviews) > 0 {
			j := s.reviews[0]
			s.reviews[0], s.reviews = nil, s.reviews[1:]
			j.reviewed = false
			budget--
			s.review(now, j, false, &budget, out)
			continue
		}
		s.spread(now, s.news[0], &budget, out)
	}
	if len(s.news)+len(s.reviews) > 0 {
		return true
	}
	s.news, s.reviews = nil, nil
	return false
}

// spread tells the news, which is the oldest, to the next followers.
func (s *State) spread(now batch.Instant, n *news, budget *int, out *Output) {
	f := s.followers[n.job]
	for ; f != nil && n.next < len(f.list); n.next++ {
		if *budget <= 0 {
			return
		}
		*budget--
		if j := f.list[n.next]; s.jobs[j.ref] == j && j.waits != nil {
			s.review(now, j, s.hear(j, n), budget, out)
		}
	}
	if n.more {
		n.more, n.next = false, 0
		return
	}
	s.news[0], s.news = nil, s.news[1:]
	delete(s.newsOf, n.job)
	if n.ended != nil {
		delete(s.followers, n.job)
	}
}

// hear notes in what a job waits for which ends the news tells of, and reports
// whether it tells of any.
func (s *State) hear(j *job, n *news) (heard bool) {
	target := s.jobs[n.job]
	for _, l := range j.waits.Links {
		if l.Job.Parent() != n.job || l.Outcome != depend.Open {
			continue
		}
		index, child := l.Job.Index()
		switch {
		case child && n.ended == nil:
			if end := target.endOf(int32(index)); end != nil {
				heard = j.waits.Close(l.Job, end.Outcome, nil) || heard
			}
		case n.ended == nil:
		case child && n.ended.Lost.Has(int32(index)):
			heard = j.waits.Close(l.Job, depend.Failed, nil) || heard
		case child:
			heard = j.waits.Close(l.Job, depend.Succeeded, nil) || heard
		default:
			heard = j.waits.Close(l.Job, n.ended.Outcome, n.ended.Lost) || heard
		}
	}
	return heard
}

// review does what follows from the ends that a job has heard of, and stores that
// it has heard. It can be called at any time and as often as one likes. Of an
// array job it ends children while there is budget, and comes back later if
// there is not enough.
func (s *State) review(now batch.Instant, j *job, heard bool, budget *int, out *Output) {
	if s.jobs[j.ref] != j || j.waits == nil {
		return
	}
	if j.array != nil {
		s.reviewArray(now, j, heard, budget, out)
		return
	}
	_, failed := j.waits.Whole()
	ending := j.flags&(Cancelled|Terminated) != 0
	switch closed := j.waits.Closed(); {
	case ending && closed:
		s.finish(j, batch.Failed, ended{at: now, statusReason: s.reasons[j.ref]}, out)
	case !ending && failed:
		s.finish(j, batch.Failed, ended{at: now, statusReason: reasonDependency}, out)
	case closed:
		j.waits = nil
		j.move(batch.Runnable)
		s.enqueue(j)
		s.put(j, ended{}, out)
	case heard:
		s.put(j, ended{}, out)
	}
}

// reviewArray makes children ready, or fails them, until nothing follows from
// that any more: in a sequential array one thing leads to another.
func (s *State) reviewArray(now batch.Instant, p *job, heard bool, budget *int, out *Output) {
	counts, rest, waits := p.array.counts, p.array.rest, p.waits
	for again := true; again; {
		c := s.childrenOf(p)
		if p.flags&(Cancelled|Terminated) != 0 {
			again = s.endChildren(now, p, c, budget, out)
		} else {
			again = s.moveChildren(now, p, c, budget, out)
		}
		if s.jobs[p.ref] != p {
			return
		}
		again = s.reviewHeld(now, p, c, budget, out) || again
		if s.jobs[p.ref] != p {
			return
		}
		again = again && *budget > 0
	}
	p.simplify()
	s.enqueue(p)
	if heard || p.array.counts != counts || p.array.rest != rest || p.waits != waits {
		s.put(p, ended{}, out)
	}
	s.finishArray(now, p, out)
}

// children sums up what the children of an array job wait for: those that wait
// for nothing any more, those that something they depend on has failed for, and
// those for which all has ended.
type children struct{ met, lost, over depend.Set }

func (s *State) childrenOf(p *job) (c children) {
	a := p.array
	open, failed := p.waits.Whole()
	c.met, c.lost, c.over = p.waits.Children(a.size, s.progress)
	if open {
		c.over = nil
	}
	if open || failed {
		c.met = nil
	}
	if failed {
		c.lost = depend.Of(0, a.size)
	}
	if !p.waits.Sequential {
		return c
	}
	first, gone := depend.Of(0, 1), p.lost()
	c.met = depend.Intersect(c.met, depend.Union(first, a.succeeded.Behind(a.size)))
	// Those behind one that fails fail as well.
	if i, ok := depend.Union(c.lost, gone.Behind(a.size)).Min(); ok {
		c.lost = depend.Of(i, a.size)
	}
	c.over = depend.Intersect(c.over, depend.Union(first, depend.Union(a.succeeded, gone).Behind(a.size)))
	return c
}

// reviewHeld goes on with the children that have records and wait.
func (s *State) reviewHeld(now batch.Instant, p *job, c children, budget *int, out *Output) (again bool) {
	news := depend.Intersect(p.array.held, depend.Union(c.met, depend.Union(c.lost, c.over)))
	for i := range news.All {
		if *budget <= 0 {
			s.reviewLater(p)
			return again
		}
		child := s.jobs[batch.ChildRef(p.ref.ID, int(i))]
		switch ending := child.flags&(Cancelled|Terminated) != 0; {
		case ending && c.over.Has(i):
			s.finish(child, batch.Failed, ended{at: now, statusReason: s.reasons[child.ref]}, out)
		case ending:
			continue
		case c.lost.Has(i):
			s.finish(child, batch.Failed, ended{at: now, statusReason: reasonDependency}, out)
		case c.met.Has(i):
			p.array.held.Remove(i)
			child.move(batch.Runnable)
			s.enqueue(child)
			s.put(child, ended{}, out)
		default:
			continue
		}
		*budget--
		again = true
		if s.jobs[p.ref] != p {
			return false
		}
	}
	return again
}

// moveChildren makes ready what waits for nothing and fails what has lost what
// it depends on.
func (s *State) moveChildren(now batch.Instant, p *job, c children, budget *int, out *Output) (again bool) {
	a := p.array
	if a.rest != batch.Pending {
		return false
	}
	others := p.others()
	if ready := depend.Intersect(c.met, others); len(ready) > 0 {
		p.waits.Ready = depend.Union(p.waits.Ready, ready)
		a.counts[batch.Pending] -= ready.Len()
		a.counts[batch.Runnable] += ready.Len()
		p.queue.waiting.Touch()
		s.noteChildren(p, ready, batch.Runnable, 0, "", out)
	}
	if _, failed := p.waits.Whole(); failed && s.reasons[p.ref] == "" {
		s.reasons[p.ref] = reasonDependency
	}
	lost := depend.Intersect(c.lost, depend.Subtract(others, c.met))
	return s.failChildren(now, p, lost, reasonDependency, budget, out)
}

// endChildren fails, of an array job that is to end, what is ready and what
// waits for nothing that has not ended.
func (s *State) endChildren(now batch.Instant, p *job, c children, budget *int, out *Output) (again bool) {
	a := p.array
	if a.rest != batch.Pending {
		return s.failRows(now, p, p.waits.Ready.Clone(), p.flags&(Cancelled|Terminated), s.reasons[p.ref], budget, out)
	}
	if n := p.waits.Ready.Len(); n > 0 { // they go with the others
		c.over = depend.Union(c.over, p.waits.Ready)
		a.counts[batch.Runnable] -= n
		a.counts[batch.Pending] += n
		p.waits.Ready = nil
		p.queue.waiting.Touch()
	}
	if p.waits.Sequential && p.waits.Closed() && a.counts[batch.Starting]+a.counts[batch.Running] == 0 {
		c.over = depend.Of(0, a.size)
	}
	return s.failChildren(now, p, depend.Intersect(c.over, p.others()), "", budget, out)
}

// failChildren fails some of the children that wait and have no row, while there
// is budget. If they are the most of them, the few others get rows, and these
// fail in one stroke; else they get rows. With an empty reason they fail as their
// array job does.
func (s *State) failChildren(now batch.Instant, p *job, which depend.Set, reason string, budget *int, out *Output) (again bool) {
	if len(which) == 0 {
		return false
	}
	flags, why := Flags(0), reason
	if reason == "" {
		flags, why = p.flags&(Cancelled|Terminated), s.reasons[p.ref]
	}
	spared := depend.Subtract(p.others(), which)
	if spared.Len() >= which.Len() {
		return s.failRows(now, p, which, flags, why, budget, out)
	}
	for i := range spared.All {
		if *budget <= 0 {
			s.reviewLater(p)
			return true
		}
		*budget--
		c := s.hold(p, i)
		if c.flags = flags; flags != 0 {
			s.reasons[c.ref] = why
		}
		s.put(c, ended{}, out)
	}
	s.failRest(now, p, reason, out)
	return true
}

// failRows fails children and gives each a row, while there is budget.
func (s *State) failRows(now batch.Instant, p *job, which depend.Set, flags Flags, reason string, budget *int, out *Output) (again bool) {
	for i := range which.All {
		if *budget <= 0 {
			s.reviewLater(p)
			return true
		}
		*budget--
		again = true
		s.failChild(now, p, i, flags, reason, out)
	}
	return again
}

// simplify forgets what an array job waits for when that matters no more: when
// all children without a row are alike.
func (j *job) simplify() {
	a := j.array
	if a.rest == batch.Pending && len(j.others()) == 0 {
		a.rest, j.waits.Ready = batch.Runnable, nil
	}
	if a.rest != batch.Pending && len(j.waits.Ready) == 0 && len(a.held) == 0 {
		j.waits = nil
	}
}
