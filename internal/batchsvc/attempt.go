package batchsvc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
)

// stopTimeout is ECS's grace between SIGTERM and SIGKILL.
const stopTimeout = 30 * time.Second

// Task is what an attempt is to run and where its output goes.
type Task struct {
	Spec          driver.Spec
	Group, Stream string // of the log
	Instance      string // the host's name
}

// Attempt returns what a host runs for an attempt, with its secrets in it. A
// *driver.StartError says that it cannot start here.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
func (s *Service) Attempt(ctx context.Context, id batch.AttemptID) (Task, error) {
	jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{id.Job, id.Job.Parent()})
	if err != nil {
		return Task{}, err
	}
	if len(jobs) == 0 || jobs[0].Ref != id.Job {
		return Task{}, fmt.Errorf("attempt %s: the job is not stored", id)
	}
	j := &jobs[0]
	if j.IsArray() || int(j.Attempt) != id.Number {
		return Task{}, fmt.Errorf("attempt %s: the job has no such attempt now", id)
	}
	c, err := s.context(ctx, jobs[:1])
	if err != nil {
		return Task{}, err
	}
	spec, err := c.specOf(j)
	if err != nil {
		return Task{}, err
	}
	task := spec.task(0)
	properties := &task.Containers[0]
	host := c.hosts[j.Host]
	t := Task{Instance: host.Name}
	t.Group, t.Stream = spec.log(properties, id)
	t.Spec = driver.Spec{
		Unit: id.Unit(0), Resources: j.Needs,
		Labels: map[string]string{"job-id": j.Ref.String(), "job-name": j.Name, "job-queue": c.queues[j.Queue]},
	}
	if err = s.container(task, properties, &t.Spec); err != nil {
		return Task{}, err
	}
	// What the server and ECS set a job may set otherwise; what Batch sets it may not.
	t.Spec.Env = slices.Clone(s.o.JobEnv)
	execution := "AWS_ECS_EC2"
	if spec.fargate() {
		execution = "AWS_ECS_FARGATE"
		region := s.o.Scope.Region
		t.Spec.Env = append(t.Spec.Env, driver.Var{Name: "AWS_REGION", Value: region}, driver.Var{Name: "AWS_DEFAULT_REGION", Value: region})
	}
	t.Spec.Env = append(t.Spec.Env, driver.Var{Name: "AWS_EXECUTION_ENV", Value: execution})
	for _, v := range properties.Environment {
		t.Spec.Env = append(t.Spec.Env, driver.Var{Name: v.Name, Value: v.Value})
	}
	for _, v := range properties.Secrets {
		value, err := s.secret(v.ValueFrom)
		if err != nil {
			return Task{}, err
		}
		t.Spec.Env = append(t.Spec.Env, driver.Var{Name: v.Name, Value: value})
	}
	t.Spec.Env = append(t.Spec.Env,
		driver.Var{Name: "AWS_BATCH_JOB_ID", Value: j.Ref.String()},
		driver.Var{Name: "AWS_BATCH_JOB_ATTEMPT", Value: itoa(int64(id.Number))},
		driver.Var{Name: "AWS_BATCH_JQ_NAME", Value: c.queues[j.Queue]},
		driver.Var{Name: "AWS_BATCH_CE_NAME", Value: c.environments[host.Environment]},
	)
	if i, child := id.Job.Index(); child {
		t.Spec.Env = append(t.Spec.Env, driver.Var{Name: "AWS_BATCH_JOB_ARRAY_INDEX", Value: itoa(int64(i))})
		if len(jobs) > 1 {
			t.Spec.Env = append(t.Spec.Env, driver.Var{Name: "AWS_BATCH_JOB_ARRAY_SIZE", Value: itoa(int64(jobs[1].Size))})
		}
	}
	return t, nil
}

// Live reports whether the core waits for the end of the attempt.
func (s *Service) Live(ctx context.Context, id batch.AttemptID) (bool, error) {
	jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{id.Job})
	if err != nil || len(jobs) == 0 {
		return false, err
	}
	return jobs[0].State.Live() && int(jobs[0].Attempt) == id.Number, nil
}

// StreamAlias finds the log stream that people mean who write the job's id
// where AWS has the task's, as in `prefix/definition/job-id`: that of the
// latest attempt.
func (s *Service) StreamAlias(ctx context.Context, group, stream string) (string, bool) {
	ref, ok := batch.ParseJobRef(stream[strings.LastIndexByte(stream, '/')+1:])
	if !ok {
		return "", false
	}
	jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{ref})
	if err != nil || len(jobs) == 0 || jobs[0].Attempt == 0 {
		return "", false
	}
	c, err := s.context(ctx, jobs)
	if err != nil {
		return "", false
	}
	spec, err := c.specOf(&jobs[0])
	if err != nil {
		return "", false
	}
	g, name := spec.log(&spec.task(0).Containers[0], attemptID(&jobs[0], jobs[0].Attempt))
	return name, g == group
}

// containerInstance is the id of the ECS container instance that stands for a
// host.
func containerInstance(host string) string {
	sum := sha256.Sum256([]byte(host))
	return hex.EncodeToString(sum[:16])
}

// lastRan reports whether the job's latest attempt came to run.
func lastRan(j *store.Job) bool {
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Number == j.Attempt {
		return j.Attempts[n-1].StartedAt != 0
	}
	return j.StartedAt != 0
}
