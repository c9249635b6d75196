package batchsvc_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/core"
)

// arn of something that the service of the tests has.
func arn(kind, name string) string {
	return "arn:aws:batch:eu-west-1:123456789012:" + kind + "/" + name
}

// resources makes one of each kind that rules tell apart.
func (w *world) resources(t *testing.T) {
	t.Helper()
	environment := func(name string, members ...string) {
		w.must(t, "CreateComputeEnvironment", strings.Replace(environmentBody(members...), `"new"`, `"`+name+`"`, 1))
	}
	environment("mod", `"allocationStrategy":"BEST_FIT_PROGRESSIVE"`, `"maxvCpus":8`, `"desiredvCpus":4`)
	w.must(t, "CreateComputeEnvironment", strings.Replace(environmentBody(`"allocationStrategy":"BEST_FIT_PROGRESSIVE"`), `"new",`, `"own","serviceRole":"mine",`, 1))
	environment("arm", `"instanceTypes":["m6g"]`)
	w.must(t, "CreateComputeEnvironment", unmanagedBody("un", `"serviceRole":"mine"`))
	w.must(t, "CreateComputeEnvironment", fargateEnvironment("fg"))
	w.must(t, "CreateComputeEnvironment", strings.Replace(eksBody(""), `"new"`, `"eks"`, 1))
	w.must(t, "CreateComputeEnvironment", managedInstancesBody("mi", `"managedInstancesProvider":{"infrastructureRoleArn":"r","instanceLaunchTemplate":{"ec2InstanceProfileArn":"p","networkConfiguration":{"subnets":["s"],"securityGroups":["g"]}}}`))
	w.must(t, "CreateSchedulingPolicy", `{"name":"fair","fairsharePolicy":{}}`)
	w.must(t, "CreateSchedulingPolicy", `{"name":"quota","quotaSharePolicy":{"idleResourceAssignmentStrategy":"FIFO"}}`)
	w.must(t, "CreateJobQueue", join(onCE("fairq"), []string{`"schedulingPolicyArn":"` + arn("scheduling-policy", "fair") + `"`}))
	w.must(t, "CreateJobQueue", join(onCE("off"), []string{`"state":"DISABLED"`}))
}

func onCE(name string) string {
	return `{"jobQueueName":"` + name + `","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`
}

func unmanagedBody(name string, members ...string) string {
	return join(`{"computeEnvironmentName":"`+name+`","type":"UNMANAGED"}`, members)
}

// fargateEnvironment makes an environment; the members are of its computeResources.
func fargateEnvironment(name string, members ...string) string {
	return `{"computeEnvironmentName":"` + name + `","type":"MANAGED","computeResources":` +
		join(`{"type":"FARGATE","maxvCpus":4,"subnets":["s"],"securityGroupIds":["sg"]}`, members) + `}`
}

func managedInstancesBody(name string, members ...string) string {
	return `{"computeEnvironmentName":"` + name + `","type":"MANAGED","computeResources":` +
		join(`{"type":"ECS_MANAGED_INSTANCES","maxvCpus":4,"subnets":["s"]}`, members) + `}`
}

// eksBody makes an environment with the given cluster and namespace in place of
// good ones; the members are of its computeResources.
func eksBody(configuration string, members ...string) string {
	if configuration == "" {
		configuration = `"eksClusterArn":"arn:aws:eks:eu-west-1:123456789012:cluster/c","kubernetesNamespace":"jobs"`
	}
	body := environmentBody(append([]string{`"allocationStrategy":"BEST_FIT_PROGRESSIVE"`}, members...)...)
	return join(body, []string{`"eksConfiguration":{` + configuration + `}`})
}

func template(members string) string { return environmentBody(`"launchTemplate":{` + members + `}`) }

func shares(list string) string {
	return `{"name":"new","fairsharePolicy":{"shareDistribution":[` + list + `]}}`
}

