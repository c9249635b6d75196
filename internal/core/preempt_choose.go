package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

// maxVictims bounds how many jobs of a share are looked at when some have to be
// stopped: those with the lowest priority, and of these the newest.
const maxVictims = 256

// stamp changes whenever there may be more to preempt than at the last look.
type stamp struct {
	waiting, booked, freed, config uint64
	machine                        batch.Resources
}

func (s *State) stampOf(q *queue) stamp {
	t := stamp{waiting: q.version(), booked: q.quota.booked, config: s.config, machine: s.machine.used}
	for _, e := range q.environ {
		t.freed += e.hosts.Freed()
	}
	return t
}

// preemptIn has jobs stopped for the first jobs of shares that cannot start
// otherwise, each share for one job at a time: first those of other shares which
// use more than their limits, for a job that its share's limits entitle to start;
// else those of the same share with a lower priority, where the share allows it.
//
// https://docs.aws.amazon.com/batch/latest/userguide/preemption.html
func (s *State) preemptIn(now batch.Instant, q *queue, out *Output) {
	at := s.stampOf(q)
	if at == q.quota.tried {
		return
	}
	for _, share := range q.byTurn() {
		j, _ := share.waiting.Min()
		if share.claim != nil || j.basket != 0 && !s.ledger.Fits(s.baskets[int64(j.basket)]) {
			continue
		}
		if s.mayGrow(now, j) {
			continue // an instance is on its way, or will be
		}
		within := q.quota.board.Within(&share.Share, s.quotaNeed(j))
		if within && s.preemptFor(now, j, CrossShare, out) {
			continue
		}
		if share.InShare {
			s.preemptFor(now, j, InShare, out)
		}
	}
	q.quota.tried = s.stampOf(q)
}

// mayGrow reports whether room for the job may come with further instances of its
// environments.
func (s *State) mayGrow(now batch.Instant, j *job) bool {
	need := s.shapes.Need(j.shape).MilliVCPU
	for _, e := range j.queue.environ {
		if e.fleet != nil && e.usable() && e.fleet.have+need <= e.row.MaxVCPU && e.verdict(s.shapes.Groups(j.shape), j.gang != nil) == holds {
			block, _ := s.shortage(now, j.queue, j)
			return block == Unblocked
		}
	}
	return false
}

// preemptFor chooses whom to stop for a job and has them stopped. It says false if
// there is nobody whose end would let the job start.
func (s *State) preemptFor(now batch.Instant, j *job, cause Cause, out *Output) bool {
	all := s.victimsFor(now, j, cause)
	if len(all.jobs) == 0 {
		return false
	}
	var best *choice
	for _, h := range all.hosts() {
		c := s.choose(j, h, all, cause)
		if c != nil && (best == nil || c.Better(best.Choice)) {
			best = c
		}
	}
	if best == nil {
		return false
	}
	c := &claim{job: j, need: s.quotaNeed(j), host: best.host}
	j.quota.take(c)
	for _, v := range best.victims {
		s.stopFor(now, v, c, cause, out)
	}
	return true
}

// victims are jobs that could be stopped for another.
type victims struct {
	units []string // the capacity units of the job
	jobs  []*job
	lost  []int64
	// group says which share is whose, by its place in over, which says by how
	// much that is over its limits.
	group []int
	over  []quota.Vector
	// ending are jobs that are being stopped already, for nobody.
	ending []*job
}

// hosts are those that hold any of the jobs.
func (v *victims) hosts() (list []*host) {
	for _, j := range v.jobs {
		held := []*job{j}
		if j.gang != nil {
			held = j.gang.nodes
		}
		for _, n := range held {
			if !slices.Contains(list, n.host) && n.host.Ready {
				list = append(list, n.host)
			}
		}
	}
	slices.SortFunc(list, func(a, b *host) int { return int(a.ID - b.ID) })
	return list
}

