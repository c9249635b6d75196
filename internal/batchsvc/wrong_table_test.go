package batchsvc_test

import "strings"

// join puts members into the braces of an object, after those that it has.
func join(object string, members []string) string {
	for _, m := range members {
		object = strings.TrimSuffix(object, "}") + "," + m + "}"
	}
	return object
}

// environmentBody makes an environment; the members are of its computeResources.
func environmentBody(members ...string) string {
	return `{"computeEnvironmentName":"new","type":"MANAGED","computeResources":` + join(
		`{"type":"EC2","minvCpus":0,"maxvCpus":4,"instanceTypes":["optimal"],"subnets":["s"],"securityGroupIds":["sg"],"instanceRole":"r"}`, members) + `}`
}

// queueBody makes a queue of the environments in the order given.
func queueBody(order string) string {
	return `{"jobQueueName":"new","priority":1,"computeEnvironmentOrder":` + order + `}`
}

// definitionBody registers; the members are of the whole.
func definitionBody(name string, members ...string) string {
	return join(`{"jobDefinitionName":"`+name+`","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`, members)
}

// containerBody registers; the members are of containerProperties.
func containerBody(members ...string) string {
	return `{"jobDefinitionName":"new","type":"container","containerProperties":` + join(`{"image":"i"}`, members) + `}`
}

const amounts = `"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"4"}]`

func submitBody(members ...string) string {
	return join(`{"jobName":"new","jobQueue":"q","jobDefinition":"d"}`, members)
}

func wrongRequests() []wrong {
	var all []wrong
	for _, part := range [][]wrong{
		wrongBodies, wrongEnvironments, wrongQueues, wrongDefinitions, wrongKinds, wrongContainers, wrongFargate, wrongNodes,
		wrongTasks, wrongPods, wrongSubmits, wrongOverrides, wrongReads, wrongConsumables, wrongBulk, wrongServices, wrongDependencies,
	} {
		all = append(all, part...)
	}
	return all
}

// wrongBodies are no requests at all, or not of the operation's shape.
var wrongBodies = []wrong{
	{"SubmitJob", `{`, "", `the request body is not valid JSON: it ends too early`},
	{"SubmitJob", `jobName=new&jobQueue=q`, "", `the request body is not valid JSON: invalid character 'j' at start of value at byte 0`},
	{"SubmitJob", `["new"]`, "", `the request body must be an object, not a list`},
	{"SubmitJob", `null`, "", `the request body must be an object, not null`},
	{"SubmitJob", submitBody() + submitBody(), "", `the request body must be one JSON object with nothing behind it`},
	{"SubmitJob", "{\"jobName\":\"a\x00b\"}", "", `the request body is not valid JSON: invalid character '\x00' in string (expecting non-control character) at byte 13`},
	{"SubmitJob", "{\"jobName\":\"\xff\"}", "", `the request body is not valid JSON: invalid UTF-8 at byte 12`},
	{"SubmitJob", submitBody(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)), "", `the request body nests more than 64 levels deep`},
	{"SubmitJob", submitBody(`"x":"` + strings.Repeat("x", 1<<20) + `"`), "", `The request body is larger than 1048576 bytes`},
	{"SubmitJob", ``, "jobName", `jobName is required`},
	{"SubmitJob", `{"jobName":{},"jobQueue":"q","jobDefinition":"d"}`, "jobName", `jobName must be a string, not an object`},
	{"SubmitJob", submitBody(`"arrayProperties":[]`), "arrayProperties", `arrayProperties must be an object, not a list`},
	{"SubmitJob", submitBody(`"arrayProperties":{"size":"2"}`), "arrayProperties.size", `arrayProperties.size must be an integer, not a string`},
	{"SubmitJob", submitBody(`"arrayProperties":{"size":2.5}`), "arrayProperties.size", `arrayProperties.size must be an integer, not 2.5`},
	{"SubmitJob", submitBody(`"arrayProperties":{"size":99999999999}`), "arrayProperties.size", `arrayProperties.size must be an integer between -2147483648 and 2147483647`},
	{"SubmitJob", submitBody(`"parameters":{"a":{}}`), "parameters.a", `parameters.a must be a string, not an object`},
	{"SubmitJob", submitBody(`"containerOverrides":{"command":"true"}`), "containerOverrides.command", `containerOverrides.command must be a list, not a string`},
	{"SubmitJob", submitBody(`"containerOverrides":{"resourceRequirements":[{"type":"VCPU"}]}`), "containerOverrides.resourceRequirements[0].value", `containerOverrides.resourceRequirements[0].value is required`},
	{"SubmitJob", submitBody(`"containerOverrides":{"resourceRequirements":[{"type":"DISK","value":"1"}]}`), "containerOverrides.resourceRequirements[0].type", `containerOverrides.resourceRequirements[0].type must be one of GPU, VCPU, MEMORY, not "DISK"`},
	{"RegisterJobDefinition", definitionBody("new", `"retryStrategy":{"evaluateOnExit":[{"onExitCode":"1"}]}`), "retryStrategy.evaluateOnExit[0].action", `retryStrategy.evaluateOnExit[0].action is required`},
	{"RegisterJobDefinition", definitionBody("new", `"propagateTags":"yes"`), "propagateTags", `propagateTags must be true or false, not a string`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":1,"state":"ON","computeEnvironmentOrder":[]}`, "state", `state must be one of ENABLED, DISABLED, not "ON"`},
}

