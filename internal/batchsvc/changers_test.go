package batchsvc_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// changers update and tag.
func changers() []operation {
	return []operation{
		{
			"TagResource", of((*sdk.Client).TagResource, func(*wire) *sdk.TagResourceInput {
				return &sdk.TagResourceInput{ResourceArn: aws.String(wireARN + "job-queue/q"), Tags: map[string]string{"a": "b"}}
			}),
			of((*sdk.Client).TagResource, func(*wire) *sdk.TagResourceInput {
				return &sdk.TagResourceInput{ResourceArn: aws.String(wireARN + "job-queue/none"), Tags: map[string]string{"a": "b"}}
			}),
		},
		{
			"ListTagsForResource", of((*sdk.Client).ListTagsForResource, func(*wire) *sdk.ListTagsForResourceInput {
				return &sdk.ListTagsForResourceInput{ResourceArn: aws.String(wireARN + "job-queue/q")}
			}),
			of((*sdk.Client).ListTagsForResource, func(*wire) *sdk.ListTagsForResourceInput {
				return &sdk.ListTagsForResourceInput{ResourceArn: aws.String(wireARN + "job-queue/none")}
			}),
		},
		{
			"UntagResource", of((*sdk.Client).UntagResource, func(*wire) *sdk.UntagResourceInput {
				return &sdk.UntagResourceInput{ResourceArn: aws.String(wireARN + "job-queue/q"), TagKeys: []string{"a", "none"}}
			}),
			of((*sdk.Client).UntagResource, func(*wire) *sdk.UntagResourceInput {
				return &sdk.UntagResourceInput{ResourceArn: aws.String(wireARN + "job-queue/none"), TagKeys: []string{"a"}}
			}),
		},
		{
			"UpdateComputeEnvironment", of((*sdk.Client).UpdateComputeEnvironment, func(*wire) *sdk.UpdateComputeEnvironmentInput {
				return &sdk.UpdateComputeEnvironmentInput{
					ComputeEnvironment: aws.String("ce"), ComputeResources: &types.ComputeResourceUpdate{MaxvCpus: aws.Int32(32)},
				}
			}),
			of((*sdk.Client).UpdateComputeEnvironment, func(*wire) *sdk.UpdateComputeEnvironmentInput {
				return &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: aws.String("none"), State: types.CEStateDisabled}
			}),
		},
		{
			"UpdateServiceEnvironment", of((*sdk.Client).UpdateServiceEnvironment, func(*wire) *sdk.UpdateServiceEnvironmentInput {
				return &sdk.UpdateServiceEnvironmentInput{
					ServiceEnvironment: aws.String("se"),
					CapacityLimits:     []types.CapacityLimit{{MaxCapacity: aws.Int32(8), CapacityUnit: aws.String("NUM_INSTANCES")}},
				}
			}),
			of((*sdk.Client).UpdateServiceEnvironment, func(*wire) *sdk.UpdateServiceEnvironmentInput {
				return &sdk.UpdateServiceEnvironmentInput{ServiceEnvironment: aws.String("none"), State: types.ServiceEnvironmentStateDisabled}
			}),
		},
		{
			"UpdateSchedulingPolicy", of((*sdk.Client).UpdateSchedulingPolicy, func(w *wire) *sdk.UpdateSchedulingPolicyInput {
				return &sdk.UpdateSchedulingPolicyInput{Arn: w.made("policy"), FairsharePolicy: &types.FairsharePolicy{ComputeReservation: aws.Int32(10)}}
			}),
			of((*sdk.Client).UpdateSchedulingPolicy, func(*wire) *sdk.UpdateSchedulingPolicyInput {
				return &sdk.UpdateSchedulingPolicyInput{Arn: aws.String(wireARN + "scheduling-policy/none")}
			}),
		},
		{
			"UpdateConsumableResource", of((*sdk.Client).UpdateConsumableResource, func(*wire) *sdk.UpdateConsumableResourceInput {
				return &sdk.UpdateConsumableResourceInput{
					ConsumableResource: aws.String("licence"), Operation: aws.String("ADD"), Quantity: aws.Int64(2), ClientToken: aws.String("token-1"),
				}
			}),
			of((*sdk.Client).UpdateConsumableResource, func(*wire) *sdk.UpdateConsumableResourceInput {
				return &sdk.UpdateConsumableResourceInput{
					ConsumableResource: aws.String("none"), Operation: aws.String("ADD"), Quantity: aws.Int64(2), ClientToken: aws.String("token-2"),
				}
			}),
		},
		{
			"UpdateJobQueue", of((*sdk.Client).UpdateJobQueue, func(*wire) *sdk.UpdateJobQueueInput {
				return &sdk.UpdateJobQueueInput{JobQueue: aws.String("q"), State: types.JQStateDisabled}
			}),
			of((*sdk.Client).UpdateJobQueue, func(*wire) *sdk.UpdateJobQueueInput {
				return &sdk.UpdateJobQueueInput{JobQueue: aws.String("none"), State: types.JQStateDisabled}
			}),
		},
		{
			"UpdateQuotaShare", of((*sdk.Client).UpdateQuotaShare, func(w *wire) *sdk.UpdateQuotaShareInput {
				return &sdk.UpdateQuotaShareInput{QuotaShareArn: w.made("quota share"), State: types.QuotaShareStateDisabled}
			}),
			of((*sdk.Client).UpdateQuotaShare, func(*wire) *sdk.UpdateQuotaShareInput {
				return &sdk.UpdateQuotaShareInput{QuotaShareArn: aws.String("none"), State: types.QuotaShareStateDisabled}
			}),
		},
		{
			"UpdateServiceJob", of((*sdk.Client).UpdateServiceJob, func(w *wire) *sdk.UpdateServiceJobInput {
				return &sdk.UpdateServiceJobInput{JobId: w.made("service job"), SchedulingPriority: aws.Int32(3)}
			}),
			of((*sdk.Client).UpdateServiceJob, func(*wire) *sdk.UpdateServiceJobInput {
				return &sdk.UpdateServiceJobInput{JobId: aws.String("none"), SchedulingPriority: aws.Int32(3)}
			}),
		},
	}
}

