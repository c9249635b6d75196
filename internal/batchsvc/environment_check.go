package batchsvc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// environmentCheck is a compute environment as it is to become, with what its
// rules look at. Roles, clusters, subnets and images are names here: as on AWS
// nobody looks whether they exist when an environment is made.
type environmentCheck struct {
	d      *batchapi.ComputeEnvironmentDetail
	r      *batchapi.ComputeResource // empty where there is none
	region string
}

func (c environmentCheck) managed() bool { return c.d.Type == batchapi.CETypeManaged }
func (c environmentCheck) eks() bool     { return c.d.EksConfiguration != nil }

// onEC2 reports whether the environment is of instances that the user describes.
func (c environmentCheck) onEC2() bool { return c.managed() && onInstances(c.r.Type) }

func (c environmentCheck) fargate() bool {
	return c.managed() && fargate(c.r.Type)
}

func (c environmentCheck) managedInstances() bool {
	return c.managed() && c.r.Type == batchapi.CRTypeEcsManagedInstances
}

func fargate(kind string) bool {
	return kind == batchapi.CRTypeFargate || kind == batchapi.CRTypeFargateSpot
}

func onInstances(kind string) bool { return kind == batchapi.CRTypeEc2 || kind == batchapi.CRTypeSpot }

const (
	systemNamespace = "kube-"
	maxNamespace    = 63
)

