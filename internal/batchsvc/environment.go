package batchsvc

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// environmentRules are AWS's checks of a create request, in the order of its
// parameters. The texts are those that the service was seen to answer with.
var environmentRules = []struct { //nolint:gochecknoglobals // a table that nothing writes
	broken  func(in *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool
	message string
}{
	{func(in *batchapi.CreateComputeEnvironmentRequest, _ *batchapi.ComputeResource) bool {
		return in.UnmanagedvCpus != nil
	}, "unmanagedvCpus is not applicable for managed Compute Environments"},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return deref(r.MinvCpus) < 0
	}, "minvCpus should be greater than or equal to 0."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return deref(r.MaxvCpus) < deref(r.MinvCpus) || deref(r.MaxvCpus) < 0
	}, "maxvCpus should be greater than or equal to minvCpus."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return r.DesiredvCpus != nil && !fargate(r.Type) && (*r.DesiredvCpus < deref(r.MinvCpus) || *r.DesiredvCpus > deref(r.MaxvCpus))
	}, "desiredvCpus should be between minvCpus and maxvCpus."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return !fargate(r.Type) && r.MinvCpus == nil
	}, "Resource minvCpus is required."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return !fargate(r.Type) && len(r.InstanceTypes) == 0
	}, "Resource instanceTypes are required."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return !fargate(r.Type) && r.InstanceRole == ""
	}, "Instance role is required."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return len(r.SecurityGroupIds) == 0 && r.LaunchTemplate == nil
	}, "Security group ids are required."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return deref(r.BidPercentage) < 0 || deref(r.BidPercentage) > 100
	}, "Bid percentage must be between 0 to 100."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && r.DesiredvCpus != nil
	}, "desiredvCpus is not applicable for Fargate."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && r.MinvCpus != nil
	}, "minvCpus is not applicable for Fargate."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && len(r.InstanceTypes) > 0
	}, "instanceTypes is not applicable for Fargate."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && len(r.Tags) > 0
	}, "tags is not applicable for Fargate."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && len(r.SecurityGroupIds) > 5
	}, "Fargate supports a maximum of 5 security groups."},
	{func(_ *batchapi.CreateComputeEnvironmentRequest, r *batchapi.ComputeResource) bool {
		return fargate(r.Type) && len(r.Subnets) > 16
	}, "Fargate supports a maximum of 16 subnets."},
}

func fargate(kind string) bool {
	return kind == batchapi.CRTypeFargate || kind == batchapi.CRTypeFargateSpot
}

// CreateComputeEnvironment makes an environment, which is valid at once: this
// machine needs no time to get ready.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateComputeEnvironment.html
func (s *Service) CreateComputeEnvironment(ctx context.Context, in *batchapi.CreateComputeEnvironmentRequest) (*batchapi.CreateComputeEnvironmentResponse, error) {
	if !namePattern.MatchString(in.ComputeEnvironmentName) {
		return nil, invalid("Compute environment name should match a valid pattern.")
	}
	switch {
	case in.Type == batchapi.CETypeUnmanaged:
		return nil, notBuilt("A compute environment of type UNMANAGED")
	case in.EksConfiguration != nil:
		return nil, notBuilt("eksConfiguration")
	case in.ComputeResources == nil:
		return nil, invalid("computeResources must be provided for a MANAGED compute environment")
	}
	for _, rule := range environmentRules {
		if rule.broken(in, in.ComputeResources) {
			return nil, invalid("%s", rule.message)
		}
	}
	if err := checkExtensions(onEnvironment, in.Tags); err != nil {
		return nil, err
	}
	_, err := s.o.Do(ctx, core.CreateEnvironment{
		Name: in.ComputeEnvironmentName, Enabled: in.State != batchapi.CEStateDisabled,
		MaxVCPU: int64(deref(in.ComputeResources.MaxvCpus)) * 1000, Spec: in.AppendJSON(nil),
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateComputeEnvironmentResponse{
		ComputeEnvironmentName: in.ComputeEnvironmentName,
		ComputeEnvironmentArn:  s.o.Scope.ARN(batch.ARNComputeEnvironment, in.ComputeEnvironmentName),
	}, nil
}

// DescribeComputeEnvironments lists environments by name. Names that do not
// exist are left out.
func (s *Service) DescribeComputeEnvironments(ctx context.Context, in *batchapi.DescribeComputeEnvironmentsRequest) (*batchapi.DescribeComputeEnvironmentsResponse, error) {
	if len(in.ComputeEnvironments) > 0 && in.MaxResults != nil {
		return nil, invalid("ComputeEnvironments and MaxResults cannot both be set")
	}
	rows, err := s.o.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	rows, err = named(rows, func(r core.EnvironmentRow) string { return r.Name }, batch.ARNComputeEnvironment, in.ComputeEnvironments)
	if err != nil {
		return nil, err
	}
	rows, token, err := page(rows, func(r core.EnvironmentRow) string { return r.Name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &batchapi.DescribeComputeEnvironmentsResponse{ComputeEnvironments: []batchapi.ComputeEnvironmentDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := s.environmentDetail(row)
		if err != nil {
			return nil, err
		}
		out.ComputeEnvironments = append(out.ComputeEnvironments, *d)
	}
	return out, nil
}

func (s *Service) environmentDetail(row core.EnvironmentRow) (*batchapi.ComputeEnvironmentDetail, error) {
	var in batchapi.CreateComputeEnvironmentRequest
	if err := in.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode compute environment %s: %w", row.Name, err)
	}
	state := batchapi.CEStateEnabled
	if !row.Enabled {
		state = batchapi.CEStateDisabled
	}
	role := in.ServiceRole
	if role == "" {
		role = "arn:" + s.o.Scope.Partition + ":iam::" + s.o.Scope.Account + ":role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
	}
	return &batchapi.ComputeEnvironmentDetail{
		ComputeEnvironmentName: row.Name, ComputeEnvironmentArn: s.o.Scope.ARN(batch.ARNComputeEnvironment, row.Name),
		EcsClusterArn: s.o.Scope.ECS("cluster", s.cluster(row.Name)), Tags: orMap(in.Tags), Type: in.Type, State: state,
		Status: batchapi.CEStatusValid, StatusReason: "ComputeEnvironment Healthy", ComputeResources: in.ComputeResources,
		ServiceRole: role, ContainerOrchestrationType: batchapi.OrchestrationTypeEcs, Uuid: s.environmentUUID(row.Name).String(),
		Context: in.Context, EcsSettings: in.EcsSettings,
	}, nil
}

// environmentUUID is made from the name, as those seen on AWS are.
func (s *Service) environmentUUID(name string) uuid.UUID {
	return uuid.NewMD5(s.o.Owner, []byte(batch.ARNComputeEnvironment+"/"+name))
}

// cluster is the name of the ECS cluster that stands for an environment.
func (s *Service) cluster(environment string) string {
	return "AWSBatch-" + environment + "-" + s.environmentUUID(environment).String()
}

// named keeps the rows with one of the names or ARNs given; all where there are
// none.
func named[T any](rows []T, name func(T) string, kind string, refs []string) ([]T, error) {
	if len(refs) == 0 {
		return rows, nil
	}
	if len(refs) > maxNames {
		return nil, invalid("At most %d names can be described at once, got %d.", maxNames, len(refs))
	}
	want := make(map[string]bool, len(refs))
	for _, ref := range refs {
		if n, ok := batch.NameOf(kind, ref); ok {
			want[n] = true
		}
	}
	return slices.DeleteFunc(rows, func(r T) bool { return !want[name(r)] }), nil
}
