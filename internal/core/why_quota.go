package core

import "github.com/bargehq/barge/internal/core/quota"

// UnitLimit is a capacity unit of which there is too little for a job. vCPUs are
// in thousandths.
type UnitLimit struct {
	Unit string
	// Needed is what the job needs, Available what is left for it, Total the limit.
	Needed, Available, Total int64
}

// Loan is what a quota share uses beyond its limits.
type Loan struct {
	Share, Unit string
	N           int64
}

// whyLimited adds what is in the way of a head that needs instances or is in a
// quota share.
func (s *State) whyLimited(j *job, h *Head) {
	q, takes := j.queue, false
	if e := q.service; e != nil {
		h.Limit = LimitInstances
		for _, x := range e.counted(j.service.instances) {
			limit, _ := e.row.Limits.Get(x.Unit)
			if left := max(0, e.free(x.Unit)-e.kept(x.Unit, j.quota)); x.N > left {
				h.Units = append(h.Units, UnitLimit{x.Unit, x.N, left, limit})
			}
		}
		switch takes = e.row.Enabled && len(h.Units) == 0; {
		case takes && q.keepsInstances(s.turnUse(j)):
			h.Limit = LimitShares
		case takes:
			h.Limit = LimitNone
		}
	}
	share := j.quota
	if share == nil {
		return
	}
	h.Share = share.row.Name
	b, need := &q.quota.board, s.quotaNeed(j)
	within := b.Within(&share.Share, need)
	switch {
	case share.claim != nil && share.claim.job == j:
		h.Limit = LimitPreempting
		for _, v := range share.claim.victims {
			h.Victims = append(h.Victims, v.ref)
		}
	case within:
		h.Lent = s.loans(q, need)
	case h.Block >= QuotaLimit || !b.Borrows(&share.Share, need):
		h.Limit, h.Units = LimitQuota, nil
		for _, x := range need {
			if left := b.Left(&share.Share, x.Unit); x.N > left {
				h.Units = append(h.Units, UnitLimit{x.Unit, x.N, left, b.Limit(&share.Share, x.Unit)})
			}
		}
	}
}

// loans are what the shares of a queue use beyond their limits of these units.
func (s *State) loans(q *queue, need quota.Amounts) (list []Loan) {
	for _, share := range q.shareList {
		for _, x := range need {
			if n := q.quota.board.Over(&share.Share, x.Unit); n > 0 {
				list = append(list, Loan{share.row.Name, x.Unit, n})
			}
		}
	}
	return list
}
