package batchsvc

import (
	"context"
	"errors"
	"sync"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// maxBulk is how many jobs one request ends. The model states no limit; this is
// that of DescribeJobs.
const maxBulk = 100

// CancelJobs ends those of the jobs that have not started.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CancelJobs.html
func (s *Service) CancelJobs(ctx context.Context, in *batchapi.CancelJobsRequest) (*batchapi.CancelJobsResponse, error) {
	done, failed, err := s.endAll(ctx, core.Plain, in.Jobs, in.Reason, func(ref batch.JobRef) core.Input {
		return core.Cancel{Job: ref, Reason: in.Reason}
	})
	out := &batchapi.CancelJobsResponse{Successful: done, Errors: []batchapi.CancelJobsErrorDetail{}}
	for _, f := range failed {
		out.Errors = append(out.Errors, batchapi.CancelJobsErrorDetail(f))
	}
	return out, err
}

// TerminateJobs ends the jobs whatever they do.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html
func (s *Service) TerminateJobs(ctx context.Context, in *batchapi.TerminateJobsRequest) (*batchapi.TerminateJobsResponse, error) {
	done, failed, err := s.endAll(ctx, core.Plain, in.Jobs, in.Reason, func(ref batch.JobRef) core.Input {
		return core.Terminate{Job: ref, Reason: in.Reason}
	})
	out := &batchapi.TerminateJobsResponse{Successful: done, Errors: []batchapi.TerminateJobsErrorDetail{}}
	for _, f := range failed {
		out.Errors = append(out.Errors, batchapi.TerminateJobsErrorDetail(f))
	}
	return out, err
}

// notEnded says why a job of a bulk request was not ended.
type notEnded struct{ Job, Code, Message string }

// endAll ends jobs side by side, so that they share a commit, and answers for
// each, in the order of the request. Unlike the operations on one job it can say
// of a job that it does not exist, and does.
func (s *Service) endAll(ctx context.Context, kind core.Kind, ids []string, reason string, end func(batch.JobRef) core.Input) ([]string, []notEnded, error) {
	if len(ids) > maxBulk {
		return nil, nil, &batch.Error{Code: batch.Invalid, Field: "jobs", Message: "At most " + itoa(maxBulk) + " jobs can be ended at once, got " + itoa(int64(len(ids))) + "."}
	}
	if err := checkReason(reason); err != nil {
		return nil, nil, err
	}
	parse := jobRef
	if kind == core.Service {
		parse = serviceJobRef
	}
	known, err := s.existing(ctx, kind, ids, parse)
	if err != nil {
		return nil, nil, err
	}
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		ref, ok := parse(id)
		switch {
		case !ok:
			errs[i] = invalid("jobId %s is no job id.", id)
			continue
		case !known[ref]:
			errs[i] = batch.Errorf(batch.NotFound, "Job %s does not exist.", id)
			continue
		}
		all.Go(func() { _, errs[i] = s.o.Do(ctx, end(ref)) })
	}
	all.Wait()
	done, failed := []string{}, []notEnded{}
	for i, id := range ids {
		if errs[i] == nil {
			done = append(done, id)
			continue
		}
		e, ok := errors.AsType[*batch.Error](errs[i])
		if !ok {
			return nil, nil, errs[i]
		}
		failed = append(failed, notEnded{Job: id, Code: awsapi.FaultFor(e.Code).Code, Message: e.Message})
	}
	return done, failed, nil
}

func (s *Service) existing(ctx context.Context, kind core.Kind, ids []string, parse func(string) (batch.JobRef, bool)) (map[batch.JobRef]bool, error) {
	var refs []batch.JobRef
	for _, id := range ids {
		if ref, ok := parse(id); ok {
			refs = append(refs, ref)
		}
	}
	jobs, err := s.o.Store.Jobs(ctx, refs)
	if err != nil {
		return nil, err
	}
	known := make(map[batch.JobRef]bool, len(jobs))
	for i := range jobs {
		known[jobs[i].Ref] = jobs[i].Kind == kind
	}
	return known, nil
}