var wrongEnvironments = []wrong{
	{"CreateComputeEnvironment", `{"type":"MANAGED"}`, "computeEnvironmentName", `computeEnvironmentName is required`},
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"new"}`, "type", `type is required`},
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"new","type":"MANAGED"}`, "computeResources", `computeResources must be provided for a MANAGED compute environment`},
	{"CreateComputeEnvironment", `{"computeEnvironmentName":"new!","type":"MANAGED"}`, "computeEnvironmentName", `Compute environment name should match a valid pattern.`},
	{"CreateComputeEnvironment", strings.Replace(environmentBody(), "new", strings.Repeat("n", 129), 1), "computeEnvironmentName", `Compute environment name should match a valid pattern.`},
	{"CreateComputeEnvironment", strings.Replace(environmentBody(), "new", "ce", 1), "", `Object already exists`},
	{"CreateComputeEnvironment", environmentBody(`"type":"LAMBDA"`), "computeResources.type", `computeResources.type must be one of EC2, SPOT, FARGATE, FARGATE_SPOT, ECS_MANAGED_INSTANCES, not "LAMBDA"`},
	{"CreateComputeEnvironment", environmentBody(`"minvCpus":-1`), "minvCpus", `minvCpus should be greater than or equal to 0.`},
	{"CreateComputeEnvironment", environmentBody(`"minvCpus":5`), "maxvCpus", `maxvCpus should be greater than or equal to minvCpus.`},
	{"CreateComputeEnvironment", environmentBody(`"desiredvCpus":5`), "desiredvCpus", `desiredvCpus should be between minvCpus and maxvCpus.`},
	{"CreateComputeEnvironment", environmentBody(`"instanceTypes":[]`), "instanceTypes", `Resource instanceTypes are required.`},
	{"CreateComputeEnvironment", environmentBody(`"instanceRole":""`), "instanceRole", `Instance role is required.`},
	{"CreateComputeEnvironment", environmentBody(`"securityGroupIds":[]`), "securityGroupIds", `Security group ids are required.`},
	{"CreateComputeEnvironment", environmentBody(`"bidPercentage":101`), "bidPercentage", `Bid percentage must be between 0 to 100.`},
	{"CreateComputeEnvironment", environmentBody(`"type":"FARGATE"`), "minvCpus", `minvCpus is not applicable for Fargate.`},
}

