package batchsvc

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// UpdateComputeEnvironment changes an environment. What says how many instances
// there are takes effect at once. What says how they are replaces them: the
// environment is UPDATING until the last old one is gone. The host of an
// environment without instances has no type, image or network, so nothing is
// replaced there.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateComputeEnvironment.html
func (s *Service) UpdateComputeEnvironment(ctx context.Context, in *batchapi.UpdateComputeEnvironmentRequest) (*batchapi.UpdateComputeEnvironmentResponse, error) {
	out := new(batchapi.UpdateComputeEnvironmentResponse)
	err := s.change(ctx, func(do command) error {
		row, err := s.environmentNamed(ctx, in.ComputeEnvironment)
		if err != nil {
			return err
		}
		old, err := decodeEnvironment(row)
		if err != nil {
			return err
		}
		fleets, err := s.fleets(ctx)
		if err != nil {
			return err
		}
		if f := fleets[row.ID]; f != nil {
			setDesired(old, f)
		}
		d := s.updated(*old, in)
		u := environmentUpdate{in: in, old: old, d: d}
		if err = check(environmentUpdateRules, u); err != nil {
			return err
		}
		if err = s.checkEnvironmentDetail(d); err != nil {
			return err
		}
		// Those that stay are not looked at: with another --instance-types they
		// may be unknown by now.
		if in.ComputeResources != nil {
			if err = s.checkTypes(in.ComputeResources.InstanceTypes); err != nil {
				return err
			}
		}
		out.ComputeEnvironmentName, out.ComputeEnvironmentArn = row.Name, s.o.Scope.ARN(batch.ARNComputeEnvironment, row.Name)
		_, err = do(core.UpdateEnvironment{
			Name: row.Name, Enabled: enabled(in.State, row.Enabled), MaxVCPU: maxVCPU(d, row.Machine), Fargate: fargateOf(d, row.Machine),
			Fleet: updatedFleet(d, row.Machine, in), Replace: len(u.replacing()) > 0, Spec: d.AppendJSON(nil),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// enabled is the state after an update.
func enabled(state string, now bool) bool {
	if state == "" {
		return now
	}
	return state == batchapi.CEStateEnabled
}

// DeleteComputeEnvironment deletes an environment that is disabled and in no
// queue. One that still runs jobs is being deleted until it has stopped them.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteComputeEnvironment.html
func (s *Service) DeleteComputeEnvironment(ctx context.Context, in *batchapi.DeleteComputeEnvironmentRequest) (*batchapi.DeleteComputeEnvironmentResponse, error) {
	err := s.change(ctx, func(do command) error {
		row, err := s.environmentNamed(ctx, in.ComputeEnvironment)
		if err != nil {
			return err
		}
		_, err = do(core.DeleteEnvironment{Name: row.Name, Spec: row.Spec})
		return err
	})
	if err != nil {
		return nil, err
	}
	return new(batchapi.DeleteComputeEnvironmentResponse), nil
}

// environmentUpdate is an update with what the environment was and is to become.
type environmentUpdate struct {
	in     *batchapi.UpdateComputeEnvironmentRequest
	old, d *batchapi.ComputeEnvironmentDetail
}

// resources are what the update says of computeResources; empty where it says
// nothing.
func (u environmentUpdate) resources() *batchapi.ComputeResourceUpdate {
	if u.in.ComputeResources == nil {
		return new(batchapi.ComputeResourceUpdate)
	}
	return u.in.ComputeResources
}

// replacing are the members that would replace instances on AWS, in words: those
// that are given and differ from what they were.
func (u environmentUpdate) replacing() (names []string) {
	if u.old.ComputeResources == nil || u.d.ComputeResources == nil || u.in.ComputeResources == nil {
		return nil
	}
	was, is := u.old.ComputeResources, u.d.ComputeResources
	add := func(name string, changed bool) {
		if changed {
			names = append(names, name)
		}
	}
	add("allocationStrategy", was.AllocationStrategy != is.AllocationStrategy)
	add("instanceTypes", !slices.Equal(was.InstanceTypes, is.InstanceTypes))
	add("bidPercentage", deref(was.BidPercentage) != deref(is.BidPercentage))
	add("type", was.Type != is.Type)
	add("imageId", was.ImageId != is.ImageId)
	add("ec2Configuration", !slices.Equal(was.Ec2Configuration, is.Ec2Configuration))
	add("launchTemplate", !sameTemplate(was.LaunchTemplate, is.LaunchTemplate))
	add("ec2KeyPair", was.Ec2KeyPair != is.Ec2KeyPair)
	add("updateToLatestImageVersion", deref(u.resources().UpdateToLatestImageVersion))
	if !fargate(was.Type) {
		add("subnets", !slices.Equal(was.Subnets, is.Subnets))
		add("securityGroupIds", !slices.Equal(was.SecurityGroupIds, is.SecurityGroupIds))
	}
	add("placementGroup", was.PlacementGroup != is.PlacementGroup)
	add("instanceRole", was.InstanceRole != is.InstanceRole)
	add("tags", !maps.Equal(was.Tags, is.Tags))
	return names
}

// replaceable reports whether AWS would replace the instances: it takes its own
// role and a strategy other than BEST_FIT, which is also what none means.
func (u environmentUpdate) replaceable() bool {
	strategy := u.d.ComputeResources.AllocationStrategy
	return serviceLinked(u.d.ServiceRole) && onInstances(u.old.ComputeResources.Type) && onInstances(u.d.ComputeResources.Type) &&
		strategy != "" && strategy != batchapi.CRAllocationStrategyBestFit
}

// environmentUpdateRules are AWS's checks of an update, before those of what the
// environment becomes.
var environmentUpdateRules = []rule[environmentUpdate]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(u environmentUpdate) bool {
		in := u.in
		return in.State == "" && in.UnmanagedvCpus == nil && in.ComputeResources == nil && in.ServiceRole == "" && in.UpdatePolicy == nil &&
			in.Context == "" && in.EcsSettings == nil
	}, message: "One of [state | compute-resources | service-role | unmanaged-vcpus] is required."},
	{broken: func(u environmentUpdate) bool {
		return u.in.ComputeResources != nil && len(u.in.ComputeResources.AppendJSON(nil)) == len("{}")
	}, message: "At least one compute-resources attribute must be specified"},
	{broken: func(u environmentUpdate) bool {
		return u.in.ComputeResources != nil && u.old.Type == batchapi.CETypeUnmanaged
	}, message: "computeResources is not applicable for unmanaged Compute Environments"}, // ours
	{broken: func(u environmentUpdate) bool {
		return u.in.ServiceRole != "" && u.old.ServiceRole != "" && serviceLinked(u.old.ServiceRole) != serviceLinked(u.d.ServiceRole)
	}, message: "serviceRole can not be changed between the Batch Service Linked Role and another role."}, // ours
	{
		broken: func(u environmentUpdate) bool {
			return u.old.EksConfiguration != nil && u.resources().DesiredvCpus != nil
		},
		message: "desiredvCpus is not applicable for EKS Compute Environments.",
	}, // ours
	{broken: func(u environmentUpdate) bool {
		n := u.resources().DesiredvCpus
		return n != nil && u.old.ComputeResources != nil && *n < deref(u.old.ComputeResources.DesiredvCpus)
	}, message: "Manually scaling down compute environment is not supported.  Disconnecting job queues from compute environment will cause it to scale-down to minvCpus."}, // two spaces
	{
		broken:  func(u environmentUpdate) bool { return len(u.replacing()) > 0 && !u.replaceable() },
		message: "Following fields [%s] can be updated only for Non-fargate Compute Environment having a Batch Service Linked Role and an allocation strategy other than BEST_FIT.", // ours from "and"
		about:   func(u environmentUpdate) string { return strings.Join(u.replacing(), ", ") },
	},
}

// updated is the environment with the update's members in place of its own.
// What an update does not name stays.
func (s *Service) updated(d batchapi.ComputeEnvironmentDetail, in *batchapi.UpdateComputeEnvironmentRequest) *batchapi.ComputeEnvironmentDetail {
	set(&d.UnmanagedvCpus, in.UnmanagedvCpus)
	set(&d.EcsSettings, in.EcsSettings)
	if in.ServiceRole != "" {
		d.ServiceRole = s.roleARN(in.ServiceRole)
	}
	if in.Context != "" {
		d.Context = in.Context
	}
	if p := in.UpdatePolicy; p != nil {
		var policy batchapi.UpdatePolicy
		if d.UpdatePolicy != nil {
			policy = *d.UpdatePolicy
		}
		set(&policy.TerminateJobsOnUpdate, p.TerminateJobsOnUpdate)
		set(&policy.JobExecutionTimeoutMinutes, p.JobExecutionTimeoutMinutes)
		d.UpdatePolicy = &policy
	}
	if in.ComputeResources != nil && d.ComputeResources != nil {
		r := *d.ComputeResources
		updateResources(&r, in.ComputeResources)
		d.ComputeResources = &r
	}
	return &d
}

func set[T any](to **T, given *T) {
	if given != nil {
		*to = given
	}
}

func setText(to *string, given string) {
	if given != "" {
		*to = given
	}
}

func updateResources(r *batchapi.ComputeResource, u *batchapi.ComputeResourceUpdate) {
	onFargate := fargate(r.Type)
	set(&r.MinvCpus, u.MinvCpus)
	set(&r.MaxvCpus, u.MaxvCpus)
	set(&r.DesiredvCpus, u.DesiredvCpus)
	if r.DesiredvCpus != nil && u.DesiredvCpus == nil {
		// Nobody asked for it: it follows its bounds.
		r.DesiredvCpus = ptr(min(max(*r.DesiredvCpus, deref(r.MinvCpus)), deref(r.MaxvCpus)))
	}
	// An empty list removes what EC2 has, and changes nothing for Fargate.
	if u.Subnets != nil && (len(u.Subnets) > 0 || !onFargate) {
		r.Subnets = u.Subnets
	}
	if u.SecurityGroupIds != nil && (len(u.SecurityGroupIds) > 0 || !onFargate) {
		r.SecurityGroupIds = u.SecurityGroupIds
	}
	if u.InstanceTypes != nil {
		r.InstanceTypes = u.InstanceTypes
	}
	if u.Ec2Configuration != nil {
		r.Ec2Configuration = nil
		if len(u.Ec2Configuration) > 0 {
			r.Ec2Configuration = u.Ec2Configuration
		}
	}
	if u.Tags != nil {
		r.Tags = u.Tags
	}
	if u.CapacityTags != nil {
		r.CapacityTags = u.CapacityTags
	}
	if u.Ec2KeyPair != nil { // empty removes it
		r.Ec2KeyPair = *u.Ec2KeyPair
	}
	if u.ImageId != nil {
		r.ImageId = *u.ImageId
	}
	setText(&r.Type, u.Type)
	setText(&r.AllocationStrategy, u.AllocationStrategy)
	setText(&r.InstanceRole, u.InstanceRole)
	setText(&r.PlacementGroup, u.PlacementGroup)
	set(&r.BidPercentage, u.BidPercentage)
	set(&r.ScalingPolicy, u.ScalingPolicy)
	if t := u.LaunchTemplate; t != nil {
		r.LaunchTemplate = t
		if t.LaunchTemplateId == "" && t.LaunchTemplateName == "" && len(t.Overrides) == 0 {
			r.LaunchTemplate = nil // that is how it is removed
		}
	}
	if p := u.ManagedInstancesProvider; p != nil {
		r.ManagedInstancesProvider = updateProvider(r.ManagedInstancesProvider, p)
	}
}

func updateProvider(old *batchapi.ManagedInstancesProvider, u *batchapi.UpdateManagedInstancesProviderConfiguration) *batchapi.ManagedInstancesProvider {
	var p batchapi.ManagedInstancesProvider
	if old != nil {
		p = *old
	}
	setText(&p.InfrastructureRoleArn, u.InfrastructureRoleArn)
	setText(&p.PropagateTags, u.PropagateTags)
	set(&p.InfrastructureOptimization, u.InfrastructureOptimization)
	if t := u.InstanceLaunchTemplate; t != nil {
		var l batchapi.InstanceLaunchTemplate
		if p.InstanceLaunchTemplate != nil {
			l = *p.InstanceLaunchTemplate
		}
		setText(&l.Ec2InstanceProfileArn, t.Ec2InstanceProfileArn)
		setText(&l.Monitoring, t.Monitoring)
		set(&l.NetworkConfiguration, t.NetworkConfiguration)
		set(&l.InstanceRequirements, t.InstanceRequirements)
		set(&l.StorageConfiguration, t.StorageConfiguration)
		set(&l.CapacityReservations, t.CapacityReservations)
		set(&l.InstanceMetadataTagsPropagation, t.InstanceMetadataTagsPropagation)
		set(&l.LocalStorageConfiguration, t.LocalStorageConfiguration)
		p.InstanceLaunchTemplate = &l
	}
	return &p
}

func sameTemplate(a, b *batchapi.LaunchTemplateSpecification) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.AppendJSON(nil), b.AppendJSON(nil))
}
