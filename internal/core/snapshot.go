package core

import "github.com/bargehq/barge/internal/batch"

// maxFront is how many jobs AWS shows at the front of a queue.
const maxFront = 100

// Position is a runnable job at the front of a queue, and since when it has been
// at this very position.
type Position struct {
	Job   batch.JobRef
	Since batch.Instant
}

// Snapshot is how a queue stands.
type Snapshot struct {
	At batch.Instant
	// Front are the first runnable jobs in the order in which they will
	// start, children of arrays one by one.
	Front []Position
	// Used is what the queue's jobs on hosts hold.
	Used batch.Resources
}

// front remembers the first jobs of a queue, so that a position keeps its time
// for as long as the same job has it. Nothing of it is stored: after a restart
// times begin anew.
type front struct {
	jobs    []Position
	version uint64 // of the queue's heap; zero before the first look
}

// Snapshot tells how the queue stands after the latest Place. Who changes it has
// changed the state.
func (s *State) Snapshot(queue string) (Snapshot, bool) {
	q := s.queueNames[queue]
	if q == nil {
		return Snapshot{}, false
	}
	return Snapshot{At: s.placedAt, Front: q.front.jobs, Used: q.used}, true
}

// lookAtFronts notes which jobs are at the front of each queue that has changed.
func (s *State) lookAtFronts(now batch.Instant) {
	s.placedAt = now
	for _, q := range s.queueList {
		if v := q.waiting.Version(); v != q.front.version {
			q.front = front{jobs: q.positions(now), version: v}
		}
	}
}

// positions returns the first jobs of the queue. Those that are where they were
// keep the time.
func (q *queue) positions(now batch.Instant) []Position {
	var jobs []Position
	add := func(ref batch.JobRef) bool {
		p := Position{Job: ref, Since: now}
		if n := len(jobs); n < len(q.front.jobs) && q.front.jobs[n].Job == ref {
			p.Since = q.front.jobs[n].Since
		}
		jobs = append(jobs, p)
		return len(jobs) < maxFront
	}
	for j := range q.waiting.Sorted {
		if j.array == nil {
			if !add(j.ref) {
				break
			}
			continue
		}
		if !j.waitingChildren(add) {
			break
		}
	}
	return jobs
}

// waitingChildren calls yield for the children of an array job that may start,
// in the order in which they will.
func (j *job) waitingChildren(yield func(batch.JobRef) bool) bool {
	for c := range j.array.again.Sorted {
		if !yield(c.ref) {
			return false
		}
	}
	which := j.ready()
	if j.array.rest == batch.Runnable {
		which = j.others()
	}
	for index := range which.All {
		if !yield(batch.ChildRef(j.ref.ID, int(index))) {
			return false
		}
	}
	return true
}
