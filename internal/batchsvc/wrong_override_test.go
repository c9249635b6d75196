package batchsvc_test

import (
	"strings"
	"testing"
)

// registerKinds makes definitions of every kind to submit wrongly.
func registerKinds(t *testing.T, w *world) {
	t.Helper()
	rename := func(name, body string) string { return strings.Replace(body, `"new"`, `"`+name+`"`, 1) }
	for _, body := range []string{
		rename("fargate", fargateBody()),
		rename("exec", containerBody(amounts, `"enableExecuteCommand":true`)),
		rename("nodes", nodesBody(4, 1, node("0"), node("1:"), node("2:2"))),
		rename("fixed", nodesBody(2, 0, node("0:1"))),
		rename("taskNodes", nodesBody(2, 0, `{"targetNodes":":","ecsProperties":{"taskProperties":[{"containers":[`+inTask("a")+`]}]}}`)),
		rename("task", ecsBody(inTask("a", `"command":["Ref::in"]`)+`,`+inTask("b"), `"ipcMode":"task"`)),
		rename("pod", podBody(inPod(`"resources":{"limits":{"cpu":"1","memory":"8Mi"}}`))),
	} {
		w.must(t, "RegisterJobDefinition", body)
	}
}

// submitOf submits a definition; the members are of the whole.
func submitOf(definition string, members ...string) string {
	return join(`{"jobName":"new","jobQueue":"q","jobDefinition":"`+definition+`"}`, members)
}

func overNodes(members ...string) string {
	return `"nodeOverrides":{"nodePropertyOverrides":[` + strings.Join(members, ",") + `]}`
}

