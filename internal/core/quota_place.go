package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

// The capacity units of quota shares on compute environments, in the order of
// their vectors. Amounts of UnitVCPU are thousandths.
const (
	UnitVCPU   = "vCPU"
	UnitMemory = "MEMORY" // MiB
	UnitGPU    = "GPU"
)

// quotaNeed is what a job, or each child of an array job, takes in its queue's
// capacity units.
func (s *State) quotaNeed(j *job) quota.Amounts {
	if j.service != nil {
		return j.service.instances
	}
	if need, ok := s.quotaNeeds[j.shape]; ok {
		return need
	}
	need := amountsOf(s.shapes.Need(j.shape))
	s.quotaNeeds[j.shape] = need
	return need
}

func amountsOf(r batch.Resources) (need quota.Amounts) {
	for _, x := range [...]quota.Amount{{Unit: UnitVCPU, N: r.MilliVCPU}, {Unit: UnitMemory, N: r.MemoryMiB}, {Unit: UnitGPU, N: r.GPUs}} {
		if x.N > 0 {
			need = append(need, x)
		}
	}
	return quota.Of(need...)
}

// book adds what a job takes on hosts, or takes it back.
func (s *State) book(j *job, times int64) {
	if j.service != nil {
		e := s.serviceOf(j)
		e.used = e.used.Add(j.service.instances, times)
	}
	share := j.quota
	if share == nil {
		return
	}
	share.Used = share.Used.Add(s.quotaNeed(j), times)
	j.queue.quota.booked++
	if times > 0 {
		share.live.Push(j)
	} else {
		share.live.Remove(j)
	}
}

// placeQuotas starts what can start in a queue with quota shares, and has jobs
// stopped that are in the way of others with a better claim. It reports whether
// the budget was too small.
//
// Shares take turns, the one first that has had none for the longest time. What a
// share has limits for is its own; only when no share can start a job within its
// limits may one borrow, the first in the order of submission. In each share the
// first job holds up the others.
//
// https://docs.aws.amazon.com/batch/latest/userguide/quota-shares.html
func (s *State) placeQuotas(now batch.Instant, q *queue, budget *int, out *Output) (more bool) {
	s.renewClaims(q)
	for {
		s.countStock(q)
		j, at, ok := s.nextWithin(now, q)
		if !ok {
			j, at, ok = s.nextBorrower(now, q)
		}
		if !ok {
			break
		}
		if *budget <= 0 {
			return true
		}
		*budget -= at.size()
		share := j.quota
		if share.claim != nil && share.claim.job == j {
			share.drop()
		}
		q.quota.turn++
		share.row.Turn = q.quota.turn
		out.Changes = append(out.Changes, QuotaTurn{share.row.ID, share.row.Turn})
		s.startIn(now, j, at, out)
	}
	for _, share := range q.shareList {
		if c := share.claim; c != nil && len(c.victims) == 0 {
			share.drop() // it has had its look
		}
	}
	s.preemptIn(now, q, out)
	return false
}

// byTurn are the shares of the queue that have jobs waiting, in the order of
// their turns.
func (q *queue) byTurn() (list []*quotaShare) {
	for _, share := range q.shareList {
		if _, ok := share.waiting.Min(); ok {
			list = append(list, share)
		}
	}
	slices.SortFunc(list, func(a, b *quotaShare) int {
		return cmp.Or(cmp.Compare(a.row.Turn, b.row.Turn), cmp.Compare(a.row.Name, b.row.Name))
	})
	return list
}

// countStock says what there is for all shares of the queue.
func (s *State) countStock(q *queue) {
	b := &q.quota.board
	if q.service != nil {
		b.Total = q.service.row.Limits
		return
	}
	free := q.used.MilliVCPU
	for _, e := range q.environ {
		if e.row.Enabled {
			free += max(0, e.row.MaxVCPU-e.used)
		}
	}
	b.Total = quota.Amounts{{Unit: UnitVCPU, N: free}}
}

// nextWithin finds the job whose turn it is among those that can start within the
// limits of their shares, and notes what the others wait for.
func (s *State) nextWithin(now batch.Instant, q *queue) (*job, berth, bool) {
	for _, share := range q.shareList {
		share.Claim = nil
	}
	for _, share := range q.byTurn() {
		j, _ := share.waiting.Min()
		need := s.quotaNeed(j)
		if !q.quota.board.Within(&share.Share, need) {
			continue
		}
		if at, ok := s.spotFor(now, j); ok {
			return j, at, true
		}
		share.Claim = need
	}
	return nil, berth{}, false
}

// nextBorrower finds the first job, in the order of submission, that can start
// with what other shares do not use.
func (s *State) nextBorrower(now batch.Instant, q *queue) (*job, berth, bool) {
	heads := make([]*job, 0, len(q.shareList))
	for _, share := range q.shareList {
		if j, ok := share.waiting.Min(); ok && share.Claim == nil {
			heads = append(heads, j)
		}
	}
	slices.SortFunc(heads, func(a, b *job) int { return cmp.Compare(a.seq, b.seq) })
	for _, j := range heads {
		if !q.quota.board.Borrows(&j.quota.Share, s.quotaNeed(j)) {
			continue
		}
		if at, ok := s.spotFor(now, j); ok {
			return j, at, true
		}
	}
	return nil, berth{}, false
}

// spotFor finds where a job of a quota share can start now.
func (s *State) spotFor(now batch.Instant, j *job) (berth, bool) {
	if e := j.queue.service; e != nil {
		return berth{host: e.host}, s.hasInstances(e, j)
	}
	return s.roomFor(now, j, nil)
}

// keepsOff reports whether the host is being cleared for others, so that there is
// no room for the job beside them.
func (s *State) keepsOff(id int64, j *job, need batch.Resources) bool {
	h := s.hosts[id]
	return len(h.claims) > 0 && !need.Add(s.kept(h, j.quota)).Fits(h.environment.leaves(h.Free))
}
