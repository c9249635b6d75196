package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
	"github.com/bargehq/barge/internal/store/sqlite"
)

// way is a way to carry out a workload that must not change what comes out.
type way struct {
	name    string
	group   int  // inputs that are stepped together
	restart int  // after how many commits the state is loaded again; zero for never
	disk    bool // over SQLite
	shapes  bool // one for each job
}

// TestWays carries out the same workload in several ways. All jobs arrive before
// the first host. Jobs that are alone start in the same order each time; where
// some wait for others the same attempts start, and all jobs end the same.
func TestWays(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 4; seed++ {
		for _, plain := range []bool{true, false} {
			first := way{name: "rounds of 1", group: 1}
			want := carryOut(t, first, seed, plain)
			for _, x := range []way{
				{name: "rounds of 7", group: 7},
				{name: "rounds of 1000", group: 1000},
				{name: "a restart after every commit", group: 3, restart: 1},
				{name: "a restart after every 5th commit", group: 1, restart: 5},
				{name: "SQLite", group: 20, disk: true},
				{name: "SQLite, a restart after every 4th commit", group: 9, restart: 4, disk: true},
				{name: "a shape for each job", group: 4, shapes: true},
			} {
				got := carryOut(t, x, seed, plain)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("seed %d: %s (-) and %s (+):\n%s", seed, first.name, x.name, d)
				}
			}
			if len(want.Starts) < 20 {
				t.Errorf("seed %d: %d starts are no test", seed, len(want.Starts))
			}
		}
	}
}

// result is what has come out.
type result struct {
	Starts []string // in order, or sorted where some jobs wait for others
	Jobs   []string
}

// run is a workload under way.
type run struct {
	t      *testing.T
	way    way
	store  store.Store
	rounds *engine.Rounds
	now    batch.Instant
	inbox  []core.Input
	starts []string
	seen   map[batch.AttemptID]bool
}

func carryOut(t *testing.T, x way, seed uint64, plain bool) result {
	t.Helper()
	r := &run{t: t, way: x, store: memory.New(), now: 1_700_000_000_000, seen: make(map[batch.AttemptID]bool)}
	if x.disk {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r.store = s
	}
	r.load()
	jobs := r.submit(rand.New(rand.NewPCG(seed, 2)), plain)
	r.drain()
	r.inbox = append(r.inbox, core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 5000, MemoryMiB: batch.Unlimited}})
	for r.drain(); r.rounds.State.Jobs() > 0; r.drain() {
		at, ok := r.rounds.NextWake()
		if !ok {
			t.Fatalf("%s: %d jobs are left and nothing happens", x.name, r.rounds.State.Jobs())
		}
		r.now = max(r.now, at)
	}
	out := result{Starts: r.starts}
	if !plain {
		slices.Sort(out.Starts)
	}
	for _, in := range jobs {
		for child := range in.Size + 1 {
			found, err := r.store.Jobs(context.Background(), []batch.JobRef{{ID: in.ID, Child: child}})
			if err != nil || len(found) != 1 {
				t.Fatalf("job %s:%d: %v, %d rows", in.ID, child, err, len(found))
			}
			j := found[0]
			if j.IsArray() {
				j.StatusReason = "" // whether its children or the whole lost something first is a matter of time
			}
			out.Jobs = append(out.Jobs, fmt.Sprint(j.Ref, j.State, j.Attempt, len(j.Attempts), j.StatusReason, j.Flags, j.Counts))
		}
	}
	return out
}

// submit sends all jobs, and ends some of them before any has started.
func (r *run) submit(rng *rand.Rand, plain bool) (jobs []core.Submit) {
	r.inbox = append(r.inbox, core.CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 64_000},
		core.CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
	for n := range 50 {
		in := core.Submit{
			ID: batch.JobID{0: 1, 15: byte(n)}, Queue: "q", Definition: 1, MaxAttempts: 1,
			Needs: batch.Resources{MilliVCPU: 1000, MemoryMiB: 128}, New: core.NewJob{Name: "job"},
		}
		if r.way.shapes {
			in.Needs.MemoryMiB += int64(n)
		}
		if rng.IntN(3) == 0 {
			in.Size = 2 + rng.Int32N(5)
		}
		if !plain {
			r.complicate(rng, &in, jobs)
		}
		jobs = append(jobs, in)
		r.inbox = append(r.inbox, in)
	}
	for range 6 {
		ref := batch.JobRef{ID: jobs[rng.IntN(len(jobs))].ID, Child: max(0, rng.Int32N(8)-4)}
		if rng.IntN(2) == 0 {
			r.inbox = append(r.inbox, core.Cancel{Job: ref, Reason: "cancelled"})
		} else {
			r.inbox = append(r.inbox, core.Terminate{Job: ref, Reason: "terminated"})
		}
	}
	return jobs
}

