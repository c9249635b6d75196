package core

import "github.com/bargehq/barge/internal/core/quota"

// limitedAt says whether a job at a head can never start because of what its
// service environment or its quota share may have.
//
// https://docs.aws.amazon.com/batch/latest/userguide/sm_job_stuck_in_runnable_misconfiguration.html
func (s *State) limitedAt(q *queue, j *job) Block {
	if e := q.service; e != nil {
		for _, x := range e.counted(j.service.instances) {
			if limit, _ := e.row.Limits.Get(x.Unit); x.N > limit {
				return ServiceMax
			}
		}
	}
	if j.quota == nil {
		return Unblocked
	}
	switch q.quota.board.Never(&j.quota.Share, s.quotaNeed(j)) {
	case quota.OverLimits:
		return QuotaLimit
	case quota.OverBorrowing:
		return QuotaBorrow
	case quota.OverPool:
		return QuotaPool
	case quota.Fits:
	}
	return Unblocked
}