// enders cancel, terminate, deregister and delete.
func enders() []operation {
	reason := aws.String("enough")
	return []operation{
		{
			"CancelJob", of((*sdk.Client).CancelJob, func(w *wire) *sdk.CancelJobInput {
				return &sdk.CancelJobInput{JobId: w.made("job"), Reason: reason}
			}),
			of((*sdk.Client).CancelJob, func(*wire) *sdk.CancelJobInput { return &sdk.CancelJobInput{JobId: aws.String("none"), Reason: reason} }),
		},
		{
			"TerminateJob", of((*sdk.Client).TerminateJob, func(w *wire) *sdk.TerminateJobInput {
				return &sdk.TerminateJobInput{JobId: aws.String(wireARN + "job/" + *w.made("job")), Reason: reason}
			}),
			of((*sdk.Client).TerminateJob, func(*wire) *sdk.TerminateJobInput {
				return &sdk.TerminateJobInput{JobId: aws.String("none"), Reason: reason}
			}),
		},
		{
			"CancelJobs", func(ctx context.Context, w *wire) error {
				return w.raw(ctx, "CancelJobs", `{"jobs":["`+*w.made("job")+`"],"reason":"enough"}`)
			}, raw("CancelJobs", `{"jobs":[]}`),
		},
		{
			"TerminateJobs", func(ctx context.Context, w *wire) error {
				return w.raw(ctx, "TerminateJobs", `{"jobs":["`+*w.made("job")+`","none"],"reason":"enough"}`)
			}, raw("TerminateJobs", `{"reason":"enough"}`),
		},
		{
			"TerminateServiceJob", of((*sdk.Client).TerminateServiceJob, func(w *wire) *sdk.TerminateServiceJobInput {
				return &sdk.TerminateServiceJobInput{JobId: w.made("service job"), Reason: reason}
			}),
			of((*sdk.Client).TerminateServiceJob, func(*wire) *sdk.TerminateServiceJobInput {
				return &sdk.TerminateServiceJobInput{JobId: aws.String("none"), Reason: reason}
			}),
		},
		{
			"TerminateServiceJobs", func(ctx context.Context, w *wire) error {
				return w.raw(ctx, "TerminateServiceJobs", `{"jobs":["`+*w.made("service job")+`"],"reason":"enough"}`)
			}, raw("TerminateServiceJobs", `{"reason":"enough"}`),
		},
		{
			"DeregisterJobDefinition", of((*sdk.Client).DeregisterJobDefinition, func(*wire) *sdk.DeregisterJobDefinitionInput {
				return &sdk.DeregisterJobDefinitionInput{JobDefinition: aws.String("d:1")}
			}),
			of((*sdk.Client).DeregisterJobDefinition, func(*wire) *sdk.DeregisterJobDefinitionInput {
				return &sdk.DeregisterJobDefinitionInput{JobDefinition: aws.String("d:latest")}
			}),
		},
		{
			"DeleteQuotaShare", of((*sdk.Client).DeleteQuotaShare, func(w *wire) *sdk.DeleteQuotaShareInput {
				return &sdk.DeleteQuotaShareInput{QuotaShareArn: w.made("quota share")}
			}),
			of((*sdk.Client).DeleteQuotaShare, func(*wire) *sdk.DeleteQuotaShareInput {
				return &sdk.DeleteQuotaShareInput{QuotaShareArn: aws.String("none")}
			}),
		},
		{
			"DeleteJobQueue", of((*sdk.Client).DeleteJobQueue, func(*wire) *sdk.DeleteJobQueueInput {
				return &sdk.DeleteJobQueueInput{JobQueue: aws.String("q")}
			}),
			of((*sdk.Client).DeleteJobQueue, func(*wire) *sdk.DeleteJobQueueInput {
				return &sdk.DeleteJobQueueInput{JobQueue: aws.String("none")}
			}),
		},
		{
			"DeleteConsumableResource", of((*sdk.Client).DeleteConsumableResource, func(*wire) *sdk.DeleteConsumableResourceInput {
				return &sdk.DeleteConsumableResourceInput{ConsumableResource: aws.String("licence")}
			}),
			of((*sdk.Client).DeleteConsumableResource, func(*wire) *sdk.DeleteConsumableResourceInput {
				return &sdk.DeleteConsumableResourceInput{ConsumableResource: aws.String(wireARN + "job-queue/q")}
			}),
		},
		{
			"DeleteSchedulingPolicy", of((*sdk.Client).DeleteSchedulingPolicy, func(w *wire) *sdk.DeleteSchedulingPolicyInput {
				return &sdk.DeleteSchedulingPolicyInput{Arn: w.made("policy")}
			}),
			of((*sdk.Client).DeleteSchedulingPolicy, func(*wire) *sdk.DeleteSchedulingPolicyInput {
				return &sdk.DeleteSchedulingPolicyInput{Arn: aws.String("none")}
			}),
		},
		{
			"DeleteServiceEnvironment", func(ctx context.Context, w *wire) error {
				// AWS deletes what is disabled only, and nothing that is in use.
				_, err := w.UpdateJobQueue(ctx, &sdk.UpdateJobQueueInput{JobQueue: aws.String("sq"), State: types.JQStateDisabled})
				if err == nil { // else there is none, and so no service environment in use
					if _, err = w.DeleteJobQueue(ctx, &sdk.DeleteJobQueueInput{JobQueue: aws.String("sq")}); err != nil {
						return err
					}
				}
				disabled := &sdk.UpdateServiceEnvironmentInput{ServiceEnvironment: aws.String("se"), State: types.ServiceEnvironmentStateDisabled}
				if _, err = w.UpdateServiceEnvironment(ctx, disabled); err != nil {
					return err
				}
				_, err = w.DeleteServiceEnvironment(ctx, &sdk.DeleteServiceEnvironmentInput{ServiceEnvironment: aws.String("se")})
				return err
			},
			of((*sdk.Client).DeleteServiceEnvironment, func(*wire) *sdk.DeleteServiceEnvironmentInput {
				return &sdk.DeleteServiceEnvironmentInput{ServiceEnvironment: aws.String("none")}
			}),
		},
		{
			"DeleteComputeEnvironment", func(ctx context.Context, w *wire) error {
				disabled := &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: aws.String("ce"), State: types.CEStateDisabled}
				if _, err := w.UpdateComputeEnvironment(ctx, disabled); err != nil {
					return err
				}
				_, err := w.DeleteComputeEnvironment(ctx, &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: aws.String("ce")})
				return err
			},
			of((*sdk.Client).DeleteComputeEnvironment, func(*wire) *sdk.DeleteComputeEnvironmentInput {
				return &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: aws.String("none")}
			}),
		},
	}
}
