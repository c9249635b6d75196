package crash

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// client speaks to the server as anybody does, but never asks twice: what has
// no answer must be known as such.
type client struct {
	batch *batch.Client
	logs  *cloudwatchlogs.Client
}

func newClient(address string) *client {
	endpoint := "http://" + address
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "barge", SecretAccessKey: "barge"}, nil
	})
	web := &http.Client{Timeout: 30 * time.Second, Transport: whole{}}
	return &client{
		batch: batch.New(batch.Options{
			BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials, Retryer: aws.NopRetryer{}, HTTPClient: web,
		}),
		logs: cloudwatchlogs.New(cloudwatchlogs.Options{
			BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials, Retryer: aws.NopRetryer{}, HTTPClient: web,
		}),
	}
}

// whole sends requests from memory. The SDK closes the body of a request when
// the answer begins; a server on the same machine can be so fast that the
// transport has not yet seen the body's end by then, takes that for an error,
// and breaks the connection under the answer.
type whole struct{}

func (whole) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(r)
}

const name = "crash" // of the environment, the queue and the definition

// setUp makes what jobs need. The command is the script's, see [script].
func (c *client) setUp(ctx context.Context, vcpus int32, image string) error {
	var tags map[string]string
	if vcpus == 1 {
		tags = map[string]string{"barge:capacity": "host"} // no instance of EC2 is so small
	}
	if _, err := c.batch.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String(name), Type: types.CETypeManaged, Tags: tags,
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: &vcpus, InstanceTypes: []string{"optimal"},
			Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("ecsInstanceRole"),
		},
	}); err != nil {
		return err
	}
	if _, err := c.batch.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
		JobQueueName: aws.String(name), Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String(name)}},
	}); err != nil {
		return err
	}
	_, err := c.batch.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(name), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{
			Image: &image, Command: []string{"/bin/sh", "-c", script},
			ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("32")},
			},
		},
	})
	return err
}

// describe returns the jobs that exist of those named, by id.
func (c *client) describe(ctx context.Context, ids []string) (map[string]types.JobDetail, error) {
	jobs := make(map[string]types.JobDetail, len(ids))
	for len(ids) > 0 {
		n := min(100, len(ids))
		out, err := c.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: ids[:n]})
		if err != nil {
			return nil, err
		}
		for _, j := range out.Jobs {
			jobs[*j.JobId] = j
		}
		ids = ids[n:]
	}
	return jobs, nil
}

// list returns all jobs of the queue, by id.
func (c *client) list(ctx context.Context) (map[string]types.JobSummary, error) {
	jobs := make(map[string]types.JobSummary)
	for _, status := range types.JobStatusFailed.Values() {
		pages := batch.NewListJobsPaginator(c.batch, &batch.ListJobsInput{JobQueue: aws.String(name), JobStatus: status})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, j := range page.JobSummaryList {
				jobs[*j.JobId] = j
			}
		}
	}
	return jobs, nil
}

// log returns a stream's lines.
func (c *client) log(ctx context.Context, stream string) (lines []string, err error) {
	in := &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/aws/batch/job"), LogStreamName: &stream, StartFromHead: aws.Bool(true),
	}
	for {
		out, err := c.logs.GetLogEvents(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, e := range out.Events {
			lines = append(lines, *e.Message)
		}
		if in.NextToken != nil && *out.NextForwardToken == *in.NextToken {
			return lines, nil
		}
		in.NextToken = out.NextForwardToken
	}
}

func over(s types.JobStatus) bool {
	return s == types.JobStatusSucceeded || s == types.JobStatusFailed
}

// run submits a job that runs a shell's program, and returns its id.
func (s *server) run(t *testing.T, program string) string {
	t.Helper()
	out, err := s.batch.SubmitJob(t.Context(), &batch.SubmitJobInput{
		JobName: aws.String("run"), JobQueue: aws.String(name), JobDefinition: aws.String(name),
		ContainerOverrides: &types.ContainerOverrides{Command: []string{"/bin/sh", "-c", program}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

func (s *server) terminate(t *testing.T, id string) error {
	t.Helper()
	_, err := s.batch.TerminateJob(context.WithoutCancel(t.Context()), &batch.TerminateJobInput{JobId: &id, Reason: aws.String(endReason)})
	return err
}

// printedSome returns a few lines of a job's log.
func (s *server) printedSome(t *testing.T, id string) []cwtypes.OutputLogEvent {
	t.Helper()
	stream := s.must(t, []string{id})[id].Container.LogStreamName
	if stream == nil {
		return nil
	}
	out, err := s.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/aws/batch/job"), LogStreamName: stream, Limit: aws.Int32(10),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Events
}