// environmentRules are AWS's checks of an environment, new or changed. The texts
// are those that the service was seen to answer with; "ours" marks those for
// which nobody has seen one.
var environmentRules = []rule[environmentCheck]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(c environmentCheck) bool { return c.managed() && c.d.ComputeResources == nil }, message: "computeResources must be provided for a MANAGED compute environment"},
	{broken: func(c environmentCheck) bool { return !c.managed() && c.d.ComputeResources != nil }, message: "computeResources is not applicable for unmanaged Compute Environments"}, // ours
	{broken: func(c environmentCheck) bool { return c.managed() && c.d.UnmanagedvCpus != nil }, message: "unmanagedvCpus is not applicable for managed Compute Environments"},
	{broken: func(c environmentCheck) bool { return deref(c.d.UnmanagedvCpus) < 0 }, message: "unmanagedvCpus should be greater than or equal to 0."}, // ours
	{broken: func(c environmentCheck) bool { return !c.managed() && !c.eks() && c.d.ServiceRole == "" }, message: "ServiceRole is required."},
	{broken: func(c environmentCheck) bool { return !c.managed() && serviceLinked(c.d.ServiceRole) }, message: "Service Linked Role cannot be used with UNMANAGED Compute Environment"},

	{broken: func(c environmentCheck) bool { return c.eks() && c.managed() && !onInstances(c.r.Type) }, message: "Supported compute types for EKS compute environments are [EC2, SPOT]"},
	{broken: func(c environmentCheck) bool { return c.eks() && c.managed() && c.r.AllocationStrategy == "" }, message: "allocationStrategy is required for EKS Compute Environments."},
	{broken: func(c environmentCheck) bool {
		return c.eks() && c.r.AllocationStrategy == batchapi.CRAllocationStrategyBestFit
	}, message: "allocationStrategy BEST_FIT is not supported for EKS Compute Environments."}, // ours
	{broken: func(c environmentCheck) bool {
		return c.eks() && !strings.Contains(c.d.EksConfiguration.EksClusterArn, ":eks:")
	}, message: "eksClusterArn must be an EKS cluster ARN."},
	{broken: func(c environmentCheck) bool {
		return c.eks() && !strings.Contains(c.d.EksConfiguration.EksClusterArn, ":eks:"+c.region+":")
	}, message: "eksClusterArn must be in the same AWS region as the compute environment"},
	{broken: func(c environmentCheck) bool {
		return c.eks() && len(c.d.EksConfiguration.KubernetesNamespace) > maxNamespace
	}, message: "kubernetesNamespace must less than or equal to 63 characters"}, // sic
	{broken: func(c environmentCheck) bool {
		return c.eks() && !namespacePattern.MatchString(c.d.EksConfiguration.KubernetesNamespace)
	}, message: "kubernetesNamespace must be a valid Kubernetes namespace."},
	{broken: func(c environmentCheck) bool { return c.eks() && c.d.EksConfiguration.KubernetesNamespace == "default" }, message: "kubernetesNamespace cannot be the default Kubernetes namespace"},
	{broken: func(c environmentCheck) bool {
		return c.eks() && strings.HasPrefix(c.d.EksConfiguration.KubernetesNamespace, systemNamespace)
	}, message: "kubernetesNamespace cannot be a reserved Kubernetes system namespace"},

	{broken: func(c environmentCheck) bool { return deref(c.r.MinvCpus) < 0 }, message: "minvCpus should be greater than or equal to 0."},
	{broken: func(c environmentCheck) bool {
		return deref(c.r.MaxvCpus) < deref(c.r.MinvCpus) || deref(c.r.MaxvCpus) < 0
	}, message: "maxvCpus should be greater than or equal to minvCpus."},
	{broken: func(c environmentCheck) bool {
		return c.onEC2() && c.r.DesiredvCpus != nil && (*c.r.DesiredvCpus < deref(c.r.MinvCpus) || *c.r.DesiredvCpus > deref(c.r.MaxvCpus))
	}, message: "desiredvCpus should be between minvCpus and maxvCpus."},
	{broken: func(c environmentCheck) bool { return c.onEC2() && c.r.MinvCpus == nil }, message: "Resource minvCpus is required."},
	{broken: func(c environmentCheck) bool { return c.onEC2() && len(c.r.InstanceTypes) == 0 }, message: "Resource instanceTypes are required."},
	{broken: func(c environmentCheck) bool { return c.onEC2() && c.r.InstanceRole == "" }, message: "Instance role is required."},
	{broken: func(c environmentCheck) bool {
		return (c.onEC2() || c.fargate()) && len(c.r.SecurityGroupIds) == 0 && c.r.LaunchTemplate == nil
	}, message: "Security group ids are required."},
	{broken: func(c environmentCheck) bool { return deref(c.r.BidPercentage) < 0 || deref(c.r.BidPercentage) > 100 }, message: "Bid percentage must be between 0 to 100."},
	{broken: func(c environmentCheck) bool {
		bestFit := c.r.AllocationStrategy == "" || c.r.AllocationStrategy == batchapi.CRAllocationStrategyBestFit
		return c.managed() && c.r.Type == batchapi.CRTypeSpot && bestFit && c.r.SpotIamFleetRole == ""
	}, message: "compute resource spotIamFleetRole is required."},
	{broken: func(c environmentCheck) bool {
		return c.onEC2() && (c.r.Type == batchapi.CRTypeEc2 && strings.HasPrefix(c.r.AllocationStrategy, "SPOT_") ||
			c.r.Type == batchapi.CRTypeSpot && c.r.AllocationStrategy == batchapi.CRAllocationStrategyBestFitProgressiveOrdered)
	}, message: "Invalid compute resource allocation strategy %s", about: func(c environmentCheck) string { return c.r.AllocationStrategy + " for type " + c.r.Type }},
	{
		broken: func(c environmentCheck) bool {
			return ordered(c.r.AllocationStrategy) && slices.ContainsFunc(c.r.InstanceTypes, isBundle)
		},
		message: "Instance type bundles (e.g. optimal, default_x86_64) are not allowed for %s allocation strategy. Specify instance families or types directly.",
		about:   func(c environmentCheck) string { return c.r.AllocationStrategy },
	},
	{broken: func(c environmentCheck) bool { return len(c.r.Ec2Configuration) > 2 }, message: "ComputeResources.ec2Configuration size cannot be greater than 2"}, // ours
	{broken: func(c environmentCheck) bool {
		want := "ECS_"
		if c.eks() {
			want = "EKS_"
		}
		return slices.ContainsFunc(c.r.Ec2Configuration, func(e batchapi.Ec2Configuration) bool { return !strings.HasPrefix(e.ImageType, want) })
	}, message: "Invalid imageType in ComputeResources.ec2Configuration"},

	{
		broken:  func(c environmentCheck) bool { return c.fargate() && firstGiven(instanceMembers, c.r) != "" },
		message: "%s is not applicable for Fargate.", about: func(c environmentCheck) string { return firstGiven(instanceMembers, c.r) },
	},
	{broken: func(c environmentCheck) bool { return c.fargate() && len(c.r.SecurityGroupIds) > 5 }, message: "Fargate supports a maximum of 5 security groups."},
	{broken: func(c environmentCheck) bool { return c.fargate() && len(c.r.Subnets) > 16 }, message: "Fargate supports a maximum of 16 subnets."},
	{broken: func(c environmentCheck) bool { return c.managedInstances() && c.r.ManagedInstancesProvider == nil }, message: "managedInstancesProvider is required for ECS_MANAGED_INSTANCES."}, // ours
	{
		broken:  func(c environmentCheck) bool { return c.managedInstances() && firstGiven(instanceMembers, c.r) != "" },
		message: "%s is not applicable for ECS_MANAGED_INSTANCES.", about: func(c environmentCheck) string { return firstGiven(instanceMembers, c.r) },
	}, // ours
	{broken: func(c environmentCheck) bool {
		return c.managed() && !c.managedInstances() && c.r.ManagedInstancesProvider != nil
	}, message: "managedInstancesProvider is only applicable for ECS_MANAGED_INSTANCES."}, // ours
}

