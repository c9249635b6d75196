package batchsvc_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// kinds draw what must be of a certain kind to be right; all other members of
// the shapes are drawn by their type.
var kinds = map[string]func(t *rapid.T) any{
	"RegisterJobDefinitionRequest.PlatformCapabilities": func(*rapid.T) any { return []string(nil) }, // the kind's
	"RegisterJobDefinitionRequest.Type":                 func(*rapid.T) any { return "container" },
	"RegisterJobDefinitionRequest.JobDefinitionName":    func(*rapid.T) any { return "d" },
	"RegisterJobDefinitionRequest.ContainerProperties":  nothing[batchapi.ContainerProperties],
	"RegisterJobDefinitionRequest.EcsProperties":        nothing[batchapi.EcsProperties],
	"RegisterJobDefinitionRequest.EksProperties":        nothing[batchapi.EksProperties],
	"RegisterJobDefinitionRequest.NodeProperties":       nothing[batchapi.NodeProperties],
	"RegisterJobDefinitionRequest.SchedulingPriority":   perhaps(0, 9999),
	"RetryStrategy.Attempts":                            sure(1, 10),
	"EvaluateOnExit.Action":                             oneText("RETRY", "retry", "Exit", "exit"),
	"EvaluateOnExit.OnExitCode":                         oneText("1", "13*", "*"),
	"EvaluateOnExit.OnReason":                           oneText("", "Out of: memory.*", "*"),
	"EvaluateOnExit.OnStatusReason":                     oneText("", "Host EC2*"),
	"JobTimeout.AttemptDurationSeconds":                 perhaps(60, 1<<30),
	"ConsumableResourceRequirement.Quantity":            sure64(1, 1<<40),

	"ContainerProperties.Image":                nameDrawn,
	"ContainerProperties.User":                 oneText("", "root", "1000:100", "_me"),
	"ContainerProperties.InstanceType":         oneText(""),
	"ContainerProperties.ExecutionRoleArn":     nameDrawn,
	"ContainerProperties.JobRoleArn":           nameDrawn,
	"ContainerProperties.Vcpus":                nothing[int32],
	"ContainerProperties.Memory":               nothing[int32],
	"ContainerProperties.ResourceRequirements": requirements,

	"ContainerProperties.NetworkConfiguration":         nothing[batchapi.NetworkConfiguration],
	"ContainerProperties.FargatePlatformConfiguration": nothing[batchapi.FargatePlatformConfiguration],
	"ContainerProperties.EphemeralStorage":             nothing[batchapi.EphemeralStorage],
	"ContainerProperties.RuntimePlatform":              nothing[batchapi.RuntimePlatform],

	"EcsTaskProperties.NetworkConfiguration": nothing[batchapi.NetworkConfiguration],
	"EcsTaskProperties.EphemeralStorage":     nothing[batchapi.EphemeralStorage],
	"EcsTaskProperties.RuntimePlatform":      nothing[batchapi.RuntimePlatform],
	"EcsTaskProperties.PlatformVersion":      oneText(""),
	"EcsTaskProperties.ExecutionRoleArn":     nameDrawn,
	"EcsTaskProperties.TaskRoleArn":          nameDrawn,
	"EcsTaskProperties.IpcMode":              oneText("", "host", "task", "none"),
	"EcsTaskProperties.PidMode":              oneText("", "host", "task"),

	"TaskContainerProperties.Name":                 nameDrawn,
	"TaskContainerProperties.Image":                nameDrawn,
	"TaskContainerProperties.User":                 oneText("", "root:wheel"),
	"TaskContainerProperties.DependsOn":            func(*rapid.T) any { return []batchapi.TaskContainerDependency(nil) },
	"TaskContainerProperties.ResourceRequirements": requirements,
	"FirelensConfiguration.Type":                   oneText("fluentd", "fluentbit"),

	"KeyValuePair.Name":                                nameDrawn,
	"Secret.Name":                                      nameDrawn,
	"Secret.ValueFrom":                                 nameDrawn,
	"Ulimit.Name":                                      oneText("nofile", "core", "stack"),
	"Ulimit.SoftLimit":                                 sure(-1, 1<<20),
	"Ulimit.HardLimit":                                 sure(-1, 1<<20),
	"LinuxParameters.MaxSwap":                          perhaps(0, 1<<20),
	"LinuxParameters.Swappiness":                       sure(0, 100),
	"LinuxParameters.SharedMemorySize":                 perhaps(0, 1<<20),
	"Tmpfs.ContainerPath":                              nameDrawn,
	"Tmpfs.Size":                                       sure(1, 1<<20),
	"Tmpfs.MountOptions":                               list(oneText("ro", "mode=1777")),
	"Device.HostPath":                                  nameDrawn,
	"Device.Permissions":                               list(oneText("READ", "WRITE", "MKNOD")),
	"LogConfiguration.LogDriver":                       oneText("syslog", "splunk", "awsfirelens", "json-file", "gelf", "fluentd", "journald"),
	"RepositoryCredentials.CredentialsParameter":       nameDrawn,
	"EFSVolumeConfiguration.FileSystemId":              oneText("fs-0123abcd"),
	"EFSVolumeConfiguration.RootDirectory":             oneText("", "/"),
	"EFSVolumeConfiguration.TransitEncryption":         oneText("ENABLED"),
	"EFSVolumeConfiguration.TransitEncryptionPort":     perhaps(0, 65535),
	"EFSAuthorizationConfig.Iam":                       oneText("", "ENABLED", "DISABLED"),
	"S3FilesVolumeConfiguration.FileSystemArn":         nameDrawn,
	"S3FilesVolumeConfiguration.TransitEncryptionPort": perhaps(0, 65535),

	"EksPodProperties.DnsPolicy":                oneText("", "Default", "ClusterFirst"),
	"EksPodProperties.InitContainers":           func(*rapid.T) any { return []batchapi.EksContainer(nil) },
	"EksMetadata.Namespace":                     oneText("", "jobs"),
	"ImagePullSecret.Name":                      nameDrawn,
	"EksContainer.Name":                         nameDrawn,
	"EksContainer.Image":                        nameDrawn,
	"EksContainer.ImagePullPolicy":              oneText("", "Always", "Never"),
	"EksContainerEnvironmentVariable.Name":      nameDrawn,
	"EksContainerResourceRequirements.Limits":   entries("cpu", "2", "memory", "16Mi", "nvidia.com/gpu", "1"),
	"EksContainerResourceRequirements.Requests": entries("cpu", "0.25", "memory", "16Mi", "nvidia.com/gpu", "1"),
	"EksEmptyDir.Medium":                        oneText("", "Memory"),
	"EksVolume.Name":                            nameDrawn,
	"EksSecret.SecretName":                      nameDrawn,
	"EksPersistentVolumeClaim.ClaimName":        nameDrawn,
}

