package batchsvc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// DescribeJobs describes up to 100 jobs. Those that do not exist are left out.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
func (s *Service) DescribeJobs(ctx context.Context, in *batchapi.DescribeJobsRequest) (*batchapi.DescribeJobsResponse, error) {
	if len(in.Jobs) > maxNames {
		return nil, invalid("Maximum number of jobs supported is  %d .", maxNames) // spaces as AWS has them
	}
	refs := make([]batch.JobRef, 0, len(in.Jobs))
	for _, id := range in.Jobs {
		if ref, ok := jobRef(id); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	out := &batchapi.DescribeJobsResponse{Jobs: []batchapi.JobDetail{}}
	if len(refs) == 0 {
		return out, nil
	}
	jobs, err := s.o.Store.Jobs(ctx, refs)
	if err != nil {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j store.Job) bool { return j.Kind == core.Service })
	c, err := s.context(ctx, jobs)
	if err != nil {
		return nil, err
	}
	if c.tags, err = tagsOf(ctx, s, core.TagJob, jobs, func(j store.Job) int64 { return j.Seq }); err != nil {
		return nil, err
	}
	waiting := s.waiting(ctx, jobs)
	for i := range jobs {
		d, err := c.detail(&jobs[i])
		if err != nil {
			return nil, err
		}
		if w, ok := waiting[jobs[i].Ref]; ok {
			d.Barge = &batchapi.BargeJob{Waiting: waitingDetail(jobs[i].Ref, w)}
			if d.StatusReason == "" { // AWS says it of the head only, when that has come there
				d.StatusReason = w.Block.StatusReason("")
			}
		}
		if cost := costDetail(jobs[i].Cost); cost != nil {
			if d.Barge == nil {
				d.Barge = new(batchapi.BargeJob)
			}
			d.Barge.Cost = cost
		}
		out.Jobs = append(out.Jobs, *d)
	}
	return out, nil
}

// surroundings are the rows that jobs refer to.
type surroundings struct {
	s            *Service
	queues       map[int64]string // names
	hosts        map[int64]core.HostRow
	environments map[int64]string // names
	definitions  map[int64]*definition
	tags         changedTags // only for describing
}

// context reads what the jobs refer to.
func (s *Service) context(ctx context.Context, jobs []store.Job) (*surroundings, error) {
	c := &surroundings{s: s, hosts: make(map[int64]core.HostRow)}
	var definitions, queueIDs, hosts []int64
	for i := range jobs {
		queueIDs = append(queueIDs, jobs[i].Queue)
		definitions = append(definitions, jobs[i].Definition)
		if jobs[i].Host != 0 {
			hosts = append(hosts, jobs[i].Host)
		}
		for _, a := range jobs[i].Attempts {
			hosts = append(hosts, a.Host)
		}
	}
	var err error
	if c.definitions, err = s.definitionsByID(ctx, unique(definitions)); err != nil {
		return nil, err
	}
	if c.queues, err = s.queueNames(ctx, unique(queueIDs)); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return c, nil
	}
	rows, err := s.o.Store.Hosts(ctx, unique(hosts))
	if err != nil {
		return nil, err
	}
	var environmentIDs []int64
	for _, h := range rows {
		c.hosts[h.ID] = h
		environmentIDs = append(environmentIDs, h.Environment)
	}
	c.environments, err = s.environmentNames(ctx, unique(environmentIDs))
	return c, err
}

