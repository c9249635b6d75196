package batchsvc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
)

// sharing is how the jobs of a queue share what it has.
type sharing uint8

const (
	inOrder   sharing = iota // no policy
	byShares                 // a fair-share policy
	byQuota                  // a quota-share policy
	unlimited = -1           // a borrow limit that is none
)

// sharing tells how the jobs of a queue share. It never changes.
func (s *Service) sharing(ctx context.Context, q core.QueueRow) (sharing, error) {
	d, err := decodeQueue(q)
	if err != nil {
		return inOrder, err
	}
	policy, err := s.queuePolicy(ctx, d.SchedulingPolicyArn)
	switch {
	case err != nil:
		return inOrder, err
	case policy == nil:
		return inOrder, nil
	case policy.QuotaSharePolicy != nil:
		return byQuota, nil
	}
	return byShares, nil
}

// quotaCheck is a quota share, and what its queue counts.
type quotaCheck struct {
	*batchapi.QuotaShareDetail

	compute, service bool
}

// quotaShareRules are the checks of a quota share, new or changed. All texts are
// ours, but for those that service environments have as well.
var quotaShareRules = []rule[quotaCheck]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(d quotaCheck) bool { return len(d.CapacityLimits) == 0 }, message: "Capacitylimits are required."},
	{broken: func(d quotaCheck) bool { return len(d.CapacityLimits) > maxCapacityLimits }, message: "Number of capacity limits exceeds 5."},
	{broken: func(d quotaCheck) bool {
		return slices.ContainsFunc(d.CapacityLimits, func(c batchapi.QuotaShareCapacityLimit) bool { return deref(c.MaxCapacity) <= 0 })
	}, message: "Max capacity must be more than 0."},
	{
		broken:  func(d quotaCheck) bool { return slices.ContainsFunc(d.CapacityLimits, d.unknown) },
		message: "%s is unknown capacity unit",
		about: func(d quotaCheck) string {
			return d.CapacityLimits[slices.IndexFunc(d.CapacityLimits, d.unknown)].CapacityUnit
		},
	},
	{broken: func(d quotaCheck) bool {
		return twice(d.CapacityLimits, func(c batchapi.QuotaShareCapacityLimit) string { return c.CapacityUnit })
	}, message: "Duplicate capacity units are not allowed."},
	{broken: func(d quotaCheck) bool {
		r := d.ResourceSharingConfiguration
		return r.Strategy != batchapi.QuotaShareResourceSharingStrategyLendAndBorrow && r.BorrowLimit != nil
	}, message: "borrowLimit is only valid with strategy LEND_AND_BORROW."},
	{broken: func(d quotaCheck) bool {
		return deref(d.ResourceSharingConfiguration.BorrowLimit) < unlimited
	}, message: "borrowLimit must be -1 or more."},
}

// unknown reports whether the limit is of no unit that the queue has: instance types
// or, with compute environments, what jobs take of them.
func (d quotaCheck) unknown(c batchapi.QuotaShareCapacityLimit) bool {
	switch c.CapacityUnit {
	case core.UnitVCPU, core.UnitMemory, core.UnitGPU:
		return !d.compute
	}
	return !d.service || !instanceTypePattern.MatchString(c.CapacityUnit)
}

// quotaRules are the settings of a share as the core has them.
func quotaRules(d *batchapi.DescribeQuotaShareResponse) quota.Rules {
	r := quota.Rules{InShare: d.PreemptionConfiguration.InSharePreemption == batchapi.QuotaShareInSharePreemptionStateEnabled}
	amounts := make([]quota.Amount, 0, len(d.CapacityLimits))
	for _, c := range d.CapacityLimits {
		a := quota.Amount{Unit: c.CapacityUnit, N: int64(deref(c.MaxCapacity))}
		if c.CapacityUnit == core.UnitVCPU {
			a.N *= 1000
		}
		amounts = append(amounts, a)
	}
	r.Limits = quota.Of(amounts...)
	switch d.ResourceSharingConfiguration.Strategy {
	case batchapi.QuotaShareResourceSharingStrategyLend:
		r.Strategy = quota.Lend
	case batchapi.QuotaShareResourceSharingStrategyLendAndBorrow:
		r.Strategy, r.Borrow = quota.LendAndBorrow, deref(d.ResourceSharingConfiguration.BorrowLimit)
	}
	return r
}

