package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
	"github.com/bargehq/barge/internal/core/heap"
)

// array is the rest of an array job's record: about 300 bytes, and 8 bytes for
// each run of children that are alike.
type array struct {
	size, maxRunning int32
	pausing          int32 // children that wait until they may be tried again
	counts           [batch.JobStates]int32

	// own are the children with a row of their own: those that have started,
	// and those that something happened to alone. Of them, succeeded and failed
	// have ended and held wait for dependencies still; the others are in
	// State.jobs as well, waiting to be tried again or on a host.
	own, succeeded, failed, held depend.Set

	// again are the children that wait to be tried again and may.
	again heap.Heap[*job]

	// rest is the state of the children without a row, but for those that wait
	// for nothing any more while others still do: job.waits.Ready.
	rest       batch.JobState
	restAt     batch.Instant
	restReason string
}

// newArray makes an array whose children are all in the same state.
func newArray(size, maxRunning int32, rest batch.JobState) *array {
	a := &array{size: size, maxRunning: maxRunning, rest: rest, again: heap.New(
		func(a, b *job) bool { return a.ref.Child < b.ref.Child },
		func(j *job) *int32 { return &j.waitPlace },
	)}
	a.counts[rest] = size
	return a
}

// ready are the children of an array job that are runnable before the rest is.
func (j *job) ready() depend.Set {
	if j.waits == nil {
		return nil
	}
	return j.waits.Ready
}

// others are the children of an array job that share the state array.rest.
func (j *job) others() depend.Set {
	return depend.Subtract(depend.Subtract(depend.Of(0, j.array.size), j.array.own), j.ready())
}

// lost are the children of an array job that have failed.
func (j *job) lost() depend.Set {
	if j.array.rest == batch.Failed {
		return depend.Union(j.array.failed, j.others())
	}
	return j.array.failed
}

// stateOf returns the state of a child without a row.
func (j *job) stateOf(index int32) batch.JobState {
	if j.ready().Has(index) {
		return batch.Runnable
	}
	return j.array.rest
}

// next is the child of an array job that would start next for the first time.
func (j *job) next() (index int32, ok bool) {
	if index, ok = j.ready().Min(); ok {
		return index, true
	}
	if j.array.rest != batch.Runnable {
		return 0, false
	}
	index = j.array.own.Gap()
	return index, index < j.array.size
}

// waitsToStart reports whether the job belongs into its queue.
func (j *job) waitsToStart() bool {
	a := j.array
	if a == nil {
		return j.parent == nil && j.state == batch.Runnable && j.retryAt == 0
	}
	if j.state.Terminal() || a.maxRunning > 0 && a.counts[batch.Starting]+a.counts[batch.Running] >= a.maxRunning {
		return false
	}
	_, ok := j.next()
	return ok || a.again.Len() > 0
}

// enqueue puts the job into its queue or takes it out, as it should be. A child
// waits with its array job.
func (s *State) enqueue(j *job) {
	if j.isNode() {
		return
	}
	if p := j.parent; p != nil {
		if want := j.state == batch.Runnable && j.retryAt == 0; want != p.array.again.Has(j) {
			if want {
				p.array.again.Push(j)
			} else {
				p.array.again.Remove(j)
			}
			p.queue.waiting.Touch()
		}
		j.pause()
		j = p
	}
	if want, line := j.waitsToStart(), j.line(); want != line.Has(j) {
		if want {
			line.Push(j)
			j.ceiling.wait(j, 1)
		} else {
			line.Remove(j)
			j.ceiling.wait(j, -1)
		}
		j.tellShare()
	}
	j.countWanted()
}

// newChild makes the record of a child that had none and is in the given state.
func (s *State) newChild(p *job, index int32) *job {
	s.last.Job++
	c := &job{
		ref: batch.ChildRef(p.ref.ID, int(index)), seq: s.last.Job, definition: p.definition, ceiling: p.ceiling,
		queue: p.queue, parent: p, createdAt: p.createdAt, shape: p.shape, policy: p.policy, basket: p.basket, share: p.share, quota: p.quota, preempt: p.preempt, priority: p.priority,
		timeout: p.timeout, maxAttempts: p.maxAttempts, state: p.stateOf(index), told: p.stateOf(index),
	}
	if p.waits != nil {
		p.waits.Ready.Remove(index)
	}
	p.array.own.Add(index)
	p.queue.waiting.Touch()
	s.add(c)
	return c
}

// failRest fails all children that have no row in one stroke, but for those
// that are ready. With an empty reason they fail as their array job does.
func (s *State) failRest(now batch.Instant, p *job, reason string, out *Output) {
	a, others := p.array, p.others()
	if reason == "" {
		s.noteChildren(p, others, batch.Failed, p.flags, s.reasons[p.ref], out)
	} else {
		s.noteChildren(p, others, batch.Failed, 0, reason, out)
	}
	n := others.Len()
	a.counts[a.rest] -= n
	a.counts[batch.Failed] += n
	a.rest, a.restAt, a.restReason = batch.Failed, now, reason
	p.queue.waiting.Touch()
	s.tell(p)
}

// hold makes the record of a child that waits for dependencies.
func (s *State) hold(p *job, index int32) *job {
	c := s.newChild(p, index)
	p.array.held.Add(index)
	return c
}

// failChild fails a child that has no row.
func (s *State) failChild(now batch.Instant, p *job, index int32, flag Flags, reason string, out *Output) {
	c := s.newChild(p, index)
	c.flags |= flag
	s.finish(c, batch.Failed, ended{at: now, statusReason: reason}, out)
}

// finishArray ends an array job whose children have all ended.
func (s *State) finishArray(now batch.Instant, p *job, out *Output) bool {
	counts := &p.array.counts
	if counts[batch.Succeeded]+counts[batch.Failed] < p.array.size {
		return false
	}
	to, end := batch.Succeeded, ended{at: now}
	if counts[batch.Failed] > 0 {
		to = batch.Failed
		if end.statusReason = s.reasons[p.ref]; end.statusReason == "" {
			end.statusReason = reasonArrayFailed
		}
	}
	p.move(to)
	s.enqueue(p)
	s.put(p, end, out)
	s.leave(p)
	return true
}