func nothing[T any](*rapid.T) any { return (*T)(nil) }

func nameDrawn(t *rapid.T) any { return rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`).Draw(t, "name") }

func oneText(values ...string) func(*rapid.T) any {
	return func(t *rapid.T) any { return rapid.SampledFrom(values).Draw(t, "one of") }
}

func list(of func(*rapid.T) any) func(*rapid.T) any {
	return func(t *rapid.T) any {
		var out []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			out = append(out, of(t).(string))
		}
		return out
	}
}

func sure(lo, hi int32) func(*rapid.T) any {
	return func(t *rapid.T) any { n := rapid.Int32Range(lo, hi).Draw(t, "number"); return &n }
}

func sure64(lo, hi int64) func(*rapid.T) any {
	return func(t *rapid.T) any { n := rapid.Int64Range(lo, hi).Draw(t, "number"); return &n }
}

func perhaps(lo, hi int32) func(*rapid.T) any {
	return func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "given") {
			return sure(lo, hi)(t)
		}
		return (*int32)(nil)
	}
}

// entries draws some of the pairs.
func entries(pairs ...string) func(*rapid.T) any {
	return func(t *rapid.T) any {
		m := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			if rapid.Bool().Draw(t, pairs[i]) {
				m[pairs[i]] = pairs[i+1]
			}
		}
		return m
	}
}

func requirements(t *rapid.T) any {
	return rapid.Permutation([]batchapi.ResourceRequirement{
		{Type: "VCPU", Value: strconv.Itoa(rapid.IntRange(1, 64).Draw(t, "vcpu"))},
		{Type: "MEMORY", Value: strconv.Itoa(rapid.IntRange(4, 1<<20).Draw(t, "memory"))},
		{Type: "GPU", Value: strconv.Itoa(rapid.IntRange(0, 8).Draw(t, "gpu"))},
	}).Draw(t, "order")
}

// drawn fills v with what a client may send.
func drawn(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "given") {
			v.Set(reflect.New(v.Type().Elem()))
			drawn(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if draw := kinds[v.Type().Name()+"."+f.Name]; draw != nil {
				v.Field(i).Set(reflect.ValueOf(draw(t)))
			} else {
				drawn(t, v.Field(i))
			}
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				drawn(t, v.Index(i))
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 2).Draw(t, "size") {
			v.SetMapIndex(reflect.ValueOf(nameDrawn(t).(string)+"0"), reflect.ValueOf(rapid.String().Draw(t, "value")))
		}
	case reflect.String:
		v.SetString(strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x00", ""))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64Range(0, 1<<20).Draw(t, "integer"))
	default:
		t.Fatalf("a registration holds a %s", v.Type())
	}
}

func fill[T any](t *rapid.T) *T {
	v := new(T)
	drawn(t, reflect.ValueOf(v).Elem())
	return v
}

// registrationOf draws a definition of a kind. Names that must differ, and those
// that must name something, are made to.
func registrationOf(t *rapid.T, kind string) *batchapi.RegisterJobDefinitionRequest {
	in := fill[batchapi.RegisterJobDefinitionRequest](t)
	consumablesDiffer(in.ConsumableResourceProperties)
	switch kind {
	case "container":
		in.ContainerProperties = containerOf(t)
		if rapid.Bool().Draw(t, "deprecated") {
			in.ContainerProperties.ResourceRequirements = nil
			in.ContainerProperties.Vcpus, in.ContainerProperties.Memory = sure(1, 8)(t).(*int32), sure(4, 8192)(t).(*int32)
		}
	case "fargate":
		in.PlatformCapabilities = []string{"FARGATE"}
		in.ContainerProperties = fargateOf(t)
	case "ecs":
		in.EcsProperties = tasksOf(t)
	case "eks":
		in.PropagateTags = nil
		in.EksProperties = podsOf(t)
	default:
		in.Type = "multinode"
		in.NodeProperties = nodesOf(t, rapid.SampledFrom([]string{"container", "ecs", "eks"}).Draw(t, "kind of nodes"))
		if in.NodeProperties.NodeRangeProperties[0].EksProperties != nil {
			in.PropagateTags = nil
		}
	}
	return in
}

func consumablesDiffer(c *batchapi.ConsumableResourceProperties) {
	if c != nil {
		for i := range c.ConsumableResourceList {
			c.ConsumableResourceList[i].ConsumableResource = fmt.Sprintf("r%d", i)
		}
	}
}

func containerOf(t *rapid.T) *batchapi.ContainerProperties {
	c := fill[batchapi.ContainerProperties](t)
	c.MountPoints = volumesDiffer(t, c.Volumes, c.MountPoints)
	return c
}

func fargateOf(t *rapid.T) *batchapi.ContainerProperties {
	c := containerOf(t)
	c.ResourceRequirements = []batchapi.ResourceRequirement{{Type: "MEMORY", Value: "4096"}, {Type: "VCPU", Value: "0.5"}}
	c.Privileged, c.Ulimits, c.LinuxParameters, c.Volumes, c.MountPoints = nil, nil, nil, nil, nil
	c.LogConfiguration = nil
	c.NetworkConfiguration = &batchapi.NetworkConfiguration{AssignPublicIp: "ENABLED"}
	c.EphemeralStorage = &batchapi.EphemeralStorage{SizeInGiB: sure(21, 200)(t).(*int32)}
	c.RuntimePlatform = &batchapi.RuntimePlatform{CpuArchitecture: "ARM64"}
	if rapid.Bool().Draw(t, "version") {
		c.FargatePlatformConfiguration = &batchapi.FargatePlatformConfiguration{PlatformVersion: "1.4.0"}
	}
	return c
}

func tasksOf(t *rapid.T) *batchapi.EcsProperties {
	task := *fill[batchapi.EcsTaskProperties](t)
	task.Containers = append(task.Containers, *fill[batchapi.TaskContainerProperties](t), *fill[batchapi.TaskContainerProperties](t))
	yes, no := true, false
	for i := range task.Containers {
		c := &task.Containers[i]
		c.Name = fmt.Sprintf("c%d", i)
		c.MountPoints = volumesDiffer(t, task.Volumes, c.MountPoints)
	}
	task.Containers[0].Essential, task.Containers[1].Essential = &yes, &no
	if rapid.Bool().Draw(t, "waits") {
		task.Containers[0].DependsOn = []batchapi.TaskContainerDependency{{ContainerName: "c1", Condition: "SUCCESS"}}
	}
	return &batchapi.EcsProperties{TaskProperties: []batchapi.EcsTaskProperties{task}}
}

func podsOf(t *rapid.T) *batchapi.EksProperties {
	pod := fill[batchapi.EksPodProperties](t)
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		v.Name = fmt.Sprintf("v%d", i)
		v.HostPath, v.Secret, v.PersistentVolumeClaim = nil, nil, nil
	}
	pod.Containers = append(pod.Containers, *fill[batchapi.EksContainer](t))
	for i := range pod.Containers {
		c := &pod.Containers[i]
		c.Name = fmt.Sprintf("c%d", i)
		for j := range c.VolumeMounts {
			if len(pod.Volumes) == 0 {
				c.VolumeMounts = nil
				break
			}
			c.VolumeMounts[j].Name = pod.Volumes[0].Name
		}
	}
	return &batchapi.EksProperties{PodProperties: pod}
}

func nodesOf(t *rapid.T, kind string) *batchapi.NodeProperties {
	n := &batchapi.NodeProperties{NumNodes: sure(3, 100)(t).(*int32), MainNode: sure(0, 2)(t).(*int32)}
	for _, target := range rapid.SampledFrom([][]string{{":"}, {"0", "1:"}, {":1", "1", "2:"}, {"0:", "2:2"}}).Draw(t, "targets") {
		p := batchapi.NodeRangeProperty{TargetNodes: target, ConsumableResourceProperties: fill[batchapi.RegisterJobDefinitionRequest](t).ConsumableResourceProperties}
		consumablesDiffer(p.ConsumableResourceProperties)
		switch kind {
		case "container":
			p.Container = containerOf(t)
			p.Container.InstanceType = oneText("", "m5.large")(t).(string)
		case "ecs":
			p.EcsProperties = tasksOf(t)
			p.InstanceTypes = []string{"m5.large"}
		default:
			p.EksProperties = podsOf(t)
			p.EksProperties.PodProperties.Metadata = nil
		}
		n.NodeRangeProperties = append(n.NodeRangeProperties, p)
	}
	return n
}

// volumesDiffer names volumes, leaves them one kind each, and lets the mounts
// name the first.
func volumesDiffer(t *rapid.T, volumes []batchapi.Volume, mounts []batchapi.MountPoint) []batchapi.MountPoint {
	for i := range volumes {
		v := &volumes[i]
		v.Name = fmt.Sprintf("v%d", i)
		kind := rapid.IntRange(0, 2).Draw(t, "kind of volume")
		if v.Host != nil && kind > 0 {
			v.EfsVolumeConfiguration, v.S3filesVolumeConfiguration = nil, nil
		} else if v.Host = nil; v.EfsVolumeConfiguration != nil {
			v.S3filesVolumeConfiguration = nil
		}
	}
	if len(volumes) == 0 {
		return nil
	}
	for i := range mounts {
		mounts[i].SourceVolume, mounts[i].ContainerPath = "v0", "/v"
	}
	return mounts
}
