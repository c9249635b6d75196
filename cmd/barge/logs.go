package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/spf13/cobra"
)

func newLogsCommand() *cobra.Command {
	var (
		follow     bool
		timestamps bool
		attempt    int
	)
	cmd := clientCommand(&cobra.Command{
		Use:   "logs [-f] [--attempt N] JOB",
		Short: "Print the log of a job",
		Long: `Print what a job's latest attempt has printed. With -f, go on until the job has
ended, through all further attempts. A job is its id, its ARN, ID:INDEX for a
child of an array job, or ID#INDEX for a node of a multi-node job, which itself
has the log of its main node.

Exit code: 0 when there is a log, however the job ended; 1 when there is none,
130 when interrupted.`,
		Args: cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		if cmd.Flags().Changed("attempt") && attempt < 1 {
			return errors.New("--attempt counts from 1")
		}
		id := jobID(args[0])
		j, err := c.logged(cmd.Context(), id)
		if err != nil {
			return err
		}
		if j.ArrayProperties != nil && j.ArrayProperties.Size != nil {
			return fmt.Errorf("%s is an array job: its children have the logs, such as %s:0", id, id)
		}
		t := &tail{c: c, print: printer(cmd.OutOrStdout(), timestamps)}
		if attempt > 0 {
			t.at, t.only = attempt-1, true
		} else {
			t.at = max(0, len(attemptStreams(j))-1)
		}
		if follow {
			j, err = t.follow(cmd.Context(), id)
		} else {
			err = t.catchUp(cmd.Context(), j)
		}
		switch {
		case err != nil:
			return err
		case t.found:
			return nil
		case isEnded(j.Status):
			return fmt.Errorf("job %s has no such log: it is %s: %s", id, j.Status, failure(j))
		}
		return fmt.Errorf("job %s has no log yet: it is %s", id, j.Status)
	})
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on until the job has ended")
	f.BoolVar(&timestamps, "timestamps", false, "print the time before each line")
	f.IntVar(&attempt, "attempt", 0, "print this attempt, from 1")
	return cmd
}

// logged describes a job as what has its log: the container of a multi-node job
// is that of its main node.
func (c *client) logged(ctx context.Context, id string) (types.JobDetail, error) {
	j, err := c.job(ctx, id)
	if err != nil || j.NodeProperties == nil {
		return j, err
	}
	main, err := c.job(ctx, fmt.Sprintf("%s#%d", aws.ToString(j.JobId), aws.ToInt32(j.NodeProperties.MainNode)))
	j.Container = main.Container
	return j, err
}

func printer(w io.Writer, timestamps bool) func(logtypes.OutputLogEvent) error {
	return func(e logtypes.OutputLogEvent) error {
		if timestamps {
			at := time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC().Format("2006-01-02T15:04:05.000Z")
			if _, err := io.WriteString(w, at+" "); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, aws.ToString(e.Message)+"\n")
		return err
	}
}

// notePrefix begins the lines that Barge itself puts at the head of a log.
const notePrefix = "barge: "

// tail prints the log of a job, attempt by attempt.
type tail struct {
	c     *client
	print func(logtypes.OutputLogEvent) error
	// note, where there is one, gets the lines that Barge itself has put at
	// the head of a log.
	note func(logtypes.OutputLogEvent) error

	at    int                 // the attempt to go on with, from 0
	only  bool                // no other attempt than this
	token *string             // where to go on in its stream
	stuck func(reason string) // gets what AWS says of a job that waits, if not nil
	said  string              // what it got last

	body  bool // the token is behind the notes
	found bool // a stream of those wanted exists
}

// follow prints until the job has ended, or the one attempt wanted has, and
// returns the job as it is then.
func (t *tail) follow(ctx context.Context, id string) (types.JobDetail, error) {
	for p := new(pace); ; {
		// In this order: what a job has printed is in its log when it has ended.
		j, err := t.c.logged(ctx, id)
		if err != nil {
			return j, err
		}
		before := t.token
		if err := t.catchUp(ctx, j); err != nil {
			return j, err
		}
		if reason := aws.ToString(j.StatusReason); t.stuck != nil && j.Status == types.JobStatusRunnable && reason != "" && reason != t.said {
			t.said = reason
			t.stuck(reason)
		}
		if isEnded(j.Status) || t.only && t.at < len(j.Attempts) {
			return j, nil
		}
		if aws.ToString(before) != aws.ToString(t.token) {
			p.reset()
		}
		if err := p.wait(ctx); err != nil {
			return j, err
		}
	}
}

// attemptStreams returns the log stream of each attempt, of those that never
// came to run an empty one.
func attemptStreams(j types.JobDetail) []string {
	var streams []string
	for _, a := range j.Attempts {
		name := ""
		if a.Container != nil {
			name = aws.ToString(a.Container.LogStreamName)
		}
		streams = append(streams, name)
	}
	if j.Container != nil { // the attempt that runs is not among the others
		if name := aws.ToString(j.Container.LogStreamName); name != "" && !slices.Contains(streams, name) {
			streams = append(streams, name)
		}
	}
	return streams
}

// logGroup is where AWS Batch puts output unless the job says otherwise.
func logGroup(j types.JobDetail) string {
	if j.Container != nil && j.Container.LogConfiguration != nil {
		if g := j.Container.LogConfiguration.Options["awslogs-group"]; g != "" {
			return g
		}
	}
	return "/aws/batch/job"
}

// catchUp prints what is new.
func (t *tail) catchUp(ctx context.Context, j types.JobDetail) error {
	streams := attemptStreams(j)
	for i := t.at; i < len(streams); i++ {
		if i > t.at {
			if t.only {
				return nil
			}
			t.at, t.token, t.body = i, nil, false
		}
		if streams[i] == "" {
			continue
		}
		if err := t.read(ctx, logGroup(j), streams[i]); err != nil {
			return err
		}
	}
	return nil
}

// read prints a stream from the token on. The end is where the token stays the
// same: pages before it may be empty.
func (t *tail) read(ctx context.Context, group, stream string) error {
	for {
		var out *cloudwatchlogs.GetLogEventsOutput
		err := t.c.steady(ctx, func() (err error) {
			out, err = t.c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
				LogGroupName: &group, LogStreamName: &stream, StartFromHead: aws.Bool(true), NextToken: t.token,
			})
			return err
		})
		var gone *logtypes.ResourceNotFoundException
		if errors.As(err, &gone) {
			return nil // deleted, or expired
		}
		if err != nil {
			return err
		}
		t.found = true
		for _, e := range out.Events {
			print := t.print
			t.body = t.body || t.note == nil || !strings.HasPrefix(aws.ToString(e.Message), notePrefix)
			if !t.body {
				print = t.note
			}
			if err := print(e); err != nil {
				return err
			}
		}
		if aws.ToString(out.NextForwardToken) == aws.ToString(t.token) {
			return nil
		}
		t.token = out.NextForwardToken
	}
}
