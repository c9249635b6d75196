package core

import "github.com/bargehq/barge/internal/batch"

// stepSubmit admits a job. Without dependencies a job is runnable at once, so
// Submitted is never stored. An array job is Pending while its children run.
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
	ref := batch.JobRef{ID: in.ID}
	if s.jobs[ref] != nil {
		return batch.Errorf(batch.Conflict, "Job %s already exists.", ref)
	}
	s.last.Job++
	j := &job{
		ref: ref, seq: s.last.Job, definition: in.Definition, queue: q, createdAt: now,
		shape: s.shapes.Of(in.Needs), policy: int32(s.policyOf(in.Rules, out)), timeout: in.TimeoutSeconds,
		basket:      int32(s.basketOf(in.Consumes, out)),
		maxAttempts: max(1, in.MaxAttempts), state: batch.Runnable,
	}
	if in.Size > 0 {
		j.state = batch.Pending
		j.array = &array{size: in.Size, rest: batch.Runnable}
		j.array.counts[batch.Runnable] = in.Size
	}
	if in.Gang != nil {
		j.gang = &gang{row: in.Gang}
		j.shape = s.shapes.Of(in.Gang.needs())
	}
	s.jobs[ref] = j
	q.waiting.Push(j)
	out.Changes = append(out.Changes, JobPut{Row: s.row(j, ended{}), New: &in.New})
	s.claim(now, in.Claim, in.ID, out)
	out.Reply = Reply{ID: j.seq, Job: in.ID}
	return nil
}
