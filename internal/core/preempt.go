package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

// Cause is why an attempt was stopped to make room. The numbers are stored.
type Cause uint8

// The causes.
const (
	CrossShare Cause = 1 // its share used more than its limits, and another wants what is its own
	InShare    Cause = 2 // a job of its own share has a higher priority
)

// Reason is AWS's word for it. That within a share is not documented.
//
// https://docs.aws.amazon.com/batch/latest/userguide/batch-service-job-preemption-events.html
func (c Cause) Reason() string {
	switch c {
	case CrossShare:
		return "Cross-share preemption triggered to reclaim borrowed capacity"
	case InShare:
		return "In-share preemption triggered by a higher priority job"
	}
	return ""
}

// preempting is put before the reason while the attempt is being stopped.
const preempting = "PREEMPTION_IN_PROGRESS: "

// Preempt is what there is to say of the preemptions of a job.
type Preempt struct {
	Retries int32 `json:"retries"` // how many it survives; quota.Unlimited for any number
	Count   int32 `json:"count"`   // how many there have been
	// While its attempt is being stopped: for which job, why and since when.
	For   batch.JobRef  `json:"for"`
	Cause Cause         `json:"cause"`
	At    batch.Instant `json:"at"`
}

// spent reports whether the job has been preempted more often than it survives.
func (p *Preempt) spent() bool { return p.Retries != quota.Unlimited && p.Count > p.Retries }

// tries is the number of attempts that count for the job's retries: those that
// were preempted do not.
func (j *job) tries() int32 {
	switch {
	case j.isNode():
		return j.parent.tries()
	case j.preempt != nil:
		return j.attempt - j.preempt.Count
	}
	return j.attempt
}

// claim is what a share has jobs stopped for. Until they have ended, what they
// free is kept for it, and one look longer.
type claim struct {
	job     *job
	need    quota.Amounts
	host    *host  // where room is made
	victims []*job // that have not ended
}

// stopFor has an attempt stopped to make room for a job.
func (s *State) stopFor(now batch.Instant, victim *job, c *claim, cause Cause, out *Output) {
	p := Preempt{Retries: quota.Unlimited}
	if victim.preempt != nil {
		p = *victim.preempt
	}
	p.For, p.Cause, p.At = c.job.ref, cause, now
	victim.preempt = &p
	victim.flags |= Preempted
	s.deadlines.Remove(victim)
	c.victims = append(c.victims, victim)
	row := s.row(victim, ended{})
	out.Changes = append(out.Changes, JobPut{Row: row})
	s.noteKind(PreemptionStarted, victim, &row, out)
	s.putParent(victim, out)
	s.stop(victim, out)
}

// tellCeded adds the event of a preemption, after that of the state to which it
// has brought the job.
func (s *State) tellCeded(j *job, end ended, out *Output) {
	if !j.state.Terminal() {
		end.statusReason = ""
	}
	row := s.row(j, end)
	s.noteKind(PreemptionCompleted, j, &row, out)
}

// ceded reports whether an attempt that ended at that time did so because it was
// stopped for another job, and not just before.
func (j *job) ceded(at batch.Instant) bool { return j.flags&Preempted != 0 && at >= j.preempt.At }

// preempted takes note of the end of an attempt and reports whether it was that of
// a preemption, which is then why it ended.
func (s *State) preempted(j *job, end *ended) bool {
	if j.flags&Preempted == 0 {
		return false
	}
	p, ceded := *j.preempt, j.ceded(end.at)
	j.flags &^= Preempted
	if j.flags&(Terminated|TimedOut) != 0 {
		ceded = false
	}
	if ceded {
		p.Count++
		end.statusReason = p.Cause.Reason()
	}
	p.For, p.Cause, p.At = batch.JobRef{}, 0, 0
	if j.preempt = &p; p == (Preempt{Retries: quota.Unlimited}) {
		j.preempt = nil
	}
	return ceded
}

// renewClaims drops the claims of jobs that wait no more, and forgets the victims
// that have ended.
func (s *State) renewClaims(q *queue) {
	for _, share := range q.shareList {
		c := share.claim
		if c == nil {
			continue
		}
		c.victims = slices.DeleteFunc(c.victims, func(v *job) bool {
			return v.flags&Preempted == 0 || v.preempt.For != c.job.ref
		})
		if s.jobs[c.job.ref] != c.job || !share.waiting.Has(c.job) {
			share.drop()
		}
	}
}

// take gives the share a claim.
func (share *quotaShare) take(c *claim) {
	share.claim = c
	c.host.claims = append(c.host.claims, c)
}

// drop ends the share's claim.
func (share *quotaShare) drop() {
	if c := share.claim; c != nil {
		c.host.claims = slices.DeleteFunc(c.host.claims, func(x *claim) bool { return x == c })
		share.claim = nil
	}
}

// kept is how much of what is free on the host is kept for jobs of other shares:
// what they need beyond that which their victims still hold there.
func (s *State) kept(h *host, share *quotaShare) (sum batch.Resources) {
	for _, c := range h.claims {
		if c.job.quota == share {
			continue
		}
		need := s.shapes.Need(c.job.shape)
		for _, v := range c.victims {
			need = need.Sub(s.holds(v, h))
		}
		sum = sum.Add(need.Max(batch.Resources{}))
	}
	return sum
}

// holds is what a live job holds on the host.
func (s *State) holds(j *job, h *host) (sum batch.Resources) {
	if j.gang == nil {
		if j.host == h {
			return s.shapes.Need(j.shape)
		}
		return sum
	}
	for _, n := range j.gang.nodes {
		if _, live := h.live[n]; live {
			sum = sum.Add(s.shapes.Need(n.shape))
		}
	}
	return sum
}

// resumeClaims finds again what jobs are being stopped for.
func (s *State) resumeClaims() {
	for _, q := range s.queueList {
		if q.quota == nil {
			continue
		}
		var victims []*job
		for _, share := range q.shareList {
			share.live.All(func(j *job) bool {
				if j.flags&Preempted != 0 {
					victims = append(victims, j)
				}
				return true
			})
		}
		slices.SortFunc(victims, func(a, b *job) int { return int(a.seq - b.seq) })
		for _, v := range victims {
			j := s.jobs[v.preempt.For]
			if j == nil || j.quota == nil || !j.quota.waiting.Has(j) {
				continue
			}
			if j.quota.claim == nil {
				j.quota.take(&claim{job: j, need: s.quotaNeed(j), host: v.host})
			}
			j.quota.claim.victims = append(j.quota.claim.victims, v)
		}
	}
}
