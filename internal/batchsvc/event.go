package batchsvc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi/wire"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// Events returns events, each of one job, as EventBridge would deliver them: in
// the envelope that all of AWS's events have, a job as DescribeJobs describes it,
// as it was when the event happened. An event of a job that is not stored any
// more is nil. The id is always the same for the same event.
//
// https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html
func (s *Service) Events(ctx context.Context, events []core.Event) ([][]byte, error) {
	var refs []batch.JobRef
	for i := range events {
		if ref := events[i].Row.Ref; !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	rows, err := s.o.Store.Jobs(ctx, refs)
	if err != nil {
		return nil, err
	}
	byRef := make(map[batch.JobRef]*store.Job, len(rows))
	for i := range rows {
		byRef[rows[i].Ref] = &rows[i]
	}
	jobs := make([]store.Job, 0, len(events))
	for i := range events {
		if j := byRef[events[i].Row.Ref]; j != nil && j.Kind != core.Service {
			jobs = append(jobs, asOf(j, &events[i].Row))
		}
	}
	c, err := s.context(ctx, jobs)
	if err != nil {
		return nil, err
	}
	if c.tags, err = tagsOf(ctx, s, core.TagJob, jobs, func(j store.Job) int64 { return j.Seq }); err != nil {
		return nil, err
	}
	out, next := make([][]byte, len(events)), 0
	for i := range events {
		j := byRef[events[i].Row.Ref]
		if j == nil {
			continue
		}
		if j.Kind == core.Service {
			if out[i], err = s.serviceEvent(ctx, &events[i], asOf(j, &events[i].Row)); err != nil {
				return nil, err
			}
			continue
		}
		if out[i], err = c.event(&events[i], &jobs[next]); err != nil {
			return nil, err
		}
		next++
	}
	return out, nil
}

// asOf is the job as it was at the event, from what it has become.
func asOf(now *store.Job, e *core.EventRow) store.Job {
	j := *now
	j.State, j.Flags, j.Attempt, j.Host, j.StartedAt, j.StoppedAt = e.State, e.Flags, e.Attempt, e.Host, e.StartedAt, e.StoppedAt
	j.ExitCode, j.Reason, j.StatusReason, j.Counts = e.ExitCode, e.Reason, e.StatusReason, e.Counts
	if j.Gang != nil {
		g := *j.Gang
		g.Network = e.Network
		j.Gang = &g
	}
	ended := e.Attempt
	if e.State.Live() {
		ended--
	}
	n := 0
	for n < len(j.Attempts) && j.Attempts[n].Number <= ended {
		n++
	}
	j.Attempts = j.Attempts[:n:n]
	return j
}

func (c *surroundings) event(e *core.Event, j *store.Job) ([]byte, error) {
	d, err := c.detail(j)
	if err != nil {
		return nil, err
	}
	// AWS adds the taggable resource to the tags: of a child its array job.
	tags := map[string]string{"resourceArn": c.s.o.Scope.ARN(batch.ARNJob, j.Ref.Parent().String())}
	maps.Copy(tags, d.Tags)
	d.Tags = tags
	if a := d.ArrayProperties; a != nil && a.StatusSummaryLastUpdatedAt != nil {
		a.StatusSummaryLastUpdatedAt = ptr(int64(e.Row.At))
	}
	resources := []string{d.JobArn}
	if e.Row.Kind == core.QueueBlocked {
		resources = append(resources, d.JobQueue)
	}
	return append(d.AppendJSON(c.s.envelope(e, j.Ref, "Batch Job ", resources)), '}'), nil
}

// eventName is what comes behind the kind of job in the type of an event.
func eventName(kind core.EventKind) string {
	switch kind {
	case core.QueueBlocked:
		return "Queue Blocked"
	case core.PreemptionStarted:
		return "Preemption Started"
	case core.PreemptionCompleted:
		return "Preemption Completed"
	case core.StateChange:
	}
	return "State Change"
}

// envelope begins an event, up to its detail.
func (s *Service) envelope(e *core.Event, ref batch.JobRef, of string, resources []string) []byte {
	id := uuid.NewSHA1(s.o.Owner, fmt.Appendf(nil, "event %d/%d of %s", e.Round, e.Index, ref))
	b := append(make([]byte, 0, 2048), `{"version":"0","id":`...)
	b = wire.AppendString(b, id.String())
	b = wire.AppendString(append(b, `,"detail-type":`...), of+eventName(e.Row.Kind))
	b = wire.AppendString(append(b, `,"source":"aws.batch","account":`...), s.o.Scope.Account)
	b = wire.AppendString(append(b, `,"time":`...), e.Row.At.Time().UTC().Format(time.RFC3339))
	b = wire.AppendString(append(b, `,"region":`...), s.o.Scope.Region)
	b = wire.AppendTexts(append(b, `,"resources":`...), resources)
	return append(b, `,"detail":`...)
}
