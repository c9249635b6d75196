package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"
)

var errTimedOut = errors.New("timed out")

func newWaitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := clientCommand(&cobra.Command{
		Use:   "wait [--timeout DURATION] JOB...",
		Short: "Wait until jobs have ended",
		Long: `Wait until all jobs have ended, and print a line for each when it has. A job is
its id, its ARN, or ID:INDEX for a child of an array job.

Exit code: 0 when all have succeeded, 1 when one has failed or does not exist,
124 when the time is over, 130 when interrupted.`,
		Args: cobra.MinimumNArgs(1),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		ctx := cmd.Context()
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimedOut)
			defer cancel()
		}
		ids := make([]string, len(args))
		for i, arg := range args {
			ids[i] = jobID(arg)
		}
		failed, open := false, len(slices.Compact(slices.Sorted(slices.Values(ids))))
		err := c.await(ctx, ids, func(j types.JobDetail) {
			open--
			failed = failed || j.Status != types.JobStatusSucceeded
			fmt.Fprintln(cmd.OutOrStdout(), endLine(j))
		})
		switch {
		case err != nil && errors.Is(context.Cause(ctx), errTimedOut):
			fmt.Fprintf(cmd.ErrOrStderr(), "barge: timed out after %s: jobs not ended: %d\n", timeout, open)
			return exitError(124)
		case err != nil:
			return err
		case failed:
			return exitError(1)
		}
		return nil
	})
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this time, such as 90s or 2h")
	return cmd
}

// await calls ended for each job when it has ended, in no particular order, and
// returns after the last.
func (c *client) await(ctx context.Context, ids []string, ended func(types.JobDetail)) error {
	open := slices.Compact(slices.Sorted(slices.Values(ids)))
	for p := new(pace); ; {
		var left []string
		for some := range slices.Chunk(open, maxDescribed) {
			jobs, err := c.describe(ctx, some)
			if err != nil {
				return err
			}
			missing := slices.Clone(some)
			for _, j := range jobs {
				id := aws.ToString(j.JobId)
				missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
				if isEnded(j.Status) {
					ended(j)
					p.reset()
				} else {
					left = append(left, id)
				}
			}
			if len(missing) > 0 {
				return fmt.Errorf("job %s does not exist", strings.Join(missing, ", "))
			}
		}
		if open = left; len(open) == 0 {
			return nil
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
}

// endLine is `id STATUS name duration`, and why it failed.
func endLine(j types.JobDetail) string {
	line := fmt.Sprintf("%s %s %s", aws.ToString(j.JobId), j.Status, aws.ToString(j.JobName))
	if j.StartedAt != nil && j.StoppedAt != nil {
		line += " " + shortDuration(between(*j.StartedAt, *j.StoppedAt))
	}
	if j.Status == types.JobStatusFailed {
		line += " " + failure(j)
	}
	return line
}

// failure says why a job has failed.
func failure(j types.JobDetail) string {
	var parts []string
	if j.Container != nil && j.Container.ExitCode != nil {
		parts = append(parts, fmt.Sprintf("exit code %d", *j.Container.ExitCode))
	}
	if a := j.ArrayProperties; a != nil && a.Size != nil {
		parts = append(parts, statusCounts(a.StatusSummary))
	}
	if j.StatusReason != nil && *j.StatusReason != "" {
		parts = append(parts, *j.StatusReason)
	}
	if j.Container != nil && aws.ToString(j.Container.Reason) != "" {
		parts = append(parts, *j.Container.Reason)
	}
	return plain(cmp.Or(strings.Join(parts, "; "), "no reason given"))
}

// statusCounts is how many children of an array job are where, in the order of
// a job's life, without those states where none is.
func statusCounts(counts map[string]int32) string {
	var parts []string
	for _, s := range types.JobStatus("").Values() {
		if n := counts[string(s)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

func between(from, to int64) time.Duration { return time.Duration(to-from) * time.Millisecond }

// shortDuration prints two units at most: 0.4s, 12s, 3m20s, 5h12m, 3d4h.
func shortDuration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// plain replaces what could move a terminal's cursor: reasons are written by
// users and containers.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
