package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
)

// stepSubmit admits a job. It is runnable at once, or pending where it depends on
// something, so Submitted is never stored. An array job is Pending while its
// children wait or run.
func (s *State) stepSubmit(now batch.Instant, in Submit, out *Output) *batch.Error {
	if id, ok, err := s.claims.job(now, in.Claim); err != nil || ok {
		out.Reply = Reply{Job: id}
		return err
	}
	q := s.queueNames[in.Queue]
	if q == nil {
		return batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", in.Queue)
	}
	if !q.row.Enabled {
		return batch.Errorf(batch.Conflict, "JobQueue %s is not in ENABLED state and takes no jobs.", in.Queue)
	}
	if err := q.takes(in.Service); err != nil {
		return err
	}
	quotaShare, err := q.quotaFor(in.Quota)
	if err != nil {
		return err
	}
	share, err := s.shareFor(now, q, in)
	if err != nil {
		return err
	}
	ref := batch.JobRef{ID: in.ID}
	if s.jobs[ref] != nil {
		return batch.Errorf(batch.Conflict, "Job %s already exists.", ref)
	}
	waits, err := s.waitsOf(in)
	if err != nil {
		return err
	}
	s.last.Job++
	s.enterShare(q, share, out)
	j := &job{
		ref: ref, seq: s.last.Job, definition: in.Definition, queue: q, createdAt: now,
		shape: s.shapes.Of(in.Needs), policy: int32(s.policyOf(in.Retry, out)), timeout: in.TimeoutSeconds,
		basket:      int32(s.basketOf(in.Consumes, out)),
		maxAttempts: max(1, in.MaxAttempts), state: batch.Runnable, share: share, quota: quotaShare,
		ceiling: s.ceilingOf(in.Definition, in.DefinitionMax),
	}
	if in.Service != nil {
		j.service = &serviceJob{instances: in.Service.Instances}
	}
	switch {
	case in.Quota != nil:
		j.priority = in.Quota.Priority
		if in.Quota.Retries != quota.Unlimited {
			j.preempt = &Preempt{Retries: in.Quota.Retries}
		}
	case in.Fair != nil:
		j.priority = in.Fair.Priority
	case in.Service != nil:
		j.priority = in.Service.Priority
	}
	if waits != nil {
		j.state, j.waits = batch.Pending, waits
		s.follow(j)
	}
	if in.Size > 0 {
		j.array = newArray(in.Size, in.MaxRunning, j.state)
		j.state = batch.Pending
	}
	if in.Gang != nil {
		j.gang = &gang{row: in.Gang}
		j.shape = s.shapes.OfGroups(in.Gang.groups())
	}
	s.add(j)
	s.enqueue(j)
	row := s.row(j, ended{})
	out.Changes = append(out.Changes, JobPut{Row: row, New: &in.New})
	s.note(j, &row, out)
	if j.array != nil {
		s.noteChildren(j, j.others(), j.array.rest, 0, "", out)
	}
	budget := maxSlice
	s.review(now, j, false, &budget, out)
	s.claim(now, in.Claim, in.ID, out)
	out.Reply = Reply{ID: j.seq, Job: in.ID}
	return nil
}
