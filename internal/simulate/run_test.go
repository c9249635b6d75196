package simulate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
)

func traceOf(t testing.TB, lines ...string) *Trace {
	t.Helper()
	trace, err := ReadTrace(strings.NewReader(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func scenarioOf(t testing.TB, trace *Trace, vcpus int64) Scenario {
	t.Helper()
	s, err := trace.Scenario(vcpus)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustRun(t testing.TB, s Scenario) *Result {
	t.Helper()
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestByHand runs what can be worked out on paper: four processors; a wide job
// that waits for another and holds up a small one behind it.
func TestByHand(t *testing.T) {
	t.Parallel()
	s := scenarioOf(t, traceOf(
		t,
		line("1", "10", "100", "3", "3", "200", "1", "1"), // 10 to 110
		line("2", "20", "50", "4", "4", "50", "1", "2"),   // 110 to 160
		line("3", "30", "20", "1", "1", "15", "1", "1"),   // 160 to 175: killed after 15 s
		line("4", "30", "0", "2", "2", "9", "1", "1"),     // 160 to 160
	), 4)
	r := mustRun(t, s.With(Strict))
	want := []Start{
		{Job: "1", Share: "u1", Submit: 0, Start: 0, End: 100, VCPUs: 3, Attempts: 1, Environment: "machine", Outcome: "SUCCEEDED"},
		{Job: "2", Share: "u2", Submit: 10, Start: 100, End: 150, VCPUs: 4, Attempts: 1, Environment: "machine", Outcome: "SUCCEEDED"},
		{Job: "3", Share: "u1", Submit: 20, Start: 150, End: 165, VCPUs: 1, Attempts: 1, Environment: "machine", Outcome: "TIMED_OUT"},
		{Job: "4", Share: "u1", Submit: 20, Start: 150, End: 150, VCPUs: 2, Attempts: 1, Environment: "machine", Outcome: "SUCCEEDED"},
	}
	if d := cmp.Diff(want, r.Starts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, x := range []struct {
		what      string
		got, want float64
	}{
		{"jobs", float64(r.Jobs), 4},
		{"timed out", float64(r.TimedOut), 1},
		{"mean wait", r.MeanWait, (0 + 90 + 130 + 130) / 4.0},
		{"longest wait", r.MaxWait, 130},
		{"slowdown", r.MeanBoundedSlowdown, (1 + 140/50.0 + 145/15.0 + 130/10.0) / 4},
		{"makespan", r.Makespan, 165},
		{"utilization", r.Utilization, (300 + 200 + 15) / (4 * 165.0)},
		{"most queued", float64(r.MaxQueued), 3},
		{"mean queued", r.MeanQueued, (90 + 130 + 130) / 165.0},
	} {
		if math.Abs(x.got-x.want) > 1e-9 {
			t.Errorf("%s is %v, want %v", x.what, x.got, x.want)
		}
	}
	// The course says the same as the sums.
	used := 0.0
	for _, p := range r.Course {
		used += p.Used
	}
	if math.Abs(used-515) > 1e-6 {
		t.Errorf("the course has %v vCPU-seconds", used)
	}
}

// TestLost: a lost host's jobs are tried again, with the attempts that they have.
func TestLost(t *testing.T) {
	t.Parallel()
	s := scenarioOf(t, traceOf(
		t,
		line("1", "0", "100", "2", "2", "200", "1", "1"),
		line("2", "0", "100", "2", "2", "200", "1", "1"),
	), 4)
	s.Jobs[1].Attempts = 2
	s.Faults = []Fault{{At: 60_000, Percent: 100, For: 10_000}}
	r := mustRun(t, s)
	want := []Start{
		{Job: "1", Share: "u1", Submit: 0, Start: 0, End: 60, VCPUs: 2, Attempts: 1, Environment: "machine", Outcome: "FAILED"},
		{Job: "2", Share: "u1", Submit: 0, Start: 70, End: 170, VCPUs: 2, Attempts: 2, Environment: "machine", Outcome: "SUCCEEDED"},
	}
	if d := cmp.Diff(want, r.Starts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if want := (4*60 + 2*100) / (4*60 + 4*100.0); math.Abs(r.Utilization-want) > 1e-9 || r.Failed != 1 || r.Attempts != 3 {
		t.Errorf("utilization %v, want %v; %d failed, %d attempts", r.Utilization, want, r.Failed, r.Attempts)
	}
}

// TestSame: the same input gives the same result.
func TestSame(t *testing.T) {
	t.Parallel()
	trace := hpc2n(t)
	hashes := make(map[string]Policy)
	for _, p := range policies {
		var printed [2]string
		for i := range printed {
			r := mustRun(t, scenarioOf(t, trace, 240).With(p))
			r.WallSeconds = 0
			b, err := json.Marshal(struct {
				*Result
				Course []Point
				Starts []Start
			}{r, r.Course, r.Starts})
			if err != nil {
				t.Fatal(err)
			}
			printed[i] = string(b)
			if other, ok := hashes[r.StartsHash]; ok && other != p {
				t.Errorf("%s and %s start the same", p, other)
			}
			hashes[r.StartsHash] = p
		}
		if printed[0] != printed[1] {
			t.Errorf("%s: two runs differ", p)
		}
	}
}

// TestWays: rounds of any size and restarts change nothing. All jobs are there
// before the host is, and no two ends are at one moment.
func TestWays(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		s := scenarioOf(t, hpc2n(t), 240).With(p)
		s.Jobs = s.Jobs[:120]
		for i := range s.Jobs {
			s.Jobs[i].Submit = 0
			s.Jobs[i].Runtime += int64(i)
			s.Jobs[i].Limit = int32(s.Jobs[i].Runtime/1000) + 1 + s.Jobs[i].Limit
		}
		s.Faults = []Fault{{At: 0, Percent: 100, For: 1000}} // before anything starts
		var first string
		for _, way := range []struct {
			name           string
			group, restart int
		}{
			{"at once", 0, 0},
			{"rounds of 1", 1, 0},
			{"rounds of 7", 7, 0},
			{"rounds of 1000", 1000, 0},
			{"a restart after every commit", 100, 1},
			{"a restart after every 5th commit", 1, 5},
			{"a restart after every 17th commit", 0, 17},
		} {
			r := newRun(s)
			r.group = way.group
			if way.restart > 0 {
				r.restartAfter(t, way.restart)
			}
			if err := r.carryOut(); err != nil {
				t.Fatalf("%s, %s: %v", p, way.name, err)
			}
			if first == "" {
				first = r.meter.hash()
			}
			if got := r.meter.hash(); got != first {
				t.Errorf("%s, %s: other starts than at once", p, way.name)
			}
		}
	}
}

// restartAfter has the state loaded again from rows after every nth commit.
func (r *run) restartAfter(t *testing.T, nth int) {
	rows := memory.New()
	round := int64(0)
	r.commit = func(changes []core.Change) *core.State {
		if len(changes) == 0 {
			return r.state
		}
		round++
		if err := rows.Commit(t.Context(), store.Round{Number: round, Changes: changes}); err != nil {
			t.Fatal(err)
		}
		if round%int64(nth) != 0 {
			return r.state
		}
		l := core.NewLoader()
		if _, err := rows.Load(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		s, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		if s.Fingerprint() != r.state.Fingerprint() {
			t.Fatalf("the state loaded after commit %d is another one", round)
		}
		// The host registers before it reports anything.
		if h := r.machine.hosts[1]; h != nil && h.up {
			r.inbox = append([]core.Input{r.machine.seen(0)}, r.inbox...)
		}
		return s
	}
}

var policies = []Policy{Strict, Backfill, FairShare, FairBackfill}

// TestNever: a scenario that cannot end says so.
func TestNever(t *testing.T) {
	t.Parallel()
	s := scenarioOf(t, traceOf(t, line("1", "0", "1", "1", "1", "9", "1", "1")), 1)
	s.Jobs[0].Needs = batch.Resources{MilliVCPU: 2000}
	if _, err := Run(s); err == nil || !strings.Contains(err.Error(), "1 jobs never end: job 1") {
		t.Errorf("it says %v", err)
	}
}
