package simulate

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Compare prints results side by side.
func Compare(out io.Writer, results []*Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value func(r *Result) string) {
		cells := []string{name}
		for _, r := range results {
			cells = append(cells, value(r))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	number := func(x float64, digits int) string { return strconv.FormatFloat(x, 'f', digits, 64) }
	row("", func(r *Result) string { return r.Policy })
	row("jobs", func(r *Result) string { return strconv.Itoa(r.Jobs) })
	row("skipped", func(r *Result) string { return strconv.Itoa(r.Sum()) })
	row("failed", func(r *Result) string { return strconv.Itoa(r.Failed) })
	row("timed out", func(r *Result) string { return strconv.Itoa(r.TimedOut) })
	row("wait, mean", func(r *Result) string { return duration(r.MeanWait) })
	row("wait, median", func(r *Result) string { return duration(r.MedianWait) })
	row("wait, 95 %", func(r *Result) string { return duration(r.P95Wait) })
	row("wait, longest", func(r *Result) string { return duration(r.MaxWait) })
	row("bounded slowdown, mean", func(r *Result) string { return number(r.MeanBoundedSlowdown, 2) })
	row("bounded slowdown, 95 %", func(r *Result) string { return number(r.P95BoundedSlowdown, 2) })
	row("utilization", func(r *Result) string { return number(100*r.Utilization, 1) + " %" })
	row("makespan", func(r *Result) string { return duration(r.Makespan) })
	row("queued jobs, mean", func(r *Result) string { return number(r.MeanQueued, 1) })
	row("queued jobs, most", func(r *Result) string { return strconv.FormatInt(r.MaxQueued, 10) })
	row("shares", func(r *Result) string { return strconv.Itoa(r.Shares) })
	row("Jain's index of shares", func(r *Result) string { return number(r.Jain, 4) })
	row("longest wait by fair-share bound", func(r *Result) string { return number(r.WaitByBound, 2) })
	if slices.ContainsFunc(results, func(r *Result) bool { return r.Cost != nil }) {
		row("instances", func(r *Result) string {
			return strconv.Itoa(r.instances(func(e EnvironmentUse) int { return e.Instances }))
		})
		row("interrupted", func(r *Result) string {
			return strconv.Itoa(r.instances(func(e EnvironmentUse) int { return e.Interrupted }))
		})
		row("cost", func(r *Result) string {
			if r.Cost == nil {
				return "unknown"
			}
			return number(*r.Cost, 2) + " USD"
		})
	}
	row("computed in", func(r *Result) string { return number(r.WallSeconds, 1) + " s" })
	if err := w.Flush(); err != nil {
		return err
	}
	if len(results) == 0 {
		return nil
	}
	if s := results[0].Skipped; s.Sum() > 0 {
		fmt.Fprintf(out, "skipped: runtime unknown %d, processors unknown %d, submit time unknown %d, parts of jobs %d, too large %d\n",
			s.UnknownRuntime, s.UnknownProcessors, s.UnknownSubmit, s.PartialRecords, s.TooLarge)
	}
	for _, note := range results[0].Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	return nil
}

// instances sums up what environments have had.
func (r *Result) instances(of func(EnvironmentUse) int) (sum int) {
	for _, e := range r.Environments {
		sum += of(e)
	}
	return sum
}

// duration prints seconds as people read them.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f d", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.1f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
