package batchsvc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
)

// stopTimeout is ECS's grace between SIGTERM and SIGKILL.
const stopTimeout = 30 * time.Second

// Task is what an attempt is to run.
type Task struct {
	Containers []Container
	Instance   string // the host's name
	// Refused is why it cannot be started anywhere, as a status reason.
	Refused string
	Files   Files // nil for none
}

// Container is one container of a task, with its secrets in it. The members are
// those of host.Container.
type Container struct {
	Name                               string
	Spec                               driver.Spec
	Refused                            string // why it cannot start here
	Group, Stream                      string // of the log
	Essential                          bool
	AfterStart, AfterEnd, AfterSuccess []int
	StartTimeout                       time.Duration
}

// Attempt returns what a host runs for an attempt.
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
	ref, node := runner(j)
	if j.IsArray() || ref != j.Ref || int(j.Attempt) != id.Number {
		return Task{}, fmt.Errorf("attempt %s: the job has no such attempt now", id)
	}
	if j.Kind == core.Service {
		return s.serviceAttempt(ctx, j, id)
	}
	c, err := s.context(ctx, jobs[:1])
	if err != nil {
		return Task{}, err
	}
	spec, err := c.specOf(j)
	if err != nil {
		return Task{}, err
	}
	task := spec.task(node)
	host := c.hosts[j.Host]
	// What Batch sets a job may not set otherwise.
	own := []driver.Var{
		{Name: "AWS_BATCH_JOB_ID", Value: j.Ref.String()},
		{Name: "AWS_BATCH_JOB_ATTEMPT", Value: itoa(int64(id.Number))},
		{Name: "AWS_BATCH_JQ_NAME", Value: c.queues[j.Queue]},
		{Name: "AWS_BATCH_CE_NAME", Value: c.environments[host.Environment]},
	}
	if i, child := id.Job.Index(); child {
		own = append(own, driver.Var{Name: "AWS_BATCH_JOB_ARRAY_INDEX", Value: itoa(int64(i))})
		if len(jobs) > 1 {
			own = append(own, driver.Var{Name: "AWS_BATCH_JOB_ARRAY_SIZE", Value: itoa(int64(jobs[1].Size))})
		}
	}
	x, err := spec.extensions()
	if err != nil {
		return Task{}, err
	}
	if j.Gang != nil {
		own = append(own, s.nodeEnvironment(j, node)...)
	}
	t := Task{Instance: host.Name, Refused: spec.tooLong(node, own)}
	for i := range task.Containers {
		p := &task.Containers[i]
		labels := map[string]string{"job-id": j.Ref.String(), "job-name": j.Name, "job-queue": c.queues[j.Queue]}
		if len(task.Containers) > 1 {
			labels["container-name"] = p.Name
		}
		out := Container{
			Name: p.Name, Spec: driver.Spec{Unit: id.Unit(i), Resources: j.Needs, Labels: labels},
			Essential: p.Essential == nil || *p.Essential, StartTimeout: time.Duration(deref(p.StartTimeout)) * time.Second,
		}
		if j.Gang != nil {
			out.Spec.Network = s.nodeNetwork(j, node)
		}
		out.Group, out.Stream = spec.log(p, id)
		if len(task.Containers) > 1 {
			var needs amounts
			if needs, err = containerNeeds(spec.platform, task, p.ResourceRequirements); err != nil {
				return Task{}, err
			}
			out.Spec.Resources = needs.resources()
		}
		depend(task.Containers, p, &out)
		err = s.container(task, cmp.Or(x.stopTimeout, stopTimeout), p, &out.Spec)
		if err == nil {
			out.Spec.Env, err = s.variables(spec, p, own)
		}
		var refused *driver.StartError
		switch {
		case errors.As(err, &refused):
			out.Refused = refused.Reason
		case err != nil:
			return Task{}, err
		}
		t.Containers = append(t.Containers, out)
	}
	return t, nil
}

// variables are the environment of a container, the strongest last. What the
// server and ECS set a job may set otherwise.
func (s *Service) variables(spec *spec, p *batchapi.TaskContainerProperties, own []driver.Var) ([]driver.Var, error) {
	env := slices.Clone(s.o.JobEnv)
	execution := "AWS_ECS_EC2"
	if spec.fargate() {
		execution = "AWS_ECS_FARGATE"
		region := s.o.Scope.Region
		env = append(env, driver.Var{Name: "AWS_REGION", Value: region}, driver.Var{Name: "AWS_DEFAULT_REGION", Value: region})
	}
	env = append(env, driver.Var{Name: "AWS_EXECUTION_ENV", Value: execution})
	for _, v := range p.Environment {
		env = append(env, driver.Var{Name: v.Name, Value: v.Value})
	}
	for _, v := range p.Secrets {
		value, err := s.secret(v.ValueFrom)
		if err != nil {
			return nil, err
		}
		env = append(env, driver.Var{Name: v.Name, Value: value})
	}
	return append(env, own...), nil
}

// depend turns names of containers into indices.
func depend(all []batchapi.TaskContainerProperties, p *batchapi.TaskContainerProperties, out *Container) {
	for _, d := range p.DependsOn {
		i := slices.IndexFunc(all, func(c batchapi.TaskContainerProperties) bool { return c.Name == d.ContainerName })
		if i < 0 {
			continue // refused when it was registered
		}
		switch d.Condition {
		case "START":
			out.AfterStart = append(out.AfterStart, i)
		case "COMPLETE":
			out.AfterEnd = append(out.AfterEnd, i)
		case "SUCCESS":
			out.AfterSuccess = append(out.AfterSuccess, i)
		}
	}
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
	_, node := runner(&jobs[0])
	g, name := spec.log(&spec.task(node).Containers[0], attemptID(&jobs[0], jobs[0].Attempt))
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