func update(name, members string) string {
	return `{"computeEnvironment":"` + name + `",` + members + `}`
}

func action(members ...string) string {
	return join(onCE("new"), []string{`"jobStateTimeLimitActions":[` + strings.Join(members, ",") + `]`})
}

const limitAction = `{"reason":"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}`

var wrongResources = []struct{ operation, body, message string }{
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"new","type":"managed","computeResources":{}}`, `computeResources must be provided for a MANAGED compute environment`},
	{"CreateComputeEnvironment", strings.Replace(environmentBody(), `"MANAGED"`, `"UNMANAGED","serviceRole":"r"`, 1), `computeResources is not applicable for unmanaged Compute Environments`},
	{"CreateComputeEnvironment", join(environmentBody(), []string{`"unmanagedvCpus":1`}), `unmanagedvCpus is not applicable for managed Compute Environments`},
	{"CreateComputeEnvironment", unmanagedBody("new", `"serviceRole":"r"`, `"unmanagedvCpus":-1`), `unmanagedvCpus should be greater than or equal to 0.`},
	{"CreateComputeEnvironment", unmanagedBody("new", `"serviceRole":""`), `ServiceRole is required.`},
	{"CreateComputeEnvironment", unmanagedBody("new", `"serviceRole":"arn:aws:iam::1:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"`), `Service Linked Role cannot be used with UNMANAGED Compute Environment`},

	{"CreateComputeEnvironment", eksBody("", `"type":"FARGATE"`), `Supported compute types for EKS compute environments are [EC2, SPOT]`},
	{"CreateComputeEnvironment", eksBody("", `"allocationStrategy":""`), `allocationStrategy is required for EKS Compute Environments.`},
	{"CreateComputeEnvironment", eksBody("", `"allocationStrategy":"BEST_FIT"`), `allocationStrategy BEST_FIT is not supported for EKS Compute Environments.`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"c","kubernetesNamespace":"n"`), `eksClusterArn must be an EKS cluster ARN.`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"arn:aws:eks:us-east-1:1:cluster/c","kubernetesNamespace":"n"`), `eksClusterArn must be in the same AWS region as the compute environment`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"arn:aws:eks:eu-west-1:1:cluster/c","kubernetesNamespace":"` + strings.Repeat("n", 64) + `"`), `kubernetesNamespace must less than or equal to 63 characters`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"arn:aws:eks:eu-west-1:1:cluster/c","kubernetesNamespace":"N"`), `kubernetesNamespace must be a valid Kubernetes namespace.`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"arn:aws:eks:eu-west-1:1:cluster/c","kubernetesNamespace":"default"`), `kubernetesNamespace cannot be the default Kubernetes namespace`},
	{"CreateComputeEnvironment", eksBody(`"eksClusterArn":"arn:aws:eks:eu-west-1:1:cluster/c","kubernetesNamespace":"kube-system"`), `kubernetesNamespace cannot be a reserved Kubernetes system namespace`},

	{"CreateComputeEnvironment", environmentBody(`"minvCpus":-1`), `minvCpus should be greater than or equal to 0.`},
	{"CreateComputeEnvironment", environmentBody(`"minvCpus":5`), `maxvCpus should be greater than or equal to minvCpus.`},
	{"CreateComputeEnvironment", environmentBody(`"desiredvCpus":5`), `desiredvCpus should be between minvCpus and maxvCpus.`},
	{"CreateComputeEnvironment", environmentBody(`"minvCpus":null`), `Resource minvCpus is required.`},
	{"CreateComputeEnvironment", environmentBody(`"instanceTypes":[]`), `Resource instanceTypes are required.`},
	{"CreateComputeEnvironment", environmentBody(`"instanceRole":""`), `Instance role is required.`},
	{"CreateComputeEnvironment", environmentBody(`"securityGroupIds":[]`), `Security group ids are required.`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"securityGroupIds":[]`), `Security group ids are required.`},
	{"CreateComputeEnvironment", environmentBody(`"bidPercentage":101`), `Bid percentage must be between 0 to 100.`},
	{"CreateComputeEnvironment", environmentBody(`"type":"SPOT"`), `compute resource spotIamFleetRole is required.`},
	{"CreateComputeEnvironment", environmentBody(`"allocationStrategy":"SPOT_CAPACITY_OPTIMIZED"`), `Invalid compute resource allocation strategy SPOT_CAPACITY_OPTIMIZED for type EC2`},
	{"CreateComputeEnvironment", environmentBody(`"allocationStrategy":"BEST_FIT_PROGRESSIVE_ORDERED"`), `Instance type bundles (e.g. optimal, default_x86_64) are not allowed for BEST_FIT_PROGRESSIVE_ORDERED allocation strategy. Specify instance families or types directly.`},
	{"CreateComputeEnvironment", environmentBody(`"instanceTypes":["m6g.large","m5"]`), `arm-based instance type cannot be used with other instance types`},
	{"CreateComputeEnvironment", environmentBody(`"ec2Configuration":[{"imageType":"ECS_AL2"},{"imageType":"ECS_AL2023"},{"imageType":"ECS_AL2_NVIDIA"}]`), `ComputeResources.ec2Configuration size cannot be greater than 2`},
	{"CreateComputeEnvironment", environmentBody(`"ec2Configuration":[{"imageType":"EKS_AL2"}]`), `Invalid imageType in ComputeResources.ec2Configuration`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"desiredvCpus":1`), `desiredvCpus is not applicable for Fargate.`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"launchTemplate":{"launchTemplateId":"lt"}`), `launchTemplate is not applicable for Fargate.`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"tags":{"k":"v"}`), `tags is not applicable for Fargate.`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"securityGroupIds":["1","2","3","4","5","6"]`), `Fargate supports a maximum of 5 security groups.`},
	{"CreateComputeEnvironment", fargateEnvironment("new", `"subnets":["`+strings.Repeat(`s","`, 16)+`s"]`), `Fargate supports a maximum of 16 subnets.`},
	{"CreateComputeEnvironment", managedInstancesBody("new"), `managedInstancesProvider is required for ECS_MANAGED_INSTANCES.`},
	{"CreateComputeEnvironment", managedInstancesBody("new", `"managedInstancesProvider":{"infrastructureRoleArn":"r","instanceLaunchTemplate":{"ec2InstanceProfileArn":"p","networkConfiguration":{"subnets":["s"],"securityGroups":["g"]}}}`, `"imageId":"i"`), `imageId is not applicable for ECS_MANAGED_INSTANCES.`},
	{"CreateComputeEnvironment", environmentBody(`"managedInstancesProvider":{"infrastructureRoleArn":"r","instanceLaunchTemplate":{"ec2InstanceProfileArn":"p","networkConfiguration":{"subnets":["s"],"securityGroups":["g"]}}}`), `managedInstancesProvider is only applicable for ECS_MANAGED_INSTANCES.`},
	{"CreateComputeEnvironment", join(environmentBody(), []string{`"tags":{"AWS:x":"v"}`}), `Tag AWS:x starts with aws:, which is reserved.`},

	{"CreateComputeEnvironment", template(`"launchTemplateId":"lt","launchTemplateName":"n"`), `One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided`},
	{"CreateComputeEnvironment", template(`"launchTemplateId":"lt","version":"latest"`), `LaunchTemplateVersion must be either empty or a number or $Default or $Latest`},
	{"CreateComputeEnvironment", template(`"overrides":[` + strings.Repeat(`{},`, 10) + `{}]`), `LaunchTemplate.overrides size cannot be greater than 10`},
	{"CreateComputeEnvironment", template(`"overrides":[{"targetInstanceTypes":["m5"]}]`), `LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName`},
	{"CreateComputeEnvironment", template(`"overrides":[{"launchTemplateId":"lt"}]`), `LaunchTemplate.overrides.targetInstanceTypes[] is required`},
	{"CreateComputeEnvironment", template(`"overrides":[{"launchTemplateId":"a","targetInstanceTypes":["m5"]},{"launchTemplateId":"b","targetInstanceTypes":["c5","m5"]}]`), `LaunchTemplate.overrides have duplicate targetInstanceTypes`},
	{"CreateComputeEnvironment", environmentBody(`"instanceTypes":["m5"]`, `"launchTemplate":{"overrides":[{"launchTemplateId":"a","targetInstanceTypes":["m5.large","c5"]}]}`), `LaunchTemplate.overrides have targetInstanceTypes that do not match`},

	{"UpdateComputeEnvironment", update("none", `"state":"DISABLED"`), arn("compute-environment", "none") + ` does not exist`},
	{"UpdateComputeEnvironment", `{"computeEnvironment":"` + arn("job-queue", "q") + `"}`, arn("job-queue", "q") + ` does not exist`},
	{"UpdateComputeEnvironment", `{"computeEnvironment":"ce"}`, `One of [state | compute-resources | service-role | unmanaged-vcpus] is required.`},
	{"UpdateComputeEnvironment", update("ce", `"computeResources":{}`), `At least one compute-resources attribute must be specified`},
	{"UpdateComputeEnvironment", update("un", `"computeResources":{"maxvCpus":1}`), `computeResources is not applicable for unmanaged Compute Environments`},
	{"UpdateComputeEnvironment", update("ce", `"unmanagedvCpus":1`), `unmanagedvCpus is not applicable for managed Compute Environments`},
	{"UpdateComputeEnvironment", update("ce", `"serviceRole":"mine"`), `serviceRole can not be changed between the Batch Service Linked Role and another role.`},
	{"UpdateComputeEnvironment", update("eks", `"computeResources":{"desiredvCpus":1}`), `desiredvCpus is not applicable for EKS Compute Environments.`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"desiredvCpus":3}`), `Manually scaling down compute environment is not supported.  Disconnecting job queues from compute environment will cause it to scale-down to minvCpus.`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"desiredvCpus":9}`), `desiredvCpus should be between minvCpus and maxvCpus.`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"minvCpus":9}`), `maxvCpus should be greater than or equal to minvCpus.`},
	{"UpdateComputeEnvironment", update("ce", `"computeResources":{"instanceTypes":["m5"],"bidPercentage":50}`), `Following fields [instanceTypes, bidPercentage] can be updated only for Non-fargate Compute Environment having a Batch Service Linked Role and an allocation strategy other than BEST_FIT.`},
	{"UpdateComputeEnvironment", update("own", `"computeResources":{"ec2KeyPair":"k"}`), `Following fields [ec2KeyPair] can be updated only for Non-fargate Compute Environment having a Batch Service Linked Role and an allocation strategy other than BEST_FIT.`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"type":"FARGATE"}`), `Following fields [type] can be updated only for Non-fargate Compute Environment having a Batch Service Linked Role and an allocation strategy other than BEST_FIT.`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"allocationStrategy":"BEST_FIT"}`), `computeResources.allocationStrategy must be one of BEST_FIT_PROGRESSIVE, SPOT_CAPACITY_OPTIMIZED, SPOT_PRICE_CAPACITY_OPTIMIZED, BEST_FIT_PROGRESSIVE_ORDERED, SPOT_CAPACITY_OPTIMIZED_PRIORITIZED, not "BEST_FIT"`},
	{"UpdateComputeEnvironment", update("mod", `"computeResources":{"securityGroupIds":[]}`), `Security group ids are required.`},
	{"UpdateComputeEnvironment", update("fg", `"computeResources":{"minvCpus":0}`), `minvCpus is not applicable for Fargate.`},
	{"UpdateComputeEnvironment", update("ce", `"updatePolicy":{"jobExecutionTimeoutMinutes":361}`), `updatePolicy.jobExecutionTimeoutMinutes must be between 1 and 360, not 361`},
	{"DeleteComputeEnvironment", `{"computeEnvironment":"none"}`, arn("compute-environment", "none") + ` does not exist`},
	{"DeleteComputeEnvironment", `{"computeEnvironment":"mod"}`, `Cannot delete, compute environment must be disabled`},

	{"CreateJobQueue", strings.Replace(onCE("new"), `"priority":1`, `"priority":-1`, 1), `priority must not be negative.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"se"}]`}), `computeEnvironmentOrder and serviceEnvironmentOrder can not be provided together.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"jobQueueType":"SAGEMAKER_TRAINING"`}), `Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder.`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":1,"jobQueueType":"ECS","serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"se"}]}`, `The jobQueueType provided is ECS, which is incompatible with the provided serviceEnvironmentOrder.`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":1,"serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"a"},{"order":2,"serviceEnvironment":"b"}]}`, `Job queue can only have 1 service environment.`},
	{"CreateJobQueue", queueBody(`[]`), `computeEnvironmentOrder is required.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"a"},{"order":2,"computeEnvironment":"b"},{"order":3,"computeEnvironment":"c"},{"order":4,"computeEnvironment":"d"}]`), `Only 3 environments are allowed in job queue request.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":1,"computeEnvironment":"mod"}]`), `Duplicate ComputeEnvironment order values.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"` + arn("compute-environment", "ce") + `"}]`), `Duplicate ComputeEnvironments within order list.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"none"}]`), `Compute Environments must be created and valid before attaching them to a job queue`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"eks"}]`), `ECS and EKS compute environments can not be mixed.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"mi"},{"order":2,"computeEnvironment":"ce"}]`), `ECS_MANAGED_INSTANCES and other compute environments can not be mixed.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"fg"},{"order":2,"computeEnvironment":"un"}]`), `Fargate and EC2 compute environments can not be mixed.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"arm"}]`), `All compute environments in a job queue must have the same architecture.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"jobQueueType":"EKS"`}), `The jobQueueType provided is EKS, which is incompatible with the provided computeEnvironmentOrder.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"schedulingPolicyArn":"fair"`}), `Only scheduling policy Arn can be allowed.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"schedulingPolicyArn":"` + arn("job-queue", "q") + `"`}), `Only scheduling policy Arn can be allowed.`},
	{"CreateJobQueue", join(onCE("new"), []string{`"schedulingPolicyArn":"` + arn("scheduling-policy", "none") + `"`}), `SchedulingPolicy ` + arn("scheduling-policy", "none") + ` not found.`},
	{"CreateJobQueue", action(strings.Replace(limitAction, "CANCEL", "TERMINATE", 1)), `Invalid job action. Valid job actions: [CANCEL]`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":1,"serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"none"}],"jobStateTimeLimitActions":[` + limitAction + `]}`, `Invalid job action. Valid job actions: [TERMINATE]`},
	{"CreateJobQueue", action(strings.Replace(limitAction, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "UNDETERMINED", 1)), `Invalid job reason`},
	{"CreateJobQueue", action(limitAction, strings.Replace(limitAction, "600", "700", 1)), `Duplicate job state limit actions are not allowed.`},
	{"CreateJobQueue", action(strings.Replace(limitAction, "600", "599", 1)), `maxTimeSeconds must be between 600 and 86400.`},

	{"UpdateJobQueue", `{"jobQueue":"none","priority":1}`, arn("job-queue", "none") + ` does not exist`},
	{"UpdateJobQueue", `{"jobQueue":"q","priority":-1}`, `priority must not be negative.`},
	{"UpdateJobQueue", `{"jobQueue":"q","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"fg"}]}`, `Fargate and EC2 compute environments can not be mixed.`},
	{"UpdateJobQueue", `{"jobQueue":"q","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"fg"}]}`, `The jobQueueType provided is ECS, which is incompatible with the provided computeEnvironmentOrder.`},
	{"UpdateJobQueue", `{"jobQueue":"q","serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"se"}]}`, `Compute environments and service environments of a job queue can not be exchanged: computeEnvironmentOrder, serviceEnvironmentOrder.`},
	{"UpdateJobQueue", `{"jobQueue":"q","schedulingPolicyArn":"` + arn("scheduling-policy", "fair") + `"}`, `A scheduling policy can not be added to a job queue that was created without one.`},
	{"UpdateJobQueue", `{"jobQueue":"fairq","schedulingPolicyArn":"` + arn("scheduling-policy", "quota") + `"}`, `A scheduling policy can only be replaced by one of the same kind.`},
	{"DeleteJobQueue", `{"jobQueue":"none"}`, arn("job-queue", "none") + ` does not exist`},
	{"DeleteJobQueue", `{"jobQueue":"q"}`, `Cannot delete, job queue must be disabled`},

	{"CreateSchedulingPolicy", `{"name":"new!"}`, `Scheduling policy name should match a valid pattern.`},
	{"CreateSchedulingPolicy", `{"name":"fair"}`, `Object already exists`},
	{"CreateSchedulingPolicy", `{"name":"new","fairsharePolicy":{},"quotaSharePolicy":{"idleResourceAssignmentStrategy":"FIFO"}}`, `A scheduling policy can have either fairsharePolicy or quotaSharePolicy`},
	{"CreateSchedulingPolicy", `{"name":"new","fairsharePolicy":{"shareDecaySeconds":604801}}`, `shareDecaySeconds should be between 0 and 604800.`},
	{"CreateSchedulingPolicy", `{"name":"new","fairsharePolicy":{"computeReservation":100}}`, `computeReservation should be between 0 and 99.`},
	{"CreateSchedulingPolicy", shares(strings.Repeat(`{"shareIdentifier":"a"},`, 500) + `{"shareIdentifier":"a"}`), `ShareDistribution size cannot be greater than 500.`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"a*b"}`), `ShareIdentifier name should match a valid pattern.`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"a","weightFactor":0.00001}`), `Weight factor should be between 0.0001 and 999.9999.`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"a","weightFactor":1000}`), `Weight factor should be between 0.0001 and 999.9999.`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"a"},{"shareIdentifier":"a"}`), `Cannot have two or more identical shareIdentifiers.`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"UserA1"},{"shareIdentifier":"UserA*"}`), `Share identifier UserA1 matches another share identifier UserA*`},
	{"CreateSchedulingPolicy", shares(`{"shareIdentifier":"User*"},{"shareIdentifier":"UserA*"}`), `Share identifier UserA* matches another share identifier User*`},
	{"UpdateSchedulingPolicy", `{"arn":"fair","fairsharePolicy":{}}`, `SchedulingPolicy fair not found.`},
	{"UpdateSchedulingPolicy", `{"arn":"` + arn("scheduling-policy", "quota") + `","fairsharePolicy":{}}`, `A scheduling policy can not change between fairsharePolicy and quotaSharePolicy.`},
	{"UpdateSchedulingPolicy", `{"arn":"` + arn("scheduling-policy", "fair") + `","fairsharePolicy":{"computeReservation":-1}}`, `computeReservation should be between 0 and 99.`},
	{"DeleteSchedulingPolicy", `{"arn":"` + arn("scheduling-policy", "none") + `"}`, `SchedulingPolicy ` + arn("scheduling-policy", "none") + ` not found.`},
	{"DeleteSchedulingPolicy", `{"arn":"` + arn("scheduling-policy", "fair") + `"}`, `Cannot delete, scheduling policy is in use by a job queue`},

	{"DeregisterJobDefinition", `{"jobDefinition":"d"}`, `jobDefinition d must name a revision, as in d:1`},
	{"DeregisterJobDefinition", `{"jobDefinition":"d:2"}`, arn("job-definition", "d:2") + ` does not exist`},
	{"DeregisterJobDefinition", `{"jobDefinition":"d:latest"}`, `Provided name <d:latest> is not supported pattern[a-zA-Z_0-9-]{1,128}`},

	{"TagResource", `{"resourceArn":"q","tags":{"k":"v"}}`, `resourceArn q is not the ARN of a resource that can have tags.`},
	{"TagResource", `{"resourceArn":"` + arn("job-queue", "none") + `","tags":{"k":"v"}}`, arn("job-queue", "none") + ` does not exist`},
	{"TagResource", `{"resourceArn":"` + arn("job-queue", "q") + `","tags":{"aws:k":"v"}}`, `Tag aws:k starts with aws:, which is reserved.`},
	{"TagResource", `{"resourceArn":"` + arn("job-queue", "q") + `","tags":{"barge:client-token":"v"}}`, `Tag barge:client-token has no meaning on a job queue; it is for a job.`},
	{"TagResource", `{"resourceArn":"` + arn("job", "$JOB:0") + `","tags":{"k":"v"}}`, `resourceArn ` + arn("job", "$JOB:0") + ` is that of a child of an array job, which can not have tags.`},
	{"TagResource", `{"resourceArn":"` + arn("job", "none") + `","tags":{"k":"v"}}`, arn("job", "none") + ` does not exist`},
	{"TagResource", `{"resourceArn":"` + arn("job-queue", "q") + `","tags":{` + manyTags(51) + `}}`, `tags must have 1 to 50 entries, not 51`},
	{"UntagResource", `{"resourceArn":"` + arn("job-queue", "q") + `","tagKeys":["aws:k"]}`, `Tag aws:k starts with aws:, which is reserved.`},
	{"ListTagsForResource", `{"resourceArn":"` + arn("job-definition", "d") + `"}`, `jobDefinition ` + arn("job-definition", "d") + ` must name a revision, as in d:1`},

	{"SubmitJob", `{"jobName":"n","jobQueue":"fairq","jobDefinition":"d"}`, `shareIdentifier must be specified.`},
	{"SubmitJob", `{"jobName":"n","jobQueue":"q","jobDefinition":"d","shareIdentifier":"s"}`, `Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.`},
}

func manyTags(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"key%d":"v"`, i))
	}
	return strings.Join(list, ",")
}

