package core

import "github.com/bargehq/barge/internal/batch"

func (s *State) stepCancel(now batch.Instant, in Cancel, out *Output) {
	switch j, parent := s.jobs[in.Job], s.jobs[in.Job.Parent()]; {
	case in.Job.Child < 0:
		if parent.isMain(in.Job) {
			s.endWaiting(now, parent, Cancelled, in.Reason, out)
		}
	case j != nil && j.kind() != Plain:
	case j != nil && j.array != nil:
		s.endArray(now, j, Cancelled, in.Reason, out)
	case j != nil:
		s.endWaiting(now, j, Cancelled, in.Reason, out)
	case parent != nil:
		s.endChild(now, parent, in.Job, Cancelled, in.Reason, out)
	}
}

func (s *State) stepTerminate(now batch.Instant, in Terminate, out *Output) {
	switch j, parent := s.jobs[in.Job], s.jobs[in.Job.Parent()]; {
	case in.Job.Child < 0:
		if parent.isMain(in.Job) {
			s.terminate(now, parent, in.Reason, out)
		} else if j != nil {
			s.terminateNode(now, j, in.Reason, out)
		}
	case j != nil && j.kind() != in.Kind:
	case j != nil && j.array != nil:
		s.endArray(now, j, Terminated, in.Reason, out)
	case j != nil:
		s.terminate(now, j, in.Reason, out)
	case parent != nil:
		s.endChild(now, parent, in.Job, Terminated, in.Reason, out)
	}
}

// terminate ends a job that is no array job. The caller's reason stays with an
// attempt that has to be stopped until it has ended.
func (s *State) terminate(now batch.Instant, j *job, reason string, out *Output) {
	if !j.state.Live() {
		s.endWaiting(now, j, Terminated, reason, out)
		return
	}
	if j.flags&Terminated != 0 || j.decided() {
		return
	}
	j.flags |= Terminated
	s.reasons[j.ref] = reason
	s.deadlines.Remove(j)
	s.put(j, ended{}, out)
	s.stop(j, out)
}

// stop asks for the end of what is live of the job.
func (s *State) stop(j *job, out *Output) {
	if j.gang != nil {
		s.stopNodes(j, out)
		return
	}
	out.Effects = append(out.Effects, Stop{Host: j.host.ID, Attempt: j.attemptID()})
}

// endWaiting fails a job that no host has. One that depends on others ends only
// when all of these have ended, as on AWS: until then it is marked.
func (s *State) endWaiting(now batch.Instant, j *job, flag Flags, reason string, out *Output) {
	switch j.state {
	case batch.Runnable:
		j.flags |= flag
		j.retryAt = 0
		s.deadlines.Remove(j)
		s.finish(j, batch.Failed, ended{at: now, statusReason: reason}, out)
	case batch.Pending:
		if j.flags&(flag|Terminated) != 0 {
			return
		}
		j.flags |= flag
		if s.reasons[j.ref] == "" {
			s.reasons[j.ref] = reason
		}
		s.put(j, ended{}, out)
		if j.parent != nil {
			s.reviewLater(j.parent)
		}
	case batch.Submitted, batch.Scheduled, batch.Starting, batch.Running, batch.Succeeded, batch.Failed:
	}
}

// endArray fails all children that are runnable and have no row, in one stroke.
// Those that have a row of their own, and those that wait for others, follow in
// slices; the array job ends with the last.
func (s *State) endArray(now batch.Instant, j *job, flag Flags, reason string, out *Output) {
	if j.flags&(flag|Terminated) != 0 {
		return
	}
	j.flags |= flag
	if s.reasons[j.ref] == "" {
		s.reasons[j.ref] = reason
	}
	if j.array.rest == batch.Runnable {
		s.failRest(now, j, "", out)
		s.enqueue(j)
	}
	if s.finishArray(now, j, out) {
		return
	}
	s.sweeps = append(s.sweeps, sweep{parent: j})
	if j.waits != nil {
		s.reviewLater(j)
	}
	s.put(j, ended{}, out)
}

// endChild ends one child that has not started and gives it a row of its own.
func (s *State) endChild(now batch.Instant, p *job, ref batch.JobRef, flag Flags, reason string, out *Output) {
	index := ref.Child - 1
	a := p.array
	if a == nil || index >= a.size || a.own.Has(index) || p.stateOf(index) == batch.Failed {
		return // no such child, or one that has ended
	}
	if p.stateOf(index) == batch.Runnable {
		s.failChild(now, p, index, flag, reason, out)
		return
	}
	if p.flags&(Cancelled|Terminated) != 0 {
		return // it ends with all the others
	}
	s.endWaiting(now, s.hold(p, index), flag, reason, out)
	s.put(p, ended{}, out)
}

// sweep ends the children of an array job that have records, slice by slice.
type sweep struct {
	parent *job
	index  int32 // the next child to look at
}

// sweepOn ends the next slice of the children of array jobs that are being
// ended, and reports whether there is more to do. It may look at more than it
// ends: after a restart it begins anew.
func (s *State) sweepOn(now batch.Instant, out *Output) (more bool) {
	looks, ends := 16*maxSlice, maxSlice
	for len(s.sweeps) > 0 {
		w := &s.sweeps[0]
		p := w.parent
		for s.jobs[p.ref] == p {
			index, ok := p.array.own.Next(w.index)
			if !ok {
				break
			}
			if looks--; looks < 0 || ends <= 0 {
				return true
			}
			w.index = index + 1
			c := s.jobs[batch.ChildRef(p.ref.ID, int(index))]
			if c == nil || c.flags&Terminated != 0 {
				continue
			}
			ends--
			if p.flags&Terminated != 0 {
				s.terminate(now, c, s.reasons[p.ref], out)
			} else {
				s.endWaiting(now, c, Cancelled, s.reasons[p.ref], out)
			}
		}
		s.sweeps = s.sweeps[1:]
	}
	s.sweeps = nil
	return false
}
