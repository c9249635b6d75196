package simulate

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readScenario(t *testing.T, text string) Scenario {
	t.Helper()
	s, err := ReadScenario(writeScenario(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestInstances: an instance boots, runs a job, and goes five minutes after it,
// though nothing else happens. What it has cost is what it cost for that long.
func TestInstances(t *testing.T) {
	t.Parallel()
	r := mustRun(t, readScenario(t, `
environments: [{name: e, type: EC2, instanceTypes: [m5.large], maxvCpus: 4, boot: 1m}]
queues: [{name: q, computeEnvironmentOrder: [e]}]
jobs:
  - {name: early, queue: q, vcpus: 2, memory: 1024, runtime: 10m}
  - {name: late, queue: q, vcpus: 2, memory: 1024, runtime: 10m, start: 5h}
`))
	want := []Start{
		{Job: "early-1", Share: "early", Start: 60, End: 660, VCPUs: 2, Attempts: 1, Environment: "e", Outcome: "SUCCEEDED"},
		{Job: "late-1", Share: "late", Submit: 18_000, Start: 18_060, End: 18_660, VCPUs: 2, Attempts: 1, Environment: "e", Outcome: "SUCCEEDED"},
	}
	if d := cmp.Diff(want, r.Starts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	e := r.Environments[0]
	if e.Instances != 2 || e.Capacity != 2*(600+300)+2*600 || e.Used != 2400 {
		t.Errorf("the environment is used like this: %+v", e)
	}
	// 0.096 USD an hour for 16 and 11 minutes.
	if e.Cost == nil || math.Abs(*e.Cost-0.096*27/60) > 1e-6 || r.Cost == nil || *r.Cost != *e.Cost {
		t.Errorf("it costs %v, %v", e.Cost, r.Cost)
	}
}

// TestSpill: what does not fit the first environment goes to the second. Spot
// instances are interrupted with their jobs, which are tried again; while there is
// no capacity they wait.
func TestSpill(t *testing.T) {
	t.Parallel()
	r := mustRun(t, readScenario(t, `
environments:
  - {name: demand, type: EC2, instanceTypes: [m5.large], maxvCpus: 2, boot: 1m}
  - {name: spot, type: SPOT, instanceTypes: [m5.large], maxvCpus: 4, boot: 1m}
queues: [{name: q, computeEnvironmentOrder: [demand, spot]}]
jobs: [{name: j, queue: q, vcpus: 2, memory: 1024, runtime: 30m, attempts: 2, count: 3, every: 1s}]
faults:
  - {at: 10m, interrupt: spot, percent: 50}
  - {at: 10m, noCapacity: spot, for: 10m}
`))
	by := make(map[string]int)
	for _, j := range r.Starts {
		by[j.Environment]++
		if j.Outcome != "SUCCEEDED" {
			t.Errorf("%+v", j)
		}
	}
	if r.Attempts != 4 || by["demand"] == 0 || by["spot"] == 0 || r.Environments[1].Interrupted != 1 || r.Cost == nil {
		t.Errorf("%d attempts, ended on %v, %+v", r.Attempts, by, r.Environments)
	}
}

// TestPrices: a price that nobody knows makes no sum.
func TestPrices(t *testing.T) {
	t.Parallel()
	r := mustRun(t, readScenario(t, `
environments: [{name: pool, maxvCpus: 4}]
queues: [{name: q, computeEnvironmentOrder: [pool]}]
jobs: [{name: j, queue: q, vcpus: 2, runtime: 30m}]
`))
	if r.Cost != nil || r.Environments[0].Cost != nil {
		t.Error("a machine of one's own has a price")
	}
}
