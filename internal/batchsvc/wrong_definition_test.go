package batchsvc_test

import (
	"fmt"
	"strings"
)

// registration is a wrong RegisterJobDefinition.
type registration struct{ member, body, message string }

// asWrong puts registrations in the table.
func asWrong(list []registration) []wrong {
	var all []wrong
	for _, r := range list {
		all = append(all, wrong{"RegisterJobDefinition", r.body, r.member, r.message})
	}
	return all
}

// fargateBody registers for Fargate; the members are of containerProperties.
func fargateBody(members ...string) string {
	return `{"jobDefinitionName":"new","type":"container","platformCapabilities":["FARGATE"],"containerProperties":` +
		join(`{"image":"i","executionRoleArn":"x","resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}]}`, members) + `}`
}

// nodesBody registers a multi-node job of that many nodes.
func nodesBody(nodes, mainNode int, ranges ...string) string {
	return fmt.Sprintf(`{"jobDefinitionName":"new","type":"multinode","nodeProperties":{"numNodes":%d,"mainNode":%d,"nodeRangeProperties":[%s]}}`,
		nodes, mainNode, strings.Join(ranges, ","))
}

// node is a range of nodes of one container each.
func node(target string, members ...string) string {
	return join(`{"targetNodes":"`+target+`","container":{"image":"i","vcpus":1,"memory":4}}`, members)
}

// ecsBody registers a task of containers; the members are of the task.
func ecsBody(containers string, members ...string) string {
	return `{"jobDefinitionName":"new","type":"container","ecsProperties":{"taskProperties":[` + join(`{"containers":[`+containers+`]}`, members) + `]}}`
}

// member is one container of a task.
func inTask(name string, members ...string) string {
	return join(`{"name":"`+name+`","image":"i",`+amounts+`}`, members)
}

// podBody registers a pod of one container; the members are of the pod.
func podBody(container string, members ...string) string {
	return `{"jobDefinitionName":"new","type":"container","eksProperties":{"podProperties":` + join(`{"containers":[`+container+`]}`, members) + `}}`
}

func inPod(members ...string) string { return join(`{"image":"i"}`, members) }

func efs(members ...string) string {
	return `"volumes":[{"name":"v","efsVolumeConfiguration":` + join(`{"fileSystemId":"fs-1"}`, members) + `}]`
}

func many(n int, one func(i int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = one(i)
	}
	return strings.Join(list, ",")
}

