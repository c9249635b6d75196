package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
	"github.com/bargehq/barge/internal/core/quota"
)

// ServiceEnvironmentRow is a service environment as stored: what a queue of
// service jobs is attached to.
type ServiceEnvironmentRow struct {
	ID        int64
	Name      string
	Enabled   bool
	Limits    quota.Amounts // instances that jobs may have at once, of each type or of [AnyInstance]
	Spec      []byte        // its description as JSON
	CreatedAt batch.Instant
}

// AnyInstance is the capacity unit that counts instances of any type.
const AnyInstance = "NUM_INSTANCES"

// ServiceEnvironmentPut writes a service environment.
type ServiceEnvironmentPut struct{ Row ServiceEnvironmentRow }

// ServiceEnvironmentDelete removes one.
type ServiceEnvironmentDelete struct{ ID int64 }

func (ServiceEnvironmentPut) change()    {}
func (ServiceEnvironmentDelete) change() {}

// CreateServiceEnvironment adds a service environment.
type CreateServiceEnvironment struct {
	Name    string
	Enabled bool
	Limits  quota.Amounts
	Spec    []byte
}

// UpdateServiceEnvironment changes one to what its members say.
type UpdateServiceEnvironment struct {
	Name    string
	Enabled bool
	Limits  quota.Amounts
	Spec    []byte
}

// DeleteServiceEnvironment removes one that is disabled and in no queue.
type DeleteServiceEnvironment struct{ Name string }

// UpdateServiceJob changes the priority of a service job that has not ended.
type UpdateServiceJob struct {
	Job      batch.JobRef
	Priority int32
}

func (CreateServiceEnvironment) input() {}
func (UpdateServiceEnvironment) input() {}
func (DeleteServiceEnvironment) input() {}
func (UpdateServiceJob) input()         {}

// Kind says what a job is. The numbers are stored.
type Kind uint8

// The kinds.
const (
	Plain   Kind = iota // runs on hosts
	Service             // takes instances of a service environment
)

// ServiceJob is what a service job has and no other job.
type ServiceJob struct {
	Priority  int32
	Instances quota.Amounts // that it needs, by type
}

// serviceJob is the same in the state.
type serviceJob struct {
	instances quota.Amounts
}

// serviceEnvironment is one with what its jobs take. Its jobs run on one host, the
// machine of the server, which is there for as long as the environment is and has
// no row: its id is the environment's, negated.
type serviceEnvironment struct {
	row  ServiceEnvironmentRow // without Spec
	used quota.Amounts         // instances, by type
	host *host
}

func (s *State) stepCreateServiceEnvironment(now batch.Instant, in CreateServiceEnvironment, out *Output) *batch.Error {
	if s.serviceNames[in.Name] != nil {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	s.last.ServiceEnvironment++
	row := ServiceEnvironmentRow{ID: s.last.ServiceEnvironment, Name: in.Name, Enabled: in.Enabled, Limits: in.Limits, Spec: in.Spec, CreatedAt: now}
	s.addServiceEnvironment(row)
	out.Changes = append(out.Changes, ServiceEnvironmentPut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) stepUpdateServiceEnvironment(in UpdateServiceEnvironment, out *Output) *batch.Error {
	e := s.serviceNames[in.Name]
	if e == nil {
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	}
	e.row.Enabled, e.row.Limits = in.Enabled, in.Limits
	s.config++
	row := e.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, ServiceEnvironmentPut{row})
	return nil
}

func (s *State) stepDeleteServiceEnvironment(in DeleteServiceEnvironment, out *Output) *batch.Error {
	e := s.serviceNames[in.Name]
	switch {
	case e == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case e.row.Enabled:
		return batch.Errorf(batch.Conflict, "Cannot delete, service environment must be disabled")
	case slices.ContainsFunc(s.queueList, func(q *queue) bool { return q.service == e }):
		return batch.Errorf(batch.Conflict, "Cannot delete, found existing JobQueue relationship")
	case len(e.host.live) > 0: // of queues that have another environment now
		return batch.Errorf(batch.Conflict, "Cannot delete, service environment has jobs that run")
	}
	delete(s.services, e.row.ID)
	delete(s.serviceNames, e.row.Name)
	delete(s.hosts, e.host.ID)
	s.serviceList = slices.DeleteFunc(s.serviceList, func(x *serviceEnvironment) bool { return x == e })
	out.Changes = append(out.Changes, ServiceEnvironmentDelete{e.row.ID})
	dropTags(Tagged{TagServiceEnvironment, e.row.ID}, out)
	return nil
}

func (s *State) addServiceEnvironment(row ServiceEnvironmentRow) {
	row.Spec = nil
	everything := batch.Resources{MilliVCPU: batch.Unlimited, MemoryMiB: batch.Unlimited, GPUs: batch.Unlimited}
	e := &serviceEnvironment{row: row, host: &host{
		Host:        fit.Host{ID: -row.ID, Capacity: everything, Free: everything, Ready: true},
		environment: new(environment), row: HostRow{ID: -row.ID, Name: row.Name, State: HostUp, SeenAt: row.CreatedAt, Capacity: everything}, here: true, live: make(map[*job]*fit.Hold),
	}}
	e.host.environment.hosts.Add(&e.host.Host)
	s.hosts[-row.ID] = e.host
	s.services[row.ID] = e
	s.serviceNames[row.Name] = e
	s.serviceList = append(s.serviceList, e)
}

// serviceEnvironmentID finds what a queue of service jobs is attached to.
func (s *State) serviceEnvironmentID(name string) (int64, *batch.Error) {
	if name == "" {
		return 0, nil
	}
	e := s.serviceNames[name]
	if e == nil {
		return 0, batch.Errorf(batch.NotFound, "Service environments must be created and valid before attaching them to a job queue.")
	}
	return e.row.ID, nil
}

// takes refuses jobs in queues of the other kind.
func (q *queue) takes(in *ServiceJob) *batch.Error {
	switch {
	case in == nil && q.service != nil:
		return batch.Errorf(batch.Conflict, "JobQueue %s is of type SAGEMAKER_TRAINING and takes service jobs only.", q.row.Name)
	case in != nil && q.service == nil:
		return batch.Errorf(batch.Conflict, "JobQueue %s is not of type SAGEMAKER_TRAINING and takes no service jobs.", q.row.Name)
	}
	return nil
}

func (s *State) stepUpdateServiceJob(in UpdateServiceJob, out *Output) *batch.Error {
	j := s.jobs[in.Job]
	if j == nil || j.service == nil {
		return batch.Errorf(batch.NotFound, "Job %s does not exist or has ended.", in.Job)
	}
	line, waits, live := j.line(), j.line().Has(j), j.quota != nil && j.quota.live.Has(j)
	if waits {
		line.Remove(j)
	}
	if live {
		j.quota.live.Remove(j)
	}
	j.priority = in.Priority
	if waits {
		line.Push(j)
	}
	if live {
		j.quota.live.Push(j)
	}
	j.tellShare()
	s.put(j, ended{}, out)
	return nil
}

// kind says whether it is a service job.
func (j *job) kind() Kind {
	if j.service != nil {
		return Service
	}
	return Plain
}

// rank is the priority by which the job is ahead of others in its queue, where
// the queue has a policy. Without one priorities have no effect.
func (j *job) rank() int32 {
	if j.queue.row.SchedulingPolicy == 0 {
		return 0
	}
	return j.priority
}