var wrongQueues = []wrong{
	{"CreateJobQueue", `{"jobQueueName":"new","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`, "priority", `priority is required`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":-1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`, "priority", `priority must not be negative.`},
	{"CreateJobQueue", strings.Replace(queueBody(`[{"order":1,"computeEnvironment":"ce"}]`), "new", "a/b", 1), "jobQueueName", `Job Queue name should match a valid pattern.`},
	{"CreateJobQueue", strings.Replace(queueBody(`[{"order":1,"computeEnvironment":"ce"}]`), "new", "q", 1), "", `Object already exists`},
	{"CreateJobQueue", queueBody(`[]`), "computeEnvironmentOrder", `computeEnvironmentOrder is required.`},
	{"CreateJobQueue", queueBody(`[{"order":1}]`), "computeEnvironmentOrder[0].computeEnvironment", `computeEnvironmentOrder[0].computeEnvironment is required`},
	{"CreateJobQueue", queueBody(`[{"computeEnvironment":"ce"}]`), "computeEnvironmentOrder[0].order", `computeEnvironmentOrder[0].order is required`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"none"}]`), "computeEnvironments", `Compute Environments must be created and valid before attaching them to a job queue`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"ce"}]`), "computeEnvironments", `Duplicate ComputeEnvironments within order list.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":1,"computeEnvironment":"fargate"}]`), "computeEnvironment order", `Duplicate ComputeEnvironment order values.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"ce"},{"order":2,"computeEnvironment":"fargate"}]`), "compute environments", `Fargate and EC2 compute environments can not be mixed.`},
	{"CreateJobQueue", queueBody(`[{"order":1,"computeEnvironment":"a"},{"order":2,"computeEnvironment":"b"},{"order":3,"computeEnvironment":"c"},{"order":4,"computeEnvironment":"d"}]`), "environments", `Only 3 environments are allowed in job queue request.`},
}

var wrongDefinitions = []wrong{
	{"RegisterJobDefinition", `{"type":"container"}`, "jobDefinitionName", `jobDefinitionName is required`},
	{"RegisterJobDefinition", `{"jobDefinitionName":"new"}`, "type", `type is required`},
	{"RegisterJobDefinition", `{"jobDefinitionName":"new","type":"vm"}`, "type", `type must be one of container, multinode, not "vm"`},
	{"RegisterJobDefinition", `{"jobDefinitionName":"new","type":"container"}`, "image", `ECS Container Image must be provided.`},
	{"RegisterJobDefinition", definitionBody("new:1"), "job definition name", `Job Definition name should match a valid pattern.`},
	{"RegisterJobDefinition", containerBody(`"memory":4`), "vCPU", `vCPU is required.`},
	{"RegisterJobDefinition", containerBody(`"vcpus":1`), "memory", `Memory is required.`},
	{"RegisterJobDefinition", containerBody(`"vcpus":1,"memory":3`), "memory", `Memory must be at least 4 Mib, got 3 Mib.`},
	{"RegisterJobDefinition", containerBody(`"vcpus":0,"memory":4`), "vCPU", `vCPU must be at least 1, got 0.`},
	{"RegisterJobDefinition", containerBody(`"vcpus":1`, amounts), "vcpus", `Cannot use both ECS containerProperties vcpus and resourceRequirement VCPU.`},
	{"RegisterJobDefinition", containerBody(`"memory":4`, amounts), "memory", `Cannot use both ECS containerProperties memory and resourceRequirement MEMORY.`},
	{"RegisterJobDefinition", containerBody(strings.Replace(amounts, `"1"`, `"1.5"`, 1)), "resourceRequirement", `Value 1.5 for type VCPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"RegisterJobDefinition", containerBody(strings.Replace(amounts, "MEMORY", "VCPU", 1)), "resourceRequirements", `Cannot provide duplicates in resourceRequirements.`},
	{"RegisterJobDefinition", containerBody(amounts, `"environment":[{"value":"v"}]`), "environment variable name", `Environment variable name is required.`},
	{"RegisterJobDefinition", containerBody(amounts, `"environment":[{"name":"AWS_BATCH_JOB_ID","value":"v"}]`), "environment variable name", `Environment variable names must not start with AWS_BATCH, which is reserved: AWS_BATCH_JOB_ID`},
	{"RegisterJobDefinition", containerBody(amounts, `"logConfiguration":{"options":{"awslogs-group":"g"}}`), "containerProperties.logConfiguration.logDriver", `containerProperties.logConfiguration.logDriver is required`},
	{"RegisterJobDefinition", containerBody(amounts, `"logConfiguration":{"logDriver":"awslogs","options":{"tail":"1"}}`), "tail", `Log driver awslogs disallows options: [tail]`},
	{"RegisterJobDefinition", containerBody(amounts, `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"a b"}}`), "awslogs-group", `awslogs-group must be the name of a log group: up to 512 letters, digits and ./_#-`},
	{"RegisterJobDefinition", containerBody(amounts, `"networkConfiguration":{}`, `"runtimePlatform":{"cpuArchitecture":"X86_64"}`), "runtimePlatform", `runtimePlatform is not applicable for EC2.`},
	{"RegisterJobDefinition", containerBody(amounts, `"command":["`+strings.Repeat("x", 25<<10)+`"]`), "jobDefinition", `JobDefinition size must be less than 24 KiB, got 26 KiB`},
	{"RegisterJobDefinition", definitionBody("new", `"platformCapabilities":["FARGATE"]`), "executionRoleArn", `executionRoleArn is required for Fargate jobs.`},
	{"RegisterJobDefinition", definitionBody("new", `"retryStrategy":{"attempts":11}`), "attempts", `RetryAttempts must be between 1 and 10.`},
	{"RegisterJobDefinition", definitionBody("new", `"retryStrategy":{"evaluateOnExit":[{"action":"EXIT","onExitCode":"1"}]}`), "attempts", `RetryAttempts must be provided with retry strategy.`},
	{"RegisterJobDefinition", definitionBody("new", `"retryStrategy":{"attempts":2,"evaluateOnExit":[{"action":"EXIT"}]}`), "evaluateOnExit", `EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason`},
	{"RegisterJobDefinition", definitionBody("new", `"retryStrategy":{"attempts":2,"evaluateOnExit":[{"action":"EXIT","onExitCode":"a"}]}`), "evaluateOnExit", `Evaluate on exit condition contains restricted characters.`},
	{"RegisterJobDefinition", definitionBody("new", `"timeout":{"attemptDurationSeconds":59}`), "attemptDurationSeconds", `AttemptDurationSeconds in Timeout must be at least 60 seconds.`},
	{"RegisterJobDefinition", definitionBody("new", `"schedulingPriority":10000`), "schedulingPriority", `Scheduling priority must be between 0 and 9999.`},
	{"RegisterJobDefinition", definitionBody("new", `"tags":{"`+strings.Repeat("k", 129)+`":"v"}`), "tags", `tags has the key "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…", which must have 1 to 128 characters, not 129`},
}

