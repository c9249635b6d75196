package batchsvc

import (
	"context"
	"strconv"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/wire"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// serviceEvent is an event of a service job: the job as DescribeServiceJob has it,
// without its tags and its request, or what there is to say of a preemption.
//
// https://docs.aws.amazon.com/batch/latest/userguide/batch-service-job-preemption-events.html
func (s *Service) serviceEvent(ctx context.Context, e *core.Event, j store.Job) ([]byte, error) {
	request, err := serviceRequest(&j)
	if err != nil {
		return nil, err
	}
	queues, err := s.o.Store.QueuesByID(ctx, []int64{j.Queue})
	if err != nil || len(queues) == 0 {
		return nil, err
	}
	d := s.serviceDetail(&j, request, queues[0].Name, nil)
	b := s.envelope(e, j.Ref, "Batch Service Job ", []string{s.o.Scope.ARN(batch.ARNServiceJob, j.Ref.String())})
	switch e.Row.Kind {
	case core.PreemptionStarted:
		b = wire.AppendString(append(b, `{"statusReason":`...), d.StatusReason)
		b = wire.AppendString(append(b, `,"preemptedJobArn":`...), d.JobArn)
		b = wire.AppendString(append(b, `,"status":`...), d.Status)
		return append(b, "}}"...), nil
	case core.PreemptionCompleted:
		b = wire.AppendString(append(b, `{"preemptedJobArn":`...), d.JobArn)
		b = wire.AppendString(append(b, `,"status":`...), d.Status)
		b = appendSummary(append(b, `,"preemptionSummary":`...), d.PreemptionSummary)
		return append(b, "}}"...), nil
	case core.StateChange, core.QueueBlocked:
	}
	d.ServiceRequestPayload, d.Tags = "", nil
	return append(d.AppendJSON(b), '}'), nil
}

func appendSummary(b []byte, p *batchapi.ServiceJobPreemptionSummary) []byte {
	if p == nil { // it is not kept any more
		return append(b, "{}"...)
	}
	b = strconv.AppendInt(append(b, `{"preemptedAttemptCount":`...), int64(*p.PreemptedAttemptCount), 10)
	b = append(b, `,"recentPreemptedAttempts":[`...)
	for i, a := range p.RecentPreemptedAttempts {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(append(b, `{"serviceResourceId":{"name":"TrainingJobArn","value":`...), a.ServiceResourceId.Value)
		b = append(b, '}')
		if a.StartedAt != nil {
			b = strconv.AppendInt(append(b, `,"startedAt":`...), *a.StartedAt, 10)
		}
		b = strconv.AppendInt(append(b, `,"stoppedAt":`...), deref(a.StoppedAt), 10)
		b = wire.AppendString(append(b, `,"statusReason":`...), a.StatusReason)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