// CreateQuotaShare makes a quota share of a queue.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateQuotaShare.html
func (s *Service) CreateQuotaShare(ctx context.Context, in *batchapi.CreateQuotaShareRequest) (*batchapi.CreateQuotaShareResponse, error) {
	if !namePattern.MatchString(in.QuotaShareName) {
		return nil, invalid("Quota share name should match a valid pattern.")
	}
	if err := checkExtensions(onQuotaShare, in.Tags); err != nil {
		return nil, err
	}
	d := &batchapi.QuotaShareDetail{
		CapacityLimits: in.CapacityLimits, ResourceSharingConfiguration: in.ResourceSharingConfiguration,
		PreemptionConfiguration: in.PreemptionConfiguration,
	}
	if err := check(quotaShareRules, quotaCheck{d, true, true}); err != nil {
		return nil, err
	}
	out := &batchapi.CreateQuotaShareResponse{QuotaShareName: in.QuotaShareName}
	err := s.change(ctx, func(do command) error {
		q, err := s.queueRow(ctx, in.JobQueue)
		if err != nil {
			return err
		}
		kind, err := s.sharing(ctx, q)
		if err != nil {
			return err
		}
		if kind != byQuota {
			return invalid("Quota shares can only be created on job queues with a quota share scheduling policy.")
		}
		if err = check(quotaShareRules, quotaCheck{d, q.ServiceEnvironment == 0, q.ServiceEnvironment != 0}); err != nil {
			return err
		}
		stored := storedShare(d, in.Tags)
		out.QuotaShareArn = s.quotaShareARN(q.Name, in.QuotaShareName)
		_, err = do(core.CreateQuotaShare{
			Queue: q.Name, Name: in.QuotaShareName, Enabled: in.State != batchapi.QuotaShareStateDisabled,
			Rules: quotaRules(stored), Spec: stored.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// storedShare is a description without what the row says.
func storedShare(d *batchapi.QuotaShareDetail, tags map[string]string) *batchapi.DescribeQuotaShareResponse {
	r := *d.ResourceSharingConfiguration
	if r.Strategy == batchapi.QuotaShareResourceSharingStrategyLendAndBorrow && r.BorrowLimit == nil {
		r.BorrowLimit = ptr(int32(unlimited))
	}
	return &batchapi.DescribeQuotaShareResponse{
		CapacityLimits: d.CapacityLimits, ResourceSharingConfiguration: &r, PreemptionConfiguration: d.PreemptionConfiguration, Tags: tags,
	}
}

// UpdateQuotaShare changes a quota share.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateQuotaShare.html
func (s *Service) UpdateQuotaShare(ctx context.Context, in *batchapi.UpdateQuotaShareRequest) (*batchapi.UpdateQuotaShareResponse, error) {
	out := &batchapi.UpdateQuotaShareResponse{QuotaShareArn: in.QuotaShareArn}
	err := s.change(ctx, func(do command) error {
		q, row, err := s.quotaShareRow(ctx, in.QuotaShareArn)
		if err != nil {
			return err
		}
		old, err := decodeQuotaShare(row)
		if err != nil {
			return err
		}
		d := &batchapi.QuotaShareDetail{
			CapacityLimits: old.CapacityLimits, ResourceSharingConfiguration: old.ResourceSharingConfiguration,
			PreemptionConfiguration: old.PreemptionConfiguration,
		}
		if in.CapacityLimits != nil {
			d.CapacityLimits = in.CapacityLimits
		}
		set(&d.ResourceSharingConfiguration, in.ResourceSharingConfiguration)
		set(&d.PreemptionConfiguration, in.PreemptionConfiguration)
		if err = check(quotaShareRules, quotaCheck{d, q.ServiceEnvironment == 0, q.ServiceEnvironment != 0}); err != nil {
			return err
		}
		stored := storedShare(d, old.Tags)
		out.QuotaShareName, out.QuotaShareArn = row.Name, s.quotaShareARN(q.Name, row.Name)
		_, err = do(core.UpdateQuotaShare{
			Queue: q.Name, Name: row.Name, Enabled: enabled(in.State, row.Enabled), Rules: quotaRules(stored), Spec: stored.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteQuotaShare deletes a quota share that is disabled. Its jobs are ended.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteQuotaShare.html
func (s *Service) DeleteQuotaShare(ctx context.Context, in *batchapi.DeleteQuotaShareRequest) (*batchapi.DeleteQuotaShareResponse, error) {
	err := s.change(ctx, func(do command) error {
		q, row, err := s.quotaShareRow(ctx, in.QuotaShareArn)
		if err != nil {
			return err
		}
		_, err = do(core.DeleteQuotaShare{Queue: q.Name, Name: row.Name, Spec: row.Spec})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeleteQuotaShareResponse), nil
}

// DescribeQuotaShare describes one quota share.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeQuotaShare.html
func (s *Service) DescribeQuotaShare(ctx context.Context, in *batchapi.DescribeQuotaShareRequest) (*batchapi.DescribeQuotaShareResponse, error) {
	q, row, err := s.quotaShareRow(ctx, in.QuotaShareArn)
	if err != nil {
		return nil, err
	}
	d, err := s.quotaShare(q, row)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, s, core.TagQuotaShare, []core.QuotaShareRow{row}, func(r core.QuotaShareRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	d.Tags = orMap(tags.over(row.ID, d.Tags))
	return d, nil
}

// ListQuotaShares lists the quota shares of a queue by name.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListQuotaShares.html
func (s *Service) ListQuotaShares(ctx context.Context, in *batchapi.ListQuotaSharesRequest) (*batchapi.ListQuotaSharesResponse, error) {
	q, err := s.queueRow(ctx, in.JobQueue)
	if err != nil {
		return nil, err
	}
	rows, err := s.o.Store.QuotaShares(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	rows, token, err := page(rows, func(r core.QuotaShareRow) string { return r.Name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListQuotaSharesResponse{QuotaShares: []batchapi.QuotaShareDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := s.quotaShare(q, row)
		if err != nil {
			return nil, err
		}
		out.QuotaShares = append(out.QuotaShares, batchapi.QuotaShareDetail{
			QuotaShareName: d.QuotaShareName, QuotaShareArn: d.QuotaShareArn, JobQueueArn: d.JobQueueArn, CapacityLimits: d.CapacityLimits,
			ResourceSharingConfiguration: d.ResourceSharingConfiguration, PreemptionConfiguration: d.PreemptionConfiguration,
			State: d.State, Status: d.Status,
		})
	}
	return out, nil
}

// quotaShare describes a quota share with the tags that it was made with.
func (s *Service) quotaShare(q core.QueueRow, row core.QuotaShareRow) (*batchapi.DescribeQuotaShareResponse, error) {
	d, err := decodeQuotaShare(row)
	if err != nil {
		return nil, err
	}
	d.QuotaShareName, d.QuotaShareArn = row.Name, s.quotaShareARN(q.Name, row.Name)
	d.JobQueueArn = s.o.Scope.ARN(batch.ARNJobQueue, q.Name)
	d.State, d.Status = stateOf(row.Enabled), batchapi.QuotaShareStatusValid
	if row.Status == core.Deleting {
		d.Status = batchapi.QuotaShareStatusDeleting
	}
	return d, nil
}

func decodeQuotaShare(row core.QuotaShareRow) (*batchapi.DescribeQuotaShareResponse, error) {
	d := new(batchapi.DescribeQuotaShareResponse)
	if err := d.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode quota share %s: %w", row.Name, err)
	}
	return d, nil
}

// quotaShareARN is the ARN of a quota share. AWS does not document its form.
func (s *Service) quotaShareARN(queue, name string) string {
	return s.o.Scope.ARN(batch.ARNQuotaShare, queue+"/"+name)
}

// quotaShareRow finds a quota share by its ARN.
func (s *Service) quotaShareRow(ctx context.Context, arn string) (q core.QueueRow, row core.QuotaShareRow, err error) {
	none := batch.Errorf(batch.NotFound, "%s does not exist", arn)
	kind, rest, ok := batch.SplitARN(arn)
	queue, name, both := strings.Cut(rest, "/")
	if !ok || kind != batch.ARNQuotaShare || !both {
		return q, row, &batch.Error{Code: batch.Invalid, Field: "quotaShareArn", Message: "quotaShareArn " + arn + " is not the ARN of a quota share."}
	}
	queues, err := s.o.Store.Queues(ctx)
	if err != nil {
		return q, row, err
	}
	i := slices.IndexFunc(queues, func(r core.QueueRow) bool { return r.Name == queue })
	if i < 0 {
		return q, row, none
	}
	q = queues[i]
	rows, err := s.o.Store.QuotaShares(ctx, q.ID)
	if err != nil {
		return q, row, err
	}
	i = slices.IndexFunc(rows, func(r core.QuotaShareRow) bool { return r.Name == name })
	if i < 0 {
		return q, row, none
	}
	return q, rows[i], nil
}
