package batchsvc_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// call makes one request and says how it ended.
type call func(ctx context.Context, w *wire) error

// operation is a request that succeeds and one that fails.
type operation struct {
	name      string
	good, bad call
}

// of turns a method of the official client and an input into a call.
func of[I, O any](method func(*sdk.Client, context.Context, *I, ...func(*sdk.Options)) (O, error), in func(w *wire) *I) call {
	return func(ctx context.Context, w *wire) error {
		_, err := method(w.Client, ctx, in(w))
		return err
	}
}

// raw is a call of an operation that the official client does not know yet.
func raw(name, body string) call {
	return func(ctx context.Context, w *wire) error { return w.raw(ctx, name, body) }
}

const wireARN = "arn:aws:batch:eu-west-1:123456789012:"

// operations are all of them, in an order in which they succeed.
func operations() []operation {
	list := makers()
	list = append(list, readers()...)
	list = append(list, changers()...)
	return append(list, enders()...)
}

// makers create what the others need.
func makers() []operation {
	return []operation{
		{
			"CreateComputeEnvironment", of((*sdk.Client).CreateComputeEnvironment, func(*wire) *sdk.CreateComputeEnvironmentInput {
				return &sdk.CreateComputeEnvironmentInput{
					ComputeEnvironmentName: aws.String("ce"), Type: types.CETypeManaged, Tags: map[string]string{"team": "x"},
					ComputeResources: &types.ComputeResource{
						Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(16), InstanceTypes: []string{"optimal"},
						Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("ecsInstanceRole"),
					},
				}
			}),
			of((*sdk.Client).CreateComputeEnvironment, func(*wire) *sdk.CreateComputeEnvironmentInput {
				return &sdk.CreateComputeEnvironmentInput{ComputeEnvironmentName: aws.String("c e"), Type: types.CETypeManaged}
			}),
		},
		{
			"CreateServiceEnvironment", of((*sdk.Client).CreateServiceEnvironment, func(*wire) *sdk.CreateServiceEnvironmentInput {
				return &sdk.CreateServiceEnvironmentInput{
					ServiceEnvironmentName: aws.String("se"), ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining,
					State:          types.ServiceEnvironmentStateDisabled, // so that jobs wait
					CapacityLimits: []types.CapacityLimit{{MaxCapacity: aws.Int32(4), CapacityUnit: aws.String("NUM_INSTANCES")}},
				}
			}),
			of((*sdk.Client).CreateServiceEnvironment, func(*wire) *sdk.CreateServiceEnvironmentInput {
				return &sdk.CreateServiceEnvironmentInput{
					ServiceEnvironmentName: aws.String("s e"), ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining,
					CapacityLimits: []types.CapacityLimit{{MaxCapacity: aws.Int32(4), CapacityUnit: aws.String("NUM_INSTANCES")}},
				}
			}),
		},
		{
			"CreateSchedulingPolicy", func(ctx context.Context, w *wire) error {
				out, err := w.CreateSchedulingPolicy(ctx, &sdk.CreateSchedulingPolicyInput{
					Name: aws.String("fair"), FairsharePolicy: &types.FairsharePolicy{ShareDecaySeconds: aws.Int32(600)},
				})
				if err != nil {
					return err
				}
				return w.id("policy", out.Arn, nil)
			},
			of((*sdk.Client).CreateSchedulingPolicy, func(*wire) *sdk.CreateSchedulingPolicyInput {
				return &sdk.CreateSchedulingPolicyInput{Name: aws.String("not fair")}
			}),
		},
		{
			"CreateConsumableResource", of((*sdk.Client).CreateConsumableResource, func(*wire) *sdk.CreateConsumableResourceInput {
				return &sdk.CreateConsumableResourceInput{
					ConsumableResourceName: aws.String("licence"), ResourceType: aws.String("REPLENISHABLE"), TotalQuantity: aws.Int64(5),
				}
			}),
			of((*sdk.Client).CreateConsumableResource, func(*wire) *sdk.CreateConsumableResourceInput {
				return &sdk.CreateConsumableResourceInput{ConsumableResourceName: aws.String("licence"), TotalQuantity: aws.Int64(-5)}
			}),
		},
		{
			"CreateJobQueue", of((*sdk.Client).CreateJobQueue, func(*wire) *sdk.CreateJobQueueInput {
				return &sdk.CreateJobQueueInput{
					JobQueueName: aws.String("q"), Priority: aws.Int32(1),
					ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("ce")}},
				}
			}),
			of((*sdk.Client).CreateJobQueue, func(*wire) *sdk.CreateJobQueueInput {
				return &sdk.CreateJobQueueInput{
					JobQueueName: aws.String("q2"), Priority: aws.Int32(1),
					ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("none")}},
				}
			}),
		},
		{
			"CreateQuotaShare", func(ctx context.Context, w *wire) error {
				if err := quotaQueue(ctx, w); err != nil {
					return err
				}
				out, err := w.CreateQuotaShare(ctx, quotaShare("quotas"))
				if err != nil {
					return err
				}
				return w.id("quota share", out.QuotaShareArn, nil)
			},
			of((*sdk.Client).CreateQuotaShare, func(*wire) *sdk.CreateQuotaShareInput { return quotaShare("none") }),
		},
		{
			"RegisterJobDefinition", of((*sdk.Client).RegisterJobDefinition, func(*wire) *sdk.RegisterJobDefinitionInput { return definition("2") }),
			of((*sdk.Client).RegisterJobDefinition, func(*wire) *sdk.RegisterJobDefinitionInput { return definition("two") }),
		},
		{
			"SubmitJob", func(ctx context.Context, w *wire) error {
				out, err := w.SubmitJob(ctx, &sdk.SubmitJobInput{
					JobName: aws.String("first"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"), Parameters: map[string]string{"who": "world"},
				})
				if err != nil {
					return err
				}
				return w.id("job", out.JobId, nil)
			},
			of((*sdk.Client).SubmitJob, func(*wire) *sdk.SubmitJobInput {
				return &sdk.SubmitJobInput{JobName: aws.String("first"), JobQueue: aws.String("none"), JobDefinition: aws.String("d")}
			}),
		},
		{
			"SubmitServiceJob", func(ctx context.Context, w *wire) error {
				_, err := w.CreateJobQueue(ctx, &sdk.CreateJobQueueInput{
					JobQueueName: aws.String("sq"), Priority: aws.Int32(1), JobQueueType: types.JobQueueTypeSagemakerTraining,
					ServiceEnvironmentOrder: []types.ServiceEnvironmentOrder{{Order: aws.Int32(1), ServiceEnvironment: aws.String("se")}},
				})
				if err != nil {
					return err
				}
				out, err := w.SubmitServiceJob(ctx, serviceJob("sq"))
				if err != nil {
					return err
				}
				return w.id("service job", out.JobId, nil)
			},
			of((*sdk.Client).SubmitServiceJob, func(*wire) *sdk.SubmitServiceJobInput { return serviceJob("none") }),
		},
	}
}

