package batchsvc_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// tooMany is beyond what any listing gives at once, badToken is no listing's.
var (
	tooMany  = aws.Int32(5000)
	badToken = aws.String("no token")
)

// readers describe and list.
func readers() []operation {
	return []operation{
		{
			"DescribeComputeEnvironments", of((*sdk.Client).DescribeComputeEnvironments, func(*wire) *sdk.DescribeComputeEnvironmentsInput {
				return &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{"ce", "none"}}
			}),
			of((*sdk.Client).DescribeComputeEnvironments, func(*wire) *sdk.DescribeComputeEnvironmentsInput {
				return &sdk.DescribeComputeEnvironmentsInput{MaxResults: tooMany}
			}),
		},
		{
			"DescribeServiceEnvironments", of((*sdk.Client).DescribeServiceEnvironments, func(*wire) *sdk.DescribeServiceEnvironmentsInput {
				return &sdk.DescribeServiceEnvironmentsInput{}
			}),
			of((*sdk.Client).DescribeServiceEnvironments, func(*wire) *sdk.DescribeServiceEnvironmentsInput {
				return &sdk.DescribeServiceEnvironmentsInput{NextToken: badToken}
			}),
		},
		{
			"DescribeSchedulingPolicies", of((*sdk.Client).DescribeSchedulingPolicies, func(w *wire) *sdk.DescribeSchedulingPoliciesInput {
				return &sdk.DescribeSchedulingPoliciesInput{Arns: []string{*w.made("policy")}}
			}),
			of((*sdk.Client).DescribeSchedulingPolicies, func(*wire) *sdk.DescribeSchedulingPoliciesInput {
				return &sdk.DescribeSchedulingPoliciesInput{Arns: make([]string, 101)}
			}),
		},
		{
			"ListSchedulingPolicies", of((*sdk.Client).ListSchedulingPolicies, func(*wire) *sdk.ListSchedulingPoliciesInput {
				return &sdk.ListSchedulingPoliciesInput{}
			}),
			of((*sdk.Client).ListSchedulingPolicies, func(*wire) *sdk.ListSchedulingPoliciesInput {
				return &sdk.ListSchedulingPoliciesInput{MaxResults: tooMany}
			}),
		},
		{
			"DescribeConsumableResource", of((*sdk.Client).DescribeConsumableResource, func(*wire) *sdk.DescribeConsumableResourceInput {
				return &sdk.DescribeConsumableResourceInput{ConsumableResource: aws.String("licence")}
			}),
			of((*sdk.Client).DescribeConsumableResource, func(*wire) *sdk.DescribeConsumableResourceInput {
				return &sdk.DescribeConsumableResourceInput{ConsumableResource: aws.String("none")}
			}),
		},
		{
			"ListConsumableResources", of((*sdk.Client).ListConsumableResources, func(*wire) *sdk.ListConsumableResourcesInput {
				return &sdk.ListConsumableResourcesInput{}
			}),
			of((*sdk.Client).ListConsumableResources, func(*wire) *sdk.ListConsumableResourcesInput {
				return &sdk.ListConsumableResourcesInput{NextToken: badToken}
			}),
		},
		{
			"ListJobsByConsumableResource", of((*sdk.Client).ListJobsByConsumableResource, func(*wire) *sdk.ListJobsByConsumableResourceInput {
				return &sdk.ListJobsByConsumableResourceInput{ConsumableResource: aws.String("licence")}
			}),
			of((*sdk.Client).ListJobsByConsumableResource, func(*wire) *sdk.ListJobsByConsumableResourceInput {
				return &sdk.ListJobsByConsumableResourceInput{ConsumableResource: aws.String("licence"), MaxResults: tooMany}
			}),
		},
		{
			"DescribeJobQueues", of((*sdk.Client).DescribeJobQueues, func(*wire) *sdk.DescribeJobQueuesInput {
				return &sdk.DescribeJobQueuesInput{JobQueues: []string{wireARN + "job-queue/q"}}
			}),
			of((*sdk.Client).DescribeJobQueues, func(*wire) *sdk.DescribeJobQueuesInput {
				return &sdk.DescribeJobQueuesInput{MaxResults: aws.Int32(0)}
			}),
		},
		{
			"DescribeQuotaShare", of((*sdk.Client).DescribeQuotaShare, func(w *wire) *sdk.DescribeQuotaShareInput {
				return &sdk.DescribeQuotaShareInput{QuotaShareArn: w.made("quota share")}
			}),
			of((*sdk.Client).DescribeQuotaShare, func(*wire) *sdk.DescribeQuotaShareInput {
				return &sdk.DescribeQuotaShareInput{QuotaShareArn: aws.String("none")}
			}),
		},
		{
			"ListQuotaShares", of((*sdk.Client).ListQuotaShares, func(*wire) *sdk.ListQuotaSharesInput {
				return &sdk.ListQuotaSharesInput{JobQueue: aws.String("quotas")}
			}),
			of((*sdk.Client).ListQuotaShares, func(*wire) *sdk.ListQuotaSharesInput {
				return &sdk.ListQuotaSharesInput{JobQueue: aws.String("none")}
			}),
		},
		{
			"DescribeJobDefinitions", of((*sdk.Client).DescribeJobDefinitions, func(*wire) *sdk.DescribeJobDefinitionsInput {
				return &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("d"), Status: aws.String("ACTIVE")}
			}),
			of((*sdk.Client).DescribeJobDefinitions, func(*wire) *sdk.DescribeJobDefinitionsInput {
				return &sdk.DescribeJobDefinitionsInput{Status: aws.String("SLEEPY")}
			}),
		},
		{
			"DescribeJobs", of((*sdk.Client).DescribeJobs, func(w *wire) *sdk.DescribeJobsInput {
				return &sdk.DescribeJobsInput{Jobs: []string{wireARN + "job/" + *w.made("job"), *w.made("job") + "#0", "none"}}
			}),
			of((*sdk.Client).DescribeJobs, func(*wire) *sdk.DescribeJobsInput {
				return &sdk.DescribeJobsInput{Jobs: make([]string, 101)}
			}),
		},
		{
			"ListJobs", of((*sdk.Client).ListJobs, func(*wire) *sdk.ListJobsInput {
				return &sdk.ListJobsInput{
					JobQueue: aws.String("q"), Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{"FIRST"}}},
				}
			}),
			of((*sdk.Client).ListJobs, func(*wire) *sdk.ListJobsInput {
				return &sdk.ListJobsInput{JobQueue: aws.String("none")}
			}),
		},
		{
			"GetJobQueueSnapshot", of((*sdk.Client).GetJobQueueSnapshot, func(*wire) *sdk.GetJobQueueSnapshotInput {
				return &sdk.GetJobQueueSnapshotInput{JobQueue: aws.String("q")}
			}),
			of((*sdk.Client).GetJobQueueSnapshot, func(*wire) *sdk.GetJobQueueSnapshotInput {
				return &sdk.GetJobQueueSnapshotInput{JobQueue: aws.String("none")}
			}),
		},
		{
			"DescribeServiceJob", of((*sdk.Client).DescribeServiceJob, func(w *wire) *sdk.DescribeServiceJobInput {
				return &sdk.DescribeServiceJobInput{JobId: w.made("service job")}
			}),
			of((*sdk.Client).DescribeServiceJob, func(*wire) *sdk.DescribeServiceJobInput {
				return &sdk.DescribeServiceJobInput{JobId: aws.String("none")}
			}),
		},
		{
			"ListServiceJobs", of((*sdk.Client).ListServiceJobs, func(*wire) *sdk.ListServiceJobsInput {
				return &sdk.ListServiceJobsInput{JobQueue: aws.String("sq"), JobStatus: types.ServiceJobStatusRunnable}
			}),
			of((*sdk.Client).ListServiceJobs, func(*wire) *sdk.ListServiceJobsInput {
				return &sdk.ListServiceJobsInput{JobQueue: aws.String("none")}
			}),
		},
	}
}
