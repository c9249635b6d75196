package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newCostCommand() *cobra.Command {
	var (
		by, since, until string
		limit            int
		asJSON           bool
	)
	cmd := clientCommand(&cobra.Command{
		Use:   "cost [--by queue|share|definition|environment|job|tag:KEY]",
		Short: "Say what jobs and instances have cost",
		Long: `Say what jobs have cost that ran on instances with a price or on Fargate, the
dearest first, what that would have been at on-demand prices, and what the
instances of each compute environment have cost, used and idle.

An attempt counts when it has ended, by the hour; by job and by tag, a job counts
with all its attempts when it has ended, as long as it is kept. An instance costs
from its launch to its end. docs/cost.md says what an attempt's share is.

Exit code: 0, 1 for an error, 130 when interrupted.`,
		Example: `  barge cost --since 7d
  barge cost --by tag:team --since 2026-01-01 --until 2026-02-01 --json`,
		Args: cobra.NoArgs,
	}, func(cmd *cobra.Command, c *client, _ []string) error {
		request, err := costRequest(by, since, until, limit, time.Now())
		if err != nil {
			return err
		}
		answer, err := c.call(cmd.Context(), "DescribeCosts", request)
		if err != nil {
			return err
		}
		if asJSON {
			return printAnswer(cmd.OutOrStdout(), answer)
		}
		var costs costs
		if err := json.Unmarshal(answer, &costs); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return costs.print(cmd.OutOrStdout())
	})
	f := cmd.Flags()
	f.StringVar(&by, "by", "queue", "what to add up by: queue, share, definition, environment, job, or tag:KEY")
	f.StringVar(&since, "since", "", "only what ended since then: how long ago, as 36h or 7d, or a time, as 2026-01-31 or 2026-01-31T12:00:00Z")
	f.StringVar(&until, "until", "", "only what ended before then, as --since (default now)")
	f.IntVar(&limit, "limit", 100, "rows to print; the others are added up in one")
	f.BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func costRequest(by, since, until string, limit int, now time.Time) ([]byte, error) {
	request := map[string]any{"by": by, "limit": limit}
	if key, ok := strings.CutPrefix(by, "tag:"); ok {
		request["by"], request["tagKey"] = "tag", key
	}
	for name, text := range map[string]string{"since": since, "until": until} {
		if text == "" {
			continue
		}
		at, err := momentOf(text, now)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", name, err)
		}
		request[name] = max(0, at.UnixMilli())
	}
	return json.Marshal(request)
}

// momentOf reads how long ago something was, or when.
func momentOf(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return at, nil
		}
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 15)
		d = time.Duration(n) * day
	}
	if err != nil || d < 0 {
		return now, fmt.Errorf("%q is neither how long ago, as 36h or 7d, nor a time, as 2026-01-31 or 2026-01-31T12:00:00Z", text)
	}
	return now.Add(-d), nil
}

// costs is the answer of DescribeCosts. Amounts stay as they are written.
type costs struct {
	By        string
	Costs     []costLine
	Others    *costLine
	Total     costLine
	Instances []struct {
		ComputeEnvironment                           string
		Instances, InstancesWithoutPrice             int64
		USD, OnDemandUSD, SavedUSD, UsedUSD, IdleUSD json.Number
	}
}

type costLine struct {
	Name, JobID                string
	Count                      int64
	USD, OnDemandUSD, SavedUSD json.Number
}

func (c *costs) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	what := "ATTEMPTS"
	if c.By == "job" || c.By == "tag" {
		what = "JOBS"
	}
	fmt.Fprintf(t, "COST (USD)\tON DEMAND\tSAVED\t%s\t%s\n", what, strings.ToUpper(c.By))
	line := func(l *costLine, name string) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", cents(l.USD), cents(l.OnDemandUSD), cents(l.SavedUSD), l.Count, name)
	}
	for i := range c.Costs {
		l := &c.Costs[i]
		name := l.Name
		switch {
		case l.JobID != "":
			name = l.JobID + " " + name
		case name == "":
			name = "(none)"
		}
		line(l, name)
	}
	if c.Others != nil {
		line(c.Others, "(others)")
	}
	line(&c.Total, "(total)")
	if len(c.Instances) > 0 {
		fmt.Fprint(t, "\nCOST (USD)\tUSED\tIDLE\tSAVED\tINSTANCES\tENVIRONMENT\n")
	}
	for _, l := range c.Instances {
		name := l.ComputeEnvironment
		if l.InstancesWithoutPrice > 0 {
			name += fmt.Sprintf(" (%d without a price)", l.InstancesWithoutPrice)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", cents(l.USD), cents(l.UsedUSD), cents(l.IdleUSD), cents(l.SavedUSD), l.Instances, name)
	}
	return t.Flush()
}

// cents writes an amount with six digits behind the point: a second of a small
// instance is less than a cent.
func cents(n json.Number) string {
	v, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}
