package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bargehq/barge/internal/simulate"
)

type simulateFlags struct {
	trace, file, policies, starts, chart string
	vcpus                                int64
	asJSON                               bool
}

func newSimulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate {--trace F.swf[.gz] --vcpus N | --scenario F.yaml} [--policy P,…]",
		Short: "Run a workload through the scheduler in virtual time",
		Long: `Run a workload through the scheduler in virtual time, and print how long jobs
waited, their bounded slowdown (bound 10 s), utilization and fairness. It needs no
server: it is the scheduler of "barge serve" itself, fed from a file.

--trace is a trace in the Standard Workload Format, one processor a vCPU, one user
a share identifier. The time that a user asked for is the job's timeout, by which
it is killed; where it is not known it is the time that the job took, a perfect
estimate. Jobs whose runtime or processors are not known, and those that need more
than --vcpus, are skipped and counted.

--scenario is a file with environments, queues, streams of jobs, traces and faults:
docs/scheduling.md says how it is written.

Several policies are compared side by side. --json prints one object for one
policy, and one with a list of "policies" for several.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.trace, "trace", "", "a trace in the Standard Workload Format, compressed by gzip or not")
	flags.StringVar(&f.file, "scenario", "", "a scenario: environments, queues, jobs and faults, as YAML or JSON")
	flags.Int64Var(&f.vcpus, "vcpus", 0, "vCPUs of the machine that the trace runs on; those of the trace's header if not given")
	flags.StringVar(&f.policies, "policy", "", "how all queues choose: strict, backfill, fair-share, fair-share+backfill; several with commas. Traces: strict; scenarios: as they say")
	flags.StringVar(&f.starts, "starts", "", "write when each job ran to this CSV file (of one policy)")
	flags.StringVar(&f.chart, "chart", "", "draw vCPUs and waiting jobs over time into this SVG file")
	flags.BoolVar(&f.asJSON, "json", false, "print a JSON object")
	return cmd
}

func (f *simulateFlags) run(out io.Writer) error {
	policies := []simulate.Policy{simulate.AsWritten}
	if f.policies != "" || f.file == "" {
		var err error
		if policies, err = simulate.ParsePolicies(cmp.Or(f.policies, string(simulate.Strict))); err != nil {
			return err
		}
	}
	if f.starts != "" && len(policies) > 1 {
		return errors.New("--starts is for one policy")
	}
	s, title, err := f.read()
	if err != nil {
		return err
	}
	var results []*simulate.Result
	for _, p := range policies {
		r, err := simulate.Run(s.With(p))
		if err != nil {
			return err
		}
		r.Policy = string(p)
		results = append(results, r)
	}
	if f.starts != "" {
		if err := writeStarts(f.starts, results[0].Starts); err != nil {
			return err
		}
	}
	if f.chart != "" {
		if err := writeChart(f.chart, title, results); err != nil {
			return err
		}
	}
	switch {
	case !f.asJSON:
		return simulate.Compare(out, results)
	case len(results) == 1:
		return json.NewEncoder(out).Encode(results[0])
	default:
		return json.NewEncoder(out).Encode(struct {
			Policies []*simulate.Result `json:"policies"`
		}{results})
	}
}

// read reads what is to be run, and says what it is.
func (f *simulateFlags) read() (s simulate.Scenario, title string, err error) {
	if (f.trace == "") == (f.file == "") {
		return s, "", errors.New("either --trace or --scenario is needed")
	}
	if f.file != "" {
		s, err = simulate.ReadScenario(f.file)
		return s, filepath.Base(f.file), err
	}
	t, err := simulate.OpenTrace(f.trace)
	if err != nil {
		return s, "", err
	}
	n := f.vcpus
	if n == 0 {
		if n, err = strconv.ParseInt(t.Header["MaxProcs"], 10, 64); err != nil {
			return s, "", fmt.Errorf("%s does not say MaxProcs: --vcpus is needed", f.trace)
		}
	}
	s, err = t.Scenario(n)
	return s, fmt.Sprintf("%s on %d vCPUs", filepath.Base(f.trace), n), err
}

func writeChart(path, title string, results []*simulate.Result) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(simulate.Chart(file, title, results), file.Close())
}

// writeStarts writes a line for each job.
func writeStarts(path string, starts []simulate.Start) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	seconds := func(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }
	err = w.Write([]string{"job", "share", "vcpus", "submit", "start", "end", "attempts", "environment", "outcome"})
	for _, s := range starts {
		if err != nil {
			break
		}
		start := ""
		if s.Attempts > 0 {
			start = seconds(s.Start)
		}
		err = w.Write([]string{
			s.Job, s.Share, strconv.FormatFloat(s.VCPUs, 'f', -1, 64), seconds(s.Submit), start, seconds(s.End),
			strconv.Itoa(s.Attempts), s.Environment, s.Outcome,
		})
	}
	w.Flush()
	return errors.Join(err, w.Error(), file.Close())
}
