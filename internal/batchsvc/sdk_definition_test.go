package batchsvc_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// official is AWS's own client of a world.
func official(t *testing.T, w *world) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}, nil
		}),
		Retryer: aws.NopRetryer{},
	})
}

// Definitions of every kind through AWS's own client: what it sends it reads
// back, and a submit says what cannot run yet.
func TestKindsOfficially(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	client := official(t, w)
	amounts := []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")}}
	container := &types.ContainerProperties{
		Image: aws.String("i"), Command: []string{"run"}, ResourceRequirements: amounts, ExecutionRoleArn: aws.String("x"), JobRoleArn: aws.String("y"),
		User: aws.String("1000"), Privileged: aws.Bool(false), ReadonlyRootFilesystem: aws.Bool(true),
		Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}},
		Ulimits:     []types.Ulimit{{Name: aws.String("nofile"), SoftLimit: aws.Int32(1), HardLimit: aws.Int32(2)}},
		Secrets:     []types.Secret{{Name: aws.String("S"), ValueFrom: aws.String("s")}},
		Volumes: []types.Volume{
			{Name: aws.String("tmp"), Host: &types.Host{}},
			{Name: aws.String("efs"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1"), TransitEncryption: types.EFSTransitEncryptionEnabled}},
		},
		MountPoints: []types.MountPoint{{SourceVolume: aws.String("tmp"), ContainerPath: aws.String("/t"), ReadOnly: aws.Bool(true)}},
		LinuxParameters: &types.LinuxParameters{
			InitProcessEnabled: aws.Bool(true), MaxSwap: aws.Int32(0), Swappiness: aws.Int32(0),
			Tmpfs:   []types.Tmpfs{{ContainerPath: aws.String("/s"), Size: aws.Int32(1), MountOptions: []string{"ro"}}},
			Devices: []types.Device{{HostPath: aws.String("/dev/fuse"), Permissions: []types.DeviceCgroupPermission{types.DeviceCgroupPermissionRead}}},
		},
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "g"}},
	}
	task := types.EcsTaskProperties{
		ExecutionRoleArn: aws.String("x"), IpcMode: aws.String("task"),
		Containers: []types.TaskContainerProperties{
			{Name: aws.String("a"), Image: aws.String("i"), ResourceRequirements: amounts, DependsOn: []types.TaskContainerDependency{{ContainerName: aws.String("b"), Condition: aws.String("START")}}},
			{Name: aws.String("b"), Image: aws.String("j"), ResourceRequirements: amounts, Essential: aws.Bool(false), FirelensConfiguration: &types.FirelensConfiguration{Type: types.FirelensConfigurationTypeFluentbit}},
		},
	}
	pod := &types.EksProperties{PodProperties: &types.EksPodProperties{
		HostNetwork: aws.Bool(false), ServiceAccountName: aws.String("s"), ShareProcessNamespace: aws.Bool(true),
		Containers: []types.EksContainer{{
			Name: aws.String("a"), Image: aws.String("i"), Args: []string{"x"},
			Resources:       &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}},
			SecurityContext: &types.EksContainerSecurityContext{RunAsUser: aws.Int64(1000)}, VolumeMounts: []types.EksContainerVolumeMount{{Name: aws.String("v"), MountPath: aws.String("/v")}},
		}},
		Volumes:  []types.EksVolume{{Name: aws.String("v"), EmptyDir: &types.EksEmptyDir{Medium: aws.String("Memory"), SizeLimit: aws.String("1Mi")}}},
		Metadata: &types.EksMetadata{Labels: map[string]string{"a": "b"}, Namespace: aws.String("jobs")},
	}}
	for name, in := range map[string]*sdk.RegisterJobDefinitionInput{
		"container": {
			Type: types.JobDefinitionTypeContainer, ContainerProperties: container, PlatformCapabilities: []types.PlatformCapability{types.PlatformCapabilityEc2},
			Parameters: map[string]string{"p": "1"}, SchedulingPriority: aws.Int32(7), PropagateTags: aws.Bool(true), Tags: map[string]string{"team": "x"},
			Timeout:       &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)},
			RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.EvaluateOnExit{{Action: types.RetryAction("retry"), OnStatusReason: aws.String("Host EC2*")}}},
		},
		"fargate": {
			Type: types.JobDefinitionTypeContainer, PlatformCapabilities: []types.PlatformCapability{types.PlatformCapabilityFargate},
			ContainerProperties: &types.ContainerProperties{
				Image: aws.String("i"), ExecutionRoleArn: aws.String("x"),
				ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("0.25")}, {Type: types.ResourceTypeMemory, Value: aws.String("512")}},
				NetworkConfiguration: &types.NetworkConfiguration{AssignPublicIp: types.AssignPublicIpEnabled}, EphemeralStorage: &types.EphemeralStorage{SizeInGiB: aws.Int32(21)},
				FargatePlatformConfiguration: &types.FargatePlatformConfiguration{PlatformVersion: aws.String("1.4.0")},
				RuntimePlatform:              &types.RuntimePlatform{CpuArchitecture: aws.String("ARM64"), OperatingSystemFamily: aws.String("LINUX")},
			},
		},
		"ecs": {Type: types.JobDefinitionTypeContainer, EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}}},
		"managed": {
			Type: types.JobDefinitionTypeContainer, PlatformCapabilities: []types.PlatformCapability{"MANAGED_INSTANCES"},
			EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}},
		},
		"eks": {Type: types.JobDefinitionTypeContainer, EksProperties: pod},
		"nodes": {Type: types.JobDefinitionTypeMultinode, NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(4), MainNode: aws.Int32(0), NodeRangeProperties: []types.NodeRangeProperty{
				{TargetNodes: aws.String("0"), Container: container},
				{TargetNodes: aws.String("1:"), InstanceTypes: []string{"m5.large"}, EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}}},
			},
		}},
		"pods": {Type: types.JobDefinitionTypeMultinode, NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(2), MainNode: aws.Int32(1), NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String(":"), EksProperties: pod}},
		}},
	} {
		in.JobDefinitionName = &name
		made, err := client.RegisterJobDefinition(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		described, err := client.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{*made.JobDefinitionArn}})
		if err != nil || len(described.JobDefinitions) != 1 {
			t.Fatalf("%s: %d definitions, %v", name, len(described.JobDefinitions), err)
		}
		got := described.JobDefinitions[0]
		want := types.JobDefinition{
			JobDefinitionName: &name, JobDefinitionArn: made.JobDefinitionArn, Revision: aws.Int32(1), Status: aws.String("ACTIVE"), Type: aws.String(string(in.Type)),
			ContainerProperties: in.ContainerProperties, EcsProperties: in.EcsProperties, EksProperties: in.EksProperties, NodeProperties: in.NodeProperties,
			Parameters: in.Parameters, SchedulingPriority: in.SchedulingPriority, PropagateTags: in.PropagateTags, Tags: in.Tags, Timeout: in.Timeout,
			RetryStrategy: in.RetryStrategy, PlatformCapabilities: in.PlatformCapabilities, ContainerOrchestrationType: types.OrchestrationTypeEcs,
		}
		if name == "eks" || name == "pods" {
			want.ContainerOrchestrationType = types.OrchestrationTypeEks
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.FilterPath(unexported, cmp.Ignore())); diff != "" {
			t.Errorf("%s (-registered +described):\n%s", name, diff)
		}
	}
}

