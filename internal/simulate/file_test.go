package simulate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
)

const scenarioText = `
seed: 7
environments:
  - {name: small, maxvCpus: 4}
  - {name: large, maxvCpus: 16, memory: 65536, gpus: 2}
queues:
  - name: main
    priority: 10
    computeEnvironmentOrder: [small, large]
    fairsharePolicy:
      shareDecaySeconds: 3600
      computeReservation: 10
      shareDistribution: [{shareIdentifier: ingest, weightFactor: 0.5}, {shareIdentifier: "u*", weightFactor: 2}]
  - {name: hpc, priority: 1, computeEnvironmentOrder: [large], order: backfill}
jobs:
  - {name: ingest, queue: main, vcpus: 0.5, memory: 512, runtime: 90s, count: 2, start: 1m, every: 10s, attempts: 3, attemptDuration: 2m}
  - {name: mpi, queue: hpc, numNodes: 4, vcpus: 3, gpus: 0, runtime: {from: 10s, to: 20s}, shareIdentifier: lab, schedulingPriority: 5}
  - {name: noise, queue: main, vcpus: 1, runtime: {mean: 10s}, count: 50, every: {mean: 5s}, shareIdentifier: u1}
  - {trace: t.swf, queue: main, start: 30s}
faults:
  - {at: 2m, loseHosts: large, for: 1m}
`

func writeScenario(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	trace := line("1", "100", "10", "2", "2", "20", "1", "3") + line("2", "110", "10", "17", "17", "20", "1", "3")
	for name, content := range map[string]string{"s.yaml": text, "t.swf": trace} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "s.yaml")
}

func TestReadScenario(t *testing.T) {
	t.Parallel()
	s, err := ReadScenario(writeScenario(t, scenarioText))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Jobs) != 2+1+50+1 || s.Skipped.TooLarge != 1 {
		t.Fatalf("%d jobs, skipped %+v", len(s.Jobs), s.Skipped)
	}
	find := func(name string) Job {
		for _, j := range s.Jobs {
			if j.Name == name {
				return j
			}
		}
		t.Fatalf("no job %s", name)
		return Job{}
	}
	mpi := find("mpi-1")
	if mpi.Runtime < 10_000 || mpi.Runtime > 20_000 {
		t.Errorf("a job between 10 and 20 s takes %d ms", mpi.Runtime)
	}
	mpi.Runtime = 0
	got := struct {
		Environments []Environment
		Queues       []Queue
		Jobs         []Job
		Faults       []Fault
	}{s.Environments, s.Queues, []Job{find("ingest-2"), mpi, find("1")}, s.Faults}
	want := got
	want.Environments = []Environment{
		{Name: "small", Capacity: batch.Resources{MilliVCPU: 4000, MemoryMiB: batch.Unlimited}},
		{Name: "large", Capacity: batch.Resources{MilliVCPU: 16_000, MemoryMiB: 65_536, GPUs: 2}},
	}
	want.Queues = []Queue{
		{
			Name: "main", Priority: 10, Environments: []string{"small", "large"},
			Fair: &fair.Policy{DecaySeconds: 3600, Reservation: 10, Weights: []fair.Weight{{Share: "ingest", Factor: 5000}, {Share: "u*", Factor: 20_000}}},
		},
		{Name: "hpc", Priority: 1, Environments: []string{"large"}, Backfill: true},
	}
	want.Jobs = []Job{
		{Name: "ingest-2", Share: "ingest", Submit: 70_000, Runtime: 90_000, Limit: 120, Needs: batch.Resources{MilliVCPU: 500, MemoryMiB: 512}, Attempts: 3},
		{Name: "mpi-1", Queue: 1, Share: "lab", Priority: 5, Needs: batch.Resources{MilliVCPU: 3000}, Nodes: 4, Attempts: 1},
		{Name: "1", Share: "u3", Submit: 30_000, Runtime: 10_000, Limit: 20, Needs: batch.Resources{MilliVCPU: 2000, MemoryMiB: 1}, Attempts: 1},
	}
	want.Faults = []Fault{{At: 120_000, Environment: 1, Percent: 100, For: 60_000}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	again, err := ReadScenario(writeScenario(t, scenarioText))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, again); d != "" {
		t.Errorf("the same file is read in two ways:\n%s", d)
	}
	for _, p := range append([]Policy{AsWritten}, policies...) {
		r := mustRun(t, s.With(p))
		if r.Jobs != 54 || r.Failed != 0 {
			t.Errorf("%s: %d jobs, %d failed", p, r.Jobs, r.Failed)
		}
		for _, j := range r.Starts {
			if j.Job == "mpi-1" && (j.VCPUs != 12 || j.Environment != "large" || j.Start != 0) {
				t.Errorf("%s: the multi-node job is %+v", p, j)
			}
		}
	}
}

