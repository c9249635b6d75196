package batchsvc

import (
	"cmp"
	"context"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
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
	arn := jobARN(q)
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
	u, unit := out.QueueUtilization, core.UnitVCPU
	if q.ServiceEnvironment == 0 {
		u.TotalCapacityUsage = append(u.TotalCapacityUsage, batchapi.QueueSnapshotCapacityUsage{
			CapacityUnit: unit, Quantity: shownVCPU(shot.Used.MilliVCPU),
		})
	} else {
		unit = numInstances
		for _, x := range shot.Instances {
			u.TotalCapacityUsage = append(u.TotalCapacityUsage, batchapi.QueueSnapshotCapacityUsage{CapacityUnit: x.Unit, Quantity: ptr(float64(x.N))})
		}
	}
	switch kind {
	case byShares:
		u.FairshareUtilization = shareUses(shot, unit)
	case byQuota:
		u.QuotaShareUtilization = quotaUses(shot)
		out.FrontOfQuotaShares = s.quotaFronts(shot, at, arn)
	case inOrder:
	}
	return out, nil
}

// jobARN is the kind of the ARNs of a queue's jobs.
func jobARN(q core.QueueRow) string {
	if q.ServiceEnvironment != 0 {
		return batch.ARNServiceJob
	}
	return batch.ARNJob
}

// mostQuotaUses is how many quota shares AWS shows.
const mostQuotaUses = 20

// quotaUses are the quota shares that use anything, those first that use most.
func quotaUses(shot core.Snapshot) *batchapi.QuotaShareUtilizationDetail {
	d := &batchapi.QuotaShareUtilizationDetail{TopCapacityUtilization: []batchapi.QuotaShareCapacityUtilization{}}
	shares := slices.Clone(shot.Shares)
	sum := func(s core.ShareFront) (n int64) {
		for _, x := range s.Used {
			n += x.N
		}
		return n
	}
	slices.SortStableFunc(shares, func(a, b core.ShareFront) int { return cmp.Compare(sum(b), sum(a)) })
	for _, share := range shares {
		if len(share.Used) == 0 || len(d.TopCapacityUtilization) == mostQuotaUses {
			break
		}
		u := batchapi.QuotaShareCapacityUtilization{QuotaShareName: share.Name}
		for _, x := range share.Used {
			u.CapacityUsage = append(u.CapacityUsage, batchapi.QuotaShareCapacityUsage{CapacityUnit: x.Unit, Quantity: shownUnit(x)})
		}
		d.TopCapacityUtilization = append(d.TopCapacityUtilization, u)
	}
	return d
}

func shownUnit(x quota.Amount) *float64 {
	if x.Unit == core.UnitVCPU {
		return shownVCPU(x.N)
	}
	return ptr(float64(x.N))
}

// quotaFronts has every quota share of a queue, also those with no job.
func (s *Service) quotaFronts(shot core.Snapshot, at int64, arn string) *batchapi.FrontOfQuotaSharesDetail {
	d := &batchapi.FrontOfQuotaSharesDetail{
		QuotaShares: make(map[string][]batchapi.FrontOfQuotaShareJobSummary, len(shot.Shares)), LastUpdatedAt: ptr(at),
	}
	for _, share := range shot.Shares {
		jobs := []batchapi.FrontOfQuotaShareJobSummary{}
		for _, p := range share.First {
			jobs = append(jobs, batchapi.FrontOfQuotaShareJobSummary{
				JobArn: s.o.Scope.ARN(arn, p.Job.String()), EarliestTimeAtPosition: ptr(int64(p.Since)),
			})
		}
		d.QuotaShares[share.Name] = jobs
	}
	return d
}