var wrongKinds = asWrong([]registration{
	{"capability", definitionBody("new", `"platformCapabilities":["EC2","FARGATE"]`), `Exactly 1 capability must be provided.`},
	{"capability", definitionBody("new", `"platformCapabilities":["LAMBDA"]`), `Capability LAMBDA is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]`},
	{"containerProperties", definitionBody("new", `"platformCapabilities":["managed_instances"]`), `Cannot use ECS containerProperties for MANAGED_INSTANCES`},
	{"", strings.Replace(nodesBody(1, 0, node("0")), `{`, `{"platformCapabilities":["FARGATE"],`, 1), `Fargate does not support MNP jobs`},
	{"", strings.Replace(nodesBody(1, 0, node("0")), `{`, `{"platformCapabilities":["MANAGED_INSTANCES"],`, 1), `MANAGED_INSTANCES does not support MNP jobs`},
	{"node properties", `{"jobDefinitionName":"new","type":"multinode"}`, `Node properties of multinode job is required.`},
	{"node properties", strings.Replace(definitionBody("new"), `"container"`, `"multinode"`, 1), `Node properties of multinode job is required.`},
	{"containerProperties", strings.Replace(nodesBody(1, 0, node("0")), `{`, `{"containerProperties":{"image":"i"},`, 1), `containerProperties is not applicable for multinode jobs.`},
	{"ecsProperties", strings.Replace(nodesBody(1, 0, node("0")), `{`, `{"ecsProperties":{"taskProperties":[]},`, 1), `ecsProperties is not applicable for multinode jobs.`},
	{"eksProperties", strings.Replace(nodesBody(1, 0, node("0")), `{`, `{"eksProperties":{"podProperties":{"containers":[]}},`, 1), `eksProperties is not applicable for multinode jobs.`},
	{"nodeProperties", strings.Replace(nodesBody(1, 0, node("0")), `"multinode"`, `"container"`, 1), `nodeProperties is not applicable for container jobs.`},
	{"ecsProperties", definitionBody("new", `"ecsProperties":{"taskProperties":[]}`), `Cannot use both ECS containerProperties and ecsProperties`},
	{"eksProperties", definitionBody("new", `"eksProperties":{"podProperties":{"containers":[]}}`), `Cannot use both ECS containerProperties and eksProperties`},
	{"eksProperties", strings.Replace(podBody(inPod()), `{`, `{"ecsProperties":{"taskProperties":[]},`, 1), `Cannot use both ecsProperties and eksProperties`},
	{"platformCapabilities", strings.Replace(podBody(inPod()), `{`, `{"platformCapabilities":["EC2"],`, 1), `platformCapabilities is not applicable for EKS.`},
	{"propagateTags", strings.Replace(podBody(inPod()), `{`, `{"propagateTags":true,`, 1), `propagateTags is not applicable for EKS.`},
	{"image", `{"jobDefinitionName":"new","type":"container","containerProperties":{"vcpus":1,"memory":4}}`, `ECS Container Image must be provided.`},
	{"scheduling priority", definitionBody("new", `"schedulingPriority":-1`), `Scheduling priority must be between 0 and 9999.`},
	{"evaluateOnExit", definitionBody("new", `"retryStrategy":{"attempts":1,"evaluateOnExit":[`+many(6, func(int) string { return `{"action":"EXIT","onExitCode":"1"}` })+`]}`), `Up to 5 evaluateOnExit condition can be specified.`},
	{"evaluate on exit", definitionBody("new", `"retryStrategy":{"attempts":1,"evaluateOnExit":[{"action":"EXIT","onReason":"`+strings.Repeat("a", 513)+`"}]}`), `Evaluate on exit condition cannot exceed 512 characters.`},
	{"evaluate on exit", definitionBody("new", `"retryStrategy":{"attempts":1,"evaluateOnExit":[{"action":"EXIT","onReason":"*Spot*"}]}`), `Evaluate on exit condition contains restricted characters.`},
	{"evaluate on exit", definitionBody("new", `"retryStrategy":{"attempts":1,"evaluateOnExit":[{"action":"EXIT","onStatusReason":"Host (x)"}]}`), `Evaluate on exit condition contains restricted characters.`},
	{"attempts", definitionBody("new", `"retryStrategy":{}`), `RetryAttempts must be provided with retry strategy.`},
	{"consumableResource", definitionBody("new", `"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"a","quantity":1},{"consumableResource":"a","quantity":1}]}`), `Cannot have duplicate consumableResource in consumableResourceProperties`},
	{"consumableResources", definitionBody("new", `"consumableResourceProperties":{"consumableResourceList":[`+many(6, func(i int) string { return fmt.Sprintf(`{"consumableResource":"r%d","quantity":1}`, i) })+`]}`), `Each ConsumableResourceProperty can have at most 5 consumableResources`},
})

