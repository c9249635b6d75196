package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

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
	// Shares are the quota shares by name, each with its first runnable job.
	Shares []ShareFront
	// Used is what the queue's jobs on hosts hold, Instances what its service
	// jobs take, in the capacity units of their environment.
	Used      batch.Resources
	Instances quota.Amounts
	// Uses are the shares of a fair-share policy that hold most of that, and
	// Using is how many hold any.
	Uses  []ShareUse
	Using int
}

// ShareFront is the front of a quota share: one job, or none.
type ShareFront struct {
	Name  string
	First []Position
	Used  quota.Amounts // vCPUs in thousandths
}

// front remembers the first jobs of a queue, so that a position keeps its time
// for as long as the same job has it. Nothing of it is stored: after a restart
// times begin anew.
type front struct {
	jobs    []Position
	version uint64 // of the queue's heap; zero before the first look
}

// Held is how many attempts a host holds.
func (s *State) Held(host int64) int {
	if h := s.hosts[host]; h != nil {
		return len(h.live)
	}
	return 0
}

// Snapshot tells how the queue stands after the latest Place. Who changes it has
// changed the state.
func (s *State) Snapshot(queue string) (Snapshot, bool) {
	q := s.queueNames[queue]
	if q == nil {
		return Snapshot{}, false
	}
	shot := Snapshot{At: s.placedAt, Front: q.front.jobs, Used: q.used}
	shot.Uses, shot.Using = q.shareUses()
	if e := q.service; e != nil {
		for _, h := range e.host.attempts() {
			if h.queue == q {
				shot.Instances = shot.Instances.Add(e.counted(h.service.instances), 1)
			}
		}
	}
	for _, share := range q.shareList {
		shot.Shares = append(shot.Shares, ShareFront{Name: share.row.Name, First: share.front.jobs, Used: slices.Clone(share.Used)})
	}
	return shot, true
}

// lookAtFronts notes which jobs are at the front of each queue that has changed.
func (s *State) lookAtFronts(now batch.Instant) {
	s.placedAt = now
	for _, q := range s.queueList {
		q.front.look(q.version(), now, maxFront, func(yield func(batch.JobRef) bool) { s.inOrder(q, yield) })
		for _, share := range q.shareList {
			share.front.look(q.waiting.Version()+share.waiting.Version(), now, 1, share.inOrder)
		}
	}
}

// look notes the first `most` jobs, if the version is not that of the last look.
// Those that are where they were keep the time.
func (f *front) look(version uint64, now batch.Instant, most int, inOrder func(yield func(batch.JobRef) bool)) {
	if version == f.version {
		return
	}
	var jobs []Position
	for ref := range inOrder {
		p := Position{Job: ref, Since: now}
		if n := len(jobs); n < len(f.jobs) && f.jobs[n].Job == ref {
			p.Since = f.jobs[n].Since
		}
		if jobs = append(jobs, p); len(jobs) == most {
			break
		}
	}
	f.jobs, f.version = jobs, version
}

// version changes with every change of what waits in the queue, except behind
// what the last look at the front came to.
func (q *queue) version() uint64 {
	v := q.waiting.Version() + q.sharesGone
	for _, share := range q.shareList {
		v += share.waiting.Version()
	}
	return v
}

// inOrder calls yield for the jobs that wait, in the order in which they will
// start: those of quota shares by turns, the first of each share first.
func (s *State) inOrder(q *queue, yield func(batch.JobRef) bool) {
	if q.fair != nil {
		s.turns(q, yield)
		return
	}
	for j := range q.waiting.Sorted {
		if j.array == nil && !yield(j.ref) || j.array != nil && !j.waitingChildren(yield) {
			q.waiting.Mark(j) // jobs behind it are not looked at
			return
		}
	}
	if q.quota == nil {
		return
	}
	shares := q.byTurn()
	lines := make([][]batch.JobRef, len(shares))
	for i, share := range shares {
		for ref := range share.inOrder {
			if lines[i] = append(lines[i], ref); len(lines[i]) == maxFront {
				break
			}
		}
	}
	for turn, more := 0, true; more; turn++ {
		more = false
		for _, line := range lines {
			if turn >= len(line) {
				continue
			}
			if !yield(line[turn]) {
				return
			}
			more = true
		}
	}
}

func (share *quotaShare) inOrder(yield func(batch.JobRef) bool) {
	for j := range share.waiting.Sorted {
		if j.array == nil && !yield(j.ref) || j.array != nil && !j.waitingChildren(yield) {
			return
		}
	}
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
