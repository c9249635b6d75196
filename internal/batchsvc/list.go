package batchsvc

import (
	"context"
	"strconv"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// maxList is AWS's largest page of a listing by status.
const maxList = 1000

// ListJobs lists the jobs of a queue, newest first, or the children of an array
// job, by index, that are in one state: RUNNING where none is given.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
func (s *Service) ListJobs(ctx context.Context, in *batchapi.ListJobsRequest) (*batchapi.ListJobsResponse, error) {
	f, err := s.listFilter(ctx, in)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	f.Limit++
	jobs, err := s.o.Store.ListJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListJobsResponse{JobSummaryList: []batchapi.JobSummary{}}
	if len(jobs) > limit {
		jobs = jobs[:limit]
		last := jobs[limit-1]
		next := last.Seq
		if f.Queue == 0 {
			next = int64(last.Ref.Child)
		}
		out.NextToken = writeToken(itoa(next))
	}
	var ids []int64
	for i := range jobs {
		ids = append(ids, jobs[i].Definition)
	}
	definitions, err := s.definitionsByID(ctx, unique(ids))
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		out.JobSummaryList = append(out.JobSummaryList, s.summary(&jobs[i], definitions[jobs[i].Definition]))
	}
	return out, nil
}

func (s *Service) listFilter(ctx context.Context, in *batchapi.ListJobsRequest) (f store.JobFilter, err error) {
	switch {
	case in.MultiNodeJobId != "":
		return f, notBuilt("multiNodeJobId")
	case len(in.Filters) > 0:
		return f, notBuilt("filters")
	case (in.JobQueue == "") == (in.ArrayJobId == ""):
		return f, invalid("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.")
	}
	f.State = batch.Running
	if in.JobStatus != "" {
		f.State, _ = batch.ParseJobState(in.JobStatus) // the model has checked it
	}
	if f.Limit, err = limitOf(in.MaxResults, maxList); err != nil {
		return f, err
	}
	token, err := readToken(in.NextToken)
	if err != nil {
		return f, err
	}
	var after int64
	if token != "" {
		if after, err = strconv.ParseInt(token, 10, 64); err != nil || after < 1 || in.ArrayJobId != "" && after > maxArraySize {
			return f, badToken()
		}
	}
	if in.ArrayJobId != "" {
		ref, ok := jobRef(in.ArrayJobId)
		if !ok || ref.Child > 0 {
			return f, &batch.Error{Code: batch.Invalid, Field: "arrayJobId", Message: "arrayJobId " + in.ArrayJobId + " is no id of an array job."}
		}
		f.Parent, f.After = ref.ID, int32(after)
		return f, nil
	}
	q, err := s.queueNamed(ctx, in.JobQueue)
	f.Queue, f.Before = q.ID, after
	return f, err
}

func (s *Service) summary(j *store.Job, d *definition) batchapi.JobSummary {
	out := batchapi.JobSummary{
		JobArn: s.o.Scope.ARN(batch.ARNJob, j.Ref.String()), JobId: j.Ref.String(), JobName: j.Name,
		CreatedAt: ptr(int64(j.CreatedAt)), Status: j.State.String(), StatusReason: j.StatusReason,
		StartedAt: instant(j.StartedAt), StoppedAt: instant(j.StoppedAt),
		JobDefinition: s.o.Scope.ARN(batch.ARNJobDefinition, d.ref()),
	}
	if code := exitCode(j, j.ExitCode); code != nil || j.Reason != "" {
		out.Container = &batchapi.ContainerSummary{ExitCode: code, Reason: j.Reason}
	}
	if i, child := j.Ref.Index(); child {
		out.ArrayProperties = &batchapi.ArrayPropertiesSummary{Index: ptr(int32(i))}
	} else if j.IsArray() {
		out.ArrayProperties = &batchapi.ArrayPropertiesSummary{
			Size: ptr(j.Size), StatusSummary: summary(j), StatusSummaryLastUpdatedAt: ptr(int64(batch.InstantOf(time.Now()))),
		}
	}
	if j.Flags&core.Cancelled != 0 {
		out.IsCancelled = ptr(true)
	}
	if j.Flags&core.Terminated != 0 {
		out.IsTerminated = ptr(true)
	}
	return out
}
