package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
)

const (
	defaultEndpoint = "http://127.0.0.1:8642"
	// patience is how long a server may be away while a command watches jobs:
	// they keep running while it restarts.
	patience = 30 * time.Second
)

// exitInterrupted ends a client command after Ctrl-C.
const exitInterrupted = exitError(130)

// client speaks to a server through the public API, from one goroutine. It
// knows the environment variables of AWS's clients, but neither their files nor
// EC2's metadata: the real credentials in there are for the real AWS.
type client struct {
	endpoint    string
	region      string
	credentials aws.CredentialsProvider
	batch       *batch.Client
	logs        *cloudwatchlogs.Client
	met         bool // the server has answered
}

// clientCommand makes a command a client of the server.
func clientCommand(cmd *cobra.Command, run func(cmd *cobra.Command, c *client, args []string) error) *cobra.Command {
	var endpoint string
	cmd.Flags().StringVar(&endpoint, "endpoint", "",
		"address of the server (default $AWS_ENDPOINT_URL_BATCH, $AWS_ENDPOINT_URL or "+defaultEndpoint+")")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(endpoint, os.Getenv)
		if err != nil {
			return err
		}
		err = c.explain(run(cmd, c, args))
		if exit := exitError(0); err != nil && !errors.As(err, &exit) && cmd.Context().Err() != nil {
			return exitInterrupted
		}
		return err
	}
	return cmd
}

func newClient(endpoint string, env func(string) string) (*client, error) {
	endpoint = cmp.Or(endpoint, env("AWS_ENDPOINT_URL_BATCH"), env("AWS_ENDPOINT_URL"), defaultEndpoint)
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the endpoint %q is no address of a server, such as %s", endpoint, defaultEndpoint)
	}
	c := &client{
		endpoint: strings.TrimSuffix(endpoint, "/"),
		region:   cmp.Or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"), "us-east-1"),
	}
	creds := aws.Credentials{
		AccessKeyID: env("AWS_ACCESS_KEY_ID"), SecretAccessKey: env("AWS_SECRET_ACCESS_KEY"), SessionToken: env("AWS_SESSION_TOKEN"),
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		creds = aws.Credentials{AccessKeyID: "barge", SecretAccessKey: "barge"}
	}
	c.credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	retryer := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverDialed)}, o.Retryables...)
	})
	c.batch = batch.New(batch.Options{BaseEndpoint: &c.endpoint, Region: c.region, Credentials: c.credentials, Retryer: retryer})
	c.logs = cloudwatchlogs.New(cloudwatchlogs.Options{BaseEndpoint: &c.endpoint, Region: c.region, Credentials: c.credentials, Retryer: retryer})
	return c, nil
}

// neverDialed keeps the SDK from trying again where nobody listens: a hint now
// is better than one in seconds.
func neverDialed(err error) aws.Ternary {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// explain turns an error into what a person should read.
func (c *client) explain(err error) error {
	var (
		exit    exitError
		api     smithy.APIError
		away    *url.Error
		wrapped *smithy.OperationError
	)
	switch {
	case err == nil, errors.As(err, &exit):
		return err
	case errors.As(err, &api):
		return errors.New(cmp.Or(api.ErrorMessage(), api.ErrorCode()))
	case errors.As(err, &away):
		return fmt.Errorf("no server answers at %s (%w); start it with: barge serve", c.endpoint, away.Err)
	case errors.As(err, &wrapped):
		return wrapped.Err
	}
	return err
}

// steady calls f again while a server that has answered before is away.
func (c *client) steady(ctx context.Context, f func() error) error {
	for since := time.Now(); ; {
		err := f()
		var away *url.Error
		if err == nil {
			c.met = true
		}
		if !errors.As(err, &away) || !c.met || time.Since(since) > patience {
			return err
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

// maxDescribed is how many jobs DescribeJobs takes.
const maxDescribed = 100

// describe describes at most maxDescribed jobs. Those that do not exist are
// missing.
func (c *client) describe(ctx context.Context, ids []string) (jobs []types.JobDetail, err error) {
	err = c.steady(ctx, func() error {
		out, failed := c.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: ids})
		if failed == nil {
			jobs = out.Jobs
		}
		return failed
	})
	return jobs, err
}

func (c *client) job(ctx context.Context, id string) (types.JobDetail, error) {
	jobs, err := c.describe(ctx, []string{id})
	if err == nil && len(jobs) == 0 {
		err = fmt.Errorf("job %s does not exist", id)
	}
	if err != nil {
		return types.JobDetail{}, err
	}
	return jobs[0], nil
}

// jobID returns the id in a job's ARN, or what it was given, as the server
// writes it.
func jobID(arg string) string {
	if strings.HasPrefix(arg, "arn:") {
		arg = arg[strings.LastIndexByte(arg, '/')+1:]
	}
	return strings.ToLower(arg)
}

func isEnded(s types.JobStatus) bool {
	return s == types.JobStatusSucceeded || s == types.JobStatusFailed
}

// pace are pauses that grow between looks at something that may change.
type pace struct{ last time.Duration }

const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

func (p *pace) wait(ctx context.Context) error {
	p.last = min(max(p.last*3/2, minPause), maxPause)
	return sleep(ctx, p.last)
}

// reset makes the next pause short.
func (p *pace) reset() { p.last = 0 }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
