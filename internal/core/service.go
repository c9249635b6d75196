package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// ServiceEnvironmentRow is a service environment as stored: what a queue of
// service jobs is attached to.
type ServiceEnvironmentRow struct {
	ID        int64
	Name      string
	Enabled   bool
	Spec      []byte // its description as JSON
	CreatedAt batch.Instant
}

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
	Spec    []byte
}

// UpdateServiceEnvironment changes one to what its members say.
type UpdateServiceEnvironment struct {
	Name    string
	Enabled bool
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
	Service             // is handed to a service, which nothing does yet: it waits
)

// ServiceJob is what a service job has and no other job.
type ServiceJob struct {
	Priority   int32
	QuotaShare string // name, or empty
}

// serviceJob is the same in the state.
type serviceJob struct {
	share *quotaShare // nil for none
}

func (s *State) stepCreateServiceEnvironment(now batch.Instant, in CreateServiceEnvironment, out *Output) *batch.Error {
	if s.serviceNames[in.Name] != 0 {
		return batch.Errorf(batch.Conflict, "Object already exists")
	}
	s.last.ServiceEnvironment++
	row := ServiceEnvironmentRow{ID: s.last.ServiceEnvironment, Name: in.Name, Enabled: in.Enabled, Spec: in.Spec, CreatedAt: now}
	s.addServiceEnvironment(row)
	out.Changes = append(out.Changes, ServiceEnvironmentPut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

func (s *State) stepUpdateServiceEnvironment(in UpdateServiceEnvironment, out *Output) *batch.Error {
	row, ok := s.services[s.serviceNames[in.Name]]
	if !ok {
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	}
	row.Enabled = in.Enabled
	s.addServiceEnvironment(row)
	row.Spec = in.Spec
	out.Changes = append(out.Changes, ServiceEnvironmentPut{row})
	return nil
}

func (s *State) stepDeleteServiceEnvironment(in DeleteServiceEnvironment, out *Output) *batch.Error {
	row, ok := s.services[s.serviceNames[in.Name]]
	switch {
	case !ok:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Name)
	case row.Enabled:
		return batch.Errorf(batch.Conflict, "Cannot delete, service environment must be disabled")
	case slices.ContainsFunc(s.queueList, func(q *queue) bool { return q.row.ServiceEnvironment == row.ID }):
		return batch.Errorf(batch.Conflict, "Cannot delete, found existing JobQueue relationship")
	}
	delete(s.services, row.ID)
	delete(s.serviceNames, row.Name)
	out.Changes = append(out.Changes, ServiceEnvironmentDelete{row.ID})
	dropTags(Tagged{TagServiceEnvironment, row.ID}, out)
	return nil
}

func (s *State) addServiceEnvironment(row ServiceEnvironmentRow) {
	row.Spec = nil
	s.services[row.ID] = row
	s.serviceNames[row.Name] = row.ID
}

// serviceEnvironmentID finds what a queue of service jobs is attached to.
func (s *State) serviceEnvironmentID(name string) (int64, *batch.Error) {
	if name == "" {
		return 0, nil
	}
	id := s.serviceNames[name]
	if id == 0 {
		return 0, batch.Errorf(batch.NotFound, "Service environments must be created and valid before attaching them to a job queue.")
	}
	return id, nil
}

// service makes the record of a service job, and refuses jobs in queues of the
// other kind.
func (q *queue) service(in *ServiceJob) (*serviceJob, *batch.Error) {
	switch of := q.row.ServiceEnvironment != 0; {
	case in == nil && of:
		return nil, batch.Errorf(batch.Conflict, "JobQueue %s is of type SAGEMAKER_TRAINING and takes service jobs only.", q.row.Name)
	case in == nil:
		return nil, nil
	case !of:
		return nil, batch.Errorf(batch.Conflict, "JobQueue %s is not of type SAGEMAKER_TRAINING and takes no service jobs.", q.row.Name)
	case in.QuotaShare == "":
		return &serviceJob{}, nil
	}
	share := q.shares[in.QuotaShare]
	switch {
	case share == nil:
		return nil, batch.Errorf(batch.NotFound, "QuotaShare %s does not exist.", in.QuotaShare)
	case !share.row.Enabled || share.row.Status != Valid:
		return nil, batch.Errorf(batch.Conflict, "QuotaShare %s is not in ENABLED state and takes no jobs.", in.QuotaShare)
	}
	return &serviceJob{share: share}, nil
}

func (s *State) stepUpdateServiceJob(in UpdateServiceJob, out *Output) *batch.Error {
	j := s.jobs[in.Job]
	if j == nil || j.service == nil {
		return batch.Errorf(batch.NotFound, "Job %s does not exist or has ended.", in.Job)
	}
	waits := j.line().Has(j)
	if waits {
		j.line().Remove(j)
	}
	j.priority = in.Priority
	if waits {
		j.line().Push(j)
	}
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
