package batchsvc

import (
	"context"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// maxReason is AWS's limit of a reason in characters.
const maxReason = 1024

// CancelJob ends a job that has not started; on any other it does nothing.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CancelJob.html
func (s *Service) CancelJob(ctx context.Context, in *batchapi.CancelJobRequest) (*batchapi.CancelJobResponse, error) {
	ref, err := jobToEnd(in.JobId, in.Reason)
	if err != nil {
		return nil, err
	}
	if _, err := s.o.Do(ctx, core.Cancel{Job: ref, Reason: in.Reason}); err != nil {
		return nil, err
	}
	return &batchapi.CancelJobResponse{}, nil
}

// TerminateJob ends a job whatever it does. On an ended one it does nothing.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html
func (s *Service) TerminateJob(ctx context.Context, in *batchapi.TerminateJobRequest) (*batchapi.TerminateJobResponse, error) {
	ref, err := jobToEnd(in.JobId, in.Reason)
	if err != nil {
		return nil, err
	}
	if _, err := s.o.Do(ctx, core.Terminate{Job: ref, Reason: in.Reason}); err != nil {
		return nil, err
	}
	return &batchapi.TerminateJobResponse{}, nil
}

// jobToEnd reads the job's id. A well-formed id of no job is accepted, as it is
// on AWS; a malformed one cannot be any job's and is told so.
func jobToEnd(id, reason string) (batch.JobRef, error) {
	ref, ok := jobRef(id)
	if !ok {
		return ref, &batch.Error{Code: batch.Invalid, Field: "jobId", Message: "jobId " + id + " is no job id."}
	}
	return ref, checkReason(reason)
}

func checkReason(reason string) error {
	if n := len([]rune(reason)); n > maxReason {
		return &batch.Error{Code: batch.Invalid, Field: "reason", Message: "reason must have at most " + itoa(maxReason) + " characters, got " + itoa(int64(n)) + "."}
	}
	return nil
}

// jobRef reads a job id or ARN, of a job, a child of an array or a node.
func jobRef(s string) (batch.JobRef, bool) {
	name, ok := batch.NameOf(batch.ARNJob, s)
	if !ok {
		return batch.JobRef{}, false
	}
	return batch.ParseJobRef(name)
}
