package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// defaultName names the environment, the queue and the definition that
// `barge run` uses where it is told no others.
const defaultName = "barge-default"

// ensureQueue makes the default queue and its environment where they are
// missing. Of several that do so at once all but one are refused, and find what
// that one has made.
func (c *client) ensureQueue(ctx context.Context, vcpus int32) error {
	most, err := c.environmentSize(ctx)
	if err != nil {
		return err
	}
	if most == 0 {
		most = int32(runtime.NumCPU())
		if _, err = c.batch.CreateComputeEnvironment(ctx, defaultEnvironment(most)); err != nil {
			created := err
			if most, err = c.environmentSize(ctx); err != nil || most == 0 {
				return created
			}
		}
	}
	if vcpus > most { // or it would wait for ever
		return fmt.Errorf("the job asks for %d vCPUs, and the compute environment %s has %d: name a queue with a larger one by --queue", vcpus, defaultName, most)
	}
	exists, err := c.queueExists(ctx)
	if err != nil || exists {
		return err
	}
	_, err = c.batch.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
		JobQueueName: aws.String(defaultName), Priority: aws.Int32(1), State: types.JQStateEnabled,
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String(defaultName)}},
	})
	if err != nil {
		if exists, failed := c.queueExists(ctx); failed != nil || !exists {
			return err
		}
	}
	return nil
}

// environmentSize is the most vCPUs of the default environment, zero when it
// does not exist.
func (c *client) environmentSize(ctx context.Context) (int32, error) {
	out, err := c.batch.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{defaultName}})
	if err != nil || len(out.ComputeEnvironments) == 0 || out.ComputeEnvironments[0].ComputeResources == nil {
		return 0, err
	}
	return aws.ToInt32(out.ComputeEnvironments[0].ComputeResources.MaxvCpus), nil
}

func (c *client) queueExists(ctx context.Context) (bool, error) {
	out, err := c.batch.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{defaultName}})
	return err == nil && len(out.JobQueues) > 0, err
}

// defaultEnvironment is this machine. It names instance types, a network and a
// role because the API wants some.
func defaultEnvironment(vcpus int32) *batch.CreateComputeEnvironmentInput {
	return &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String(defaultName), Type: types.CETypeManaged, State: types.CEStateEnabled,
		Tags: map[string]string{"barge:capacity": "host"},
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: &vcpus, InstanceTypes: []string{"optimal"},
			Subnets: []string{"subnet-default"}, SecurityGroupIds: []string{"sg-default"}, InstanceRole: aws.String("ecsInstanceRole"),
		},
	}
}

// ensureDefinition returns a revision of the default definition with the image.
// All else is the submit's, so that there are no more revisions than images:
// each is looked for among the newest hundred before another is registered.
func (c *client) ensureDefinition(ctx context.Context, image string) (string, error) {
	out, err := c.batch.DescribeJobDefinitions(ctx, &batch.DescribeJobDefinitionsInput{
		JobDefinitionName: aws.String(defaultName), Status: aws.String("ACTIVE"),
	})
	if err != nil {
		return "", err
	}
	revision := func(n *int32) string { return fmt.Sprintf("%s:%d", defaultName, aws.ToInt32(n)) }
	for _, d := range out.JobDefinitions {
		if isDefault(d, image) {
			return revision(d.Revision), nil
		}
	}
	made, err := c.batch.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(defaultName), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: &image, ResourceRequirements: requirements(1, 512)},
	})
	if err != nil {
		return "", err
	}
	return revision(made.Revision), nil
}

// isDefault reports whether a definition says nothing but the image: somebody
// else may have registered one under this name.
func isDefault(d types.JobDefinition, image string) bool {
	p := d.ContainerProperties
	return p != nil && aws.ToString(p.Image) == image &&
		len(p.Command) == 0 && len(p.Environment) == 0 && aws.ToString(p.User) == "" && p.LogConfiguration == nil &&
		!aws.ToBool(p.Privileged) && !aws.ToBool(p.ReadonlyRootFilesystem) && len(d.Parameters) == 0 && d.RetryStrategy == nil && d.Timeout == nil
}
