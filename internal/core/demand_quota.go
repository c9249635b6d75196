package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// quotaDemand is what waits for room in a queue with quota shares: of each share
// jobs like its first one, as many as its limits leave room for, or one that may
// borrow. Groups of instances for multi-node jobs are not asked for.
func (s *State) quotaDemand(q *queue) []want {
	s.countStock(q)
	b := &q.quota.board
	d := demander{State: s, queue: q, all: batch.Unlimited, left: make(map[any]int64), at: make(map[fit.Shape]int)}
	if most := q.row.Settings.MaxRunning; most > 0 {
		d.all = int64(most - q.running)
	}
	for _, share := range q.byTurn() {
		j, _ := share.waiting.Min()
		need, n := s.quotaNeed(j), int64(0)
		switch {
		case j.gang != nil:
		case b.Within(&share.Share, need):
			n = min(q.wants[j.wantKind()], max(int64(share.waiting.Len()), j.startable()))
			for _, x := range need {
				n = min(n, b.Left(&share.Share, x.Unit)/x.N)
			}
		case b.Borrows(&share.Share, need):
			n = 1
		}
		if n > 0 {
			d.add(j.wantKind(), n)
		}
	}
	return d.list
}