// complicate has a job wait for others and be tried again.
func (r *run) complicate(rng *rand.Rand, in *core.Submit, before []core.Submit) {
	in.MaxAttempts = 1 + rng.Int32N(3)
	in.Retry.Backoff = retry.Backoff{First: rng.Int64N(3) * 1000, Factor: rng.Int64N(3)}
	for range rng.IntN(3) {
		if len(before) == 0 {
			break
		}
		on := before[len(before)-1-rng.IntN(min(10, len(before)))]
		d := core.Dependency{Job: batch.JobRef{ID: on.ID}}
		each := slices.ContainsFunc(in.DependsOn, func(d core.Dependency) bool { return d.NToN })
		if on.Size > 0 && rng.IntN(2) == 0 && (!each || on.Size == in.Size) {
			in.Size, d.NToN = on.Size, true
		} else if on.Size > 0 && rng.IntN(3) == 0 {
			d.Job.Child = 1 + rng.Int32N(on.Size)
		}
		in.DependsOn = append(in.DependsOn, d)
	}
	if in.Size > 0 {
		in.Sequential, in.MaxRunning = rng.IntN(4) == 0, rng.Int32N(4)
	}
}

// drain steps what is in the inbox, and what follows from it, round by round.
func (r *run) drain() {
	r.t.Helper()
	for first := true; first || len(r.inbox) > 0 || r.rounds.More(); first = false {
		calls := make([]engine.Call, 0, r.way.group)
		for _, in := range r.inbox[:min(r.way.group, len(r.inbox))] {
			calls = append(calls, engine.Call{Input: in, Report: true, Done: func(_ core.Reply, err error) {
				if err != nil {
					r.t.Fatalf("%s: %+v: %v", r.way.name, in, err)
				}
			}})
		}
		r.inbox = r.inbox[len(calls):]
		round := r.rounds.New()
		if rest := r.rounds.Fill(round, r.now, calls); len(rest) > 0 {
			r.t.Fatalf("%s: a round is full", r.way.name)
		}
		commit := r.rounds.Seal(round)
		if commit {
			if err := r.store.Commit(context.Background(), round.Round); err != nil {
				r.t.Fatal(err)
			}
		}
		round.Release(engine.Sinks{
			Start: func(e core.Start) { r.start(e.Attempt) }, Attach: func(core.Attach) {}, Stop: func(core.Stop) {}, Scale: func(core.Scale) {},
		})
		if commit && r.way.restart > 0 && r.rounds.Last()%int64(r.way.restart) == 0 {
			r.load()
			if len(r.starts) > 0 { // the host registers before it reports anything
				r.inbox = append([]core.Input{core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 5000, MemoryMiB: batch.Unlimited}}}, r.inbox...)
			}
		}
	}
}

func (r *run) load() {
	r.t.Helper()
	l := core.NewLoader()
	last, err := r.store.Load(context.Background(), l)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := l.State()
	if err != nil {
		r.t.Fatal(err)
	}
	if r.rounds != nil && s.Fingerprint() != r.rounds.State.Fingerprint() {
		r.t.Errorf("%s: the state loaded after round %d is not the one that was committed", r.way.name, last)
	}
	r.rounds = engine.NewRounds(s, last, false)
}

// start has an attempt end at once, as its name decides.
func (r *run) start(id batch.AttemptID) {
	if r.seen[id] {
		return // said again after a restart
	}
	r.seen[id] = true
	r.starts = append(r.starts, id.String())
	h := fnv.New32a()
	fmt.Fprint(h, id)
	code := int32(max(0, int(h.Sum32()%6)-4))
	r.inbox = append(r.inbox, core.AttemptEnded{Attempt: id, StartedAt: r.now, StoppedAt: r.now, ExitCode: &code, StatusReason: "Essential container in task exited"})
}