// TestGangLost: a multi-node job whose host is lost is tried again as a whole.
func TestGangLost(t *testing.T) {
	t.Parallel()
	s, err := ReadScenario(writeScenario(t, `
environments: [{name: e, maxvCpus: 8}]
queues: [{name: q, computeEnvironmentOrder: [e]}]
jobs: [{name: g, queue: q, vcpus: 2, numNodes: 3, runtime: 60s, attempts: 2}]
faults: [{at: 30s, loseHosts: e, for: 10s}]
`))
	if err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, s)
	want := []Start{{Job: "g-1", Share: "g", Start: 40, End: 100, VCPUs: 6, Attempts: 2, Environment: "e", Outcome: "SUCCEEDED"}}
	if d := cmp.Diff(want, r.Starts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if want := 6 * (30 + 60.0); r.UsedVCPU != want {
		t.Errorf("%v vCPU-seconds were used, want %v", r.UsedVCPU, want)
	}
}

func TestReadScenarioRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, from, to, want string }{
		{"an unknown member", "seed: 7", "sead: 7", "field sead not found"},
		{"no queues", "queues:", "queues: []\nfaults:", "mapping key"},
		{"no unit", "start: 1m", "start: 60", `"60" is no duration`},
		{"backwards", "{from: 10s, to: 20s}", "{from: 30s, to: 20s}", "drawn by from and to, or by mean"},
		{"both", "{from: 10s, to: 20s}", "{mean: 30s, to: 20s}", "drawn by from and to, or by mean"},
		{"very long", "{from: 10s, to: 20s}", "999999h", "is no duration"},
		{"an unknown queue", "queue: hpc", "queue: hpd", `jobs[1]: there is no queue "hpd"`},
		{"an unknown environment", "[small, large]", "[small, big]", `queue main: there is no environment "big"`},
		{"a fault of nothing", "loseHosts: large", "loseHosts: big", `faults[0]: there is no environment "big"`},
		{"no vCPUs", "vcpus: 3,", "", "jobs[1]: vcpus are a number"},
		{"not a number", "vcpus: 3", "vcpus: .nan", "jobs[1]: vcpus are a number"},
		{"no time between", "every: 10s, ", "", "jobs[0]: several jobs need every"},
		{"too many", "count: 50", "count: 50000000", "jobs[2]: more than 5000000 jobs"},
		{"many attempts", "attempts: 3", "attempts: 11", "jobs[0]: attempts are 1 to 10"},
		{"overlap", `"u*"`, `"i*"`, "overlap"},
		{"weight", "weightFactor: 2", "weightFactor: 1000", "weightFactor between"},
		{"order", "order: backfill", "order: lifo", `order "lifo" is none of`},
		{"decay", "3600", "604801", "shareDecaySeconds is at most"},
		{"size", "maxvCpus: 4", "maxvCpus: 0", "environment small: it has a name and maxvCpus"},
		{"no trace", "t.swf", "u.swf", "jobs[3]: open"},
		{"never", "start: 1m", "start: 87600h", "more than ten years"},
	} {
		text := strings.Replace(scenarioText, tt.from, tt.to, 1)
		if text == scenarioText {
			t.Fatalf("%s changes nothing", tt.name)
		}
		if _, err := ReadScenario(writeScenario(t, text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := parseScenario(make([]byte, maxFileBytes+1), ""); err == nil {
		t.Error("a file without end is read")
	}
}
