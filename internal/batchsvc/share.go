package batchsvc

import (
	"cmp"
	"context"
	"math"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/fair"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/store"
)

// fairPolicy is what the core has of a policy; nil of a quota-share policy. One
// with neither kind has equal shares.
func fairPolicy(d *batchapi.SchedulingPolicyDetail) *fair.Policy {
	if d.QuotaSharePolicy != nil {
		return nil
	}
	p := new(fair.Policy)
	if d.FairsharePolicy == nil {
		return p
	}
	p.DecaySeconds, p.Reservation = deref(d.FairsharePolicy.ShareDecaySeconds), deref(d.FairsharePolicy.ComputeReservation)
	for _, a := range d.FairsharePolicy.ShareDistribution {
		w := fair.Weight{Share: a.ShareIdentifier, Factor: fair.Even}
		if a.WeightFactor != nil {
			w.Factor = int64(math.Round(*a.WeightFactor * fair.Even))
		}
		p.Weights = append(p.Weights, w)
	}
	return p
}

// checkShare refuses a share where the queue has none. A submit without one is
// refused by the core where the queue needs it.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
func (s *Service) checkShare(ctx context.Context, in *batchapi.SubmitJobRequest) error {
	if in.ShareIdentifier == "" && deref(in.SchedulingPriorityOverride) == 0 { // clients that always send a priority send zero
		return nil
	}
	row, err := s.queueNamed(ctx, in.JobQueue)
	if err != nil {
		return err
	}
	kind, err := s.sharing(ctx, row)
	switch {
	case err != nil:
		return err
	case kind == byQuota && in.ShareIdentifier != "":
		return invalid("shareIdentifier can only be specified for job queues with fair share scheduling policy.")
	case kind == byQuota && !validPriority(*in.SchedulingPriorityOverride):
		return invalid("Scheduling priority must be between 0 and 9999.")
	case kind == byQuota:
		return nil
	case row.SchedulingPolicy == 0:
		return invalid("Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.")
	case in.ShareIdentifier == "":
		return invalid("shareIdentifier must be specified.")
	case !sharePattern.MatchString(in.ShareIdentifier):
		return invalid("ShareIdentifier name should match a valid pattern.")
	case in.SchedulingPriorityOverride != nil && !validPriority(*in.SchedulingPriorityOverride):
		return invalid("Scheduling priority must be between 0 and 9999.")
	}
	return nil
}

// fairJob is what the core is told of a job's share, if it has one.
func (s *Service) fairJob(in *batchapi.SubmitJobRequest, d *definition) (*core.FairJob, error) {
	if in.ShareIdentifier == "" {
		return nil, nil
	}
	priority := in.SchedulingPriorityOverride
	if priority == nil {
		priority = d.req.SchedulingPriority
	}
	if priority == nil {
		return nil, invalid("Either schedulingPriority in job definition or schedulingPriorityOverride should be specified.")
	}
	return &core.FairJob{Share: in.ShareIdentifier, Priority: *priority, MaxShares: s.o.Limits.Shares}, nil
}

// quotaJob is what the core is told of a job's quota share, if it has one. The core
// refuses what its queue does not have.
func quotaJob(in *batchapi.SubmitJobRequest, d *definition, x extensions) (*core.QuotaJob, error) {
	if x.quotaShare == "" {
		if x.preemptions != nil {
			return nil, badTag(preemptRetriesTag, "is for jobs with tag "+quotaShareTag+" only.")
		}
		return nil, nil
	}
	j := &core.QuotaJob{Share: x.quotaShare, Retries: quota.Unlimited}
	if priority := cmp.Or(in.SchedulingPriorityOverride, d.req.SchedulingPriority); priority != nil {
		j.Priority = *priority
	}
	if x.preemptions != nil {
		j.Retries = *x.preemptions
	}
	return j, nil
}

// fairShare is the share identifier of a job, if it has one.
func fairShare(j *store.Job) string {
	if j.QuotaShare != 0 {
		return ""
	}
	return j.Share
}

// describedPriority is the priority that the job has in its share or, without
// one, that its definition has.
func describedPriority(j *store.Job, d *definition) *int32 {
	if j.Share != "" {
		return ptr(j.Priority)
	}
	return d.req.SchedulingPriority
}

// shareUses are the shares that use most of a queue's capacity, in units of which
// the core has thousandths.
func shareUses(shot core.Snapshot, unit string) *batchapi.FairshareUtilizationDetail {
	d := &batchapi.FairshareUtilizationDetail{
		ActiveShareCount: ptr(int64(shot.Using)), TopCapacityUtilization: []batchapi.FairshareCapacityUtilization{},
	}
	for _, u := range shot.Uses {
		d.TopCapacityUtilization = append(d.TopCapacityUtilization, batchapi.FairshareCapacityUtilization{
			ShareIdentifier: u.Share, CapacityUsage: []batchapi.FairshareCapacityUsage{{CapacityUnit: unit, Quantity: shownVCPU(u.MilliVCPU)}},
		})
	}
	return d
}

// shownVCPU is thousandths of vCPUs as AWS shows them.
func shownVCPU(milli int64) *float64 { return ptr(float64(milli) / 1000) }
