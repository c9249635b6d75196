package batchsvc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/training"
)

// AWS's limits of a service job.
const (
	maxPayload  = 10 << 10
	maxPriority = 9999
	maxOnReason = 512
)

// serviceSubmit is a submit with what its rules look at.
type serviceSubmit struct {
	in   *batchapi.SubmitServiceJobRequest
	kind sharing
}

// serviceRules are the checks of a submit. The texts are those of SubmitJob,
// where there is one, or ours.
var serviceRules = []rule[serviceSubmit]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(s serviceSubmit) bool { return !jobNamePattern.MatchString(s.in.JobName) }, message: "Job name should match valid pattern"},
	{
		broken:  func(s serviceSubmit) bool { return len(s.in.ServiceRequestPayload) > maxPayload },
		message: "serviceRequestPayload size must be less than 10 KiB, got %s KiB",
		about:   func(s serviceSubmit) string { return itoa(int64(len(s.in.ServiceRequestPayload)+1023) >> 10) },
	},
	{broken: func(s serviceSubmit) bool { return !isObject(s.in.ServiceRequestPayload) }, message: "serviceRequestPayload is not a JSON object."},
	{broken: func(s serviceSubmit) bool {
		return s.in.SchedulingPriority != nil && !validPriority(*s.in.SchedulingPriority)
	}, message: "Scheduling priority must be between 0 and 9999."},
	{broken: func(s serviceSubmit) bool { return s.kind == byShares && s.in.ShareIdentifier == "" }, message: "shareIdentifier must be specified."},
	{broken: func(s serviceSubmit) bool { return s.kind != byShares && s.in.ShareIdentifier != "" }, message: "shareIdentifier can only be specified for job queues with fair share scheduling policy."},
	{broken: func(s serviceSubmit) bool { return s.kind == byQuota && s.in.QuotaShareName == "" }, message: "quotaShareName must be specified."},
	{broken: func(s serviceSubmit) bool { return s.kind != byQuota && s.in.QuotaShareName != "" }, message: "quotaShareName can only be specified for job queues with quota share scheduling policy."},
	{broken: func(s serviceSubmit) bool { return s.kind != byQuota && s.in.PreemptionConfiguration != nil }, message: "preemptionConfiguration can only be specified for job queues with quota share scheduling policy."},
	{broken: func(s serviceSubmit) bool {
		return s.in.PreemptionConfiguration != nil && deref(s.in.PreemptionConfiguration.PreemptionRetriesBeforeTermination) < 0
	}, message: "preemptionRetriesBeforeTermination must not be negative."},
	{broken: func(s serviceSubmit) bool {
		return s.in.TimeoutConfig != nil && deref(s.in.TimeoutConfig.AttemptDurationSeconds) < 60
	}, message: "AttemptDurationSeconds in Timeout must be at least 60 seconds."},
	{broken: func(s serviceSubmit) bool {
		r := s.in.RetryStrategy
		return r != nil && (deref(r.Attempts) < 1 || deref(r.Attempts) > 10)
	}, message: "RetryAttempts must be between 1 and 10."},
	{broken: func(s serviceSubmit) bool {
		return s.in.RetryStrategy != nil && len(s.in.RetryStrategy.EvaluateOnExit) > 5
	}, message: "Up to 5 evaluateOnExit condition can be specified."},
	{broken: func(s serviceSubmit) bool {
		return s.anyCondition(func(e batchapi.ServiceJobEvaluateOnExit) bool { return e.Action == "" })
	}, message: "evaluateOnExit must have an action."},
	{broken: func(s serviceSubmit) bool {
		return s.anyCondition(func(e batchapi.ServiceJobEvaluateOnExit) bool { return len(e.OnStatusReason) > maxOnReason })
	}, message: "onStatusReason must have at most 512 characters."},
}

func (s serviceSubmit) anyCondition(is func(batchapi.ServiceJobEvaluateOnExit) bool) bool {
	if s.in.RetryStrategy != nil {
		for _, e := range s.in.RetryStrategy.EvaluateOnExit {
			if is(e) {
				return true
			}
		}
	}
	return false
}

func validPriority(p int32) bool { return p >= 0 && p <= maxPriority }

func isObject(text string) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &members) == nil && members != nil
}

