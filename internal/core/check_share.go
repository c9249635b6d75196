package core

// checkShares recounts what the shares of a queue with a fair-share policy count,
// and returns how many jobs wait in them.
func (s *State) checkShares(q *queue, bad func(string, ...any)) (waiting int) {
	has := make(map[string][3]int64) // jobs, vCPUs in use, head
	for j := q.jobs.first; j != nil; j = j.behind {
		if j.isNode() {
			continue
		}
		if (j.share != nil) != (q.fair != nil) {
			bad("job %s has a share: %t; its queue %s has shares: %t", j.ref, j.share != nil, q.row.Name, q.fair != nil)
			return 0
		}
		if q.fair == nil {
			return 0
		}
		if q.fair.named[j.share.Name] != j.share {
			bad("job %s has share %s, which is not that of its queue", j.ref, j.share.Name)
		}
		c := has[j.share.Name]
		if j.parent == nil {
			c[0]++
		} else if j.parent.share != j.share || j.parent.priority != j.priority {
			bad("child %s has share %s and priority %d, others than its array job", j.ref, j.share.Name, j.priority)
		}
		if j.state.Live() {
			c[1] += s.turnUse(j)
		}
		if j.parent == nil && j.waitsToStart() {
			switch first, ok := j.share.waiting.Min(); {
			case j.ceiling.full():
			case !ok || before(j, first):
				bad("job %s is not behind the head of its share %s", j.ref, j.share.Name)
			case !j.share.full(q, 1):
				c[2] = first.seq
			}
		}
		has[j.share.Name] = c
	}
	if q.fair == nil {
		return 0
	}
	for name, share := range q.fair.named {
		waiting += share.waiting.Len()
		if err := share.waiting.Check(func(c class) bool { return c.ceiling.full() }); err != nil {
			bad("share %s: %w", name, err)
		}
		if share.Name != name || share.id == 0 {
			bad("share %s (%d) is filed under %s", share.Name, share.id, name)
		}
	}
	if len(q.fair.named) != q.fair.board.Len() {
		bad("queue %s has %d shares, and %d on its board", q.row.Name, len(q.fair.named), q.fair.board.Len())
	}
	q.fair.board.Check(has, bad)
	return waiting
}
