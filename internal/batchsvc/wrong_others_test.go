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
