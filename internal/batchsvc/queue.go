package batchsvc

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// CreateJobQueue makes a queue, which is valid at once.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html
func (s *Service) CreateJobQueue(ctx context.Context, in *batchapi.CreateJobQueueRequest) (*batchapi.CreateJobQueueResponse, error) {
	if !namePattern.MatchString(in.JobQueueName) {
		return nil, invalid("Job Queue name should match a valid pattern.")
	}
	settings, err := queueSettings(in.Tags)
	if err != nil {
		return nil, err
	}
	d := &batchapi.JobQueueDetail{
		SchedulingPolicyArn: in.SchedulingPolicyArn, Priority: in.Priority, ServiceEnvironmentOrder: s.serviceOrder(in.ServiceEnvironmentOrder),
		ComputeEnvironmentOrder: s.environmentOrder(in.ComputeEnvironmentOrder), JobQueueType: in.JobQueueType, Tags: in.Tags,
		JobStateTimeLimitActions: in.JobStateTimeLimitActions,
	}
	err = s.change(ctx, func(do command) error {
		var c queueCheck
		if c, err = s.checkQueueDetail(ctx, in.JobQueueName, d); err != nil {
			return err
		}
		d.JobQueueType = c.queueType()
		_, err = do(core.CreateQueue{
			Name: in.JobQueueName, Enabled: in.State != batchapi.JQStateDisabled, Priority: *in.Priority,
			Environments: environmentNames(d), SchedulingPolicy: policyName(c.policy),
			ServiceEnvironment: serviceEnvironmentName(d), TimeLimits: timeLimits(d), Settings: settings, Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateJobQueueResponse{
		JobQueueName: in.JobQueueName, JobQueueArn: s.o.Scope.ARN(batch.ARNJobQueue, in.JobQueueName),
	}, nil
}

// UpdateJobQueue changes a queue. What waits in it is placed by its new priority
// and order of environments from now on.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateJobQueue.html
func (s *Service) UpdateJobQueue(ctx context.Context, in *batchapi.UpdateJobQueueRequest) (*batchapi.UpdateJobQueueResponse, error) {
	out := new(batchapi.UpdateJobQueueResponse)
	err := s.change(ctx, func(do command) error {
		row, err := s.queueRow(ctx, in.JobQueue)
		if err != nil {
			return err
		}
		old, err := decodeQueue(row)
		if err != nil {
			return err
		}
		d := *old
		set(&d.Priority, in.Priority)
		setText(&d.SchedulingPolicyArn, in.SchedulingPolicyArn)
		if len(in.ComputeEnvironmentOrder) > 0 {
			d.ComputeEnvironmentOrder = s.environmentOrder(in.ComputeEnvironmentOrder)
		}
		if len(in.ServiceEnvironmentOrder) > 0 {
			d.ServiceEnvironmentOrder = s.serviceOrder(in.ServiceEnvironmentOrder)
		}
		if in.JobStateTimeLimitActions != nil { // an empty list removes them
			d.JobStateTimeLimitActions = in.JobStateTimeLimitActions
		}
		u := queueUpdate{old: old, d: &d}
		if u.oldPolicy, err = s.queuePolicy(ctx, old.SchedulingPolicyArn); err != nil {
			return err
		}
		if u.policy, err = s.queuePolicy(ctx, d.SchedulingPolicyArn); err != nil {
			return err
		}
		if err = check(queueUpdateRules, u); err != nil {
			return err
		}
		if _, err = s.checkQueueDetail(ctx, row.Name, &d); err != nil {
			return err
		}
		out.JobQueueName, out.JobQueueArn = row.Name, s.o.Scope.ARN(batch.ARNJobQueue, row.Name)
		_, err = do(core.UpdateQueue{
			Name: row.Name, Enabled: enabled(in.State, row.Enabled), Priority: deref(d.Priority),
			Environments: environmentNames(&d), SchedulingPolicy: policyName(u.policy),
			ServiceEnvironment: serviceEnvironmentName(&d), TimeLimits: timeLimits(&d), Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteJobQueue deletes a disabled queue with its jobs: those that wait fail,
// those that run are terminated. It is being deleted until none is left.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteJobQueue.html
func (s *Service) DeleteJobQueue(ctx context.Context, in *batchapi.DeleteJobQueueRequest) (*batchapi.DeleteJobQueueResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.queueRow(ctx, in.JobQueue)
		if err != nil {
			return err
		}
		_, err = do(core.DeleteQueue{Name: row.Name, Spec: row.Spec})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeleteJobQueueResponse), nil
}

// environmentOrder is the order as it is described: by ARN, first choice first.
func (s *Service) environmentOrder(list []batchapi.ComputeEnvironmentOrder) []batchapi.ComputeEnvironmentOrder {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b batchapi.ComputeEnvironmentOrder) int { return cmp.Compare(deref(a.Order), deref(b.Order)) })
	for i := range sorted {
		if name, ok := batch.NameOf(batch.ARNComputeEnvironment, sorted[i].ComputeEnvironment); ok {
			sorted[i].ComputeEnvironment = s.o.Scope.ARN(batch.ARNComputeEnvironment, name)
		}
	}
	return sorted
}

// environmentNames are the environments of a queue that has been checked.
func environmentNames(d *batchapi.JobQueueDetail) []string {
	names := make([]string, 0, len(d.ComputeEnvironmentOrder))
	for _, e := range d.ComputeEnvironmentOrder {
		name, _ := batch.NameOf(batch.ARNComputeEnvironment, e.ComputeEnvironment)
		names = append(names, name)
	}
	return names
}

// timeLimits are the limits of the queue, by what they are about.
func timeLimits(d *batchapi.JobQueueDetail) (limits []core.TimeLimit) {
	for _, a := range d.JobStateTimeLimitActions {
		for _, block := range []core.Block{core.MaxResource, core.JobRequirement, core.Capacity, core.UnsupportedType, core.ServiceMax, core.QuotaLimit} {
			if a.Reason == block.Reason() {
				limits = append(limits, core.TimeLimit{Block: block, Seconds: *a.MaxTimeSeconds})
			}
		}
	}
	return limits
}

func policyName(p *batchapi.SchedulingPolicyDetail) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// queuePolicy finds the policy of a queue; nil where it has none.
func (s *Service) queuePolicy(ctx context.Context, arn string) (*batchapi.SchedulingPolicyDetail, error) {
	if arn == "" {
		return nil, nil //nolint:nilnil // no policy is an answer
	}
	kind, name, ok := batch.SplitARN(arn)
	if !ok || kind != batch.ARNSchedulingPolicy {
		return nil, invalid("Only scheduling policy Arn can be allowed.")
	}
	rows, err := s.o.Store.SchedulingPolicies(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(rows, func(r core.SchedulingPolicyRow) bool { return r.Name == name })
	if i < 0 {
		return nil, batch.Errorf(batch.NotFound, "SchedulingPolicy %s not found.", arn)
	}
	return s.policyDetail(rows[i])
}

// checkQueueDetail checks a queue with what it refers to.
func (s *Service) checkQueueDetail(ctx context.Context, name string, d *batchapi.JobQueueDetail) (queueCheck, error) {
	c := queueCheck{d: d, found: true, architecture: s.architecture}
	rows, err := s.o.Store.Environments(ctx)
	if err != nil {
		return c, err
	}
	for _, e := range d.ComputeEnvironmentOrder {
		row, findErr := find(s, rows, batch.ARNComputeEnvironment, e.ComputeEnvironment, func(r core.EnvironmentRow) string { return r.Name })
		if findErr != nil || row.Status != core.Valid {
			c.found = false
			continue
		}
		environment, decodeErr := decodeEnvironment(row)
		if decodeErr != nil {
			return c, decodeErr
		}
		c.environments = append(c.environments, environment)
	}
	if c.policy, err = s.queuePolicy(ctx, d.SchedulingPolicyArn); err != nil {
		return c, err
	}
	if err = check(queueRules, c); err != nil {
		return c, err
	}
	if c.service() {
		return c, s.checkServiceEnvironment(ctx, name, c)
	}
	return c, nil
}

// DescribeJobQueues lists queues by name. Names that do not exist are left out.
func (s *Service) DescribeJobQueues(ctx context.Context, in *batchapi.DescribeJobQueuesRequest) (*batchapi.DescribeJobQueuesResponse, error) {
	rows, err := s.o.Store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	rows, err = named(rows, func(r core.QueueRow) string { return r.Name }, batch.ARNJobQueue, in.JobQueues)
	if err != nil {
		return nil, err
	}
	rows, token, err := page(rows, func(r core.QueueRow) string { return r.Name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, s, core.TagQueue, rows, func(r core.QueueRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	out := &batchapi.DescribeJobQueuesResponse{JobQueues: []batchapi.JobQueueDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := s.queueDetail(row)
		if err != nil {
			return nil, err
		}
		d.Tags = orMap(tags.over(row.ID, d.Tags))
		out.JobQueues = append(out.JobQueues, *d)
	}
	return out, nil
}

func decodeQueue(row core.QueueRow) (*batchapi.JobQueueDetail, error) {
	d := new(batchapi.JobQueueDetail)
	if err := d.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode job queue %s: %w", row.Name, err)
	}
	return d, nil
}

// queueDetail is what was sent, with what follows from it. Its tags are those
// that it was made with.
func (s *Service) queueDetail(row core.QueueRow) (*batchapi.JobQueueDetail, error) {
	d, err := decodeQueue(row)
	if err != nil {
		return nil, err
	}
	d.JobQueueName, d.JobQueueArn = row.Name, s.o.Scope.ARN(batch.ARNJobQueue, row.Name)
	d.ComputeEnvironmentOrder = or(d.ComputeEnvironmentOrder)
	d.State = batchapi.JQStateEnabled
	if !row.Enabled {
		d.State = batchapi.JQStateDisabled
	}
	d.Status, d.StatusReason = batchapi.JQStatusValid, "JobQueue Healthy"
	if row.Status == core.Deleting {
		d.Status, d.StatusReason = batchapi.JQStatusDeleting, ""
	}
	return d, nil
}

// queueRow finds a queue by name or ARN.
func (s *Service) queueRow(ctx context.Context, ref string) (core.QueueRow, error) {
	rows, err := s.o.Store.Queues(ctx)
	if err != nil {
		return core.QueueRow{}, err
	}
	return find(s, rows, batch.ARNJobQueue, ref, func(r core.QueueRow) string { return r.Name })
}

// queueNamed is queueRow for SubmitJob and ListJobs, which have a text of their
// own for a queue that does not exist.
func (s *Service) queueNamed(ctx context.Context, ref string) (core.QueueRow, error) {
	rows, err := s.o.Store.Queues(ctx)
	if err != nil {
		return core.QueueRow{}, err
	}
	row, err := find(s, rows, batch.ARNJobQueue, ref, func(r core.QueueRow) string { return r.Name })
	if err != nil {
		return core.QueueRow{}, batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", ref)
	}
	return row, nil
}
