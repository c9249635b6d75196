package core

import (
	"strconv"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/retry"
)

// AWS's words for why a job's state changed.
const (
	reasonTimeout     = "Job attempt duration exceeded timeout"
	reasonArrayFailed = "Array Child Job failed"
	reasonHostLost    = "Host EC2 (instance %s) terminated."
)

func (j *job) attemptID() batch.AttemptID {
	return batch.AttemptID{Job: j.ref, Number: int(j.attempt)}
}

// attemptOf returns the job whose live attempt a report speaks of. Reports may
// come twice, late, or for an attempt that is over: then there is none.
func (s *State) attemptOf(id batch.AttemptID) *job {
	j := s.jobs[id.Job]
	if j == nil || j.gang != nil || !j.state.Live() || int(j.attempt) != id.Number {
		return nil
	}
	return j
}

func (s *State) stepAttemptStarting(in AttemptStarting, out *Output) {
	if j := s.attemptOf(in.Attempt); j != nil && j.state == batch.Scheduled {
		j.move(batch.Starting)
		s.put(j, ended{}, out)
	}
}

func (s *State) stepAttemptRunning(in AttemptRunning, out *Output) {
	j := s.attemptOf(in.Attempt)
	if j == nil || j.state != batch.Starting && j.state != batch.Scheduled {
		return
	}
	if j.isNode() {
		s.nodeRunning(j, in.At, out)
		return
	}
	j.move(batch.Running)
	j.startedAt = in.At
	j.host.runs(j)
	s.watch(j)
	s.put(j, ended{}, out)
	s.putParent(j, out)
}

func (s *State) stepAttemptEnded(now batch.Instant, in AttemptEnded, out *Output) {
	j := s.attemptOf(in.Attempt)
	if j == nil {
		return
	}
	if in.StartedAt == 0 && j.state == batch.Running {
		in.StartedAt = j.startedAt // it is lost, and was known to run
	}
	if j.isNode() {
		s.nodeEnded(now, j, in, out)
		return
	}
	switch {
	case in.StartedAt != 0:
		j.startedAt = in.StartedAt
	case j.state == batch.Running:
		in.StartedAt = j.startedAt // it is lost, and was known to run
	}
	end := ended{at: now, exitCode: in.ExitCode, reason: in.Reason, statusReason: in.StatusReason}
	switch {
	case j.flags&Terminated != 0:
		end.statusReason = s.reasons[j.ref]
	case j.flags&TimedOut != 0:
		end.statusReason = reasonTimeout
	case j.flags&Evicted != 0:
		end.statusReason = hostGone(j.host)
	}
	j.flags &^= Evicted
	if in.StoppedAt != 0 {
		end.at = in.StoppedAt
	}
	preempted := s.preempted(j, &end)
	stopped := in.StoppedAt
	if stopped == 0 {
		stopped = now
	}
	cost := s.charge(now, j, stopped, out)
	out.Changes = append(out.Changes, AttemptPut{AttemptRow{
		Job: j.seq, Number: j.attempt, Host: j.host.ID, StartedAt: in.StartedAt, StoppedAt: stopped,
		ExitCode: in.ExitCode, Reason: in.Reason, StatusReason: end.statusReason, Containers: in.Containers, Usage: in.Usage, Cost: cost, Preempted: preempted,
	}})
	s.deadlines.Remove(j)
	j.host.release(j, s.shapes.Need(j.shape))
	s.give(j, out)
	end.at = stopped

	stoppedByUs := j.flags&(Terminated|TimedOut) != 0
	switch {
	case preempted && !stoppedByUs && !j.preempt.spent():
		s.toQueue(j, end, out, s.enqueue)
	case preempted && !stoppedByUs:
		s.finish(j, batch.Failed, end, out)
	case in.ExitCode != nil && *in.ExitCode == 0 && !stoppedByUs:
		s.finish(j, batch.Succeeded, end, out)
	case !stoppedByUs && s.again(j, end):
		s.retry(now, j, end, out)
	default:
		s.finish(j, batch.Failed, end, out)
	}
	if preempted {
		s.tellCeded(j, end, out)
	}
}

func (s *State) again(j *job, end ended) bool {
	e := retry.End{Reason: end.reason, StatusReason: end.statusReason}
	if end.exitCode != nil {
		e.ExitCode = strconv.Itoa(int(*end.exitCode))
	}
	return retry.Again(s.policies[int64(j.policy)].Rules, int(j.tries()), int(j.maxAttempts), e)
}

// retry puts the job back into its queue, at once or after a pause, unless it
// belongs to an array whose waiting children were ended meanwhile.
func (s *State) retry(now batch.Instant, j *job, end ended, out *Output) {
	s.toQueue(j, end, out, func(j *job) { s.wait(now, j) })
}

func (s *State) toQueue(j *job, end ended, out *Output, enqueue func(*job)) {
	if p := j.parent; p != nil && p.flags&(Cancelled|Terminated) != 0 {
		j.flags |= p.flags & (Cancelled | Terminated)
		end.statusReason = s.reasons[p.ref]
		s.finish(j, batch.Failed, end, out)
		return
	}
	j.move(batch.Runnable)
	enqueue(j)
	end.statusReason = ""
	s.put(j, end, out)
	s.putParent(j, out)
}

// wait puts a job that is to be tried again into its queue, or lets it wait
// before.
func (s *State) wait(now batch.Instant, j *job) {
	if pause := s.policies[int64(j.policy)].Backoff.After(int(j.tries())); pause > 0 {
		j.retryAt = now + batch.Instant(pause)
		s.watch(j)
	}
	s.enqueue(j)
}

// finish ends a job that no host and no queue holds any more. It leaves the
// state; its parent may end with it.
func (s *State) finish(j *job, to batch.JobState, end ended, out *Output) {
	j.move(to)
	s.enqueue(j)
	s.put(j, end, out)
	if j.gang != nil {
		s.endNodes(j, end, out)
	}
	s.leave(j)
	p := j.parent
	if p == nil {
		return
	}
	index := j.ref.Child - 1
	p.array.held.Remove(index)
	if to == batch.Succeeded {
		p.array.succeeded.Add(index)
	} else {
		p.array.failed.Add(index)
	}
	if s.finishArray(end.at, p, out) {
		return
	}
	if p.waits != nil && (p.waits.Sequential || p.flags&(Cancelled|Terminated) != 0) {
		s.reviewLater(p)
	}
	s.tell(p)
	s.enqueue(p)
	s.put(p, ended{}, out)
}

// leave takes a job that has ended out of the state.
func (s *State) leave(j *job) {
	s.drop(j)
	s.unfollow(j)
	if j.parent == nil {
		s.tell(j)
	}
}

func (s *State) putParent(j *job, out *Output) {
	if j.parent != nil {
		s.put(j.parent, ended{}, out)
	}
}
