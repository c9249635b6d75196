package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	scripted "github.com/bargehq/barge/internal/driver/script"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/host"
	"github.com/bargehq/barge/internal/logs"
	"github.com/bargehq/barge/internal/store/memory"
)

var errNoAnswer = errors.New("the daemon does not answer")

// hangs is how long a call may hang, at most.
const hangs = 5 * time.Minute

// unreliable is a driver on the other side of a bad line: a call is not carried
// out, or its answer is lost, or it is carried out twice at once, or it hangs.
type unreliable struct {
	driver.Driver
	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

func (u *unreliable) roll(n int) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rng.IntN(n)
}

func (u *unreliable) call(ctx context.Context, do func() error) error {
	switch u.roll(10) {
	case 0:
		return errNoAnswer
	case 1:
		_ = do() // and nobody hears of it
		return errNoAnswer
	case 2:
		var again sync.WaitGroup
		again.Go(func() { _ = do() })
		defer again.Wait()
		return do()
	case 3:
		select {
		case <-time.After(time.Duration(u.roll(int(hangs)))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return do()
}

func (u *unreliable) Start(ctx context.Context, spec driver.Spec) error {
	return u.call(ctx, func() error { return u.Driver.Start(ctx, spec) })
}

func (u *unreliable) Stop(ctx context.Context, id batch.UnitID, grace time.Duration) error {
	return u.call(ctx, func() error { return u.Driver.Stop(ctx, id, grace) })
}

func (u *unreliable) Remove(ctx context.Context, id batch.UnitID) error {
	return u.call(ctx, func() error { return u.Driver.Remove(ctx, id) })
}

func (u *unreliable) Wait(ctx context.Context, id batch.UnitID) (exit driver.Exit, err error) {
	if u.roll(4) == 0 {
		return driver.Exit{}, errNoAnswer
	}
	return u.Driver.Wait(ctx, id)
}

// Output breaks off now and then.
func (u *unreliable) Output(ctx context.Context, id batch.UnitID, cursor int64, emit func(driver.Line) error) error {
	return u.Driver.Output(ctx, id, cursor, func(l driver.Line) error {
		if u.roll(4) == 0 {
			return errNoAnswer
		}
		return emit(l)
	})
}

// life is what a job of the test does, and how it ends.
type life struct {
	steps    []string
	timeout  int32 // seconds
	attempts int32
	want     string // state, number of attempts, reason
	printed  []string
}

func lives() []life {
	exited := "Essential container in task exited"
	return []life{
		{[]string{"print a", "sleep 20s", "print b"}, 0, 3, "SUCCEEDED 1 " + exited, []string{"a", "b"}},
		{[]string{"pull 3s", "print x", "exit 3"}, 0, 2, "FAILED 2 " + exited, []string{"x"}},
		{[]string{"fault 2", "lose-reply", "print late", "sleep 1m"}, 0, 1, "SUCCEEDED 1 " + exited, []string{"late"}},
		{[]string{"fail-to-start CannotPullContainerError: no"}, 0, 2, "FAILED 2 Task failed to start", nil},
		{[]string{"print up", "hang"}, 60, 3, "FAILED 1 Job attempt duration exceeded timeout", []string{"up"}},
		{[]string{"ignore-term", "print up", "hang"}, 60, 3, "FAILED 1 Job attempt duration exceeded timeout", []string{"up"}},
	}
}

// clinic is a whole server in one process, in virtual time, on a store that loses
// what it must not keep; it dies and comes back, and what runs does not notice.
type clinic struct {
	t       *testing.T
	rng     *rand.Rand
	store   *memory.Store
	runtime *scripted.Runtime
	dir     string
	jobs    map[batch.JobRef]life
	engine  *engine.Engine
	stop    func()
}

// TestUnreliableDriver has jobs of all kinds run by a driver that loses, repeats
// and delays what it is asked, under a server that crashes.
func TestUnreliableDriver(t *testing.T) {
	t.Parallel()
	for n := range max(3, *crashes/5) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			t.Logf("-seed=%d", *seed)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				c := &clinic{
					t: t, rng: rand.New(rand.NewPCG(uint64(*seed), uint64(n))), dir: dir,
					store: memory.New(), runtime: scripted.NewRuntime(), jobs: make(map[batch.JobRef]life),
				}
				defer c.runtime.Close()
				c.run()
			})
		})
	}
}

func (c *clinic) run() {
	for i := range 4 * len(lives()) { // all at once: hosts read the map
		c.jobs[batch.JobRef{ID: batch.JobID{1, byte(i)}}] = lives()[i%len(lives())]
	}
	c.open()
	defer func() { c.stop() }()
	c.must(core.CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 8000})
	c.must(core.CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
	for i := range len(c.jobs) {
		id := batch.JobID{1, byte(i)}
		l := c.jobs[batch.JobRef{ID: id}]
		c.must(core.Submit{
			ID: id, Queue: "q", Definition: 1, MaxAttempts: l.attempts, TimeoutSeconds: l.timeout,
			New: core.NewJob{Name: "j", Spec: []byte("{}")}, Needs: batch.Resources{MilliVCPU: 1000, MemoryMiB: 4},
		})
	}
	for began := time.Now(); !c.allOver(); {
		time.Sleep(time.Duration(c.rng.IntN(int(90 * time.Second))))
		c.stop()
		c.store.Crash()
		c.open()
		if time.Since(began) > 12*time.Hour {
			c.t.Fatal("jobs do not end")
		}
	}
	c.check()
}