// quotaQueue makes a queue that can have quota shares.
func quotaQueue(ctx context.Context, w *wire) error {
	_, err := w.CreateServiceEnvironment(ctx, &sdk.CreateServiceEnvironmentInput{
		ServiceEnvironmentName: aws.String("typed"), ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining,
		CapacityLimits: []types.CapacityLimit{{CapacityUnit: aws.String("ml.m5.large"), MaxCapacity: aws.Int32(4)}},
	})
	if err != nil {
		return err
	}
	policy, err := w.CreateSchedulingPolicy(ctx, &sdk.CreateSchedulingPolicyInput{
		Name:             aws.String("quotas"),
		QuotaSharePolicy: &types.QuotaSharePolicy{IdleResourceAssignmentStrategy: types.QuotaShareIdleResourceAssignmentStrategyFifo},
	})
	if err != nil {
		return err
	}
	_, err = w.CreateJobQueue(ctx, &sdk.CreateJobQueueInput{
		JobQueueName: aws.String("quotas"), Priority: aws.Int32(1), SchedulingPolicyArn: policy.Arn,
		ServiceEnvironmentOrder: []types.ServiceEnvironmentOrder{{Order: aws.Int32(1), ServiceEnvironment: aws.String("typed")}},
	})
	return err
}

func quotaShare(queue string) *sdk.CreateQuotaShareInput {
	return &sdk.CreateQuotaShareInput{
		JobQueue: &queue, QuotaShareName: aws.String("share"),
		CapacityLimits:               []types.QuotaShareCapacityLimit{{CapacityUnit: aws.String("ml.m5.large"), MaxCapacity: aws.Int32(2)}},
		PreemptionConfiguration:      &types.QuotaSharePreemptionConfiguration{InSharePreemption: types.QuotaShareInSharePreemptionStateDisabled},
		ResourceSharingConfiguration: &types.QuotaShareResourceSharingConfiguration{Strategy: types.QuotaShareResourceSharingStrategyReserve},
	}
}

func definition(vcpus string) *sdk.RegisterJobDefinitionInput {
	return &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{
			Image: aws.String("busybox"), Command: []string{"echo", "Ref::who"},
			ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: &vcpus}, {Type: types.ResourceTypeMemory, Value: aws.String("64")},
			},
		},
		RetryStrategy: &types.RetryStrategy{
			Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{{OnReason: aws.String("*"), Action: types.RetryActionExit}},
		},
		Parameters: map[string]string{"who": "nobody"}, PropagateTags: aws.Bool(true), Tags: map[string]string{"team": "x"},
	}
}

func serviceJob(queue string) *sdk.SubmitServiceJobInput {
	return &sdk.SubmitServiceJobInput{
		JobName: aws.String("training"), JobQueue: &queue, ServiceJobType: types.ServiceJobTypeSagemakerTraining,
		ServiceRequestPayload: aws.String(`{"TrainingJobName":"t"}`), ClientToken: aws.String("token-1"),
	}
}