// victimsFor lists who may be stopped for the job: of each share those whose end
// costs least.
func (s *State) victimsFor(now batch.Instant, j *job, cause Cause) *victims {
	q, units := j.queue, s.unitsOf(j)
	all := &victims{units: units}
	for _, share := range q.shareList {
		over := quota.Vector{}
		for i, unit := range units {
			over[i] = q.quota.board.Over(&share.Share, unit)
		}
		if (share == j.quota) != (cause == InShare) || cause == CrossShare && over == (quota.Vector{}) {
			continue
		}
		group := -1
		if cause == CrossShare {
			group, all.over = len(all.over), append(all.over, over)
		}
		n := 0
		for v := range share.live.Sorted {
			if n++; n > maxVictims || cause == InShare && v.priority >= j.priority {
				break
			}
			if v.stopping() || v.gang != nil && v.gang.ended != nil {
				if v.flags&Preempted == 0 {
					all.ending = append(all.ending, v)
				}
				continue
			}
			all.jobs, all.group = append(all.jobs, v), append(all.group, group)
			all.lost = append(all.lost, int64(max(0, now-v.scheduled))*max(1, s.turnUse(v)))
		}
	}
	return all
}

// unitsOf are the capacity units that room for the job is counted in.
func (s *State) unitsOf(j *job) (units []string) {
	if j.service == nil {
		return []string{UnitVCPU, UnitMemory, UnitGPU}
	}
	for _, x := range j.queue.service.counted(j.service.instances) {
		if len(units) < quota.Units {
			units = append(units, x.Unit)
		}
	}
	return units
}

// choice is whom to stop on a host.
type choice struct {
	quota.Choice
	host    *host
	victims []*job
}

// choose says whom to stop so that the job can start on the host; nil if that is
// not possible, or if nothing lacks there.
func (s *State) choose(j *job, h *host, all *victims, cause Cause) *choice {
	lack, ok := s.lackOf(j, h)
	if !ok {
		return nil
	}
	need := s.vector(j, all.units)
	if cause == InShare { // it may have what the share has now, and no more by borrowing
		for i, unit := range all.units {
			if need[i] > 0 {
				lack[i] = max(lack[i], need[i]-j.queue.quota.board.Left(&j.quota.Share, unit))
			}
		}
	}
	for _, v := range all.ending {
		frees := s.frees(v, h, all.units)
		for i := range lack {
			lack[i] = max(0, lack[i]-frees[i])
		}
	}
	if lack == (quota.Vector{}) {
		return nil
	}
	candidates := make([]quota.Candidate, len(all.jobs))
	for i, v := range all.jobs {
		candidates[i] = quota.Candidate{Frees: s.frees(v, h, all.units), Priority: v.priority, Lost: all.lost[i], Seq: v.seq, Group: all.group[i]}
	}
	found, ok := quota.Choose(lack, need, candidates, all.over)
	if !ok {
		return nil
	}
	c := &choice{Choice: found, host: h}
	for _, i := range found.Picks {
		c.victims = append(c.victims, all.jobs[i])
	}
	return c
}

// lackOf is what the job lacks on the host, or false where it could not start if
// that were empty.
func (s *State) lackOf(j *job, h *host) (lack quota.Vector, ok bool) {
	if e := j.queue.service; e != nil {
		for i, unit := range s.unitsOf(j) {
			need, _ := e.counted(j.service.instances).Get(unit)
			lack[i] = max(0, need-e.free(unit)+e.kept(unit, j.quota))
		}
		return lack, e.row.Enabled && h == e.host
	}
	e := h.environment
	need := s.shapes.Need(j.shape)
	if !e.row.Enabled || !slices.Contains(j.queue.environ, e) || !need.Fits(h.Capacity) || need.MilliVCPU > e.row.MaxVCPU {
		return lack, false
	}
	free := e.leaves(h.Free)
	free.MilliVCPU = min(free.MilliVCPU, e.row.MaxVCPU-e.used)
	if len(h.claims) > 0 {
		free = free.Sub(s.kept(h, j.quota))
	}
	for i, n := range [...]int64{need.MilliVCPU - free.MilliVCPU, need.MemoryMiB - free.MemoryMiB, need.GPUs - free.GPUs} {
		lack[i] = max(0, n)
	}
	return lack, true
}

// frees is what the end of a job frees on the host, in these units.
func (s *State) frees(v *job, h *host, units []string) quota.Vector {
	if v.service != nil {
		return s.vector(v, units)
	}
	held := s.holds(v, h)
	return quota.Vector{held.MilliVCPU, held.MemoryMiB, held.GPUs}
}

// vector is what a job takes in these capacity units.
func (s *State) vector(j *job, units []string) (v quota.Vector) {
	amounts := s.quotaNeed(j)
	if j.service != nil {
		amounts = s.serviceOf(j).counted(amounts)
	}
	for i, unit := range units {
		v[i], _ = amounts.Get(unit)
	}
	return v
}
