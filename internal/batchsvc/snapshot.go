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
	if err := s.o.View(ctx, func(state *core.State) { shot, found = state.Snapshot(q.Name) }); err != nil {
		return nil, err
	}
	if !found { // deleted meanwhile
		return nil, batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", in.JobQueue)
	}
	at := int64(shot.At)
	front := &batchapi.FrontOfQueueDetail{Jobs: []batchapi.FrontOfQueueJobSummary{}, LastUpdatedAt: ptr(at)}
	for _, p := range shot.Front {
		front.Jobs = append(front.Jobs, batchapi.FrontOfQueueJobSummary{
			JobArn: s.o.Scope.ARN(batch.ARNJob, p.Job.String()), EarliestTimeAtPosition: ptr(int64(p.Since)),
		})
	}
	return &batchapi.GetJobQueueSnapshotResponse{
		FrontOfQueue: front,
		QueueUtilization: &batchapi.QueueSnapshotUtilizationDetail{
			TotalCapacityUsage: []batchapi.QueueSnapshotCapacityUsage{{CapacityUnit: "vCPU", Quantity: ptr(float64(shot.Used.MilliVCPU) / 1000)}},
			LastUpdatedAt:      ptr(at),
		},
	}, nil
}
