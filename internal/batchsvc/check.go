package batchsvc

import (
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// The checks of a registration beyond the model's. Each area has a file
// check_AREA.go; what several share is here. Texts are AWS's where they are
// known; docs/adr/0007-answers.md lists those that are ours.

// refusal is one rule and what breaking it answers.
type refusal struct {
	when bool
	text string
}

// firstRefusal returns the first rule that is broken.
func firstRefusal(rules ...refusal) error {
	for _, r := range rules {
		if r.when {
			return invalid("%s", r.text)
		}
	}
	return nil
}

// firstError returns the error of the first check that has one. Later checks
// are not made.
func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// oneOf reports whether a value is among those allowed, as it is written.
func oneOf(value string, allowed ...string) bool { return slices.Contains(allowed, value) }

// platform is where the containers of a definition run, which decides what they
// may have.
type platform struct {
	capability string // EC2 where none was given
	nodes      bool   // of a multi-node job
}

func (p platform) fargate() bool { return p.capability == batchapi.PlatformCapabilityFargate }

func (p platform) managed() bool { return p.capability == batchapi.PlatformCapabilityManagedInstances }

// platformOf returns the platform of a definition whose capabilities are right.
func platformOf(in *batchapi.RegisterJobDefinitionRequest) platform {
	p := platform{capability: batchapi.PlatformCapabilityEc2, nodes: in.Type == batchapi.JobDefinitionTypeMultinode}
	if len(in.PlatformCapabilities) > 0 {
		p.capability = in.PlatformCapabilities[0]
	}
	return p
}

// checkDefinition makes AWS's checks of a registration and gives enumerations
// their spelling.
func checkDefinition(in *batchapi.RegisterJobDefinitionRequest) error {
	if !namePattern.MatchString(in.JobDefinitionName) {
		return invalid("Job Definition name should match a valid pattern.")
	}
	return firstError(
		func() error { return checkCapabilities(in) },
		func() error { return checkKind(in) },
		func() error {
			if p := in.SchedulingPriority; p != nil && (*p < 0 || *p > 9999) {
				return invalid("Scheduling priority must be between 0 and 9999.")
			}
			return nil
		},
		func() error { return checkExtensions(onDefinition, in.Tags) },
		func() error { return checkRetry(in.RetryStrategy) },
		func() error { return checkTimeout(in.Timeout) },
		func() error { return checkConsumables(in.ConsumableResourceProperties) },
		func() error {
			if in.NodeProperties != nil {
				return checkNodes(platformOf(in), in.NodeProperties)
			}
			return checkPart(platformOf(in), &partsOf(in)[0])
		},
	)
}

// checkCapabilities checks where the definition says that it runs.
func checkCapabilities(in *batchapi.RegisterJobDefinitionRequest) error {
	if len(in.PlatformCapabilities) > 1 {
		return invalid("Exactly 1 capability must be provided.")
	}
	for i, c := range in.PlatformCapabilities {
		upper := strings.ToUpper(c)
		if !oneOf(upper, batchapi.PlatformCapabilityFargate, batchapi.PlatformCapabilityEc2, batchapi.PlatformCapabilityManagedInstances) {
			return invalid("Capability %s is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]", c)
		}
		in.PlatformCapabilities[i] = upper
	}
	return nil
}

// checkKind checks that the definition is of one kind, and one that its platform
// runs. What a definition of one type says with the members of the other is ours
// to refuse: AWS documents only that it must not.
func checkKind(in *batchapi.RegisterJobDefinitionRequest) error {
	container, ecs, eks, nodes := in.ContainerProperties != nil, in.EcsProperties != nil, in.EksProperties != nil, in.NodeProperties != nil
	multinode, p := in.Type == batchapi.JobDefinitionTypeMultinode, platformOf(in)
	return firstRefusal(
		refusal{multinode && p.fargate(), "Fargate does not support MNP jobs"},
		refusal{multinode && p.managed(), "MANAGED_INSTANCES does not support MNP jobs"},
		refusal{multinode && !nodes, "Node properties of multinode job is required."},
		refusal{multinode && container, "containerProperties is not applicable for multinode jobs."},
		refusal{multinode && ecs, "ecsProperties is not applicable for multinode jobs."},
		refusal{multinode && eks, "eksProperties is not applicable for multinode jobs."},
		refusal{!multinode && nodes, "nodeProperties is not applicable for container jobs."},
		refusal{container && ecs, "Cannot use both ECS containerProperties and ecsProperties"},
		refusal{container && eks, "Cannot use both ECS containerProperties and eksProperties"},
		refusal{ecs && eks, "Cannot use both ecsProperties and eksProperties"},
		refusal{!multinode && !container && !ecs && !eks, "ECS Container Image must be provided."},
		refusal{container && p.managed(), "Cannot use ECS containerProperties for MANAGED_INSTANCES"},
		refusal{onKubernetes(in) && len(in.PlatformCapabilities) > 0, "platformCapabilities is not applicable for EKS."},
		refusal{onKubernetes(in) && deref(in.PropagateTags), "propagateTags is not applicable for EKS."},
	)
}

// onKubernetes reports whether the jobs of a definition are pods.
func onKubernetes(in *batchapi.RegisterJobDefinitionRequest) bool {
	return slices.ContainsFunc(partsOf(in), func(p part) bool { return p.EksProperties != nil })
}

// part is what one node, or each of a range of nodes, runs: exactly one of
// Container, EcsProperties and EksProperties. A job that is not multi-node has
// one part, without TargetNodes.
type part = batchapi.NodeRangeProperty

// partsOf returns the parts of a definition as it was registered.
func partsOf(in *batchapi.RegisterJobDefinitionRequest) []part {
	if in.NodeProperties != nil {
		return in.NodeProperties.NodeRangeProperties
	}
	return []part{{
		Container: in.ContainerProperties, EcsProperties: in.EcsProperties, EksProperties: in.EksProperties,
		ConsumableResourceProperties: in.ConsumableResourceProperties,
	}}
}

// checkPart checks what a node runs.
func checkPart(p platform, at *part) error {
	switch {
	case at.EksProperties != nil:
		return checkEKS(at.EksProperties)
	case at.EcsProperties != nil:
		return checkECS(p, at.EcsProperties)
	}
	return checkContainerProperties(p, at.Container)
}

// checkConsumables checks which consumable resources a job takes. That they
// exist is no concern of a definition.
func checkConsumables(c *batchapi.ConsumableResourceProperties) error {
	_, err := consumedNeeds(c)
	return err
}
