package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"
)

// maxListed is ListJobs' largest page.
const maxListed = 1000

func newJobsCommand() *cobra.Command {
	var (
		f      jobsFilter
		status string
		asJSON bool
	)
	cmd := clientCommand(&cobra.Command{
		Use:   "jobs [--queue Q] [--status S] [--array JOB] [--limit N]",
		Short: "List jobs",
		Long: `List jobs, newest first: those of all queues and in all states, unless told
otherwise. With --array, the children of an array job by their index.

Exit code: 0, 1 for an error, 130 when interrupted.`,
		Args: cobra.NoArgs,
	}, func(cmd *cobra.Command, c *client, _ []string) error {
		if f.limit < 1 {
			return fmt.Errorf("--limit must be at least 1, not %d", f.limit)
		}
		f.states = types.JobStatus("").Values()
		if status != "" {
			s := types.JobStatus(strings.ToUpper(status))
			if !slices.Contains(f.states, s) {
				return fmt.Errorf("--status must be one of %s, not %s", joined(f.states), status)
			}
			f.states = []types.JobStatus{s}
		}
		rows, err := c.listJobs(cmd.Context(), f)
		if err != nil {
			return err
		}
		if asJSON {
			return printJobLines(cmd.OutOrStdout(), rows)
		}
		return printJobTable(cmd.OutOrStdout(), rows, time.Now())
	})
	flags := cmd.Flags()
	flags.StringVar(&f.queue, "queue", "", "only jobs of this queue")
	flags.StringVar(&status, "status", "", "only jobs in this state, such as RUNNING")
	flags.StringVar(&f.array, "array", "", "the children of this array job")
	flags.IntVar(&f.limit, "limit", 50, "at most so many")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object per line, with AWS's names and times in milliseconds")
	cmd.MarkFlagsMutuallyExclusive("queue", "array")
	return cmd
}

type jobsFilter struct {
	queue, array string
	states       []types.JobStatus
	limit        int
}

// jobRow is a job in a listing.
type jobRow struct {
	ID            string           `json:"jobId"`
	Name          string           `json:"jobName"`
	Queue         string           `json:"jobQueue,omitempty"` // not of children
	Status        types.JobStatus  `json:"status"`
	CreatedAt     int64            `json:"createdAt"`
	StartedAt     int64            `json:"startedAt,omitempty"`
	StoppedAt     int64            `json:"stoppedAt,omitempty"`
	ExitCode      *int32           `json:"exitCode,omitempty"`
	Reason        string           `json:"reason,omitempty"`
	StatusReason  string           `json:"statusReason,omitempty"`
	Index         *int32           `json:"index,omitempty"`
	Size          *int32           `json:"size,omitempty"`
	StatusSummary map[string]int32 `json:"statusSummary,omitempty"`
}

func (c *client) listJobs(ctx context.Context, f jobsFilter) ([]jobRow, error) {
	if f.array != "" {
		return c.listChildren(ctx, f)
	}
	queues := []string{f.queue}
	if f.queue == "" {
		var err error
		if queues, err = c.queueNames(ctx); err != nil {
			return nil, err
		}
	}
	var rows []jobRow
	for _, queue := range queues {
		for _, state := range f.states {
			in := batch.ListJobsInput{JobQueue: aws.String(queue), JobStatus: state}
			some, err := c.list(ctx, &in, f.limit)
			if err != nil {
				return nil, err
			}
			for i := range some {
				some[i].Queue = queue
			}
			rows = append(rows, some...)
		}
	}
	slices.SortStableFunc(rows, func(a, b jobRow) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return rows[:min(len(rows), f.limit)], nil
}

func (c *client) listChildren(ctx context.Context, f jobsFilter) ([]jobRow, error) {
	var rows []jobRow
	for _, state := range f.states {
		in := batch.ListJobsInput{ArrayJobId: aws.String(jobID(f.array)), JobStatus: state}
		some, err := c.list(ctx, &in, f.limit)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	slices.SortFunc(rows, func(a, b jobRow) int { return cmp.Compare(aws.ToInt32(a.Index), aws.ToInt32(b.Index)) })
	return rows[:min(len(rows), f.limit)], nil
}

// list reads the pages of one listing.
func (c *client) list(ctx context.Context, in *batch.ListJobsInput, limit int) ([]jobRow, error) {
	var rows []jobRow
	in.MaxResults = aws.Int32(int32(min(limit, maxListed)))
	for pages := batch.NewListJobsPaginator(c.batch, in); pages.HasMorePages() && len(rows) < limit; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, j := range page.JobSummaryList {
			rows = append(rows, rowOf(j))
		}
	}
	return rows, nil
}

func rowOf(j types.JobSummary) jobRow {
	r := jobRow{
		ID: aws.ToString(j.JobId), Name: aws.ToString(j.JobName), Status: j.Status, StatusReason: aws.ToString(j.StatusReason),
		CreatedAt: aws.ToInt64(j.CreatedAt), StartedAt: aws.ToInt64(j.StartedAt), StoppedAt: aws.ToInt64(j.StoppedAt),
	}
	if j.Container != nil {
		r.ExitCode, r.Reason = j.Container.ExitCode, aws.ToString(j.Container.Reason)
	}
	if a := j.ArrayProperties; a != nil {
		r.Index, r.Size, r.StatusSummary = a.Index, a.Size, a.StatusSummary
	}
	return r
}

func (c *client) queueNames(ctx context.Context) ([]string, error) {
	var names []string
	for pages := batch.NewDescribeJobQueuesPaginator(c.batch, &batch.DescribeJobQueuesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, q := range page.JobQueues {
			names = append(names, aws.ToString(q.JobQueueName))
		}
	}
	return names, nil
}

func printJobLines(w io.Writer, rows []jobRow) error {
	e := json.NewEncoder(w)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func printJobTable(w io.Writer, rows []jobRow, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tNAME\tQUEUE\tSTATUS\tCREATED\tDURATION\tEXIT\tREASON")
	for _, r := range rows {
		exit := "-"
		if r.ExitCode != nil {
			exit = strconv.Itoa(int(*r.ExitCode))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s ago\t%s\t%s\t%s\n", r.ID, r.Name, cmp.Or(r.Queue, "-"), r.Status,
			shortDuration(between(r.CreatedAt, now.UnixMilli())), r.duration(now), exit, cmp.Or(r.why(), "-"))
	}
	return t.Flush()
}

// duration is how long the job ran, or has been running.
func (r jobRow) duration(now time.Time) string {
	switch {
	case r.StartedAt == 0:
		return "-"
	case r.StoppedAt == 0:
		return shortDuration(between(r.StartedAt, now.UnixMilli()))
	}
	return shortDuration(between(r.StartedAt, r.StoppedAt))
}

// why is the reason of the state, of an array job where its children are.
func (r jobRow) why() string {
	if r.Size != nil {
		return statusCounts(r.StatusSummary)
	}
	return plain(cmp.Or(r.Reason, r.StatusReason))
}

func joined(states []types.JobStatus) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