var wrongContainers = asWrong([]registration{
	{"image", strings.Replace(containerBody(amounts), `"i"`, `"`+strings.Repeat("i", 256)+`"`, 1), `image must have at most 255 characters, got 256.`},
	{"user", containerBody(amounts, `"user":"$(id -u)"`), `User '$(id -u)' does not match regex`},
	{"user", containerBody(amounts, `"user":"1000:Group"`), `User 'Group' does not match regex`},
	{"user", containerBody(amounts, `"user":"a\u0000"`), `image, user and command must not contain the character NUL.`},
	{"resourceRequirement", containerBody(strings.Replace(amounts, `"1"`, `"1.0"`, 1)), `Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"GPU", containerBody(strings.Replace(amounts, `[`, `[{"type":"GPU","value":"-1"},`, 1)), `Value -1 for type GPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"GPU", containerBody(strings.Replace(amounts, `[`, `[{"type":"GPU","value":"0.5"},`, 1)), `Value 0.5 for type GPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"memory", containerBody(strings.Replace(amounts, `"4"`, `"4 GiB"`, 1)), `Value 4 GiB for type MEMORY in resourceRequirement is not valid. Please provide a numeric value.`},
	{"instanceType", containerBody(amounts, `"instanceType":"m5.large"`), `instanceType is applicable for multinode jobs only.`},
	{"ulimits", containerBody(amounts, `"ulimits":[{"name":"files","softLimit":1,"hardLimit":1}]`), `ulimits name files is not valid. Valid values are: [core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack]`},
	{"swappiness", containerBody(amounts, `"linuxParameters":{"swappiness":101}`), `Invalid swappiness: 101, must be between 0 and 100.`},
	{"swap", containerBody(amounts, `"linuxParameters":{"maxSwap":-1,"swappiness":1}`), `Invalid swap memory size: -1, must be non-negative.`},
	{"swappiness", containerBody(amounts, `"linuxParameters":{"maxSwap":1}`), `When container specified swap memory, swappiness value is required.`},
	{"sharedMemorySize", containerBody(amounts, `"linuxParameters":{"sharedMemorySize":-1}`), `Invalid sharedMemorySize: -1, must be non-negative.`},
	{"tmpfs", containerBody(amounts, `"linuxParameters":{"tmpfs":[{"containerPath":"/t"}]}`), `Size of a tmpfs is invalid. The size is required and must be a positive integer.`},
	{"tmpfs", containerBody(amounts, `"linuxParameters":{"tmpfs":[{"containerPath":"/t","size":0}]}`), `Size of a tmpfs is invalid. The size is required and must be a positive integer.`},
	{"mountOptions", containerBody(amounts, `"linuxParameters":{"tmpfs":[{"containerPath":"/t","size":1,"mountOptions":["mode=1777","fast"]}]}`), `tmpfs mountOptions fast is not valid.`},
	{"executionRoleArn", containerBody(amounts, `"secrets":[{"name":"S","valueFrom":"s"}]`), `executionRoleArn cannot be empty when using secrets or secretOptions`},
	{"secretOptions", containerBody(amounts, `"logConfiguration":{"logDriver":"splunk","secretOptions":[{"name":"S","valueFrom":"s"}]}`), `executionRoleArn cannot be empty when using secrets or secretOptions`},
	{"awslogs-stream-prefix", containerBody(amounts, `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-stream-prefix":"a:b"}}`), `awslogs-stream-prefix must have at most 400 characters, and neither a colon nor an asterisk.`},
	{"environment variable", containerBody(amounts, `"environment":[{"name":"AWS_BATCHED","value":"v"}]`), `Environment variable names must not start with AWS_BATCH, which is reserved: AWS_BATCHED`},
	{"volume", containerBody(amounts, `"volumes":[{"name":"v","host":{},"efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]`), `When the volume parameter is specified, only one volume configuration type should be used.`},
	{"volume name", containerBody(amounts, `"volumes":[{"name":"`+strings.Repeat("v", 256)+`"}]`), `Volume name must have at most 255 characters.`},
	{"volume name", containerBody(amounts, `"volumes":[{"name":"v"},{"name":"v"}]`), `Volume names must be unique: v`},
	{"sourceVolume", containerBody(amounts, `"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`), `sourceVolume v must reference a defined volume.`},
	{"containerPath", containerBody(amounts, `"volumes":[{"name":"v"}]`, `"mountPoints":[{"sourceVolume":"v"}]`), `containerPath of mountPoints is required.`},
	{"fileSystemId", containerBody(amounts, strings.Replace(efs(), "fs-1", "data", 1)), `EFS configuration fileSystemId is not valid: data.`},
	{"EFS IAM", containerBody(amounts, efs(`"authorizationConfig":{"iam":"ENABLED"}`)), `EFS IAM authorization requires TransitEncryption to be enabled.`},
	{"access point", containerBody(amounts, efs(`"authorizationConfig":{"accessPointId":"fsap-1"}`)), `EFS IAM access point requires TransitEncryption to be enabled.`},
	{"root directory", containerBody(amounts, efs(`"transitEncryption":"ENABLED"`, `"authorizationConfig":{"accessPointId":"fsap-1"}`, `"rootDirectory":"/x"`)), `When using an EFS access point, the root directory must either be set to "/" or omitted`},
	{"transitEncryptionPort", containerBody(amounts, efs(`"transitEncryptionPort":65536`)), `TransitEncryptionPort must be a valid port number.`},
	{"rootDirectory", containerBody(amounts, efs(`"rootDirectory":"`+strings.Repeat("/", 4097)+`"`)), `rootDirectory must have at most 4096 characters.`},
	{"jobRoleArn", containerBody(amounts, `"volumes":[{"name":"v","s3filesVolumeConfiguration":{"fileSystemArn":"a"}}]`), `A jobRoleArn/taskRoleArn is required when using s3filesVolumeConfiguration.`},
	{"fargatePlatformConfiguration", containerBody(amounts, `"fargatePlatformConfiguration":{"platformVersion":"LATEST"}`), `fargatePlatformConfiguration not applicable for EC2.`},
	{"networkConfiguration", containerBody(amounts, `"networkConfiguration":{"assignPublicIp":"ENABLED"}`), `networkConfiguration not applicable for EC2.`},
	{"ephemeralStorage", containerBody(amounts, `"ephemeralStorage":{"sizeInGiB":30}`), `ephemeralStorage is not applicable for EC2.`},
})

var wrongFargate = asWrong([]registration{
	{"vcpus", strings.Replace(fargateBody(), amountsOfFargate, `"vcpus":1,"memory":2048`, 1), `vcpus is not applicable for Fargate. Use resource requirements instead.`},
	{"memory", strings.Replace(fargateBody(`"memory":512`), `,{"type":"MEMORY","value":"512"}`, ``, 1), `memory is not applicable for Fargate. Use resource requirements instead.`},
	{"resource requirements", strings.Replace(fargateBody(), `"512"`, `"1536"`, 1), `Fargate resource requirements (0.25 vCPU, 1536 MiB) are not valid.`},
	{"resource requirements", strings.Replace(fargateBody(), `"0.25"`, `"3"`, 1), `Fargate resource requirements (3 vCPU, 512 MiB) are not valid.`},
	{"VCPU", strings.Replace(fargateBody(), `"0.25"`, `".25"`, 1), `Value .25 for type VCPU in resourceRequirement is not valid. Please provide a numeric value.`},
	{"GPU", strings.Replace(fargateBody(), `[{`, `[{"type":"GPU","value":"1"},{`, 1), `GPU is not applicable for Fargate.`},
	{"privileged", fargateBody(`"privileged":true`), `privileged is not applicable for Fargate.`},
	{"ulimits", fargateBody(`"ulimits":[{"name":"nofile","softLimit":1,"hardLimit":1}]`), `ulimits is not applicable for Fargate.`},
	{"linuxParameter.devices", fargateBody(`"linuxParameters":{"devices":[{"hostPath":"/dev/fuse"}]}`), `linuxParameter.devices is not allowed for Fargate.`},
	{"linuxParameter.sharedMemorySize", fargateBody(`"linuxParameters":{"sharedMemorySize":1}`), `linuxParameter.sharedMemorySize is not allowed for Fargate.`},
	{"linuxParameter.swappiness", fargateBody(`"linuxParameters":{"swappiness":1}`), `linuxParameter.swappiness is not allowed for Fargate.`},
	{"linuxParameter.tmpfs", fargateBody(`"linuxParameters":{"tmpfs":[{"containerPath":"/t","size":1}]}`), `linuxParameter.tmpfs is not allowed for Fargate.`},
	{"linuxParameter.swappiness", fargateBody(`"linuxParameters":{"maxSwap":1,"swappiness":1}`), `linuxParameter.swappiness is not allowed for Fargate.`},
	{"host.sourcePath", fargateBody(`"volumes":[{"name":"v","host":{"sourcePath":"/x"}}]`), `host.sourcePath should not be set for volumes in Fargate.`},
	{"log driver", fargateBody(`"logConfiguration":{"logDriver":"syslog"}`), `Log driver for Fargate is not valid: syslog`},
	{"EFS", fargateBody(efs(), `"fargatePlatformConfiguration":{"platformVersion":"1.3.0"}`), `EFS is supported for Fargate platform versions 1.4.0 or later, provided 1.3.0`},
	{"ephemeral storage", fargateBody(`"ephemeralStorage":{"sizeInGiB":20}`), `Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB`},
	{"ephemeral storage", fargateBody(`"ephemeralStorage":{"sizeInGiB":201}`), `Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB`},
	{"runtimePlatform", fargateBody(`"runtimePlatform":{"operatingSystemFamily":"BSD"}`), `RuntimePlatform supports only one from [WINDOWS_SERVER_2019_CORE, WINDOWS_SERVER_2019_FULL, WINDOWS_SERVER_2022_CORE, WINDOWS_SERVER_2022_FULL, LINUX] operating systems, provided BSD`},
	{"cpuArchitecture", fargateBody(`"runtimePlatform":{"cpuArchitecture":"RISCV"}`), `RuntimePlatform supports only one from [X86_64, ARM64] cpuArchitectures, provided RISCV`},
	{"cpuArchitecture", fargateBody(windows + `,"cpuArchitecture":"ARM64"}`), `Windows supported only by X86_64 cpuArchitecture`},
	{"linuxParameters", fargateBody(windows+`}`, `"linuxParameters":{"initProcessEnabled":true}`), `linuxParameters is not applicable for Windows.`},
	{"privileged", fargateBody(windows+`}`, `"privileged":false`), `privileged is not applicable for Windows.`},
	{"user", fargateBody(windows+`}`, `"user":"me"`), `user is not applicable for Windows.`},
	{"readonlyRootFilesystem", fargateBody(windows+`}`, `"readonlyRootFilesystem":true`), `readonlyRootFilesystem is not applicable for Windows.`},
	{"efsVolumeConfiguration", fargateBody(windows+`}`, efs()), `efsVolumeConfiguration is not applicable for Windows.`},
	{"vCPU", fargateBody(windows + `}`), `vCPU must be at least 1 for Windows Job definition, got 0.25.`},
})

const (
	amountsOfFargate = `"resourceRequirements":[{"type":"VCPU","value":"0.25"},{"type":"MEMORY","value":"512"}]`
	windows          = `"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"`
)

var wrongNodes = asWrong([]registration{
	{"nodes", nodesBody(0, 0, node("0")), `Number of nodes must be between 1 and 1000.`},
	{"nodes", nodesBody(1001, 0, node("0:")), `Number of nodes must be between 1 and 1000.`},
	{"main node", nodesBody(2, 2, node("0:")), `Main node index is out of range, must be less than numNodes.`},
	{"main node", nodesBody(2, -1, node("0:")), `Main node index is out of range, must be less than numNodes.`},
	{"node range properties", nodesBody(6, 0, many(6, func(i int) string { return node(fmt.Sprint(i)) })), `Maximum allowed size of node range properties is 5`},
	{"targetNodes", nodesBody(2, 0, node("a:b")), `targetNodes should contain only digits.`},
	{"targetNodes", nodesBody(2, 0, node("-1:1")), `targetNodes should contain only digits.`},
	{"targetNodes", nodesBody(2, 0, node("0:1:2")), `targetNodes should contain only digits.`},
	{"targetNodes", nodesBody(2, 0, node("0:2")), `targetNodes 0:2 is out of range, must be less than numNodes.`},
	{"targetNodes", nodesBody(3, 0, node("2:1")), `targetNodes 2:1 is out of range, must be less than numNodes.`},
	{"targetNodes", nodesBody(3, 0, node("3:")), `targetNodes 3: is out of range, must be less than numNodes.`},
	{"targetNodes", nodesBody(3, 0, node("0"), node("2")), `targetNodes must cover all nodes, node 1 is in no range.`},
	{"targetNodes", nodesBody(3, 0), `targetNodes must cover all nodes, node 0 is in no range.`},
	{"targetNodes", nodesBody(4, 0, node("0:2"), node("1:3")), `targetNodes 0:2 and 1:3 must not overlap unless one is nested in the other.`},
	{"targetNodes", nodesBody(2, 0, node("0:1"), node(":")), `targetNodes 0:1 and : must not overlap unless one is nested in the other.`},
	{"container", nodesBody(1, 0, `{"targetNodes":"0"}`), `Must specify container for node range 0`},
	{"ecsProperties", nodesBody(1, 0, node("0", `"ecsProperties":{"taskProperties":[]}`)), `NodeRangeProperties can not use both ecsProperties and container fields`},
	{"eksProperties", nodesBody(1, 0, node("0", `"eksProperties":{"podProperties":{"containers":[]}}`)), `NodeRangeProperties can not use both eksProperties and container fields`},
	{"eksProperties", nodesBody(1, 0, `{"targetNodes":"0","ecsProperties":{"taskProperties":[]},"eksProperties":{"podProperties":{"containers":[]}}}`), `NodeRangeProperties can not use both ecsProperties and eksProperties fields`},
	{"instanceTypes", nodesBody(1, 0, node("0", `"instanceTypes":["m5.large"]`)), `Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs.`},
	{"instanceTypes", nodesBody(1, 0, `{"targetNodes":"0","instanceTypes":["m5.large","c5.large"],"ecsProperties":{"taskProperties":[]}}`), `instanceTypes can have at most 1 element.`},
	{"networkConfiguration", nodesBody(1, 0, `{"targetNodes":"0","container":{"image":"i","vcpus":1,"memory":4,"networkConfiguration":{"assignPublicIp":"ENABLED"}}}`), `networkConfiguration not applicable for EC2.`},
	{"image", nodesBody(1, 0, `{"targetNodes":"0","container":{"vcpus":1,"memory":4}}`), `ECS Container Image must be provided.`},
	{"memory", nodesBody(2, 0, node("0"), `{"targetNodes":"1","container":{"image":"i","vcpus":1,"memory":3}}`), `Memory must be at least 4 Mib, got 3 Mib.`},
	{"eksProperties", nodesBody(2, 0, node("0"), `{"targetNodes":"1","eksProperties":{"podProperties":{"containers":[{"image":"i"}]}}}`), `NodeRangeProperties can not use eksProperties in some ranges only`},
	{"kubernetesNamespace", nodesBody(2, 0, podNode("0", "a"), podNode("1", "b")), `All node ranges must have the same kubernetesNamespace.`},
	{"consumableResource", nodesBody(1, 0, node("0", `"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"a","quantity":1},{"consumableResource":"a","quantity":1}]}`)), `Cannot have duplicate consumableResource in consumableResourceProperties`},
	{"numNodes", `{"jobDefinitionName":"new","type":"multinode","nodeProperties":{"mainNode":0,"nodeRangeProperties":[]}}`, `nodeProperties.numNodes is required`},
})

func podNode(target, namespace string) string {
	return `{"targetNodes":"` + target + `","eksProperties":{"podProperties":{"containers":[{"image":"i"}],"metadata":{"namespace":"` + namespace + `"}}}}`
}

var wrongTasks = asWrong([]registration{
	{"taskProperties", `{"jobDefinitionName":"new","type":"container","ecsProperties":{"taskProperties":[]}}`, `ecsProperties.taskProperties must have exactly 1 element, got 0.`},
	{"containers", ecsBody(``), `Number of containers must be between 1 and 10`},
	{"containers", ecsBody(many(11, func(i int) string { return inTask(fmt.Sprint("c", i)) })), `Number of containers must be between 1 and 10`},
	{"image", ecsBody(`{"name":"a"}`), `ecsProperties.taskProperties[0].containers[0].image is required`},
	{"container name", ecsBody(inTask("a b")), `Container name a b must have at most 255 letters, digits, hyphens and underscores.`},
	{"container names", ecsBody(inTask("a") + `,` + inTask("a")), `Container names must be unique`},
	{"essential", ecsBody(inTask("a", `"essential":false`)), `At least one container must be set as essential`},
	{"dependency", ecsBody(inTask("a", `"dependsOn":[{"containerName":"a","condition":"START"}]`)), `Container dependency can not be used in a single-container job.`},
	{"containerName", ecsBody(inTask("a") + `,` + inTask("b", `"dependsOn":[{"containerName":"c","condition":"START"}]`)), `containerName c must reference a defined container.`},
	{"dependency", ecsBody(inTask("a") + `,` + inTask("b", `"dependsOn":[{"containerName":"a","condition":"HEALTHY"}]`)), `TaskContainer dependency HEALTHY is not valid. Valid values are: [START, COMPLETE, SUCCESS]`},
	{"dependency", ecsBody(inTask("a") + `,` + inTask("b", `"dependsOn":[{"containerName":"a","condition":"SUCCESS"}]`)), `The container target of a dependency can not have condition SUCCESS if the target is essential`},
	{"dependency", ecsBody(inTask("a") + `,` + inTask("b", `"dependsOn":[{"containerName":"a","condition":"COMPLETE"}]`)), `The container target of a dependency can not have condition COMPLETE if the target is essential`},
	{"dependencies", ecsBody(inTask("a", `"dependsOn":[{"containerName":"b","condition":"START"}]`) + `,` + inTask("b", `"dependsOn":[{"containerName":"a","condition":"START"}]`)), `Container dependencies must not form a cycle: a`},
	{"ipcMode", ecsBody(inTask("a"), `"ipcMode":"pod"`), `ipcMode pod is not valid. Valid values are: [host, task, none]`},
	{"", ecsBody(inTask("a"), `"pidMode":"none"`), `Capability none is not valid. Valid capabilities: [host, task]`},
	{"firelensConfiguration", ecsBody(inTask("a", `"user":"me"`, `"firelensConfiguration":{"type":"fluentbit"}`)), `When a firelensConfiguration object is specified, at least one container has to run as root`},
	{"vCPU", ecsBody(`{"image":"i"}`), `vCPU is required.`},
	{"memory", ecsBody(`{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"}]}`), `Memory is required.`},
	{"executionRoleArn", ecsBody(inTask("a", `"secrets":[{"name":"S","valueFrom":"s"}]`)), `executionRoleArn cannot be empty when using secrets or secretOptions`},
	{"sourceVolume", ecsBody(inTask("a", `"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`)), `sourceVolume v must reference a defined volume.`},
	{"platformVersion", ecsBody(inTask("a"), `"platformVersion":"LATEST"`), `platformVersion is not applicable for EC2.`},
	{"runtimePlatform", ecsBody(inTask("a"), `"runtimePlatform":{"cpuArchitecture":"ARM64"}`), `runtimePlatform is not applicable for EC2.`},
	{"runtimePlatform", managed(ecsBody(inTask("a"), windows+`}`)), `runtimePlatform for MANAGED_INSTANCES only supports LINUX operating system family.`},
	{"executionRoleArn", onFargate(ecsBody(inTask("a"))), `executionRoleArn is required for Fargate jobs.`},
	{"resource requirements", onFargate(ecsBody(inTask("a")+`,`+inTask("b"), `"executionRoleArn":"x"`)), `Fargate resource requirements (2 vCPU, 8 MiB) are not valid.`},
	{"stopTimeout", onFargate(ecsBody(inTask("a", `"stopTimeout":1`), `"executionRoleArn":"x"`)), `stopTimeout must be between 2 and 120 seconds for Fargate, got 1.`},
	{"startTimeout", onFargate(ecsBody(inTask("a", `"startTimeout":121`), `"executionRoleArn":"x"`)), `startTimeout must be between 2 and 120 seconds for Fargate, got 121.`},
})

func managed(body string) string {
	return strings.Replace(body, `{`, `{"platformCapabilities":["MANAGED_INSTANCES"],`, 1)
}

func onFargate(body string) string {
	return strings.Replace(body, `{`, `{"platformCapabilities":["FARGATE"],`, 1)
}

var wrongPods = asWrong([]registration{
	{"containers", podBody(``), `Containers must be provided for Batch on EKS jobs.`},
	{"containers", podBody(many(11, func(i int) string { return inPod(fmt.Sprintf(`"name":"c%d"`, i)) })), `Number of containers must be between 1 and 10`},
	{"initContainers", podBody(inPod(), `"initContainers":[`+many(11, func(i int) string { return inPod(fmt.Sprintf(`"name":"c%d"`, i)) })+`]`), `Number of initContainers must be at most 10`},
	{"container names", podBody(inPod(`"name":"a"`) + `,` + inPod(`"name":"a"`)), `Container names must be unique`},
	{"dnsPolicy", podBody(inPod(), `"dnsPolicy":"None"`), `dnsPolicy None is not valid. Valid values are: [Default, ClusterFirst, ClusterFirstWithHostNet]`},
	{"imagePullPolicy", podBody(inPod(`"imagePullPolicy":"Sometimes"`)), `imagePullPolicy Sometimes is not valid. Valid values are: [Always, IfNotPresent, Never]`},
	{"environment variable", podBody(inPod(`"env":[{"name":"AWS_BATCH_X","value":"v"}]`)), `Environment variable names must not start with AWS_BATCH, which is reserved: AWS_BATCH_X`},
	{"cpu", podBody(inPod(`"resources":{"limits":{"cpu":"250m"}}`)), `Value 250m for type cpu in resources is not valid. Provide a valid number and unit.`},
	{"cpu", podBody(inPod(`"resources":{"limits":{"cpu":"0.3"}}`)), `Value 0.3 for type cpu in resources is not valid. Provide a valid number and unit.`},
	{"cpu", podBody(inPod(`"resources":{"requests":{"cpu":"0"}}`)), `Value 0 for type cpu in resources is not valid. Provide a valid number and unit.`},
	{"memory", podBody(inPod(`"resources":{"limits":{"memory":"1Gi"}}`)), `Value 1Gi for type memory is not valid.`},
	{"memory", podBody(inPod(`"resources":{"limits":{"memory":"3Mi"}}`)), `Value 3Mi for type memory is not valid.`},
	{"nvidia.com/gpu", podBody(inPod(`"resources":{"limits":{"nvidia.com/gpu":"0.5"}}`)), `Value 0.5 for type nvidia.com/gpu in resources is not valid.`},
	{"resources", podBody(inPod(`"resources":{"limits":{"disk":"1"}}`)), `disk is not a supported type for resources.`},
	{"cpu", podBody(inPod(`"resources":{"limits":{"cpu":"1"},"requests":{"cpu":"2"}}`)), `cpu request must be <= to cpu limit if both are provided.`},
	{"memory", podBody(inPod(`"resources":{"limits":{"memory":"8Mi"},"requests":{"memory":"4Mi"}}`)), `memory request must be equal to memory limit if both are provided.`},
	{"gpu", podBody(inPod(`"resources":{"limits":{"nvidia.com/gpu":"2"},"requests":{"nvidia.com/gpu":"1"}}`)), `gpu request must be equal to gpu limit if both are provided.`},
	{"volume", podBody(inPod(), `"volumes":[{"name":"v","emptyDir":{"medium":"Disk"}}]`), `Invalid Volume mount. Allowed values - Memory or null.`},
	{"volume", podBody(inPod(), `"volumes":[{"name":"v","emptyDir":{},"hostPath":{"path":"/x"}}]`), `When the volume parameter is specified, only one volume configuration type should be used.`},
	{"volumeMounts", podBody(inPod(`"volumeMounts":[{"name":"v","mountPath":"/v"}]`)), `volumeMounts name v must reference a defined volume.`},
	{"label", podBody(inPod(), `"metadata":{"labels":{"-a":"b"}}`), `The name -a of the pod label key does not match a valid pattern.`},
	{"annotation", podBody(inPod(), `"metadata":{"annotations":{"a b":"c"}}`), `The name a b of the pod annotation key does not match a valid pattern.`},
	{"kubernetesNamespace", podBody(inPod(), `"metadata":{"namespace":"default"}`), `kubernetesNamespace cannot be the default Kubernetes namespace.`},
	{"kubernetesNamespace", podBody(inPod(), `"metadata":{"namespace":"kube-system"}`), `kubernetesNamespace cannot be a reserved Kubernetes system namespace.`},
	{"kubernetesNamespace", podBody(inPod(), `"metadata":{"namespace":"A"}`), `kubernetesNamespace A does not match a valid pattern.`},
})
