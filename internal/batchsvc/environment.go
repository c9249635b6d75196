package batchsvc

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// CreateComputeEnvironment makes an environment, which is valid at once: whether
// it gets instances shows when it asks for some.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateComputeEnvironment.html
func (s *Service) CreateComputeEnvironment(ctx context.Context, in *batchapi.CreateComputeEnvironmentRequest) (*batchapi.CreateComputeEnvironmentResponse, error) {
	if !namePattern.MatchString(in.ComputeEnvironmentName) {
		return nil, invalid("Compute environment name should match a valid pattern.")
	}
	d := &batchapi.ComputeEnvironmentDetail{
		Type: in.Type, UnmanagedvCpus: in.UnmanagedvCpus, ComputeResources: in.ComputeResources, ServiceRole: s.roleARN(in.ServiceRole),
		Tags: in.Tags, EksConfiguration: in.EksConfiguration, Context: in.Context, EcsSettings: in.EcsSettings,
	}
	if err := s.checkEnvironmentDetail(d); err != nil {
		return nil, err
	}
	if d.ComputeResources != nil {
		if err := s.checkTypes(d.ComputeResources.InstanceTypes); err != nil {
			return nil, err
		}
	}
	var x extensions
	if err := x.read(onEnvironment, in.Tags); err != nil {
		return nil, err
	}
	machine, err := s.ofMachine(d, x)
	if err != nil {
		return nil, err
	}
	fleet := fleetOf(d, machine)
	if err = s.checkProvider(fleet, x); err != nil {
		return nil, err
	}
	if d.ServiceRole == "" && d.Type == batchapi.CETypeManaged {
		d.ServiceRole = s.serviceLinkedRole()
	}
	err = s.change(ctx, func(do command) error {
		_, err = do(core.CreateEnvironment{
			Name: in.ComputeEnvironmentName, Enabled: in.State != batchapi.CEStateDisabled,
			MaxVCPU: maxVCPU(d, machine), Machine: machine, Fargate: fargateOf(d, machine), Fleet: fleet, Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &batchapi.CreateComputeEnvironmentResponse{
		ComputeEnvironmentName: in.ComputeEnvironmentName,
		ComputeEnvironmentArn:  s.o.Scope.ARN(batch.ARNComputeEnvironment, in.ComputeEnvironmentName),
	}, nil
}

// ofMachine reports whether the environment's host is this machine as it is.
func (s *Service) ofMachine(d *batchapi.ComputeEnvironmentDetail, x extensions) (bool, error) {
	switch {
	case d.EksConfiguration != nil && x.capacity != "":
		return false, badTag(capacityTag, "has no meaning on an environment on EKS, whose jobs run in its cluster.")
	case d.EksConfiguration != nil:
		return false, nil
	case d.Type == batchapi.CETypeUnmanaged && x.capacity == capacityUnlimited:
		return false, badTag(capacityTag, "must be "+capacityHost+" on an UNMANAGED environment, or be left out.")
	case d.Type == batchapi.CETypeUnmanaged, x.capacity != "":
		return x.capacity == capacityHost, nil
	}
	return s.o.OnMachine, nil
}

// fargateOf says whether jobs of the environment cost what Fargate does. Those of
// this machine cost nothing that anybody knows.
func fargateOf(d *batchapi.ComputeEnvironmentDetail, machine bool) core.Fargate {
	switch r := d.ComputeResources; {
	case machine || r == nil:
		return core.NoFargate
	case r.Type == batchapi.CRTypeFargate:
		return core.FargateOnDemand
	case r.Type == batchapi.CRTypeFargateSpot:
		return core.FargateSpot
	}
	return core.NoFargate
}

// unmanagedVCPU is more than any machine has.
const unmanagedVCPU = 1_000_000_000

// maxVCPU is what jobs may have of an environment at once, in thousandths.
// Hosts of unmanaged environments are the user's to bring, who has no other than
// this machine, and those of EKS are a cluster's.
func maxVCPU(d *batchapi.ComputeEnvironmentDetail, machine bool) int64 {
	switch {
	case d.EksConfiguration != nil:
		return 0
	case d.ComputeResources != nil:
		return int64(deref(d.ComputeResources.MaxvCpus)) * 1000
	case machine:
		return unmanagedVCPU
	}
	return 0
}

// roleARN is a role as it is described: AWS puts a plain name under no path.
func (s *Service) roleARN(role string) string {
	switch {
	case role == "" || strings.HasPrefix(role, "arn:"):
		return role
	case serviceLinked(role):
		return s.serviceLinkedRole()
	}
	return "arn:" + s.o.Scope.Partition + ":iam::" + s.o.Scope.Account + ":role/" + strings.TrimPrefix(role, "/")
}

func (s *Service) serviceLinkedRole() string {
	return "arn:" + s.o.Scope.Partition + ":iam::" + s.o.Scope.Account + ":role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
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
	tags, err := tagsOf(ctx, s, core.TagEnvironment, rows, func(r core.EnvironmentRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	fleets, err := s.fleets(ctx)
	if err != nil {
		return nil, err
	}
	out := &batchapi.DescribeComputeEnvironmentsResponse{ComputeEnvironments: []batchapi.ComputeEnvironmentDetail{}, NextToken: token}
	for _, row := range rows {
		d, err := s.environmentDetail(row)
		if err != nil {
			return nil, err
		}
		if f := fleets[row.ID]; f != nil {
			describeFleet(d, f)
		}
		if len(in.ComputeEnvironments) > 0 {
			if d.Barge, err = s.bargeEnvironment(ctx, row, d, fleets[row.ID]); err != nil {
				return nil, err
			}
		}
		d.Tags = orMap(tags.over(row.ID, d.Tags))
		out.ComputeEnvironments = append(out.ComputeEnvironments, *d)
	}
	return out, nil
}

func decodeEnvironment(row core.EnvironmentRow) (*batchapi.ComputeEnvironmentDetail, error) {
	d := new(batchapi.ComputeEnvironmentDetail)
	if err := d.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode compute environment %s: %w", row.Name, err)
	}
	return d, nil
}

// environmentDetail is what was sent, with what follows from it. Its tags are
// those that it was made with.
func (s *Service) environmentDetail(row core.EnvironmentRow) (*batchapi.ComputeEnvironmentDetail, error) {
	d, err := decodeEnvironment(row)
	if err != nil {
		return nil, err
	}
	d.ComputeEnvironmentName, d.ComputeEnvironmentArn = row.Name, s.o.Scope.ARN(batch.ARNComputeEnvironment, row.Name)
	d.Uuid = s.environmentUUID(row.Name).String()
	d.State = batchapi.CEStateEnabled
	if !row.Enabled {
		d.State = batchapi.CEStateDisabled
	}
	d.Status, d.StatusReason = batchapi.CEStatusValid, "ComputeEnvironment Healthy"
	if row.Status == core.Deleting {
		d.Status, d.StatusReason = batchapi.CEStatusDeleting, ""
	}
	d.ContainerOrchestrationType = batchapi.OrchestrationTypeEks
	if d.EksConfiguration == nil {
		d.ContainerOrchestrationType = batchapi.OrchestrationTypeEcs
		d.EcsClusterArn = s.o.Scope.ECS("cluster", s.cluster(row.Name))
	}
	return d, nil
}

// environmentUUID is made from the name, as those seen on AWS are.
func (s *Service) environmentUUID(name string) uuid.UUID {
	return uuid.NewMD5(s.o.Owner, []byte(batch.ARNComputeEnvironment+"/"+name))
}

// cluster is the name of the ECS cluster that stands for an environment.
func (s *Service) cluster(environment string) string {
	return "AWSBatch-" + environment + "-" + s.environmentUUID(environment).String()
}

// environmentNamed finds an environment by name or ARN.
func (s *Service) environmentNamed(ctx context.Context, ref string) (core.EnvironmentRow, error) {
	rows, err := s.o.Store.Environments(ctx)
	if err != nil {
		return core.EnvironmentRow{}, err
	}
	return find(s, rows, batch.ARNComputeEnvironment, ref, func(r core.EnvironmentRow) string { return r.Name })
}

// find returns the row that a name or ARN names. Its error has AWS's form: the
// ARN, even where a name was given.
func find[T any](s *Service, rows []T, kind, ref string, name func(T) string) (found T, err error) {
	arn := ref
	if n, ok := batch.NameOf(kind, ref); ok {
		if i := slices.IndexFunc(rows, func(r T) bool { return name(r) == n }); i >= 0 {
			return rows[i], nil
		}
		arn = s.o.Scope.ARN(kind, n)
	}
	return found, batch.Errorf(batch.NotFound, "%s does not exist", arn)
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