var wrongSubmits = []wrong{
	{"SubmitJob", `{"jobQueue":"q","jobDefinition":"d"}`, "jobName", `jobName is required`},
	{"SubmitJob", `{"jobName":"","jobQueue":"q","jobDefinition":"d"}`, "jobName", `jobName is required`},
	{"SubmitJob", `{"jobName":"new","jobDefinition":"d"}`, "jobQueue", `jobQueue is required`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"q"}`, "jobDefinition", `jobDefinition is required`},
	{"SubmitJob", `{"jobName":"-new","jobQueue":"q","jobDefinition":"d"}`, "jobName", `Job name should match valid pattern`},
	{"SubmitJob", `{"jobName":"` + strings.Repeat("n", 129) + `","jobQueue":"q","jobDefinition":"d"}`, "jobName", `Job name should match valid pattern`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"none","jobDefinition":"d"}`, "jobQueue", `JobQueue none does not exist.`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"off","jobDefinition":"d"}`, "jobQueue", `JobQueue off is not in ENABLED state and takes no jobs.`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"arn:aws:batch:eu-west-1:123456789012:compute-environment/ce","jobDefinition":"d"}`, "jobQueue", `JobQueue arn:aws:batch:eu-west-1:123456789012:compute-environment/ce does not exist.`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"q","jobDefinition":"none"}`, "jobDefinition", `JobDefinition name none does not exist or is not in ACTIVE status`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"q","jobDefinition":"d:2"}`, "jobDefinition", `JobDefinition name d:2 does not exist or is not in ACTIVE status`},
	{"SubmitJob", `{"jobName":"new","jobQueue":"q","jobDefinition":"d:latest"}`, "name", `Provided name <d:latest> is not supported pattern[a-zA-Z_0-9-]{1,128}`},
	{"SubmitJob", submitBody(`"arrayProperties":{"size":1}`), "arrayProperties.size", `arrayProperties.size must be between 2 and 10000, got 1.`},
	{"SubmitJob", submitBody(`"arrayProperties":{"size":10001}`), "arrayProperties.size", `arrayProperties.size must be between 2 and 10000, got 10001.`},
	{"SubmitJob", submitBody(`"retryStrategy":{"attempts":0}`), "attempts", `RetryAttempts must be between 1 and 10.`},
	{"SubmitJob", submitBody(`"timeout":{"attemptDurationSeconds":1}`), "attemptDurationSeconds", `AttemptDurationSeconds in Timeout must be at least 60 seconds.`},
	{"SubmitJob", submitBody(`"shareIdentifier":"s"`), "shareIdentifier", `Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.`},
	{"SubmitJob", submitBody(`"containerOverrides":{"environment":[{"name":"AWS_BATCH_X","value":"v"}]}`), "environment variable name", `Environment variable names must not start with AWS_BATCH, which is reserved: AWS_BATCH_X`},
	{"SubmitJob", submitBody(`"containerOverrides":{"environment":[{"name":"A=B","value":"v"}]}`), "environment variable", `Environment variable "A=B" holds a character that no variable can hold.`},
	{"SubmitJob", submitBody(`"containerOverrides":{"resourceRequirements":[{"type":"MEMORY","value":"4"},{"type":"MEMORY","value":"8"}]}`), "resourceRequirements", `Cannot provide duplicates in resourceRequirements.`},
	{"SubmitJob", submitBody(`"containerOverrides":{"resourceRequirements":[{"type":"MEMORY","value":"much"}]}`), "resourceRequirement", `Value much for type MEMORY in resourceRequirement is not valid. Please provide a numeric value.`},
	{"SubmitJob", submitBody(`"containerOverrides":{"command":["Ref::absent"]}`), "absent", `Unable to substitute value. No parameter found for reference absent`},
	{"SubmitJob", submitBody(`"containerOverrides":{"command":["` + strings.Repeat("x", 31<<10) + `"]}`), "job", `Job size must be less than 30 KiB, got 32 KiB`},
}

