package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"
)

// defaultImage has a shell and the usual tools. The process driver uses none.
const defaultImage = "debian:stable-slim"

// runOptions are the flags of `barge run`.
type runOptions struct {
	image, name, queue string
	vcpus, memory      int32
	env                []string
	attempts, array    int32
	timeout            time.Duration
	detach             bool
}

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := clientCommand(&cobra.Command{
		Use:   "run [flags] [--] COMMAND...",
		Short: "Run a command as a job and wait for it",
		Long: `Run a command as a job: its output comes as it is printed, and the exit code is
the job's. The job's id goes to standard error, or with --detach to standard
output.

Without --queue, the job runs in ` + defaultName + `: a queue, and a compute environment with
as many vCPUs as this machine, made when they do not exist. The image means
something where the server has the docker driver.

Ctrl-C terminates the job and waits for its end; a second one leaves at once.

An array job's children have the index in AWS_BATCH_JOB_ARRAY_INDEX. Their
output is not shown (see barge logs ID:INDEX), only how they ended.

Exit code: the job's; 0 for an array job of which all children have succeeded;
1 when a job failed without an exit code other than 0, a child failed, or the
job could not be submitted; 130 when left before the end.`,
		Example: `  barge run -- echo hello
  barge run --vcpus 2 --memory 4096 --env N=5 --attempts 3 -- ./simulate.sh
  barge run --array 100 --image python:3 -- python3 work.py`,
	}, func(cmd *cobra.Command, c *client, args []string) error {
		if len(args) == 0 && !cmd.Flags().Changed("image") {
			return errors.New("nothing to run: give a command, or an image that has one")
		}
		return c.run(cmd.Context(), o, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command is the command's
	f.StringVar(&o.image, "image", defaultImage, "container image")
	f.Int32Var(&o.vcpus, "vcpus", 1, "vCPUs")
	f.Int32Var(&o.memory, "memory", 512, "memory in MiB")
	f.StringVar(&o.name, "name", "", "name of the job (default the command's)")
	f.StringVar(&o.queue, "queue", "", "queue (default "+defaultName+", which is made when missing)")
	f.StringArrayVar(&o.env, "env", nil, "environment variable, as NAME=VALUE; may be repeated")
	f.Int32Var(&o.attempts, "attempts", 1, "run it again until it succeeds, so many times in all (1 to 10)")
	f.DurationVar(&o.timeout, "timeout", 0, "end an attempt after this time (at least 60s)")
	f.Int32Var(&o.array, "array", 0, "run so many children of an array job (2 to 10000)")
	f.BoolVar(&o.detach, "detach", false, "print the job's id and leave")
	return cmd
}

// run submits a job and sees it to its end.
func (c *client) run(ctx context.Context, o runOptions, command []string, stdout, stderr io.Writer) error {
	in, err := o.request(command)
	if err != nil {
		return err
	}
	if o.queue == "" {
		if err = c.ensureQueue(ctx, o.vcpus); err != nil {
			return err
		}
	}
	definition, err := c.ensureDefinition(ctx, o.image)
	if err != nil {
		return err
	}
	in.JobDefinition = &definition
	// Uninterrupted, lest there be a job whose id nobody knows.
	out, err := c.batch.SubmitJob(context.WithoutCancel(ctx), in)
	if err != nil {
		return err
	}
	id := aws.ToString(out.JobId)
	if o.detach {
		_, err = fmt.Fprintln(stdout, id)
		return err
	}
	fmt.Fprintln(stderr, "barge: job", id)
	watch := c.watcher(id, o, stdout, stderr)
	j, err := watch(ctx)
	if err != nil && ctx.Err() != nil {
		again, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
		defer stop()
		fmt.Fprintf(stderr, "barge: terminating job %s and waiting for its end (Ctrl-C again to leave)\n", id)
		if _, err = c.batch.TerminateJob(again, &batch.TerminateJobInput{JobId: &id, Reason: aws.String("barge run was interrupted")}); err == nil {
			j, err = watch(again)
		}
	}
	if err != nil {
		return err
	}
	if o.array > 0 {
		fmt.Fprintln(stdout, statusCounts(j.ArrayProperties.StatusSummary))
	}
	return exitOf(j, stderr)
}

// watcher returns a function that sees the job to its end, and that can be
// called again to go on.
func (c *client) watcher(id string, o runOptions, stdout, stderr io.Writer) func(context.Context) (types.JobDetail, error) {
	if o.array > 0 {
		return func(ctx context.Context) (last types.JobDetail, err error) {
			err = c.await(ctx, []string{id}, func(j types.JobDetail) { last = j })
			return last, err
		}
	}
	t := &tail{c: c, print: printer(stdout, false), note: printer(stderr, false)}
	t.stuck = func(reason string) { fmt.Fprintf(stderr, "barge: job %s waits: %s\n", id, plain(reason)) }
	return func(ctx context.Context) (types.JobDetail, error) { return t.follow(ctx, id) }
}

// exitOf returns the job's exit code as ours, and says why it failed.
func exitOf(j types.JobDetail, stderr io.Writer) error {
	if j.Status == types.JobStatusSucceeded {
		return nil
	}
	fmt.Fprintf(stderr, "barge: job %s has failed: %s\n", aws.ToString(j.JobId), failure(j))
	if j.Container != nil && aws.ToInt32(j.Container.ExitCode) > 0 {
		return exitError(min(*j.Container.ExitCode, 255))
	}
	return exitError(1)
}

// request is the submit but for its definition.
func (o runOptions) request(command []string) (*batch.SubmitJobInput, error) {
	env := make([]types.KeyValuePair, 0, len(o.env))
	for _, v := range o.env {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return nil, fmt.Errorf("--env must be NAME=VALUE, not %q", v)
		}
		env = append(env, types.KeyValuePair{Name: &name, Value: &value})
	}
	in := &batch.SubmitJobInput{
		JobName:  aws.String(cmp.Or(o.name, jobName(command))),
		JobQueue: aws.String(cmp.Or(o.queue, defaultName)),
		ContainerOverrides: &types.ContainerOverrides{
			Command: command, Environment: env, ResourceRequirements: requirements(o.vcpus, o.memory),
		},
		RetryStrategy: &types.RetryStrategy{Attempts: &o.attempts},
	}
	if o.timeout > 0 {
		seconds := math.Ceil(o.timeout.Seconds())
		if seconds > math.MaxInt32 {
			return nil, fmt.Errorf("--timeout %s is too long", o.timeout)
		}
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(int32(seconds))}
	}
	if o.array != 0 {
		in.ArrayProperties = &types.ArrayProperties{Size: &o.array}
	}
	return in, nil
}

func requirements(vcpus, memory int32) []types.ResourceRequirement {
	return []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: aws.String(strconv.Itoa(int(vcpus)))},
		{Type: types.ResourceTypeMemory, Value: aws.String(strconv.Itoa(int(memory)))},
	}
}

// jobName makes a job's name of its command's.
func jobName(command []string) string {
	if len(command) == 0 {
		return "run"
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r == '-', r == '_', '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			return r
		}
		return '-'
	}, path.Base(command[0]))
	name = strings.TrimLeft(name, "-_")
	return cmp.Or(name[:min(len(name), 128)], "run")
}