func (c *clinic) must(in core.Input) {
	c.t.Helper()
	if _, err := c.engine.Do(c.t.Context(), in); err != nil {
		c.t.Fatalf("%T: %v", in, err)
	}
}

// open starts a server.
func (c *clinic) open() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	store, err := logs.Open(logs.Options{Dir: c.dir})
	if err != nil {
		c.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	d := &unreliable{Driver: c.runtime.Open(), rng: rand.New(rand.NewPCG(c.rng.Uint64(), 0))}
	var supervisor *host.Supervisor
	var e *engine.Engine
	e, err = engine.Open(ctx, engine.Options{
		Store: c.store, Log: quiet,
		Sinks: engine.Sinks{
			Start:  func(s core.Start) { supervisor.Start(s.Attempt) },
			Attach: func(a core.Attach) { supervisor.Attach(a.Attempt) },
			Stop:   func(s core.Stop) { supervisor.Stop(s.Attempt) },
			Scale: func(s core.Scale) {
				e.Tell(core.HostSeen{Environment: s.Environment, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 8000, MemoryMiB: 1 << 20}}, nil)
			},
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	supervisor = host.New(host.Options{
		Driver: d, Logs: store, Log: quiet,
		Load: func(_ context.Context, id batch.AttemptID) (host.Job, error) {
			return host.Job{Instance: "i-1", Containers: []host.Container{{
				Name: "main", Essential: true, Group: "/g", Stream: streamOf(id),
				Spec: driver.Spec{Unit: id.Unit(0), Command: c.jobs[id.Job].steps, StopTimeout: 30 * time.Second},
			}}}, nil
		},
		Live: func(ctx context.Context, id batch.AttemptID) (bool, error) {
			jobs, err := c.store.Jobs(ctx, []batch.JobRef{id.Job})
			return err == nil && len(jobs) > 0 && jobs[0].State.Live() && int(jobs[0].Attempt) == id.Number, err
		},
		Running: func(id batch.AttemptID) { e.Tell(core.AttemptRunning{Attempt: id, At: e.Now()}, nil) },
		Ended: func(id batch.AttemptID, end host.End, durable func()) {
			e.Tell(core.AttemptEnded{
				Attempt: id, StartedAt: end.StartedAt, StoppedAt: end.StoppedAt, ExitCode: end.Code, Reason: end.Reason, StatusReason: end.StatusReason,
			}, durable)
		},
	})
	if err := supervisor.Sweep(ctx); err != nil {
		c.t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{e.Run, supervisor.Run, store.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				c.t.Error(err)
			}
		})
	}
	c.engine = e
	c.stop = func() {
		cancel()
		running.Wait()
		if err := errors.Join(d.Close(), store.Close()); err != nil {
			c.t.Error(err)
		}
	}
}

func streamOf(id batch.AttemptID) string {
	return strings.ReplaceAll(fmt.Sprintf("%s#%d", id.Job, id.Number), ":", "-")
}

func (c *clinic) allOver() bool {
	for ref := range c.jobs {
		jobs, err := c.store.Jobs(c.t.Context(), []batch.JobRef{ref})
		if err != nil || len(jobs) == 0 {
			c.t.Fatalf("job %s is lost: %v", ref, err)
		}
		if !jobs[0].State.Terminal() {
			return false
		}
	}
	return true
}

func (c *clinic) check() {
	c.stop()
	store, err := logs.Open(logs.Options{Dir: c.dir})
	if err != nil {
		c.t.Fatal(err)
	}
	c.stop = func() {
		if err := store.Close(); err != nil {
			c.t.Error(err)
		}
	}
	for ref, l := range c.jobs {
		jobs, err := c.store.Jobs(c.t.Context(), []batch.JobRef{ref})
		if err != nil {
			c.t.Fatal(err)
		}
		j := jobs[0]
		if got := fmt.Sprintf("%s %d %s", j.State, len(j.Attempts), j.StatusReason); got != l.want {
			c.t.Errorf("job %s %q is %s, want %s", ref, l.steps, got, l.want)
		}
		for _, a := range j.Attempts {
			id := batch.AttemptID{Job: ref, Number: int(a.Number)}
			if n := c.runtime.Starts(id.Unit(0)); n > 1 {
				c.t.Errorf("attempt %s began %d times", id, n)
			}
			took := time.Duration(a.StoppedAt-a.StartedAt) * time.Millisecond
			// Crashes every 90 seconds at most begin a call anew that hung.
			if most := time.Duration(l.timeout)*time.Second + 2*hangs + 30*time.Second; l.timeout > 0 && (took < time.Duration(l.timeout)*time.Second || took > most) {
				c.t.Errorf("attempt %s with a timeout of %d s took %v", id, l.timeout, took)
			}
			c.checkPrinted(store, id, l.printed)
		}
	}
}

func (c *clinic) checkPrinted(store *logs.Store, id batch.AttemptID, want []string) {
	var got []string
	page, err := store.Events(c.t.Context(), logs.EventQuery{Group: "/g", Stream: streamOf(id)})
	for _, e := range page.Events {
		got = append(got, string(e.Message))
	}
	if err != nil && len(want) > 0 {
		c.t.Errorf("the log of attempt %s: %v", id, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		c.t.Errorf("the log of attempt %s (-printed +log):\n%s", id, diff)
	}
}