// SubmitServiceJob admits a service job.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitServiceJob.html
func (s *Service) SubmitServiceJob(ctx context.Context, in *batchapi.SubmitServiceJobRequest) (*batchapi.SubmitServiceJobResponse, error) {
	q, err := s.queueNamed(ctx, in.JobQueue)
	if err != nil {
		return nil, err
	}
	if err = checkExtensions(onServiceJob, in.Tags); err != nil {
		return nil, err
	}
	submit := serviceSubmit{in: in}
	if submit.kind, err = s.sharing(ctx, q); err != nil {
		return nil, err
	}
	if err = check(serviceRules, submit); err != nil {
		return nil, err
	}
	r, err := s.trainingRequest(in.ServiceRequestPayload)
	if err != nil {
		return nil, err
	}
	cmd := s.serviceCommand(q.Name, in, r)
	if size := len(cmd.New.Spec); size > maxSubmit {
		return nil, invalid("Job size must be less than %d KiB, got %d KiB", maxSubmit>>10, (size+1023)>>10)
	}
	if in.ClientToken != "" {
		request := *in
		request.ClientToken = ""
		cmd.Claim = core.Claim{Token: digest([]byte("SubmitServiceJob\x00" + in.ClientToken)), Request: digest(request.AppendJSON(nil))}
	}
	reply, err := s.o.Do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	if reply.Job != cmd.ID { // AWS rejects the second request
		return nil, batch.Errorf(batch.Conflict, "A service job with the same clientToken was submitted already: %s", reply.Job)
	}
	id := reply.Job.String()
	return &batchapi.SubmitServiceJobResponse{JobArn: s.o.Scope.ARN(batch.ARNServiceJob, id), JobName: in.JobName, JobId: id}, nil
}

func (s *Service) serviceCommand(queue string, in *batchapi.SubmitServiceJobRequest, r *training.Request) core.Submit {
	stored := *in // without what the row says
	stored.JobName, stored.JobQueue, stored.ClientToken, stored.SchedulingPriority = "", "", "", nil
	cmd := core.Submit{
		ID: batch.NewJobID(batch.InstantOf(time.Now())), Queue: queue, MaxAttempts: 1,
		Service: &core.ServiceJob{Priority: deref(in.SchedulingPriority), Instances: r.Instances()},
		Needs:   s.instanceSize(r.ResourceConfig.InstanceType),
		// A queue has shares or quota shares: one index finds either.
		New: core.NewJob{Name: in.JobName, Share: in.ShareIdentifier + in.QuotaShareName, Spec: stored.AppendJSON(nil)},
	}
	switch {
	case in.ShareIdentifier != "":
		cmd.Fair = &core.FairJob{Share: in.ShareIdentifier, Priority: deref(in.SchedulingPriority), MaxShares: s.o.Limits.Shares}
	case in.QuotaShareName != "":
		cmd.Quota = &core.QuotaJob{Share: in.QuotaShareName, Priority: deref(in.SchedulingPriority), Retries: quota.Unlimited}
		if p := in.PreemptionConfiguration; p != nil && p.PreemptionRetriesBeforeTermination != nil {
			cmd.Quota.Retries = *p.PreemptionRetriesBeforeTermination
		}
	}
	if r := in.RetryStrategy; r != nil {
		cmd.MaxAttempts = deref(r.Attempts)
		for _, e := range r.EvaluateOnExit {
			cmd.Retry.Rules = append(cmd.Retry.Rules, retry.Rule{OnStatusReason: e.OnStatusReason, Exit: e.Action == batchapi.ServiceJobRetryActionExit})
		}
	}
	if t := in.TimeoutConfig; t != nil {
		cmd.TimeoutSeconds = deref(t.AttemptDurationSeconds)
	}
	if most := r.StoppingCondition.MaxRuntimeInSeconds; most > 0 && (cmd.TimeoutSeconds == 0 || most < cmd.TimeoutSeconds) {
		cmd.TimeoutSeconds = most
	}
	return cmd
}

// instanceSize is what a job may use on an instance, whose type is named with
// SageMaker's prefix; nothing, which is no limit, if the type is not known. GPUs are
// not handed out.
func (s *Service) instanceSize(name string) batch.Resources {
	t := s.o.Catalog.Type(strings.TrimPrefix(name, "ml."))
	if t == nil {
		return batch.Resources{}
	}
	size := t.Usable()
	size.GPUs = 0
	return size
}

// serviceUse is what a service job takes while it has an attempt.
func serviceUse(j *store.Job) (used []batchapi.ServiceJobCapacityUsageDetail) {
	if j.State.Live() {
		for _, x := range j.Instances {
			used = append(used, batchapi.ServiceJobCapacityUsageDetail{CapacityUnit: x.Unit, Quantity: ptr(float64(x.N))})
		}
	}
	return used
}

// serviceJobRef reads the id or ARN of a service job.
func serviceJobRef(s string) (batch.JobRef, bool) {
	name, ok := batch.NameOf(batch.ARNServiceJob, s)
	if !ok {
		return batch.JobRef{}, false
	}
	id, ok := batch.ParseJobID(name)
	return batch.JobRef{ID: id}, ok
}

// serviceJob finds a service job by id or ARN.
func (s *Service) serviceJob(ctx context.Context, id string) (store.Job, error) {
	if ref, ok := serviceJobRef(id); ok {
		jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{ref})
		if err != nil {
			return store.Job{}, err
		}
		if len(jobs) == 1 && jobs[0].Kind == core.Service {
			return jobs[0], nil
		}
	}
	return store.Job{}, batch.Errorf(batch.NotFound, "Job %s does not exist.", id)
}