// instanceMembers are the members of computeResources that describe instances:
// Fargate has none of them.
var instanceMembers = []member[*batchapi.ComputeResource]{ //nolint:gochecknoglobals // a table that nothing writes
	{"desiredvCpus", func(r *batchapi.ComputeResource) bool { return r.DesiredvCpus != nil }},
	{"minvCpus", func(r *batchapi.ComputeResource) bool { return r.MinvCpus != nil }},
	{"instanceTypes", func(r *batchapi.ComputeResource) bool { return len(r.InstanceTypes) > 0 }},
	{"tags", func(r *batchapi.ComputeResource) bool { return len(r.Tags) > 0 }},
	{"allocationStrategy", func(r *batchapi.ComputeResource) bool { return r.AllocationStrategy != "" }},
	{"instanceRole", func(r *batchapi.ComputeResource) bool { return r.InstanceRole != "" }},
	{"spotIamFleetRole", func(r *batchapi.ComputeResource) bool { return r.SpotIamFleetRole != "" }},
	{"bidPercentage", func(r *batchapi.ComputeResource) bool { return r.BidPercentage != nil }},
	{"imageId", func(r *batchapi.ComputeResource) bool { return r.ImageId != "" }},
	{"ec2Configuration", func(r *batchapi.ComputeResource) bool { return len(r.Ec2Configuration) > 0 }},
	{"launchTemplate", func(r *batchapi.ComputeResource) bool { return r.LaunchTemplate != nil }},
	{"ec2KeyPair", func(r *batchapi.ComputeResource) bool { return r.Ec2KeyPair != "" }},
	{"placementGroup", func(r *batchapi.ComputeResource) bool { return r.PlacementGroup != "" }},
	{"scalingPolicy", func(r *batchapi.ComputeResource) bool { return r.ScalingPolicy != nil }},
}

func (s *Service) checkEnvironmentDetail(d *batchapi.ComputeEnvironmentDetail) error {
	c := environmentCheck{d: d, r: d.ComputeResources, region: s.o.Scope.Region}
	if c.r == nil {
		c.r = new(batchapi.ComputeResource)
	}
	if err := check(environmentRules, c); err != nil {
		return err
	}
	if c.r.LaunchTemplate == nil {
		return nil
	}
	return check(templateRules, templateCheck{t: c.r.LaunchTemplate, types: c.r.InstanceTypes})
}