func unexported(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && f.Name() == "noSmithyDocumentSerde"
}

// Overrides and refusals as AWS's own client sees them.
func TestOverridesOfficially(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	registerKinds(t, w)
	client := official(t, w)
	made, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{
		JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"), PropagateTags: aws.Bool(true), Tags: map[string]string{"a": "b"},
		ContainerOverrides: &types.ContainerOverrides{
			Command: []string{"x"}, Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}},
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeMemory, Value: aws.String("128")}},
		},
		RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(2)}, Timeout: &types.JobTimeout{AttemptDurationSeconds: aws.Int32(90)},
	})
	if err != nil {
		t.Fatal(err)
	}
	described, err := client.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: []string{*made.JobId}})
	if err != nil || len(described.Jobs) != 1 {
		t.Fatalf("%d jobs, %v", len(described.Jobs), err)
	}
	got := described.Jobs[0]
	want := types.JobDetail{
		PropagateTags: aws.Bool(true), Tags: map[string]string{"a": "b"}, Timeout: &types.JobTimeout{AttemptDurationSeconds: aws.Int32(90)},
		RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{}},
	}
	if diff := cmp.Diff(want, types.JobDetail{PropagateTags: got.PropagateTags, Tags: got.Tags, Timeout: got.Timeout, RetryStrategy: got.RetryStrategy}, cmp.FilterPath(unexported, cmp.Ignore())); diff != "" {
		t.Errorf("(-submitted +described):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x"}, got.Container.Command); diff != "" {
		t.Errorf("the command (-submitted +described):\n%s", diff)
	}
	for _, tt := range []struct{ definition, code string }{
		{"pod", "ClientException"}, {"fargate", "ClientException"}, {"exec", "NotImplementedException"},
	} {
		_, err := client.SubmitJob(t.Context(), &sdk.SubmitJobInput{JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: &tt.definition})
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != tt.code {
			t.Errorf("%s: %v, want %s", tt.definition, err, tt.code)
		}
		var client *types.ClientException
		if errors.As(err, &client) != (tt.code == "ClientException") {
			t.Errorf("%s: %T", tt.definition, err)
		}
	}
}