// DescribeServiceJob describes one service job.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeServiceJob.html
func (s *Service) DescribeServiceJob(ctx context.Context, in *batchapi.DescribeServiceJobRequest) (*batchapi.DescribeServiceJobResponse, error) {
	j, err := s.serviceJob(ctx, in.JobId)
	if err != nil {
		return nil, err
	}
	request, err := serviceRequest(&j)
	if err != nil {
		return nil, err
	}
	queues, err := s.o.Store.QueuesByID(ctx, []int64{j.Queue})
	if err != nil {
		return nil, err
	}
	if len(queues) == 0 {
		return nil, fmt.Errorf("job %s: its queue %d is not stored", j.Ref, j.Queue)
	}
	tags, err := tagsOf(ctx, s, core.TagJob, []store.Job{j}, func(j store.Job) int64 { return j.Seq })
	if err != nil {
		return nil, err
	}
	return s.serviceDetail(&j, request, queues[0].Name, tags.over(j.Seq, request.Tags)), nil
}

// serviceDetail describes a service job.
func (s *Service) serviceDetail(j *store.Job, request *batchapi.SubmitServiceJobRequest, queue string, tags map[string]string) *batchapi.DescribeServiceJobResponse {
	id := j.Ref.String()
	attempts, preempted := s.serviceAttempts(j)
	return &batchapi.DescribeServiceJobResponse{
		JobArn: s.o.Scope.ARN(batch.ARNServiceJob, id), JobId: id, JobName: j.Name,
		JobQueue: s.o.Scope.ARN(batch.ARNJobQueue, queue), ServiceJobType: request.ServiceJobType,
		Status: j.State.String(), StatusReason: j.StatusReason, IsTerminated: given(j.Flags&core.Terminated != 0),
		Attempts: attempts, LatestAttempt: s.latestServiceAttempt(j), PreemptionSummary: preempted, CapacityUsage: serviceUse(j), CreatedAt: ptr(int64(j.CreatedAt)), ScheduledAt: instant(j.ScheduledAt),
		StartedAt: instant(j.StartedAt), StoppedAt: instant(j.StoppedAt), SchedulingPriority: ptr(j.Priority),
		ServiceRequestPayload: request.ServiceRequestPayload, ShareIdentifier: request.ShareIdentifier, QuotaShareName: request.QuotaShareName,
		PreemptionConfiguration: request.PreemptionConfiguration, RetryStrategy: request.RetryStrategy,
		TimeoutConfig: request.TimeoutConfig, Tags: orMap(tags),
	}
}

func serviceRequest(j *store.Job) (*batchapi.SubmitServiceJobRequest, error) {
	r := new(batchapi.SubmitServiceJobRequest)
	if err := r.UnmarshalJSON(j.Spec); err != nil {
		return nil, fmt.Errorf("decode the request of job %s: %w", j.Ref, err)
	}
	return r, nil
}

// given is a flag that is left out where it is not set, as AWS does.
func given(flag bool) *bool {
	if !flag {
		return nil
	}
	return &flag
}

// UpdateServiceJob changes the priority of a service job.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateServiceJob.html
func (s *Service) UpdateServiceJob(ctx context.Context, in *batchapi.UpdateServiceJobRequest) (*batchapi.UpdateServiceJobResponse, error) {
	if !validPriority(*in.SchedulingPriority) {
		return nil, invalid("Scheduling priority must be between 0 and 9999.")
	}
	j, err := s.serviceJob(ctx, in.JobId)
	if err != nil {
		return nil, err
	}
	if _, err = s.o.Do(ctx, core.UpdateServiceJob{Job: j.Ref, Priority: *in.SchedulingPriority}); err != nil {
		return nil, err
	}
	id := j.Ref.String()
	return &batchapi.UpdateServiceJobResponse{JobArn: s.o.Scope.ARN(batch.ARNServiceJob, id), JobName: j.Name, JobId: id}, nil
}

// TerminateServiceJob ends a service job. On an ended one it does nothing.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateServiceJob.html
func (s *Service) TerminateServiceJob(ctx context.Context, in *batchapi.TerminateServiceJobRequest) (*batchapi.TerminateServiceJobResponse, error) {
	ref, ok := serviceJobRef(in.JobId)
	if !ok {
		return nil, &batch.Error{Code: batch.Invalid, Field: "jobId", Message: "jobId " + in.JobId + " is no job id."}
	}
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	if _, err := s.o.Do(ctx, core.Terminate{Job: ref, Kind: core.Service, Reason: in.Reason}); err != nil {
		return nil, err
	}
	return new(batchapi.TerminateServiceJobResponse), nil
}

// TerminateServiceJobs ends several.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateServiceJobs.html
func (s *Service) TerminateServiceJobs(ctx context.Context, in *batchapi.TerminateServiceJobsRequest) (*batchapi.TerminateServiceJobsResponse, error) {
	done, failed, err := s.endAll(ctx, core.Service, in.Jobs, in.Reason, func(ref batch.JobRef) core.Input {
		return core.Terminate{Job: ref, Kind: core.Service, Reason: in.Reason}
	})
	out := &batchapi.TerminateServiceJobsResponse{Successful: done, Errors: []batchapi.TerminateServiceJobsErrorDetail{}}
	for _, f := range failed {
		out.Errors = append(out.Errors, batchapi.TerminateServiceJobsErrorDetail(f))
	}
	return out, err
}