// serviceLinked reports whether a role is the service-linked one, in whatever
// account and form.
func serviceLinked(role string) bool {
	return strings.Contains(role, "aws-service-role/batch.amazonaws.com/") || role == "AWSServiceRoleForBatch"
}

func ordered(strategy string) bool {
	return strategy == batchapi.CRAllocationStrategyBestFitProgressiveOrdered ||
		strategy == batchapi.CRAllocationStrategySpotCapacityOptimizedPrioritized
}

func isBundle(instanceType string) bool {
	return instanceType == "optimal" || strings.HasPrefix(instanceType, "default_")
}

// checkTypes checks the instance types of an environment, new or changed.
func (s *Service) checkTypes(types []string) error {
	_, err := s.o.Catalog.Resolve(types)
	return err
}

// architecture is the processor of an environment's instance types; empty where
// it has none, or has some that are not known any more.
func (s *Service) architecture(types []string) string {
	if list, err := s.o.Catalog.Resolve(types); err == nil && len(list) > 0 {
		return list[0].Arch
	}
	return ""
}

// templateCheck is a launch template with the instance types that it is for.
type templateCheck struct {
	t     *batchapi.LaunchTemplateSpecification
	types []string
}

func (c templateCheck) anyOverride(is func(batchapi.LaunchTemplateSpecificationOverride) bool) bool {
	return slices.ContainsFunc(c.t.Overrides, is)
}

// targets are the instance types that overrides are for, each as often as it is
// named.
func (c templateCheck) targets() (list []string) {
	for _, o := range c.t.Overrides {
		list = append(list, o.TargetInstanceTypes...)
	}
	return list
}

var versionPattern = regexp.MustCompile(`^(|[0-9]+|\$Default|\$Latest)$`)

// templateRules are AWS's checks of launch templates.
var templateRules = []rule[templateCheck]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(c templateCheck) bool {
		both := c.t.LaunchTemplateId != "" && c.t.LaunchTemplateName != ""
		none := c.t.LaunchTemplateId == "" && c.t.LaunchTemplateName == "" && len(c.t.Overrides) == 0
		return both || none
	}, message: "One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided"},
	{broken: func(c templateCheck) bool {
		return !versionPattern.MatchString(c.t.Version) || c.anyOverride(func(o batchapi.LaunchTemplateSpecificationOverride) bool {
			return !versionPattern.MatchString(o.Version)
		})
	}, message: "LaunchTemplateVersion must be either empty or a number or $Default or $Latest"},
	{broken: func(c templateCheck) bool { return len(c.t.Overrides) > 10 }, message: "LaunchTemplate.overrides size cannot be greater than 10"},
	{broken: func(c templateCheck) bool {
		return c.anyOverride(func(o batchapi.LaunchTemplateSpecificationOverride) bool {
			return (o.LaunchTemplateId == "") == (o.LaunchTemplateName == "")
		})
	}, message: "LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName"},
	{broken: func(c templateCheck) bool {
		return c.anyOverride(func(o batchapi.LaunchTemplateSpecificationOverride) bool { return len(o.TargetInstanceTypes) == 0 })
	}, message: "LaunchTemplate.overrides.targetInstanceTypes[] is required"},
	{broken: func(c templateCheck) bool {
		targets := c.targets()
		slices.Sort(targets)
		return len(slices.Compact(targets)) < len(c.targets())
	}, message: "LaunchTemplate.overrides have duplicate targetInstanceTypes"},
	{broken: func(c templateCheck) bool {
		return slices.ContainsFunc(c.targets(), func(target string) bool {
			family, _, _ := strings.Cut(target, ".")
			bundled := slices.ContainsFunc(c.types, isBundle)
			return !bundled && !slices.Contains(c.types, target) && !slices.Contains(c.types, family)
		})
	}, message: "LaunchTemplate.overrides have targetInstanceTypes that do not match"},
}
