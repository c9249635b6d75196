package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// maxShapes is how many distinct needs of a queue are told apart when instances
// are chosen; of more, the jobs at the front are looked at alone.
const maxShapes = 1024

// want is a number of equal jobs that wait.
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
		q.wants = make(map[fit.Shape]int64)
	}
	q.wants[j.shape] += n - j.wanted
	if q.wants[j.shape] == 0 {
		delete(q.wants, j.shape)
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
// front, then all others, the largest first. There is none where something else
// than room is in the way of the head, which holds up all others.
func (s *State) demand(q *queue) (head *job, list []want) {
	head, ok := q.first()
	if !ok || q.row.Status != Valid || q.keepsFree(s.shapes.Need(head.shape)) ||
		head.basket != 0 && !s.ledger.Fits(s.baskets[int64(head.basket)]) ||
		head.gang != nil && len(s.networks) == batch.Networks {
		return nil, nil
	}
	if misfit, _ := s.misfit(q, head); misfit != Unblocked {
		return nil, nil
	}
	list = make([]want, 0, min(len(q.wants), maxShapes))
	left := make(map[fit.Shape]int64)
	for _, p := range q.front.jobs {
		if j := s.inQueue(p.Job); j != nil && left[j.shape] < q.wants[j.shape] {
			if left[j.shape]++; left[j.shape] == 1 {
				list = append(list, want{shape: j.shape})
			}
		}
	}
	for i := range list {
		list[i].count = left[list[i].shape]
	}
	if len(q.wants) > maxShapes {
		return head, list
	}
	front := len(list)
	for shape, n := range q.wants {
		if n -= left[shape]; n > 0 {
			list = append(list, want{shape, n})
		}
	}
	slices.SortFunc(list[front:], func(a, b want) int {
		x, y := s.shapes.Need(a.shape), s.shapes.Need(b.shape)
		return cmp.Or(cmp.Compare(y.GPUs, x.GPUs), cmp.Compare(y.MilliVCPU, x.MilliVCPU), cmp.Compare(y.MemoryMiB, x.MemoryMiB),
			cmp.Compare(a.shape, b.shape))
	})
	return head, list
}

// inQueue finds the job that waits in a queue as, or for, the one named.
func (s *State) inQueue(ref batch.JobRef) *job {
	if j := s.jobs[ref]; j != nil {
		return j
	}
	return s.jobs[ref.Parent()]
}
