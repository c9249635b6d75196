package batchsvc

import (
	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// What DescribeJobs says of the specification of a job. What has become of it
// (exits, tasks, log streams) is put in by who knows.

// describe fills in the one of container, ecsProperties, eksProperties and
// nodeProperties that the job has.
func (s *spec) describe(d *batchapi.JobDetail) {
	if s.multinode() {
		n := s.definition.req.NodeProperties
		d.NodeProperties = &batchapi.NodeProperties{NumNodes: ptr(int32(s.nodes)), MainNode: n.MainNode, NodeRangeProperties: describedParts(s.parts)}
		return
	}
	s.describePart(s.part(0), d)
}

func (s *spec) describePart(p *part, d *batchapi.JobDetail) {
	switch {
	case p.Container != nil:
		d.Container = containerDetail(describedContainer(p.Container, s.fargate()))
	case p.EcsProperties != nil:
		d.EcsProperties = ecsDetail(describedECS(p.EcsProperties))
	default:
		d.EksProperties = eksDetail(describedEKS(p.EksProperties))
	}
}

func containerDetail(p *batchapi.ContainerProperties) *batchapi.ContainerDetail {
	return &batchapi.ContainerDetail{
		Image: p.Image, Vcpus: p.Vcpus, Memory: p.Memory, Command: p.Command, JobRoleArn: p.JobRoleArn, ExecutionRoleArn: p.ExecutionRoleArn,
		Volumes: p.Volumes, Environment: p.Environment, MountPoints: p.MountPoints, ReadonlyRootFilesystem: p.ReadonlyRootFilesystem,
		Ulimits: p.Ulimits, Privileged: p.Privileged, User: p.User, InstanceType: p.InstanceType,
		NetworkInterfaces: []batchapi.NetworkInterface{}, ResourceRequirements: p.ResourceRequirements, LinuxParameters: p.LinuxParameters,
		LogConfiguration: p.LogConfiguration, Secrets: p.Secrets, NetworkConfiguration: p.NetworkConfiguration,
		FargatePlatformConfiguration: p.FargatePlatformConfiguration, EphemeralStorage: p.EphemeralStorage, RuntimePlatform: p.RuntimePlatform,
		RepositoryCredentials: p.RepositoryCredentials, EnableExecuteCommand: p.EnableExecuteCommand,
	}
}

func ecsDetail(e *batchapi.EcsProperties) *batchapi.EcsPropertiesDetail {
	d := &batchapi.EcsPropertiesDetail{}
	for _, t := range e.TaskProperties {
		task := batchapi.EcsTaskDetails{
			Containers: []batchapi.TaskContainerDetails{}, EphemeralStorage: t.EphemeralStorage, ExecutionRoleArn: t.ExecutionRoleArn,
			PlatformVersion: t.PlatformVersion, IpcMode: t.IpcMode, TaskRoleArn: t.TaskRoleArn, PidMode: t.PidMode,
			NetworkConfiguration: t.NetworkConfiguration, RuntimePlatform: t.RuntimePlatform, Volumes: t.Volumes,
			EnableExecuteCommand: t.EnableExecuteCommand, NetworkMode: t.NetworkMode,
		}
		for _, c := range t.Containers {
			task.Containers = append(task.Containers, batchapi.TaskContainerDetails{
				Command: c.Command, DependsOn: c.DependsOn, Environment: c.Environment, Essential: c.Essential,
				FirelensConfiguration: c.FirelensConfiguration, Image: c.Image, LinuxParameters: c.LinuxParameters,
				LogConfiguration: c.LogConfiguration, MountPoints: c.MountPoints, Name: c.Name, Privileged: c.Privileged,
				ReadonlyRootFilesystem: c.ReadonlyRootFilesystem, RepositoryCredentials: c.RepositoryCredentials,
				ResourceRequirements: c.ResourceRequirements, Secrets: c.Secrets, Ulimits: c.Ulimits, User: c.User,
				StartTimeout: c.StartTimeout, StopTimeout: c.StopTimeout, NetworkInterfaces: []batchapi.NetworkInterface{},
			})
		}
		d.TaskProperties = append(d.TaskProperties, task)
	}
	return d
}

func eksDetail(e *batchapi.EksProperties) *batchapi.EksPropertiesDetail {
	p := e.PodProperties
	return &batchapi.EksPropertiesDetail{PodProperties: &batchapi.EksPodPropertiesDetail{
		ServiceAccountName: p.ServiceAccountName, HostNetwork: p.HostNetwork, DnsPolicy: p.DnsPolicy, ImagePullSecrets: p.ImagePullSecrets,
		Containers: podContainers(p.Containers), InitContainers: podContainers(p.InitContainers), Volumes: p.Volumes,
		Metadata: p.Metadata, ShareProcessNamespace: p.ShareProcessNamespace,
	}}
}

func podContainers(list []batchapi.EksContainer) []batchapi.EksContainerDetail {
	var out []batchapi.EksContainerDetail
	for _, c := range list {
		out = append(out, batchapi.EksContainerDetail{
			Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Command: c.Command, Args: c.Args, Env: c.Env,
			Resources: c.Resources, VolumeMounts: c.VolumeMounts, SecurityContext: c.SecurityContext,
		})
	}
	return out
}
