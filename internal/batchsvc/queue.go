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

// maxQueueEnvironments is AWS's limit of environments in a queue.
const maxQueueEnvironments = 3

// CreateJobQueue makes a queue, which is valid at once.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html
func (s *Service) CreateJobQueue(ctx context.Context, in *batchapi.CreateJobQueueRequest) (*batchapi.CreateJobQueueResponse, error) {
	if !namePattern.MatchString(in.JobQueueName) {
		return nil, invalid("Job Queue name should match a valid pattern.")
	}
	switch {
	case in.SchedulingPolicyArn != "":
		return nil, notBuilt("schedulingPolicyArn")
	case len(in.ServiceEnvironmentOrder) > 0:
		return nil, notBuilt("serviceEnvironmentOrder")
	case len(in.JobStateTimeLimitActions) > 0:
		return nil, notBuilt("jobStateTimeLimitActions")
	case *in.Priority < 0:
		return nil, invalid("priority must not be negative.")
	}
	if err := checkExtensions(onQueue, in.Tags); err != nil {
		return nil, err
	}
	names, err := environmentOrder(in.ComputeEnvironmentOrder)
	if err != nil {
		return nil, err
	}
	if err = s.checkKinds(ctx, names); err != nil {
		return nil, err
	}
	_, err = s.o.Do(ctx, core.CreateQueue{
		Name: in.JobQueueName, Enabled: in.State != batchapi.JQStateDisabled, Priority: *in.Priority,
		Environments: names, Spec: in.AppendJSON(nil),
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateJobQueueResponse{
		JobQueueName: in.JobQueueName, JobQueueArn: s.o.Scope.ARN(batch.ARNJobQueue, in.JobQueueName),
	}, nil
}

// environmentOrder returns the names of the environments, first choice first.
func environmentOrder(list []batchapi.ComputeEnvironmentOrder) ([]string, error) {
	switch {
	case len(list) == 0:
		return nil, invalid("computeEnvironmentOrder is required.")
	case len(list) > maxQueueEnvironments:
		return nil, invalid("Only %d environments are allowed in job queue request.", maxQueueEnvironments)
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b batchapi.ComputeEnvironmentOrder) int { return cmp.Compare(*a.Order, *b.Order) })
	var names []string
	for i, e := range sorted {
		if i > 0 && *e.Order == *sorted[i-1].Order {
			return nil, invalid("Duplicate ComputeEnvironment order values.")
		}
		name, ok := batch.NameOf(batch.ARNComputeEnvironment, e.ComputeEnvironment)
		if !ok {
			return nil, invalid("Compute Environments must be created and valid before attaching them to a job queue")
		}
		if slices.Contains(names, name) {
			return nil, invalid("Duplicate ComputeEnvironments within order list.")
		}
		names = append(names, name)
	}
	return names, nil
}

// checkKinds refuses Fargate and EC2 environments in one queue. Those that do
// not exist are the core's to refuse.
func (s *Service) checkKinds(ctx context.Context, names []string) error {
	rows, err := s.o.Store.Environments(ctx)
	if err != nil {
		return err
	}
	var onFargate, onEC2 bool
	for _, row := range rows {
		if !slices.Contains(names, row.Name) {
			continue
		}
		d, detailErr := s.environmentDetail(row)
		if detailErr != nil {
			return detailErr
		}
		onFargate = onFargate || fargate(d.ComputeResources.Type)
		onEC2 = onEC2 || !fargate(d.ComputeResources.Type)
	}
	if onFargate && onEC2 {
		return invalid("Fargate and EC2 compute environments can not be mixed.")
	}
	return nil
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
	out := &batchapi.DescribeJobQueuesResponse{JobQueues: []batchapi.JobQueueDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := s.queueDetail(row)
		if err != nil {
			return nil, err
		}
		out.JobQueues = append(out.JobQueues, *d)
	}
	return out, nil
}

func (s *Service) queueDetail(row core.QueueRow) (*batchapi.JobQueueDetail, error) {
	var in batchapi.CreateJobQueueRequest
	if err := in.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode job queue %s: %w", row.Name, err)
	}
	state := batchapi.JQStateEnabled
	if !row.Enabled {
		state = batchapi.JQStateDisabled
	}
	order := slices.Clone(in.ComputeEnvironmentOrder)
	slices.SortStableFunc(order, func(a, b batchapi.ComputeEnvironmentOrder) int { return cmp.Compare(*a.Order, *b.Order) })
	for i := range order {
		if name, ok := batch.NameOf(batch.ARNComputeEnvironment, order[i].ComputeEnvironment); ok {
			order[i].ComputeEnvironment = s.o.Scope.ARN(batch.ARNComputeEnvironment, name)
		}
	}
	return &batchapi.JobQueueDetail{
		JobQueueName: row.Name, JobQueueArn: s.o.Scope.ARN(batch.ARNJobQueue, row.Name), State: state,
		Status: batchapi.JQStatusValid, StatusReason: "JobQueue Healthy", Priority: ptr(row.Priority),
		ComputeEnvironmentOrder: order, JobQueueType: in.JobQueueType, Tags: orMap(in.Tags),
	}, nil
}

// queueNamed finds a queue by name or ARN.
func (s *Service) queueNamed(ctx context.Context, ref string) (core.QueueRow, error) {
	if name, ok := batch.NameOf(batch.ARNJobQueue, ref); ok {
		rows, err := s.o.Store.Queues(ctx)
		if err != nil {
			return core.QueueRow{}, err
		}
		for _, row := range rows {
			if row.Name == name {
				return row, nil
			}
		}
	}
	return core.QueueRow{}, batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", ref)
}