// TestWrongResources breaks every rule of resources, and sees that nothing has
// come of it.
func TestWrongResources(t *testing.T) {
	t.Parallel()
	w := ready(t, "")
	w.resources(t)
	job := w.submit(t, "waits")
	w.settledKeep()
	before := w.snapshot(t, job)
	var seen []string
	for _, tt := range wrongResources {
		// Tag operations name their resource in the path.
		body := strings.ReplaceAll(tt.body, "$JOB", job)
		status, answer := w.call(tt.operation, body)
		if got := field(t, answer, "message"); status != http.StatusBadRequest || got != strings.ReplaceAll(tt.message, "$JOB", job) {
			t.Errorf("%s %.300s:\n%d %v, want\n400 %s", tt.operation, body, status, got, tt.message)
		}
		seen = append(seen, tt.message)
	}
	w.tell(core.Tick{})
	after := w.snapshot(t, job)
	if before.Round != after.Round || before.Fingerprint != after.Fingerprint {
		t.Errorf("the refused requests have changed something: round %d became %d", before.Round, after.Round)
	}
	for _, message := range batchsvc.RuleMessages() {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(message), "%s", ".+") + "$")
		if !slices.ContainsFunc(seen, pattern.MatchString) {
			t.Errorf("no request breaks the rule %q", message)
		}
	}
}
