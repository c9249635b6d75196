package batchsvc_test

import "strings"

// wrongConsumables are about consumable resources; there is none.
var wrongConsumables = []wrong{
	{"CreateConsumableResource", `{}`, "consumableResourceName", `consumableResourceName is required`},
	{"CreateConsumableResource", `{"consumableResourceName":"a b"}`, "consumableResource name", `ConsumableResource name should match a valid pattern.`},
	{"CreateConsumableResource", `{"consumableResourceName":"new","totalQuantity":-1}`, "totalQuantity", `totalQuantity cannot be a negative number.`},
	{"CreateConsumableResource", `{"consumableResourceName":"new","resourceType":"ETERNAL"}`, "resourceType", `resourceType must be REPLENISHABLE or NON_REPLENISHABLE, got ETERNAL`},
	{"CreateConsumableResource", `{"consumableResourceName":"new","tags":{"barge:x":"y"}}`, "tag barge:x", `Tag barge:x is unknown. Tags that start with barge: are settings of Barge; see docs/extensions.md.`},
	{"UpdateConsumableResource", `{"consumableResource":"none","quantity":1,"operation":"HALVE"}`, "operation", `operation must be one of SET | ADD | REMOVE, got HALVE`},
	{"UpdateConsumableResource", `{"consumableResource":"none","operation":"SET"}`, "quantity", `quantity is required.`},
	{"UpdateConsumableResource", `{"consumableResource":"none","quantity":-1}`, "quantity", `quantity cannot be a negative number.`},
	{"UpdateConsumableResource", `{"consumableResource":"none","quantity":1}`, "consumableResource", `ConsumableResource none does not exist.`},
	{"UpdateConsumableResource", `{"consumableResource":"arn:aws:batch:eu-west-1:123456789012:job-queue/q","quantity":1}`, "", `Provided name <arn:aws:batch:eu-west-1:123456789012:job-queue/q> is not supported pattern[a-zA-Z_0-9-]{1,128}`},
	{"UpdateConsumableResource", `{"consumableResource":"none","quantity":1,"clientToken":"` + strings.Repeat("t", 65) + `"}`, "clientToken", `clientToken must have 1 to 64 characters, not 65`},
	{"DescribeConsumableResource", `{"consumableResource":"none"}`, "consumableResource", `ConsumableResource none does not exist.`},
	{"ListConsumableResources", `{"filters":[{"name":"consumable_resource_name","values":["x"]}]}`, "filter", `Filter name consumable_resource_name is not valid. Valid names: CONSUMABLE_RESOURCE_NAME.`},
	{"ListConsumableResources", `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME","values":["x","y"]}]}`, "filter", `Filter cannot take more than one value.`},
	{"ListConsumableResources", `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME"}]}`, "filter", `Filter CONSUMABLE_RESOURCE_NAME needs a value.`},
	{"ListConsumableResources", `{"filters":[{"name":"CONSUMABLE_RESOURCE_NAME","values":["x"]},{"name":"CONSUMABLE_RESOURCE_NAME","values":["x"]}]}`, "filter", `Only one filter key-value pair can be specified.`},
	{"ListConsumableResources", `{"maxResults":101}`, "maxResults", `maxResults must be between 1 and 100.`},
	{"ListConsumableResources", `{"nextToken":"YSBi"}`, "nextToken", `nextToken is not valid.`},
	{"ListJobsByConsumableResource", `{"consumableResource":"r","filters":[{"name":"JOB_STATUS","values":["DONE"]}]}`, "job status", `Job status is not one of SUBMITTED | PENDING | RUNNABLE | STARTING | RUNNING | SUCCEEDED | FAILED`},
	{"ListJobsByConsumableResource", `{"consumableResource":"r","nextToken":"LTE"}`, "nextToken", `nextToken is not valid.`},
	{"RegisterJobDefinition", definitionBody("new", consumed(`{"consumableResource":"r","quantity":1},{"consumableResource":"arn:aws:batch:eu-west-1:123456789012:consumable-resource/r","quantity":1}`)), "consumableResourceProperties", `Cannot have duplicate consumableResource in consumableResourceProperties`},
	{"RegisterJobDefinition", definitionBody("new", consumed(strings.Repeat(`{"consumableResource":"r","quantity":1},`, 5)+`{"consumableResource":"r","quantity":1}`)), "consumableResources", `Each ConsumableResourceProperty can have at most 5 consumableResources`},
	{"RegisterJobDefinition", definitionBody("new", consumed(`{"consumableResource":"r","quantity":0}`)), "quantity", `quantity of consumableResource r must be at least 1.`},
	{"SubmitJob", submitBody(strings.Replace(consumed(`{"consumableResource":"r"}`), "Properties", "PropertiesOverride", 1)), "quantity", `quantity of consumableResource r must be at least 1.`},
}

