package batchsvc

import (
	"context"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// ListServiceJobs lists the service jobs of a queue, newest first: those in one
// state, RUNNING where none is given, or those that meet a filter.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListServiceJobs.html
func (s *Service) ListServiceJobs(ctx context.Context, in *batchapi.ListServiceJobsRequest) (*batchapi.ListServiceJobsResponse, error) {
	f, err := s.serviceFilter(ctx, in)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	f.Limit++
	jobs, err := s.o.Store.ListJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListServiceJobsResponse{JobSummaryList: []batchapi.ServiceJobSummary{}}
	if len(jobs) == 0 || jobs[0].Kind != core.Service { // nor is any other of its queue
		return out, nil
	}
	if len(jobs) > limit {
		jobs = jobs[:limit]
		out.NextToken = position(&f, &jobs[limit-1])
	}
	kind, err := s.sharingOf(ctx, jobs[0].Queue)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		out.JobSummaryList = append(out.JobSummaryList, s.serviceSummary(&jobs[i], kind))
	}
	return out, nil
}

func (s *Service) serviceSummary(j *store.Job, kind sharing) batchapi.ServiceJobSummary {
	id := j.Ref.String()
	d := batchapi.ServiceJobSummary{
		JobArn: s.o.Scope.ARN(batch.ARNServiceJob, id), JobId: id, JobName: j.Name, ServiceJobType: batchapi.ServiceJobTypeSagemakerTraining,
		Status: j.State.String(), StatusReason: j.StatusReason, CreatedAt: ptr(int64(j.CreatedAt)), ScheduledAt: instant(j.ScheduledAt),
		StartedAt: instant(j.StartedAt), StoppedAt: instant(j.StoppedAt), IsTerminated: given(j.Flags&core.Terminated != 0),
		LatestAttempt: s.latestServiceAttempt(j),
	}
	for _, x := range serviceUse(j) {
		d.CapacityUsage = append(d.CapacityUsage, batchapi.ServiceJobCapacityUsageSummary(x))
	}
	if kind == byQuota {
		d.QuotaShareName = j.Share
	} else {
		d.ShareIdentifier = j.Share
	}
	return d
}

// sharingOf tells how the jobs of a queue share.
func (s *Service) sharingOf(ctx context.Context, queue int64) (sharing, error) {
	rows, err := s.o.Store.QueuesByID(ctx, []int64{queue})
	if err != nil || len(rows) == 0 {
		return inOrder, err
	}
	return s.sharing(ctx, rows[0])
}

func (s *Service) serviceFilter(ctx context.Context, in *batchapi.ListServiceJobsRequest) (f store.JobFilter, err error) {
	if in.JobQueue == "" {
		return f, &batch.Error{Code: batch.Invalid, Field: "jobQueue", Message: "jobQueue is required."}
	}
	f.State = batch.Running
	if in.JobStatus != "" {
		f.State, _ = batch.ParseJobState(in.JobStatus) // the model has checked it
	}
	if f.Limit, err = limitOf(in.MaxResults, maxNames); err != nil {
		return f, err
	}
	name, value, err := onlyFilter(in.Filters, "JOB_NAME", "BEFORE_CREATED_AT", "AFTER_CREATED_AT", "SHARE_IDENTIFIER", "QUOTA_SHARE_NAME")
	if err != nil {
		return f, err
	}
	q, err := s.queueNamed(ctx, in.JobQueue)
	if err != nil {
		return f, err
	}
	f.Queue, f.AnyState = q.ID, name != ""
	switch name {
	case "JOB_NAME":
		f.Name = foldedPattern(value)
	case "BEFORE_CREATED_AT":
		f.CreatedBefore, err = moment(name, value)
	case "AFTER_CREATED_AT":
		f.CreatedAfter, err = moment(name, value)
	case "SHARE_IDENTIFIER", "QUOTA_SHARE_NAME":
		f.Share, f.AnyState = value, in.JobStatus == ""
	}
	if err != nil {
		return f, err
	}
	return f, from(&f, in.NextToken)
}
