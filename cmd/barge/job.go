package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newJobCommand() *cobra.Command {
	var asJSON bool
	cmd := clientCommand(&cobra.Command{
		Use:   "job [--json] JOB",
		Short: "Show a job with its attempts and what they have used",
		Long: `Show a job, and each attempt that has ended with what it has used: processor
time, the peak of memory, and bytes read from and written to disks. A dash stands
for what is not known. JOB is an id, an ARN, or ID:INDEX for a child of an array
job.

Exit code: 0, 1 for an error, 130 when interrupted.`,
		Args: cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		id := jobID(args[0])
		request, err := json.Marshal(map[string][]string{"jobs": {id}})
		if err != nil {
			return err
		}
		// As the server says it: AWS's SDK skips what Barge adds.
		answer, err := c.call(cmd.Context(), "DescribeJobs", request)
		if err != nil {
			return err
		}
		var jobs struct{ Jobs []json.RawMessage }
		if err = json.Unmarshal(answer, &jobs); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		if len(jobs.Jobs) == 0 {
			return fmt.Errorf("job %s does not exist", id)
		}
		if asJSON {
			return printAnswer(cmd.OutOrStdout(), jobs.Jobs[0])
		}
		var j jobDetail
		if err = json.Unmarshal(jobs.Jobs[0], &j); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return j.print(cmd.OutOrStdout(), time.Now())
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what DescribeJobs answers")
	return cmd
}

// jobDetail is what is shown of a job.
type jobDetail struct {
	ID            string `json:"jobId"`
	Name          string `json:"jobName"`
	Queue         string `json:"jobQueue"`
	Definition    string `json:"jobDefinition"`
	Status        string `json:"status"`
	StatusReason  string `json:"statusReason"`
	CreatedAt     int64  `json:"createdAt"`
	StartedAt     int64  `json:"startedAt"`
	StoppedAt     int64  `json:"stoppedAt"`
	RetryStrategy struct {
		Attempts int `json:"attempts"`
	} `json:"retryStrategy"`
	Attempts []attemptDetail `json:"attempts"`
}

type attemptDetail struct {
	StartedAt    int64  `json:"startedAt"`
	StoppedAt    int64  `json:"stoppedAt"`
	StatusReason string `json:"statusReason"`
	Container    struct {
		ExitCode *int32 `json:"exitCode"`
		Reason   string `json:"reason"`
	} `json:"container"`
	Barge struct {
		CPUSeconds *float64 `json:"cpuSeconds"`
		PeakMemory *int64   `json:"peakMemoryBytes"`
		ReadBytes  *int64   `json:"readBytes"`
		WriteBytes *int64   `json:"writeBytes"`
	} `json:"barge"`
}

func (j *jobDetail) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := jobRow{CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, StoppedAt: j.StoppedAt}
	for _, line := range [][2]string{
		{"Job", j.ID},
		{"Name", plain(j.Name)},
		{"Queue", j.Queue},
		{"Definition", j.Definition},
		{"Status", j.Status},
		{"Reason", cmp.Or(plain(j.StatusReason), "-")},
		{"Created", time.UnixMilli(j.CreatedAt).UTC().Format(time.RFC3339)},
		{"Duration", row.duration(now)},
		{"Attempts", fmt.Sprintf("%d ended, of up to %d", len(j.Attempts), max(1, j.RetryStrategy.Attempts))},
	} {
		fmt.Fprintf(t, "%s:\t%s\n", line[0], line[1])
	}
	if err := t.Flush(); err != nil || len(j.Attempts) == 0 {
		return err
	}
	fmt.Fprintln(t, "\nATTEMPT\tDURATION\tEXIT\tCPU\tMEMORY\tREAD\tWRITTEN\tREASON")
	for i, a := range j.Attempts {
		exit, cpu := "-", "-"
		if code := a.Container.ExitCode; code != nil {
			exit = strconv.Itoa(int(*code))
		}
		if s := a.Barge.CPUSeconds; s != nil {
			cpu = strconv.FormatFloat(*s, 'f', 2, 64) + "s"
		}
		ran := jobRow{StartedAt: a.StartedAt, StoppedAt: a.StoppedAt}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i+1, ran.duration(now), exit, cpu,
			size(a.Barge.PeakMemory), size(a.Barge.ReadBytes), size(a.Barge.WriteBytes), cmp.Or(plain(cmp.Or(a.Container.Reason, a.StatusReason)), "-"))
	}
	return t.Flush()
}

// size writes bytes with the unit that fits.
func size(n *int64) string {
	if n == nil {
		return "-"
	}
	if *n < 1<<10 {
		return strconv.FormatInt(*n, 10) + " B"
	}
	f, unit := float64(*n)/(1<<10), 0
	for f >= 1024 && unit < 3 {
		f, unit = f/1024, unit+1
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + []string{"KiB", "MiB", "GiB", "TiB"}[unit]
}
