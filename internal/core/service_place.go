package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

// placeOther starts what can start in a queue with quota shares, or of service
// jobs. It reports whether the budget was too small.
func (s *State) placeOther(now batch.Instant, q *queue, budget *int, out *Output) (more bool) {
	if q.quota != nil {
		return s.placeQuotas(now, q, budget, out)
	}
	for {
		j, ok := q.first()
		if !ok || q.keepsInstances(s.turnUse(j)) || !s.hasInstances(q.service, j) {
			return false
		}
		if *budget <= 0 {
			return true
		}
		*budget--
		s.start(now, j, q.service.host, out)
	}
}

// count is how many instances there are, of whatever type.
func count(instances quota.Amounts) (n int64) {
	for _, x := range instances {
		n += x.N
	}
	return n
}

// serviceOf is the environment that a service job runs in or, while it waits, is
// going to.
func (s *State) serviceOf(j *job) *serviceEnvironment {
	if j.state.Live() && j.host != nil {
		return s.services[-j.host.ID]
	}
	return j.queue.service
}

// counted is what instances count in the environment's capacity units.
func (e *serviceEnvironment) counted(instances quota.Amounts) quota.Amounts {
	if _, any := e.row.Limits.Get(AnyInstance); any {
		return quota.Amounts{{Unit: AnyInstance, N: count(instances)}}
	}
	return instances
}

// free is how much is left of the limit of a capacity unit.
func (e *serviceEnvironment) free(unit string) int64 {
	limit, _ := e.row.Limits.Get(unit)
	used, _ := e.counted(e.used).Get(unit)
	return limit - used
}

// hasInstances reports whether a job could take its instances now. What is being
// freed for a job of another share is not to be had.
func (s *State) hasInstances(e *serviceEnvironment, j *job) bool {
	if !e.row.Enabled {
		return false
	}
	for _, x := range e.counted(j.service.instances) {
		if x.N > e.free(x.Unit)-e.kept(x.Unit, j.quota) {
			return false
		}
	}
	return true
}

// kept is how much of a unit is kept for jobs of other shares: what they need
// beyond that which their victims still hold.
func (e *serviceEnvironment) kept(unit string, share *quotaShare) (sum int64) {
	for _, c := range e.host.claims {
		if c.job.quota == share {
			continue
		}
		need, _ := e.counted(c.need).Get(unit)
		for _, v := range c.victims {
			held, _ := e.counted(v.service.instances).Get(unit)
			need -= held
		}
		sum += max(0, need)
	}
	return sum
}

// keepsInstances is keepsFree for queues of service jobs: instances, in
// thousandths, that are kept for shares that are not active yet.
func (q *queue) keepsInstances(need int64) bool {
	if q.fair == nil {
		return false
	}
	return !q.fair.board.Allows(1000*count(q.service.row.Limits), 1000*count(q.service.used), need)
}