func unique(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// specOf returns the effective specification of a job.
func (c *surroundings) specOf(j *store.Job) (*spec, error) {
	var submit batchapi.SubmitJobRequest
	if err := submit.UnmarshalJSON(j.Spec); err != nil {
		return nil, fmt.Errorf("decode the request of job %s: %w", j.Ref, err)
	}
	s, err := newSpec(c.definitions[j.Definition], &submit)
	if err != nil {
		return nil, fmt.Errorf("join the specification of job %s: %w", j.Ref, err)
	}
	return s, nil
}

func (c *surroundings) detail(j *store.Job) (*batchapi.JobDetail, error) {
	spec, err := c.specOf(j)
	if err != nil {
		return nil, err
	}
	d := &batchapi.JobDetail{
		JobArn: c.s.o.Scope.ARN(batch.ARNJob, j.Ref.String()), JobName: j.Name, JobId: j.Ref.String(),
		JobQueue: c.s.o.Scope.ARN(batch.ARNJobQueue, c.queues[j.Queue]), Status: j.State.String(),
		Attempts: []batchapi.AttemptDetail{}, StatusReason: j.StatusReason, CreatedAt: ptr(int64(j.CreatedAt)),
		RetryStrategy: describedRetry(spec.retryStrategy()), StartedAt: instant(j.StartedAt), StoppedAt: instant(j.StoppedAt),
		DependsOn: describedDependencies(spec, j.Ref), JobDefinition: c.s.o.Scope.ARN(batch.ARNJobDefinition, spec.definition.ref()),
		Parameters: spec.parameters, ArrayProperties: arrayDetail(j), Timeout: spec.timeout(),
		Tags: orMap(c.tags.over(j.Seq, spec.submit.Tags)), PropagateTags: spec.propagateTags(), PlatformCapabilities: or(spec.definition.req.PlatformCapabilities),
		EksAttempts: []batchapi.EksAttemptDetail{}, ShareIdentifier: fairShare(j), SchedulingPriority: describedPriority(j, spec.definition), ConsumableResourceProperties: spec.consumed(),
	}
	if node, ok := j.Ref.Node(); ok {
		spec.describeNode(node, node == int(j.Gang.Main), d)
	} else {
		spec.describe(d)
	}
	c.outcome(j, spec, d.Container)
	if d.EcsProperties != nil {
		c.taskOutcome(j, spec, &d.EcsProperties.TaskProperties[0])
	}
	if j.Ref.Child != 0 {
		d.Tags = map[string]string{} // tags of a job are not its children's or nodes'
	}
	if j.Flags&core.Cancelled != 0 {
		d.IsCancelled = ptr(true)
	}
	if j.Flags&core.Terminated != 0 {
		d.IsTerminated = ptr(true)
	}
	for _, a := range j.Attempts {
		if d.EcsProperties != nil {
			d.Attempts = append(d.Attempts, c.taskAttempt(j, spec, &a))
			continue
		}
		d.Attempts = append(d.Attempts, c.attempt(j, spec, a))
	}
	return d, nil
}

func instant(i batch.Instant) *int64 {
	if i == 0 {
		return nil
	}
	return ptr(int64(i))
}

// outcome puts what has become of a job of one container into its description.
func (c *surroundings) outcome(j *store.Job, spec *spec, d *batchapi.ContainerDetail) {
	if d == nil || j.Attempt == 0 || j.IsArray() {
		return
	}
	d.ExitCode, d.Reason = exitCode(j, j.ExitCode), j.Reason
	// One that was ended while it waited to be tried again has the exit of
	// its last attempt still.
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Number == j.Attempt {
		d.ExitCode, d.Reason = exitCode(j, j.Attempts[n-1].ExitCode), j.Attempts[n-1].Reason
	}
	d.ContainerInstanceArn, d.TaskArn = c.task(j, spec, j.Host, j.Attempt)
	d.NetworkInterfaces = c.s.interfaces(j, j.Attempt)
	if ran := j.State == batch.Running || j.State != batch.Starting && lastRan(j); ran {
		_, node := runner(j)
		_, d.LogStreamName = spec.log(&spec.task(node).Containers[0], attemptID(j, j.Attempt))
	}
}

// exitCode leaves out the zero of a job that has failed nonetheless, because it
// was terminated or timed out: clients take a zero for success.
func exitCode(j *store.Job, code *int32) *int32 {
	if j.State == batch.Failed && deref(code) == 0 {
		return nil
	}
	return code
}

// attemptID is the attempt that a host ran.
func attemptID(j *store.Job, number int32) batch.AttemptID {
	ref, _ := runner(j)
	return batch.AttemptID{Job: ref, Number: int(number)}
}

// task returns the ECS names of an attempt. A Fargate task has no instance.
func (c *surroundings) task(j *store.Job, spec *spec, host int64, number int32) (instanceARN, taskARN string) {
	cluster := c.s.cluster(c.environments[c.hosts[host].Environment])
	task := attemptID(j, number).TaskID()
	if !spec.fargate() {
		instanceARN = c.s.o.Scope.ECS("container-instance", cluster+"/"+containerInstance(c.hosts[host].Name))
	}
	return instanceARN, c.s.o.Scope.ECS("task", cluster+"/"+task)
}

func (c *surroundings) attempt(j *store.Job, spec *spec, a core.AttemptRow) batchapi.AttemptDetail {
	d := batchapi.AttemptDetail{
		Container: &batchapi.AttemptContainerDetail{
			ExitCode: exitCode(j, a.ExitCode), Reason: a.Reason, NetworkInterfaces: c.s.interfaces(j, a.Number),
		},
		StartedAt: instant(a.StartedAt), StoppedAt: instant(a.StoppedAt), StatusReason: a.StatusReason, Barge: usage(&a),
	}
	d.Container.ContainerInstanceArn, d.Container.TaskArn = c.task(j, spec, a.Host, a.Number)
	if a.StartedAt != 0 {
		_, node := runner(j)
		_, d.Container.LogStreamName = spec.log(&spec.task(node).Containers[0], attemptID(j, a.Number))
	}
	return d
}

// arrayDetail is what an array job and its children say of the array. The
// summary is of this very moment.
func arrayDetail(j *store.Job) *batchapi.ArrayPropertiesDetail {
	if i, child := j.Ref.Index(); child {
		return &batchapi.ArrayPropertiesDetail{StatusSummary: map[string]int32{}, Index: ptr(int32(i))}
	}
	if !j.IsArray() {
		return nil
	}
	return &batchapi.ArrayPropertiesDetail{
		StatusSummary: summary(j), Size: ptr(j.Size), StatusSummaryLastUpdatedAt: ptr(int64(batch.InstantOf(time.Now()))),
	}
}

func summary(j *store.Job) map[string]int32 {
	m := make(map[string]int32, batch.JobStates)
	for state, n := range j.Counts {
		if batch.JobState(state) != batch.Scheduled { // which children never are
			m[batch.JobState(state).String()] = n
		}
	}
	return m
}
