package batchsvc

import (
	"context"
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// CreateSchedulingPolicy makes a policy that queues can be made with.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateSchedulingPolicy.html
func (s *Service) CreateSchedulingPolicy(ctx context.Context, in *batchapi.CreateSchedulingPolicyRequest) (*batchapi.CreateSchedulingPolicyResponse, error) {
	if !namePattern.MatchString(in.Name) {
		return nil, invalid("Scheduling policy name should match a valid pattern.")
	}
	if err := checkExtensions(onPolicy, in.Tags); err != nil {
		return nil, err
	}
	d := &batchapi.SchedulingPolicyDetail{QuotaSharePolicy: in.QuotaSharePolicy, FairsharePolicy: in.FairsharePolicy, Tags: in.Tags}
	if err := checkPolicy(d); err != nil {
		return nil, err
	}
	err := s.change(ctx, func(do command) error {
		_, err := do(core.CreateSchedulingPolicy{Name: in.Name, Fair: fairPolicy(d), Spec: d.AppendJSON(nil)})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateSchedulingPolicyResponse{Name: in.Name, Arn: s.o.Scope.ARN(batch.ARNSchedulingPolicy, in.Name)}, nil
}

// UpdateSchedulingPolicy gives a policy other shares, for all queues that have
// it. Its kind stays.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateSchedulingPolicy.html
func (s *Service) UpdateSchedulingPolicy(ctx context.Context, in *batchapi.UpdateSchedulingPolicyRequest) (*batchapi.UpdateSchedulingPolicyResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.policyRow(ctx, in.Arn)
		if err != nil {
			return err
		}
		d, err := s.policyDetail(row)
		if err != nil {
			return err
		}
		if in.FairsharePolicy != nil && d.QuotaSharePolicy != nil || in.QuotaSharePolicy != nil && d.QuotaSharePolicy == nil {
			return invalid("A scheduling policy can not change between fairsharePolicy and quotaSharePolicy.")
		}
		set(&d.FairsharePolicy, in.FairsharePolicy)
		set(&d.QuotaSharePolicy, in.QuotaSharePolicy)
		if err = checkPolicy(d); err != nil {
			return err
		}
		_, err = do(core.UpdateSchedulingPolicy{Name: row.Name, Fair: fairPolicy(d), Spec: d.AppendJSON(nil)})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.UpdateSchedulingPolicyResponse), nil
}

// DeleteSchedulingPolicy deletes a policy that no queue has.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteSchedulingPolicy.html
func (s *Service) DeleteSchedulingPolicy(ctx context.Context, in *batchapi.DeleteSchedulingPolicyRequest) (*batchapi.DeleteSchedulingPolicyResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.policyRow(ctx, in.Arn)
		if err != nil {
			return err
		}
		_, err = do(core.DeleteSchedulingPolicy{Name: row.Name})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeleteSchedulingPolicyResponse), nil
}

// DescribeSchedulingPolicies describes the policies with the given ARNs. Those
// that do not exist are left out.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeSchedulingPolicies.html
func (s *Service) DescribeSchedulingPolicies(ctx context.Context, in *batchapi.DescribeSchedulingPoliciesRequest) (*batchapi.DescribeSchedulingPoliciesResponse, error) {
	out := &batchapi.DescribeSchedulingPoliciesResponse{SchedulingPolicies: []batchapi.SchedulingPolicyDetail{}}
	if len(in.Arns) == 0 {
		return out, nil
	}
	rows, err := s.o.Store.SchedulingPolicies(ctx)
	if err != nil {
		return nil, err
	}
	rows, err = named(rows, func(r core.SchedulingPolicyRow) string { return r.Name }, batch.ARNSchedulingPolicy, in.Arns)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, s, core.TagSchedulingPolicy, rows, func(r core.SchedulingPolicyRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		d, err := s.policyDetail(row)
		if err != nil {
			return nil, err
		}
		d.Tags = orMap(tags.over(row.ID, d.Tags))
		out.SchedulingPolicies = append(out.SchedulingPolicies, *d)
	}
	return out, nil
}

// ListSchedulingPolicies lists the ARNs of all policies.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListSchedulingPolicies.html
func (s *Service) ListSchedulingPolicies(ctx context.Context, in *batchapi.ListSchedulingPoliciesRequest) (*batchapi.ListSchedulingPoliciesResponse, error) {
	rows, err := s.o.Store.SchedulingPolicies(ctx)
	if err != nil {
		return nil, err
	}
	rows, token, err := page(rows, func(r core.SchedulingPolicyRow) string { return r.Name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListSchedulingPoliciesResponse{SchedulingPolicies: []batchapi.SchedulingPolicyListingDetail{}, NextToken: token}
	for _, row := range rows {
		out.SchedulingPolicies = append(out.SchedulingPolicies, batchapi.SchedulingPolicyListingDetail{Arn: s.o.Scope.ARN(batch.ARNSchedulingPolicy, row.Name)})
	}
	return out, nil
}

func (s *Service) policyDetail(row core.SchedulingPolicyRow) (*batchapi.SchedulingPolicyDetail, error) {
	d := new(batchapi.SchedulingPolicyDetail)
	if err := d.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode scheduling policy %s: %w", row.Name, err)
	}
	d.Name, d.Arn = row.Name, s.o.Scope.ARN(batch.ARNSchedulingPolicy, row.Name)
	return d, nil
}

// policyRow finds a policy by ARN.
func (s *Service) policyRow(ctx context.Context, arn string) (core.SchedulingPolicyRow, error) {
	rows, err := s.o.Store.SchedulingPolicies(ctx)
	if err != nil {
		return core.SchedulingPolicyRow{}, err
	}
	if kind, name, ok := batch.SplitARN(arn); ok && kind == batch.ARNSchedulingPolicy {
		if i := slices.IndexFunc(rows, func(r core.SchedulingPolicyRow) bool { return r.Name == name }); i >= 0 {
			return rows[i], nil
		}
	}
	return core.SchedulingPolicyRow{}, batch.Errorf(batch.NotFound, "SchedulingPolicy %s not found.", arn)
}
