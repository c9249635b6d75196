package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"
)

func newWhyCommand() *cobra.Command {
	var asJSON bool
	cmd := clientCommand(&cobra.Command{
		Use:   "why JOB",
		Short: "Say why a job waits",
		Long: `Say why a job waits: what it depends on, which job of its queue is ahead of it,
and what the job at the head of the queue lacks in each compute environment. Of
an array job it is what its next child waits for.

The same is in the member "barge" of every job that DescribeJobs describes and
that waits.

Exit code: 0, 1 for an error, 130 when interrupted.`,
		Args: cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		j, err := c.waiting(cmd.Context(), jobID(args[0]))
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(j)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), j.text())
		return err
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: jobId, status, statusReason and, of a job that waits, waiting")
	return cmd
}

// waitingJob is a job, and what Barge says of its waiting beyond AWS's API.
type waitingJob struct {
	ID           string          `json:"jobId"`
	Status       string          `json:"status"`
	StatusReason string          `json:"statusReason,omitempty"`
	Waiting      json.RawMessage `json:"waiting,omitempty"`
}

// waiting reads a member that AWS's clients leave out.
func (c *client) waiting(ctx context.Context, id string) (waitingJob, error) {
	request, err := json.Marshal(map[string][]string{"jobs": {id}})
	if err != nil {
		return waitingJob{}, err
	}
	answer, err := c.call(ctx, "DescribeJobs", request)
	if err != nil {
		return waitingJob{}, err
	}
	var out struct {
		Jobs []struct {
			waitingJob
			Barge struct {
				Waiting json.RawMessage `json:"waiting"`
			} `json:"barge"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return waitingJob{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(out.Jobs) == 0 {
		return waitingJob{}, fmt.Errorf("job %s does not exist", id)
	}
	j := out.Jobs[0].waitingJob
	j.Waiting = out.Jobs[0].Barge.Waiting
	return j, nil
}

func (j waitingJob) text() string {
	var w struct {
		Message string `json:"message"`
	}
	text := "Job " + j.ID + " is " + j.Status
	switch {
	case len(j.Waiting) > 0 && json.Unmarshal(j.Waiting, &w) == nil:
		text += ". " + plain(w.Message)
	case j.Status == string(types.JobStatusRunnable):
		text += ": the server does not say why at the moment."
	default:
		text += ": it does not wait."
	}
	if j.StatusReason != "" {
		text += "\n" + plain(j.StatusReason)
	}
	return text
}
