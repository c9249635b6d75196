package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// maxKinds is how many kinds of jobs of a queue are told apart when instances are
// chosen; of more, the jobs at the front are looked at alone.
const maxKinds = 4096

// wantKind is what is told apart of the jobs that wait for instances: what they
// need, and what limits how many of them may start.
type wantKind struct {
	class
	share *fairShare
}

func (j *job) wantKind() wantKind { return wantKind{j.class(), j.share} }

// want is a number of jobs that wait and need the same.
type want struct {
	shape fit.Shape
	count int64
}

// startable is how many jobs could start of this one now if there were room:
// of an array job its children.
func (j *job) startable() int64 {
	if !j.waitsToStart() {
		return 0
	}
	a := j.array
	if a == nil {
		return 1
	}
	n := a.counts[batch.Runnable] - a.pausing
	if a.maxRunning > 0 {
		n = min(n, a.maxRunning-a.counts[batch.Starting]-a.counts[batch.Running])
	}
	return int64(n)
}

// countWanted counts the job among what waits in its queue, by what it needs.
func (j *job) countWanted() {
	n := j.startable()
	if n == j.wanted {
		return
	}
	q := j.queue
	q.wanted++
	if j.gang != nil {
		q.gangs += int(n - j.wanted)
		j.wanted = n
		return
	}
	if q.wants == nil {
		q.wants = make(map[wantKind]int64)
	}
	kind := j.wantKind()
	q.wants[kind] += n - j.wanted
	if q.wants[kind] == 0 {
		delete(q.wants, kind)
	}
	j.wanted = n
}

// pause counts a child of an array job that waits to be tried again.
func (j *job) pause() {
	want := j.state == batch.Runnable && j.retryAt != 0
	if want == j.pauses {
		return
	}
	j.pauses = want
	if want {
		j.parent.array.pausing++
	} else {
		j.parent.array.pausing--
	}
}

// demand is what waits in a queue for room, in about the order in which it will
// start: the head, which alone can be a multi-node job, then the jobs at the
// front, then all others, the largest first. Only what may start counts: in a
// strict queue nothing does where something else than room is in the way of the
// head, which holds up all others.
func (s *State) demand(q *queue) (head *job, list []want) {
	if q.quota != nil {
		return nil, s.quotaDemand(q)
	}
	head, ok := q.first()
	if !ok || q.row.Status != Valid || q.full(1) || q.keepsFree(s.shapes.Need(head.shape)) {
		return nil, nil
	}
	misfit, _ := s.misfit(q, head)
	if misfit != Unblocked || !s.ledger.Fits(s.baskets[int64(head.basket)]) || head.gang != nil && len(s.networks) == batch.Networks {
		if !q.row.Settings.Backfill {
			return nil, nil
		}
		head = nil
	}
	d := demander{State: s, queue: q, all: batch.Unlimited, left: make(map[any]int64), at: make(map[fit.Shape]int)}
	if most := q.row.Settings.MaxRunning; most > 0 {
		d.all = int64(most - q.running)
	}
	seen := make(map[wantKind]int64)
	for _, p := range q.front.jobs {
		if j := s.inQueue(p.Job); j != nil && seen[j.wantKind()] < q.wants[j.wantKind()] {
			seen[j.wantKind()]++
			d.add(j.wantKind(), 1)
		}
	}
	if len(q.wants) > maxKinds {
		return head, d.list
	}
	kinds := make([]wantKind, 0, len(q.wants))
	for k, n := range q.wants {
		if n > seen[k] {
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b wantKind) int {
		x, y := s.shapes.Need(a.shape), s.shapes.Need(b.shape)
		order := cmp.Or(cmp.Compare(y.GPUs, x.GPUs), cmp.Compare(y.MilliVCPU, x.MilliVCPU), cmp.Compare(y.MemoryMiB, x.MemoryMiB),
			cmp.Compare(a.basket, b.basket))
		if order == 0 && a.ceiling != b.ceiling {
			order = cmp.Compare(a.ceiling.id(), b.ceiling.id())
		}
		if order == 0 && a.share != b.share {
			order = cmp.Compare(a.share.id, b.share.id)
		}
		return order
	})
	for _, k := range kinds {
		d.add(k, q.wants[k]-seen[k])
	}
	return head, d.list
}

// demander adds up what waits, within what may run at once.
type demander struct {
	*State
	queue *queue
	all   int64         // that the queue may start
	left  map[any]int64 // that a ceiling, a share or a basket leaves
	at    map[fit.Shape]int
	list  []want
}

// within takes up to n of what a limit leaves, which is asked for once.
func (d *demander) within(key any, n int64, most func() int64) int64 {
	left, ok := d.left[key]
	if !ok {
		left = max(0, most())
	}
	n = min(n, left)
	d.left[key] = left - n
	return n
}

func (d *demander) add(k wantKind, n int64) {
	if c := k.ceiling; c != nil {
		n = d.within(c, n, func() int64 { return int64(c.most - c.running) })
	}
	if most := d.queue.row.Settings.ShareMaxRunning; most > 0 && k.share != nil {
		n = d.within(k.share, n, func() int64 { return int64(most - k.share.running) })
	}
	if k.basket != 0 {
		n = d.within(k.basket, n, func() int64 {
			most := int64(batch.Unlimited)
			for _, need := range d.baskets[int64(k.basket)] {
				if have, _ := d.ledger.Amounts(need.Resource); need.Quantity > 0 {
					most = min(most, have.Available()/need.Quantity)
				}
			}
			return most
		})
	}
	if n = min(n, d.all); n == 0 {
		return
	}
	d.all -= n
	i, ok := d.at[k.shape]
	if !ok {
		i = len(d.list)
		d.at[k.shape] = i
		d.list = append(d.list, want{shape: k.shape})
	}
	d.list[i].count += n
}

// checkWanted recounts what waits in a queue.
func (q *queue) checkWanted(bad func(string, ...any)) {
	wants, gangs := make(map[wantKind]int64), 0
	for j := q.jobs.first; j != nil; j = j.behind {
		switch {
		case j.isNode() || j.parent != nil:
		case j.gang != nil:
			gangs += int(j.startable())
		default:
			wants[j.wantKind()] += j.startable()
		}
	}
	for k, n := range wants {
		if q.wants[k] != n {
			bad("queue %s counts %d jobs that wait for room for %v, a recount says %d", q.row.Name, q.wants[k], k.shape, n)
		}
	}
	for k := range q.wants {
		if wants[k] == 0 {
			bad("queue %s counts jobs that wait for room for %v, and there are none", q.row.Name, k.shape)
		}
	}
	if gangs != q.gangs {
		bad("queue %s counts %d multi-node jobs that wait, a recount says %d", q.row.Name, q.gangs, gangs)
	}
}

// inQueue finds the job that waits in a queue as, or for, the one named.
func (s *State) inQueue(ref batch.JobRef) *job {
	if j := s.jobs[ref]; j != nil {
		return j
	}
	return s.jobs[ref.Parent()]
}
