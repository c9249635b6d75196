package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
)

// reasonQueueDeleted is what is said of the jobs of a deleted queue.
const reasonQueueDeleted = "JobQueue deleted"

func (s *State) stepCreateQueue(now batch.Instant, in CreateQueue, out *Output) *batch.Error {
	if s.queueNames[in.Name] != nil {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	row := QueueRow{
		ID: s.last.Queue + 1, Name: in.Name, Enabled: in.Enabled, Priority: in.Priority, TimeLimits: in.TimeLimits, Settings: in.Settings, Spec: in.Spec, CreatedAt: now,
	}
	var err *batch.Error
	if row.Environments, err = s.environmentIDs(in.Environments); err != nil {
		return err
	}
	if row.SchedulingPolicy, err = s.schedulingPolicyID(in.SchedulingPolicy); err != nil {
		return err
	}
	if row.ServiceEnvironment, err = s.serviceEnvironmentID(in.ServiceEnvironment); err != nil {
		return err
	}
	s.last.Queue++
	s.addQueue(row)
	out.Changes = append(out.Changes, QueuePut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

// stepUpdateQueue changes a queue. Its jobs stay where they are; what waits is
// placed from now on as the queue now says.
func (s *State) stepUpdateQueue(now batch.Instant, in UpdateQueue, out *Output) *batch.Error {
	q := s.queueNames[in.Name]
	switch {
	case q == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case q.row.Status != Valid:
		return batch.Errorf(batch.Conflict, "Cannot update, "+beingModified)
	}
	row := q.row
	row.Enabled, row.Priority, row.TimeLimits = in.Enabled, in.Priority, in.TimeLimits
	var err *batch.Error
	if in.Environments != nil {
		if row.Environments, err = s.environmentIDs(in.Environments); err != nil {
			return err
		}
	}
	if row.SchedulingPolicy, err = s.schedulingPolicyID(in.SchedulingPolicy); err != nil {
		return err
	}
	if in.ServiceEnvironment != "" {
		if row.ServiceEnvironment, err = s.serviceEnvironmentID(in.ServiceEnvironment); err != nil {
			return err
		}
	}
	if (s.fairPolicy(row) == nil) != (q.fair == nil) {
		return batch.Errorf(batch.Invalid, "A scheduling policy can only be replaced by one of the same kind.")
	}
	q.row = row
	s.join(q)
	s.joinShares(now, q, out)
	s.joinQuota(q)
	row.Spec = in.Spec
	out.Changes = append(out.Changes, QueuePut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

// stepDeleteQueue deletes a queue with its jobs: those that wait fail, those
// that run are terminated. Until none is left it is being deleted.
func (s *State) stepDeleteQueue(now batch.Instant, in DeleteQueue, out *Output) *batch.Error {
	q := s.queueNames[in.Name]
	switch {
	case q == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case q.row.Status != Valid:
		return batch.Errorf(batch.Conflict, "Cannot delete, "+beingModified)
	case q.row.Enabled:
		return batch.Errorf(batch.Conflict, "Cannot delete, job queue must be disabled")
	}
	q.row.Status = Deleting
	row := q.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, QueuePut{row})
	out.Reply = Reply{ID: row.ID}
	s.drains = append(s.drains, &drain{queue: q, left: q.jobs.n})
	s.drainOn(now, out)
	s.removeDrained(out)
	return nil
}

// environmentIDs finds what a queue is made of. An environment that is being
// deleted takes no more queues.
func (s *State) environmentIDs(names []string) ([]int64, *batch.Error) {
	ids := make([]int64, 0, len(names))
	for _, name := range names {
		e := s.environmentNames[name]
		if e == nil || e.row.Status != Valid {
			return nil, batch.Errorf(batch.NotFound, "Compute Environments must be created and valid before attaching them to a job queue")
		}
		ids = append(ids, e.row.ID)
	}
	return ids, nil
}

func (s *State) schedulingPolicyID(name string) (int64, *batch.Error) {
	if name == "" {
		return 0, nil
	}
	id := s.schedulingNames[name]
	if id == 0 {
		return 0, batch.Errorf(batch.NotFound, "SchedulingPolicy %s not found.", name)
	}
	return id, nil
}

// join puts the queue with its environments and in its place among the queues,
// as its row says.
func (s *State) join(q *queue) {
	s.config++
	q.environ = nil
	for _, id := range q.row.Environments {
		q.environ = append(q.environ, s.environments[id])
	}
	q.service = s.services[q.row.ServiceEnvironment]
	slices.SortFunc(s.queueList, (*queue).before)
}

// before is the order in which queues are served.
func (q *queue) before(o *queue) int {
	return cmp.Or(cmp.Compare(o.row.Priority, q.row.Priority), cmp.Compare(q.row.ID, o.row.ID))
}

// drain ends, slice by slice, the jobs of a queue that is being deleted.
type drain struct {
	queue *queue
	share *quotaShare // of it, if only the jobs of that are to end; else nil
	left  int         // how many jobs at the front of the queue's list nobody has seen to
}

// drainOn sees to the next slice and removes the queues that are empty. It
// reports whether there is more to see to.
func (s *State) drainOn(now batch.Instant, out *Output) (more bool) {
	budget := maxSlice
	for _, d := range s.drains {
		more = s.drainSlice(now, d, &budget, out) || more
	}
	return more
}

func (s *State) drainSlice(now batch.Instant, d *drain, budget *int, out *Output) (more bool) {
	reason := reasonQueueDeleted
	if d.share != nil {
		reason = reasonShareDeleted
	}
	for ; d.left > 0 && d.queue.jobs.first != nil && *budget > 0; d.left-- {
		*budget--
		j := d.queue.jobs.first
		d.queue.jobs.remove(j) // one that does not end at once goes to the end
		d.queue.jobs.add(j)
		switch {
		case d.share != nil && j.quota != d.share:
			continue
		case j.isNode(): // its job is in the list too
		case j.array != nil:
			s.endArray(now, j, Terminated, reason, out)
		default:
			s.terminate(now, j, reason, out)
		}
		s.waitNoMore(now, j, budget, out)
	}
	if d.queue.jobs.first == nil {
		d.left = 0
	}
	return d.left > 0
}

// waitNoMore makes a job that depends on others wait for them no more. On AWS a
// terminated job does, but its queue is to go.
func (s *State) waitNoMore(now batch.Instant, j *job, budget *int, out *Output) {
	if s.jobs[j.ref] != j || j.waits == nil {
		return
	}
	for _, l := range j.waits.Links {
		j.waits.Close(l.Job, depend.Failed, nil)
	}
	s.review(now, j, true, budget, out)
}

// removeDrained removes the queues that are being deleted and have no jobs left,
// their shares slice by slice. It reports whether there are more of those.
func (s *State) removeDrained(out *Output) (more bool) {
	s.drains = slices.DeleteFunc(s.drains, func(d *drain) bool {
		if d.queue.jobs.n > 0 {
			return false
		}
		if s.dropShares(d.queue, out) {
			more = true
			return false
		}
		s.removeQueue(d.queue, out)
		return true
	})
	return more
}

// removeQueue removes a queue that has no jobs. Its row stays for those that
// have ended, which are described with its name.
func (s *State) removeQueue(q *queue, out *Output) {
	s.releaseGroup(q, out)
	for _, share := range slices.Clone(q.shareList) { // they go with it
		s.dropShare(share, out)
	}
	s.closing = slices.DeleteFunc(s.closing, func(d *drain) bool { return d.queue == q })
	delete(s.queues, q.row.ID)
	delete(s.queueNames, q.row.Name)
	s.queueList = slices.DeleteFunc(s.queueList, func(other *queue) bool { return other == q })
	row := q.row
	row.Status = Deleted
	out.Changes = append(out.Changes, QueuePut{row})
	dropTags(Tagged{TagQueue, row.ID}, out)
}

// jobs is a list of all jobs of a queue, threaded through them: whatever state
// they are in, they can be found without a look at the jobs of others.
type jobs struct {
	first, last *job
	n           int
}

func (l *jobs) add(j *job) {
	j.before, j.behind = l.last, nil
	if l.last == nil {
		l.first = j
	} else {
		l.last.behind = j
	}
	l.last = j
	l.n++
}

func (l *jobs) remove(j *job) {
	if j.before == nil {
		l.first = j.behind
	} else {
		j.before.behind = j.behind
	}
	if j.behind == nil {
		l.last = j.before
	} else {
		j.behind.before = j.before
	}
	j.before, j.behind = nil, nil
	l.n--
}
