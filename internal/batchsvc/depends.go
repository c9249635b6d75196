package batchsvc

import (
	"context"
	"errors"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Limits are what may be configured of AWS's quotas. Zero members stand for AWS's
// own.
type Limits struct {
	ArraySize    int32 // the most children of an array job; MostArraySize at the most
	Dependencies int   // the most elements of dependsOn
	Shares       int   // the most active share identifiers of a queue; MostShares at the most
}

// MostArraySize is the largest limit of an array's size.
const MostArraySize = 1_000_000

// MostShares is the largest limit of the active share identifiers of a queue.
const MostShares = 10_000

// AWS's quotas.
//
// https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
const (
	awsArraySize    = 10_000
	awsDependencies = 20
	awsShares       = 500
)

func (l Limits) withDefaults() Limits {
	if l.ArraySize == 0 {
		l.ArraySize = awsArraySize
	}
	if l.Dependencies == 0 {
		l.Dependencies = awsDependencies
	}
	if l.Shares == 0 {
		l.Shares = awsShares
	}
	return l
}

// checkDependencies checks what a job depends on, as far as the request tells,
// and puts it into the command.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
func (s *Service) checkDependencies(in *batchapi.SubmitJobRequest, cmd *core.Submit) error {
	if n := len(in.DependsOn); n > s.o.Limits.Dependencies {
		return invalid("Job cannot have more than %d dependencies", s.o.Limits.Dependencies)
	}
	array := in.ArrayProperties != nil
	for i, d := range in.DependsOn {
		field := "dependsOn[" + itoa(int64(i)) + "]"
		bad := func(text string) error {
			return &batch.Error{Code: batch.Invalid, Field: field, Message: field + " " + text}
		}
		switch {
		case d.Type == batchapi.ArrayJobDependencyNToN && d.JobId == "":
			return bad("of type N_TO_N must have a jobId.")
		case d.Type == batchapi.ArrayJobDependencyNToN && !array:
			return bad("of type N_TO_N is for array jobs only.")
		case d.JobId == "" && d.Type == "":
			return bad("must have a jobId or type SEQUENTIAL.")
		case d.JobId == "" && !array:
			return bad("of type SEQUENTIAL is for array jobs only.")
		case d.JobId == "":
			cmd.Sequential = true
			continue
		}
		// SEQUENTIAL with a jobId is a plain dependency: AWS takes it so.
		ref, ok := jobRef(d.JobId)
		if !ok {
			return bad("has jobId " + d.JobId + ", which is no job id.")
		}
		cmd.DependsOn = append(cmd.DependsOn, core.Dependency{Job: ref, NToN: d.Type == batchapi.ArrayJobDependencyNToN})
	}
	return nil
}

// submit steps the command. The core knows jobs that have not ended; how others
// have ended that this one depends on is looked up, which is done again when one
// ends at that very moment.
func (s *Service) submit(ctx context.Context, cmd core.Submit) (core.Reply, error) {
	for again := len(cmd.DependsOn); ; again-- {
		reply, err := s.o.Do(ctx, cmd)
		var unknown *batch.Error
		if err == nil || again == 0 || !errors.As(err, &unknown) || unknown.Field != "dependsOn" || unknown.Code != batch.NotFound {
			return reply, err
		}
		if err := s.lookUp(ctx, cmd.DependsOn); err != nil {
			return reply, err
		}
	}
}

// lookUp notes which of the jobs have ended, and how. One that is not stored
// does not exist.
func (s *Service) lookUp(ctx context.Context, on []core.Dependency) error {
	for i := range on {
		if on[i].Ended != nil {
			continue
		}
		jobs, err := s.o.Store.Jobs(ctx, []batch.JobRef{on[i].Job})
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			return &batch.Error{Code: batch.NotFound, Field: "dependsOn", Message: "Job " + on[i].Job.String() + ", which this one depends on, does not exist."}
		}
		on[i].Ended = core.EndedOf(&jobs[0].JobRow)
	}
	return nil
}

// describedDependencies are what was submitted. Children have none: what they
// wait for is said by their array job.
func describedDependencies(spec *spec, ref batch.JobRef) []batchapi.JobDependency {
	if ref.Child != 0 {
		return []batchapi.JobDependency{}
	}
	return or(spec.submit.DependsOn)
}
