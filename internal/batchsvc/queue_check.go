package batchsvc

import (
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// AWS's limits of a queue.
const (
	maxQueueEnvironments = 3
	minLimitSeconds      = 600
	maxLimitSeconds      = 86_400
)

// queueCheck is a queue as it is to become, with what its rules look at.
type queueCheck struct {
	d            *batchapi.JobQueueDetail
	environments []*batchapi.ComputeEnvironmentDetail // in the queue's order
	found        bool                                 // all of them are there and stay
	policy       *batchapi.SchedulingPolicyDetail     // nil for none
	architecture func(instanceTypes []string) string  // empty if unknown
}

// kinds are the types of queues that the environments would make, each once.
func (c queueCheck) kinds() (list []string) {
	for _, e := range c.environments {
		list = append(list, queueType(e))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// queueType is the type of a queue of this environment.
func queueType(e *batchapi.ComputeEnvironmentDetail) string {
	switch r := e.ComputeResources; {
	case e.EksConfiguration != nil:
		return batchapi.JobQueueTypeEks
	case r == nil || onInstances(r.Type):
		return batchapi.JobQueueTypeEcs
	case fargate(r.Type):
		return batchapi.JobQueueTypeEcsFargate
	default:
		return batchapi.JobQueueTypeEcsManagedInstances
	}
}

// queueType is the type of a queue that has been checked.
func (c queueCheck) queueType() string {
	if c.service() {
		return batchapi.JobQueueTypeSagemakerTraining
	}
	return c.kinds()[0]
}

func (c queueCheck) service() bool { return len(c.d.ServiceEnvironmentOrder) > 0 }

// processors are those that the environments' instance types tell.
func (c queueCheck) processors() (list []string) {
	for _, e := range c.environments {
		if e.ComputeResources == nil {
			continue
		}
		if arch := c.architecture(e.ComputeResources.InstanceTypes); arch != "" {
			list = append(list, arch)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (c queueCheck) anyAction(is func(batchapi.JobStateTimeLimitAction) bool) bool {
	return slices.ContainsFunc(c.d.JobStateTimeLimitActions, is)
}

// limitReasons are the reasons for waiting that an action can be set for.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job-state-time-limit-actions.html
var limitReasons = []string{ //nolint:gochecknoglobals // a table that nothing writes
	"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
	"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
	"MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
	"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
	"MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
	"MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
}

func twice[T any, K comparable](list []T, key func(T) K) bool {
	seen := make(map[K]bool, len(list))
	for _, v := range list {
		if seen[key(v)] {
			return true
		}
		seen[key(v)] = true
	}
	return false
}

// queueRules are AWS's checks of a queue, new or changed. The texts are those
// that the service was seen to answer with, but for those marked "ours".
var queueRules = []rule[queueCheck]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(c queueCheck) bool { return deref(c.d.Priority) < 0 }, message: "priority must not be negative."}, // ours
	{
		broken:  func(c queueCheck) bool { return c.service() && len(c.d.ComputeEnvironmentOrder) > 0 },
		message: "computeEnvironmentOrder and serviceEnvironmentOrder can not be provided together.",
	}, // ours
	{broken: func(c queueCheck) bool {
		return c.d.JobQueueType == batchapi.JobQueueTypeSagemakerTraining && !c.service()
	}, message: "Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder."},
	{
		broken: func(c queueCheck) bool {
			return c.service() && c.d.JobQueueType != "" && c.d.JobQueueType != batchapi.JobQueueTypeSagemakerTraining
		}, message: "The jobQueueType provided is %s, which is incompatible with the provided serviceEnvironmentOrder.",
		about: func(c queueCheck) string { return c.d.JobQueueType },
	},
	{broken: func(c queueCheck) bool { return len(c.d.ServiceEnvironmentOrder) > 1 }, message: "Job queue can only have 1 service environment."},
	{broken: func(c queueCheck) bool { return !c.service() && len(c.d.ComputeEnvironmentOrder) == 0 }, message: "computeEnvironmentOrder is required."},
	{broken: func(c queueCheck) bool { return len(c.d.ComputeEnvironmentOrder) > maxQueueEnvironments }, message: "Only 3 environments are allowed in job queue request."},
	{broken: func(c queueCheck) bool {
		return twice(c.d.ComputeEnvironmentOrder, func(e batchapi.ComputeEnvironmentOrder) int32 { return deref(e.Order) })
	}, message: "Duplicate ComputeEnvironment order values."},
	{broken: func(c queueCheck) bool {
		return twice(c.d.ComputeEnvironmentOrder, func(e batchapi.ComputeEnvironmentOrder) string { return e.ComputeEnvironment })
	}, message: "Duplicate ComputeEnvironments within order list."},
	{broken: func(c queueCheck) bool { return !c.found }, message: "Compute Environments must be created and valid before attaching them to a job queue"},
	{broken: func(c queueCheck) bool {
		kinds := c.kinds()
		return slices.Contains(kinds, batchapi.JobQueueTypeEks) && len(kinds) > 1
	}, message: "ECS and EKS compute environments can not be mixed."}, // ours
	{broken: func(c queueCheck) bool {
		kinds := c.kinds()
		return slices.Contains(kinds, batchapi.JobQueueTypeEcsManagedInstances) && len(kinds) > 1
	}, message: "ECS_MANAGED_INSTANCES and other compute environments can not be mixed."}, // ours
	{broken: func(c queueCheck) bool { return len(c.kinds()) > 1 }, message: "Fargate and EC2 compute environments can not be mixed."},
	{broken: func(c queueCheck) bool { return len(c.processors()) > 1 }, message: "All compute environments in a job queue must have the same architecture."}, // ours
	{
		broken: func(c queueCheck) bool {
			return !c.service() && c.d.JobQueueType != "" && c.d.JobQueueType != c.kinds()[0]
		}, message: "The jobQueueType provided is %s, which is incompatible with the provided computeEnvironmentOrder.",
		about: func(c queueCheck) string { return c.d.JobQueueType },
	}, // ours, after that for service environments
	{broken: func(c queueCheck) bool {
		return !c.service() && c.anyAction(func(a batchapi.JobStateTimeLimitAction) bool {
			return a.Action != batchapi.JobStateTimeLimitActionsActionCancel
		})
	}, message: "Invalid job action. Valid job actions: [CANCEL]"},
	{broken: func(c queueCheck) bool {
		return c.service() && c.anyAction(func(a batchapi.JobStateTimeLimitAction) bool {
			return a.Action != batchapi.JobStateTimeLimitActionsActionTerminate
		})
	}, message: "Invalid job action. Valid job actions: [TERMINATE]"},
	{broken: func(c queueCheck) bool {
		return c.anyAction(func(a batchapi.JobStateTimeLimitAction) bool { return !slices.Contains(limitReasons, a.Reason) })
	}, message: "Invalid job reason"},
	{broken: func(c queueCheck) bool {
		return twice(c.d.JobStateTimeLimitActions, func(a batchapi.JobStateTimeLimitAction) string { return a.State + " " + a.Reason })
	}, message: "Duplicate job state limit actions are not allowed."},
	{broken: func(c queueCheck) bool {
		return c.anyAction(func(a batchapi.JobStateTimeLimitAction) bool {
			return deref(a.MaxTimeSeconds) < minLimitSeconds || deref(a.MaxTimeSeconds) > maxLimitSeconds
		})
	}, message: "maxTimeSeconds must be between 600 and 86400."}, // ours
}

// queueUpdate is an update with what the queue was and is to become.
type queueUpdate struct {
	old, d            *batchapi.JobQueueDetail
	oldPolicy, policy *batchapi.SchedulingPolicyDetail
}

// queueUpdateRules are AWS's checks of an update, before those of what the queue
// becomes. All texts are ours: the rules are documented, their answers are not.
var queueUpdateRules = []rule[queueUpdate]{ //nolint:gochecknoglobals // a table that nothing writes
	{broken: func(u queueUpdate) bool { return u.oldPolicy == nil && u.policy != nil }, message: "A scheduling policy can not be added to a job queue that was created without one."},
	{broken: func(u queueUpdate) bool {
		return u.oldPolicy != nil && u.policy != nil && (u.oldPolicy.QuotaSharePolicy == nil) != (u.policy.QuotaSharePolicy == nil)
	}, message: "A scheduling policy can only be replaced by one of the same kind."},
	{broken: func(u queueUpdate) bool {
		return len(u.old.ComputeEnvironmentOrder) > 0 != (len(u.d.ComputeEnvironmentOrder) > 0) ||
			len(u.old.ServiceEnvironmentOrder) > 0 != (len(u.d.ServiceEnvironmentOrder) > 0)
	}, message: "Compute environments and service environments of a job queue can not be exchanged: computeEnvironmentOrder, serviceEnvironmentOrder."},
}
