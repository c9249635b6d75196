package batchsvc

import (
	"context"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// GetJobQueueSnapshot tells which runnable jobs are at the front of a queue, and
// what its jobs on hosts use. It is of this very moment.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_GetJobQueueSnapshot.html
func (s *Service) GetJobQueueSnapshot(ctx context.Context, in *batchapi.GetJobQueueSnapshotRequest) (*batchapi.GetJobQueueSnapshotResponse, error) {
	q, err := s.queueNamed(ctx, in.JobQueue)
	if err != nil {
		return nil, err
	}
	var shot core.Snapshot
	var found bool
	if err = s.o.View(ctx, func(state *core.State) { shot, found = state.Snapshot(q.Name) }); err != nil {
		return nil, err
	}
	if !found { // deleted meanwhile
		return nil, batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", in.JobQueue)
	}
	kind, err := s.sharing(ctx, q)
	if err != nil {
		return nil, err
	}
	arn := batch.ARNJob
	if q.ServiceEnvironment != 0 {
		arn = batch.ARNServiceJob
	}
	at := int64(shot.At)
	front := &batchapi.FrontOfQueueDetail{Jobs: []batchapi.FrontOfQueueJobSummary{}, LastUpdatedAt: ptr(at)}
	for _, p := range shot.Front {
		front.Jobs = append(front.Jobs, batchapi.FrontOfQueueJobSummary{
			JobArn: s.o.Scope.ARN(arn, p.Job.String()), EarliestTimeAtPosition: ptr(int64(p.Since)),
		})
	}
	out := &batchapi.GetJobQueueSnapshotResponse{
		FrontOfQueue: front,
		QueueUtilization: &batchapi.QueueSnapshotUtilizationDetail{
			TotalCapacityUsage: []batchapi.QueueSnapshotCapacityUsage{}, LastUpdatedAt: ptr(at),
		},
	}
	switch u := out.QueueUtilization; {
	case q.ServiceEnvironment == 0:
		u.TotalCapacityUsage = append(u.TotalCapacityUsage, batchapi.QueueSnapshotCapacityUsage{
			CapacityUnit: "vCPU", Quantity: shownVCPU(shot.Used.MilliVCPU),
		})
		if kind == byShares {
			u.FairshareUtilization = shareUses(shot)
		}
	case kind == byQuota: // no service job uses anything yet
		u.QuotaShareUtilization = &batchapi.QuotaShareUtilizationDetail{TopCapacityUtilization: []batchapi.QuotaShareCapacityUtilization{}}
		out.FrontOfQuotaShares = s.quotaFronts(shot, at)
	case kind == byShares:
		u.FairshareUtilization = shareUses(shot) // of none yet
	}
	return out, nil
}

// quotaFronts has every quota share of a queue, also those with no job.
func (s *Service) quotaFronts(shot core.Snapshot, at int64) *batchapi.FrontOfQuotaSharesDetail {
	d := &batchapi.FrontOfQuotaSharesDetail{
		QuotaShares: make(map[string][]batchapi.FrontOfQuotaShareJobSummary, len(shot.Shares)), LastUpdatedAt: ptr(at),
	}
	for _, share := range shot.Shares {
		jobs := []batchapi.FrontOfQuotaShareJobSummary{}
		for _, p := range share.First {
			jobs = append(jobs, batchapi.FrontOfQuotaShareJobSummary{
				JobArn: s.o.Scope.ARN(batch.ARNServiceJob, p.Job.String()), EarliestTimeAtPosition: ptr(int64(p.Since)),
			})
		}
		d.QuotaShares[share.Name] = jobs
	}
	return d
}
