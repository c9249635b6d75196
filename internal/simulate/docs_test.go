package simulate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/scheduling.md and its charts")

const docs = "../../docs/scheduling"

// section is a part of docs/scheduling.md that is made by running something.
type section struct {
	title, chart, command, text string

	scenario func(t *testing.T) Scenario
	size     int64 // of a trace's machine, for the yardstick; zero for none
	policies []Policy
}

func sections() []section {
	example := func(name string) func(t *testing.T) Scenario {
		return func(t *testing.T) Scenario {
			s, err := ReadScenario("../../examples/simulate/" + name)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	return []section{
		{
			title: "HPC2N-extract on 240 vCPUs", chart: "hpc2n.svg", policies: []Policy{Strict, Backfill, FairShare, FairBackfill},
			command:  "--trace HPC2N-extract.swf.gz --vcpus 240",
			text:     "Two months of a cluster with jobs of 1 to 128 processors, on as many processors as it had.",
			scenario: func(t *testing.T) Scenario { return scenarioOf(t, hpc2n(t), 240) }, size: 240,
		},
		{
			title: "LCG-2005 on 1,600 vCPUs", chart: "lcg.svg", policies: []Policy{Strict, Backfill, FairShare},
			command: "--trace LCG-2005.swf.gz --vcpus 1600",
			text: "Fifteen days of the LHC Computing Grid, which had 24,515 processors: there nothing waits. Its jobs would keep 1,581 busy all\n" +
				"the time, so that on 1,600 thousands of them wait for days. All have one processor: there is nothing to backfill.",
			scenario: func(t *testing.T) Scenario { return scenarioOf(t, openTrace(t, lcgTrace(t)), 1600) }, size: 1600,
		},
		{
			title: "Ten equal shares", chart: "shares.svg", policies: []Policy{Strict, FairShare},
			command:  "--scenario examples/simulate/equal-shares.yaml",
			text:     "Ten groups with jobs of ten kinds, all submitted at once, on 64 vCPUs.",
			scenario: example("equal-shares.yaml"),
		},
		{
			title: "A day on instances", chart: "day.svg", policies: []Policy{AsWritten},
			command: "--scenario examples/simulate/reference-day.yaml",
			text: "On-Demand instances first, Spot where those are full, GPU instances for multi-node jobs at 1, 8 and 15 o'clock. At 8\n" +
				"o'clock half of the Spot instances are taken back, and there are no others for twenty minutes.",
			scenario: example("reference-day.yaml"),
		},
	}
}

// TestDocs: what docs/scheduling.md says of simulations is what they give. Every
// change of the scheduler may change it.
func TestDocs(t *testing.T) {
	t.Parallel()
	lcgTrace(t)
	page, err := os.ReadFile(docs + ".md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- made: begin -->\n", "<!-- made: end -->"
	before, rest, _ := strings.Cut(string(page), begin)
	made, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("the page has no part that is made")
	}
	var all strings.Builder
	for _, s := range sections() {
		text, chart := s.make(t)
		all.WriteString(text)
		path := filepath.Join(docs, s.chart)
		if *update {
			if err := os.WriteFile(path, []byte(chart), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !strings.Contains(made, text) {
			t.Errorf("docs/scheduling.md does not say this, which `make simulated` writes:\n%s", text)
		}
		if was, err := os.ReadFile(path); err != nil || string(was) != chart {
			t.Errorf("%s is another chart than `make simulated` draws (%v)", path, err)
		}
	}
	if *update {
		if err := os.WriteFile(docs+".md", []byte(before+begin+"\n"+all.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *section) make(t *testing.T) (text, chart string) {
	t.Helper()
	var results []*Result
	var names []string
	scenario := s.scenario(t)
	for _, p := range s.policies {
		r := mustRun(t, scenario.With(p))
		r.Policy = string(p)
		results, names = append(results, r), append(names, string(p))
	}
	command := s.command
	if len(names) > 1 {
		command += " --policy " + strings.Join(names, ",")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n```sh\nbarge simulate %s --chart %s\n```\n\n", s.title, s.text, command, s.chart)
	slowdown, utilization := 0.0, 0.0
	if s.size > 0 {
		e := newEasy(scenario, true)
		e.run()
		slowdown, utilization = e.measure(s.size)
	}
	row := func(name, yardstick string, value func(*Result) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, r := range results {
			fmt.Fprintf(&b, " %s |", value(r))
		}
		if s.size > 0 {
			fmt.Fprintf(&b, " %s |", yardstick)
		}
		b.WriteByte('\n')
	}
	number := func(x float64, digits int) string { return strconv.FormatFloat(x, 'f', digits, 64) }
	row("", "EASY", func(r *Result) string { return r.Policy })
	row("---", "---:", func(*Result) string { return "---:" })
	row("jobs", "", func(r *Result) string { return strconv.Itoa(r.Jobs) })
	row("mean wait", "", func(r *Result) string { return duration(r.MeanWait) })
	row("median wait", "", func(r *Result) string { return duration(r.MedianWait) })
	row("longest wait", "", func(r *Result) string { return duration(r.MaxWait) })
	row("mean bounded slowdown", number(slowdown, 2), func(r *Result) string { return number(r.MeanBoundedSlowdown, 2) })
	row("utilization", number(100*utilization, 2)+" %", func(r *Result) string { return number(100*r.Utilization, 2) + " %" })
	row("makespan", "", func(r *Result) string { return duration(r.Makespan) })
	row("most queued jobs", "", func(r *Result) string { return strconv.FormatInt(r.MaxQueued, 10) })
	row("Jain's index", "", func(r *Result) string { return number(r.Jain, 3) })
	row("longest wait by its fair-share bound", "", func(r *Result) string { return number(r.WaitByBound, 2) })
	if results[0].Cost != nil {
		row("instances, interrupted", "", func(r *Result) string {
			return fmt.Sprintf("%d, %d", r.instances(func(e EnvironmentUse) int { return e.Instances }), r.instances(func(e EnvironmentUse) int { return e.Interrupted }))
		})
		row("cost", "", func(r *Result) string { return number(*r.Cost, 2) + " USD" })
	}
	fmt.Fprintf(&b, "\n![%s](scheduling/%s)\n\n", s.title, s.chart)
	var c strings.Builder
	if err := Chart(&c, s.title, results); err != nil {
		t.Fatal(err)
	}
	return b.String(), c.String()
}