func consumed(list string) string {
	return `"consumableResourceProperties":{"consumableResourceList":[` + list + `]}`
}

// wrongBulk are requests that end several jobs and are refused as a whole.
var wrongBulk = []wrong{
	{"CancelJobs", `{"jobs":["$JOB"]}`, "reason", `reason is required`},
	{"CancelJobs", `{"reason":"r"}`, "jobs", `jobs is required`},
	{"TerminateJobs", `{"jobs":["$JOB"],"reason":"` + strings.Repeat("r", 1025) + `"}`, "reason", `reason must have at most 1024 characters, got 1025.`},
	{"TerminateJobs", `{"jobs":["$JOB"` + strings.Repeat(`,"$JOB"`, 100) + `],"reason":"r"}`, "jobs", `At most 100 jobs can be ended at once, got 101.`},
}

// wrongServices are about service jobs and what they need; there is none.
var wrongServices = []wrong{
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":1,"capacityUnit":"NUM_INSTANCES"}]`, `"serviceEnvironmentName":"a b"`), "service environment name", `Service environment name should match a valid pattern.`},
	{"CreateServiceEnvironment", serviceBody(`[]`), "capacityLimits", `Capacitylimits are required.`},
	{"CreateServiceEnvironment", serviceBody(`[` + strings.Repeat(`{"maxCapacity":1,"capacityUnit":"NUM_INSTANCES"},`, 5) + `{"maxCapacity":1,"capacityUnit":"NUM_INSTANCES"}]`), "capacity limits", `Number of capacity limits exceeds 5.`},
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":0,"capacityUnit":"NUM_INSTANCES"}]`), "maxCapacity", `Max capacity must be more than 0.`},
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":1,"capacityUnit":"c5.large"}]`), "capacity unit", `c5.large is unknown capacity unit`},
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":1,"capacityUnit":"NUM_INSTANCES"},{"maxCapacity":1,"capacityUnit":"ml.m5.large"}]`), "capacity units", `Capacity units must specify either number of instances OR instance type`},
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":1}]`), "capacity units", `Capacity units must specify either number of instances OR instance type`},
	{"CreateServiceEnvironment", serviceBody(`[{"maxCapacity":1,"capacityUnit":"ml.m5.large"},{"maxCapacity":1,"capacityUnit":"ml.m5.large"}]`), "capacity units", `Duplicate capacity units are not allowed.`},
	{"UpdateServiceEnvironment", `{"serviceEnvironment":"none"}`, "service-environment", `arn:aws:batch:eu-west-1:123456789012:service-environment/none does not exist`},
	{"DeleteServiceEnvironment", `{"serviceEnvironment":"none"}`, "service-environment", `arn:aws:batch:eu-west-1:123456789012:service-environment/none does not exist`},
	{"CreateQuotaShare", shareBody(`"quotaShareName":"a b"`), "quota share name", `Quota share name should match a valid pattern.`},
	{"CreateQuotaShare", shareBody(`"capacityLimits":[{"maxCapacity":0,"capacityUnit":"ml.m5.large"}]`), "maxCapacity", `Max capacity must be more than 0.`},
	{"CreateQuotaShare", shareBody(`"capacityLimits":[{"maxCapacity":1,"capacityUnit":"NUM_INSTANCES"}]`), "capacity unit", `NUM_INSTANCES is unknown capacity unit`},
	{"CreateQuotaShare", shareBody(`"resourceSharingConfiguration":{"strategy":"LEND","borrowLimit":1}`), "borrowLimit", `borrowLimit is only valid with strategy LEND_AND_BORROW.`},
	{"CreateQuotaShare", shareBody(`"resourceSharingConfiguration":{"strategy":"LEND_AND_BORROW","borrowLimit":-2}`), "borrowLimit", `borrowLimit must be -1 or more.`},
	{"CreateQuotaShare", shareBody(), "quota share", `Quota shares can only be created on job queues with a quota share scheduling policy.`},
	{"UpdateQuotaShare", `{"quotaShareArn":"a"}`, "quotaShareArn", `quotaShareArn a is not the ARN of a quota share.`},
	{"DescribeQuotaShare", `{"quotaShareArn":"arn:aws:batch:eu-west-1:123456789012:quota-share/q/a"}`, "quota-share", `arn:aws:batch:eu-west-1:123456789012:quota-share/q/a does not exist`},
	{"SubmitServiceJob", serviceJobBody(), "jobQueue", `JobQueue q is not of type SAGEMAKER_TRAINING and takes no service jobs.`},
	{"SubmitServiceJob", serviceJobBody(`"jobQueue":"none"`), "jobQueue", `JobQueue none does not exist.`},
	{"SubmitServiceJob", serviceJobBody(`"jobName":"-"`), "jobName", `Job name should match valid pattern`},
	{"SubmitServiceJob", serviceJobBody(`"serviceRequestPayload":"[]"`), "serviceRequestPayload", `serviceRequestPayload is not a JSON object.`},
	{"SubmitServiceJob", serviceJobBody(`"serviceRequestPayload":"` + strings.Repeat(" ", 11<<10) + `"`), "serviceRequestPayload", `serviceRequestPayload size must be less than 10 KiB, got 11 KiB`},
	{"SubmitServiceJob", serviceJobBody(`"schedulingPriority":10000`), "schedulingPriority", `Scheduling priority must be between 0 and 9999.`},
	{"SubmitServiceJob", serviceJobBody(`"shareIdentifier":"s"`), "shareIdentifier", `shareIdentifier can only be specified for job queues with fair share scheduling policy.`},
	{"SubmitServiceJob", serviceJobBody(`"quotaShareName":"s"`), "quotaShareName", `quotaShareName can only be specified for job queues with quota share scheduling policy.`},
	{"SubmitServiceJob", serviceJobBody(`"preemptionConfiguration":{"preemptionRetriesBeforeTermination":1}`), "preemptionConfiguration", `preemptionConfiguration can only be specified for job queues with quota share scheduling policy.`},
	{"SubmitServiceJob", serviceJobBody(`"timeoutConfig":{"attemptDurationSeconds":59}`), "attemptDurationSeconds", `AttemptDurationSeconds in Timeout must be at least 60 seconds.`},
	{"SubmitServiceJob", serviceJobBody(`"retryStrategy":{"attempts":11}`), "attempts", `RetryAttempts must be between 1 and 10.`},
	{"SubmitServiceJob", serviceJobBody(`"retryStrategy":{"attempts":1,"evaluateOnExit":[{"onStatusReason":"x"}]}`), "action", `evaluateOnExit must have an action.`},
	{"DescribeServiceJob", `{"jobId":"$JOB"}`, "job", `Job $JOB does not exist.`},
	{"UpdateServiceJob", `{"jobId":"$JOB","schedulingPriority":1}`, "job", `Job $JOB does not exist.`},
	{"UpdateServiceJob", `{"jobId":"$JOB","schedulingPriority":-1}`, "scheduling priority", `Scheduling priority must be between 0 and 9999.`},
	{"TerminateServiceJob", `{"jobId":"x","reason":"r"}`, "jobId", `jobId x is no job id.`},
	{"ListServiceJobs", `{}`, "jobQueue", `jobQueue is required.`},
	{"ListServiceJobs", `{"jobQueue":"q","filters":[{"name":"JOB_DEFINITION","values":["x"]}]}`, "filter", `Filter name JOB_DEFINITION is not valid. Valid names: JOB_NAME, BEFORE_CREATED_AT, AFTER_CREATED_AT, SHARE_IDENTIFIER, QUOTA_SHARE_NAME.`},
	{"CreateJobQueue", `{"jobQueueName":"new","priority":1,"serviceEnvironmentOrder":[{"order":1,"serviceEnvironment":"none"}]}`, "service environments", `Service environments must be created and valid before attaching them to a job queue.`},
}

func serviceBody(limits string, members ...string) string {
	return join(`{"serviceEnvironmentName":"new","serviceEnvironmentType":"SAGEMAKER_TRAINING","capacityLimits":`+limits+`}`, members)
}

func shareBody(members ...string) string {
	return join(`{"quotaShareName":"new","jobQueue":"q","capacityLimits":[{"maxCapacity":1,"capacityUnit":"ml.m5.large"}],`+
		`"resourceSharingConfiguration":{"strategy":"RESERVE"},"preemptionConfiguration":{"inSharePreemption":"DISABLED"}}`, members)
}

func serviceJobBody(members ...string) string {
	return join(`{"jobName":"new","jobQueue":"q","serviceJobType":"SAGEMAKER_TRAINING","serviceRequestPayload":"{}"}`, members)
}