var wrongReads = []wrong{
	{"CancelJob", `{"jobId":"$JOB"}`, "reason", `reason is required`},
	{"CancelJob", `{"jobId":"$JOB","reason":""}`, "reason", `reason is required`},
	{"CancelJob", `{"reason":"r"}`, "jobId", `jobId is required`},
	{"CancelJob", `{"jobId":"$JOB","reason":"` + strings.Repeat("r", 1025) + `"}`, "reason", `reason must have at most 1024 characters, got 1025.`},
	{"TerminateJob", `{"jobId":"$JOB"}`, "reason", `reason is required`},
	{"TerminateJob", `{"jobId":"$JOB:first","reason":"r"}`, "jobId", `jobId $JOB:first is no job id.`},
	{"DescribeJobs", `{}`, "jobs", `jobs is required`},
	{"DescribeJobs", `{"jobs":"$JOB"}`, "jobs", `jobs must be a list, not a string`},
	{"DescribeJobs", `{"jobs":["` + strings.Repeat(`x","`, 100) + `x"]}`, "jobs", `Maximum number of jobs supported is  100 .`},
	{"ListJobs", `{}`, "jobQueue", `Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.`},
	{"ListJobs", `{"jobQueue":"q","arrayJobId":"$JOB"}`, "jobQueue", `Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.`},
	{"ListJobs", `{"jobQueue":"none"}`, "jobQueue", `JobQueue none does not exist.`},
	{"ListJobs", `{"arrayJobId":"none"}`, "arrayJobId", `arrayJobId none is no id of an array job.`},
	{"ListJobs", `{"jobQueue":"q","jobStatus":"DONE"}`, "jobStatus", `jobStatus must be one of SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED, not "DONE"`},
	{"ListJobs", `{"jobQueue":"q","maxResults":0}`, "maxResults", `maxResults must be between 1 and 1000.`},
	{"ListJobs", `{"jobQueue":"q","nextToken":"forged"}`, "nextToken", `nextToken is not valid.`},
	{"DescribeJobQueues", `{"maxResults":-1}`, "maxResults", `maxResults must be between 1 and 100.`},
	{"DescribeJobQueues", `{"nextToken":"!"}`, "nextToken", `nextToken is not valid.`},
	{"DescribeComputeEnvironments", `{"computeEnvironments":["ce"],"maxResults":1}`, "maxResults", `ComputeEnvironments and MaxResults cannot both be set`},
	{"DescribeJobDefinitions", `{"status":"OLD"}`, "status", `status must be ACTIVE or INACTIVE, got OLD`},
}