var wrongOverrides = []wrong{
	{"SubmitJob", submitOf("d", overNodes(`{"targetNodes":"0"}`)), "nodeOverrides", `nodeOverrides is not applicable for container jobs.`},
	{"SubmitJob", submitOf("d", `"ecsPropertiesOverride":{"taskProperties":[]}`), "ecsPropertiesOverride", `ecsPropertiesOverride is not applicable for jobs without ecsProperties.`},
	{"SubmitJob", submitOf("d", `"eksPropertiesOverride":{"podProperties":{"containers":[]}}`), "eksPropertiesOverride", `eksPropertiesOverride is not applicable for jobs without eksProperties.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"instanceType":"m5.large"}`), "instanceType", `instanceType is applicable for multinode jobs only.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"command":["a",""]}`), "command", `command of an override must not contain an empty string.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"environment":[{"value":"v"}]}`), "environment variable name", `Environment variable name is required.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"memory":3}`), "memory", `Memory must be at least 4 Mib, got 3 Mib.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"vcpus":0}`), "vCPU", `vCPU must be at least 1, got 0.`},
	{"SubmitJob", submitOf("d", `"containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"1.0"}]}`), "VCPU", `Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"SubmitJob", submitOf("d", `"retryStrategy":{"evaluateOnExit":[{"action":"exit","onExitCode":"1"}]}`), "attempts", `RetryAttempts must be provided with retry strategy.`},
	{"SubmitJob", submitOf("d", `"consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"a","quantity":1},{"consumableResource":"a","quantity":2}]}`), "consumableResource", `Cannot have duplicate consumableResource in consumableResourceProperties`},
	{"SubmitJob", submitOf("task", `"containerOverrides":{"command":["a"]}`, `"parameters":{"in":"x"}`), "containerOverrides", `containerOverrides is not applicable for jobs without containerProperties.`},
	{"SubmitJob", submitOf("task"), "reference in", `Unable to substitute value. No parameter found for reference in`},
	{"SubmitJob", submitOf("task", `"parameters":{"in":"x"}`, overTask(`{"name":"c","command":["a"]}`)), "containerName", `containerName c must reference a defined container.`},
	{"SubmitJob", submitOf("task", `"parameters":{"in":"x"}`, overTask(`{"name":"a","command":["a"]},{"name":"a"}`)), "container names", `Container names must be unique`},
	{"SubmitJob", submitOf("task", `"parameters":{"in":"x"}`, `"ecsPropertiesOverride":{"taskProperties":[{"containers":[]},{"containers":[]}]}`), "taskProperties", `ecsPropertiesOverride.taskProperties can have at most 1 element, got 2.`},
	{"SubmitJob", submitOf("task", overTask(`{"name":"a","command":["Ref::other"]}`)), "reference other", `Unable to substitute value. No parameter found for reference other`},
	{"SubmitJob", submitOf("task", `"parameters":{"in":"x"}`, overTask(`{"name":"b","resourceRequirements":[{"type":"MEMORY","value":"1"}]}`)), "memory", `Memory must be at least 4 Mib, got 1 Mib.`},
	{"SubmitJob", submitOf("task", `"parameters":{"in":"x"}`, overTask(`{"name":"b","environment":[{"name":"AWS_BATCH","value":"x"}]}`)), "environment variable", `Environment variable names must not start with AWS_BATCH, which is reserved: AWS_BATCH`},
	{"SubmitJob", submitOf("pod", `"containerOverrides":{"command":["a"]}`), "containerOverrides", `containerOverrides is not applicable for jobs without containerProperties.`},
	{"SubmitJob", submitOf("pod", `"eksPropertiesOverride":{"podProperties":{"containers":[{"name":"x","image":"j"}]}}`), "containerName", `containerName x must reference a defined container.`},
	{"SubmitJob", submitOf("pod", `"eksPropertiesOverride":{"podProperties":{"containers":[{"resources":{"limits":{"cpu":"0.1"}}}]}}`), "cpu", `Value 0.1 for type cpu in resources is not valid. Provide a valid number and unit.`},
	{"SubmitJob", submitOf("pod", `"eksPropertiesOverride":{"podProperties":{"containers":[{"resources":{"requests":{"memory":"4Mi"}}}]}}`), "memory", `memory request must be equal to memory limit if both are provided.`},
	{"SubmitJob", submitOf("pod", `"eksPropertiesOverride":{"podProperties":{"metadata":{"namespace":"default"}}}`), "kubernetesNamespace", `kubernetesNamespace cannot be the default Kubernetes namespace.`},
	{"SubmitJob", submitOf("pod"), "", `Job Queue is attached to Compute Environment that can not run Jobs with capability EKS`},
	{"SubmitJob", submitOf("fargate"), "capability", `Job Queue is attached to Compute Environment that can not run Jobs with capability FARGATE`},
	{"SubmitJob", strings.Replace(submitOf("d"), `"q"`, `"fq"`, 1), "capability", `Job Queue is attached to Compute Environment that can not run Jobs with capability EC2`},
	{"SubmitJob", submitOf("fargate", `"containerOverrides":{"vcpus":1}`), "vcpus", `vcpus is not applicable for Fargate. Use resource requirements instead.`},
	{"SubmitJob", submitOf("fargate", `"containerOverrides":{"memory":1}`), "memory", `memory is not applicable for Fargate. Use resource requirements instead.`},
	{"SubmitJob", submitOf("fargate", `"containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"16"}]}`), "resource requirements", `Fargate resource requirements (16 vCPU, 512 MiB) are not valid.`},
	{"SubmitJob", submitOf("nodes", `"containerOverrides":{"command":["a"]}`), "containerOverrides", `containerOverrides is not applicable for multinode jobs. Use nodeOverrides instead.`},
	{"SubmitJob", submitOf("nodes", `"ecsPropertiesOverride":{"taskProperties":[]}`), "ecsPropertiesOverride", `ecsPropertiesOverride is not applicable for multinode jobs. Use nodeOverrides instead.`},
	{"SubmitJob", submitOf("nodes", `"eksPropertiesOverride":{"podProperties":{"containers":[]}}`), "eksPropertiesOverride", `eksPropertiesOverride is not applicable for multinode jobs. Use nodeOverrides instead.`},
	{"SubmitJob", submitOf("nodes", `"arrayProperties":{"size":2}`), "arrayProperties", `arrayProperties is not applicable for multinode jobs.`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"0:0"}`, `{"targetNodes":"1:3"}`, `{"targetNodes":"1"}`)), "NodeOverride", `NodeOverride targets should match job definition. Non matching targets - 1:3, 1`},
	{"SubmitJob", submitOf("fixed", overNodes(`{"targetNodes":"0:0"}`)), "NodeOverride", `NodeOverride targets should match job definition. Non matching targets - 0:0`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"all"}`)), "targetNodes", `targetNodes should contain only digits.`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"1:"}`, `{"targetNodes":"1:"}`)), "targetNodes", `nodePropertyOverrides must not name targetNodes 1: twice.`},
	{"SubmitJob", submitOf("nodes", overNodes(`{}`)), "targetNodes", `nodeOverrides.nodePropertyOverrides[0].targetNodes is required`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"0","ecsPropertiesOverride":{"taskProperties":[]}}`)), "ecsPropertiesOverride", `ecsPropertiesOverride is not applicable for jobs without ecsProperties.`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"0","instanceTypes":["m5.large"]}`)), "instanceTypes", `Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs.`},
	{"SubmitJob", submitOf("taskNodes", overNodes(`{"targetNodes":"0:","containerOverrides":{"command":["a"]}}`)), "containerOverrides", `containerOverrides is not applicable for jobs without containerProperties.`},
	{"SubmitJob", submitOf("taskNodes", overNodes(`{"targetNodes":":","instanceTypes":["m5.large","m5.xlarge"]}`)), "instanceTypes", `instanceTypes can have at most 1 element.`},
	{"SubmitJob", submitOf("nodes", overNodes(`{"targetNodes":"2","containerOverrides":{"memory":1}}`)), "memory", `Memory must be at least 4 Mib, got 1 Mib.`},
	{"SubmitJob", submitOf("nodes", `"nodeOverrides":{"numNodes":1}`), "numNodes", `numNodes 1 does not fit the job definition: a range of nodes without an end must begin below it, and mainNode must be less.`},
	{"SubmitJob", submitOf("nodes", `"nodeOverrides":{"numNodes":1001}`), "numNodes", `numNodes 1001 does not fit the job definition: a range of nodes without an end must begin below it, and mainNode must be less.`},
	{"SubmitJob", submitOf("fixed", `"nodeOverrides":{"numNodes":2}`), "numNodes", `numNodes 2 does not fit the job definition: a range of nodes without an end must begin below it, and mainNode must be less.`},
}

func overTask(containers string) string {
	return `"ecsPropertiesOverride":{"taskProperties":[{"containers":[` + containers + `]}]}`
}

// What is right and cannot run yet is refused by its name, and can then.
func TestUnbuilt(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	for _, tt := range []struct{ member, body string }{
		{"nodeProperties with several containers", nodesBody(2, 0, `{"targetNodes":":","ecsProperties":{"taskProperties":[{"containers":[`+inTask("a")+`,`+inTask("b")+`]}]}}`)},
		{"enableExecuteCommand", containerBody(amounts, `"enableExecuteCommand":true`)},
		{"logConfiguration.logDriver awsfirelens", containerBody(amounts, `"logConfiguration":{"logDriver":"awsfirelens"}`)},
		{"logConfiguration.secretOptions", containerBody(amounts, `"executionRoleArn":"x"`, `"logConfiguration":{"logDriver":"awslogs","secretOptions":[{"name":"S","valueFrom":"s"}]}`)},
		{"logConfiguration.options.awslogs-datetime-format", containerBody(amounts, `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-datetime-format":"%Y"}}`)},
		{"logConfiguration.options.awslogs-multiline-pattern", containerBody(amounts, `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-multiline-pattern":"x"}}`)},
	} {
		w.must(t, "RegisterJobDefinition", tt.body)
		status, answer := w.call("SubmitJob", submitOf("new"))
		want := `{"message":"` + tt.member + ` is not supported by this version of Barge."}`
		if status != 501 || string(answer) != want {
			t.Errorf("%s: %d %s, want 501 %s", tt.body, status, answer, want)
		}
	}
	w.must(t, "RegisterJobDefinition", containerBody(amounts, `"enableExecuteCommand":false`))
	w.must(t, "SubmitJob", submitOf("new"))
}
