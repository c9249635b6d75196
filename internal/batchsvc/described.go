package batchsvc

import (
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// How AWS describes what was registered: as it was sent, with empty lists where
// nothing was given, actions in lower case, without variables that have no
// value. Nothing is changed in place.

func (s *Service) definitionDetail(d *definition) batchapi.JobDefinition {
	status := "ACTIVE"
	if !d.active {
		status = "INACTIVE"
	}
	r, p := d.req, platformOf(d.req)
	out := batchapi.JobDefinition{
		JobDefinitionName: d.name, JobDefinitionArn: s.definitionARN(d), Revision: ptr(d.revision), Status: status, Type: r.Type,
		SchedulingPriority: r.SchedulingPriority, Parameters: orMap(r.Parameters), RetryStrategy: describedRetry(r.RetryStrategy),
		ContainerProperties: describedContainer(r.ContainerProperties, p.fargate()), EcsProperties: describedECS(r.EcsProperties),
		EksProperties: describedEKS(r.EksProperties), NodeProperties: describedNodes(r.NodeProperties),
		Timeout: r.Timeout, Tags: orMap(r.Tags), PropagateTags: r.PropagateTags, PlatformCapabilities: r.PlatformCapabilities,
		ContainerOrchestrationType: batchapi.OrchestrationTypeEcs, ConsumableResourceProperties: r.ConsumableResourceProperties,
	}
	if onKubernetes(r) {
		out.ContainerOrchestrationType = batchapi.OrchestrationTypeEks
	}
	return out
}

// describedRetry is a retry strategy as AWS answers it.
func describedRetry(r *batchapi.RetryStrategy) *batchapi.RetryStrategy {
	if r == nil {
		return nil
	}
	d := batchapi.RetryStrategy{Attempts: r.Attempts, EvaluateOnExit: []batchapi.EvaluateOnExit{}}
	for _, e := range r.EvaluateOnExit {
		e.Action = strings.ToLower(e.Action)
		d.EvaluateOnExit = append(d.EvaluateOnExit, e)
	}
	return &d
}

func describedContainer(p *batchapi.ContainerProperties, fargate bool) *batchapi.ContainerProperties {
	if p == nil {
		return nil
	}
	d := *p
	d.Command, d.Volumes, d.MountPoints, d.Ulimits = or(p.Command), or(p.Volumes), or(p.MountPoints), or(p.Ulimits)
	d.ResourceRequirements, d.Secrets = or(p.ResourceRequirements), or(p.Secrets)
	d.Environment = withValues(p.Environment)
	d.LinuxParameters, d.LogConfiguration = describedLinux(p.LinuxParameters), describedLog(p.LogConfiguration)
	if fargate && d.FargatePlatformConfiguration == nil {
		d.FargatePlatformConfiguration = &batchapi.FargatePlatformConfiguration{PlatformVersion: "LATEST"}
	}
	return &d
}

// withValues drops the variables that have none.
func withValues(list []batchapi.KeyValuePair) []batchapi.KeyValuePair {
	return slices.DeleteFunc(slices.Clone(or(list)), func(v batchapi.KeyValuePair) bool { return v.Value == "" })
}

func describedLinux(l *batchapi.LinuxParameters) *batchapi.LinuxParameters {
	if l == nil {
		return nil
	}
	d := *l
	d.Devices, d.Tmpfs = or(l.Devices), or(l.Tmpfs)
	return &d
}

func describedLog(l *batchapi.LogConfiguration) *batchapi.LogConfiguration {
	if l == nil {
		return nil
	}
	return &batchapi.LogConfiguration{LogDriver: l.LogDriver, Options: orMap(l.Options), SecretOptions: or(l.SecretOptions)}
}

func describedECS(e *batchapi.EcsProperties) *batchapi.EcsProperties {
	if e == nil {
		return nil
	}
	d := batchapi.EcsProperties{TaskProperties: slices.Clone(e.TaskProperties)}
	for i := range d.TaskProperties {
		t := &d.TaskProperties[i]
		t.Volumes, t.Containers = or(t.Volumes), slices.Clone(t.Containers)
		for j := range t.Containers {
			c := &t.Containers[j]
			c.Command, c.DependsOn, c.MountPoints, c.Ulimits = or(c.Command), or(c.DependsOn), or(c.MountPoints), or(c.Ulimits)
			c.ResourceRequirements, c.Secrets = or(c.ResourceRequirements), or(c.Secrets)
			c.Environment = withValues(c.Environment)
			c.LinuxParameters, c.LogConfiguration = describedLinux(c.LinuxParameters), describedLog(c.LogConfiguration)
		}
	}
	return &d
}

// describedEKS adds no dnsPolicy: AWS answers one only where it was set.
func describedEKS(e *batchapi.EksProperties) *batchapi.EksProperties {
	if e == nil || e.PodProperties == nil {
		return e
	}
	p := *e.PodProperties
	p.Volumes = or(p.Volumes)
	for _, list := range [2]*[]batchapi.EksContainer{&p.Containers, &p.InitContainers} {
		*list = slices.Clone(*list)
		for i := range *list {
			c := &(*list)[i]
			c.Args, c.Env, c.VolumeMounts = or(c.Args), or(c.Env), or(c.VolumeMounts)
		}
	}
	return &batchapi.EksProperties{PodProperties: &p}
}

func describedNodes(n *batchapi.NodeProperties) *batchapi.NodeProperties {
	if n == nil {
		return nil
	}
	d := *n
	d.NodeRangeProperties = describedParts(n.NodeRangeProperties)
	return &d
}

func describedParts(list []part) []part {
	out := slices.Clone(list)
	for i := range out {
		p := &out[i]
		p.Container, p.EcsProperties, p.EksProperties = describedContainer(p.Container, false), describedECS(p.EcsProperties), describedEKS(p.EksProperties)
	}
	return out
}
