package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
)

// gate is a store whose commits wait until they are let through, where it is shut.
type gate struct {
	*memory.Store
	open chan struct{} // nil: always open

	mu      sync.Mutex // guards commits
	commits []store.Round
}

func (g *gate) Commit(ctx context.Context, r store.Round) error {
	g.mu.Lock()
	g.commits = append(g.commits, r)
	g.mu.Unlock()
	if g.open != nil {
		<-g.open
	}
	return g.Store.Commit(ctx, r)
}

func (g *gate) rounds() []store.Round {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.commits
}

// rig is an engine that runs, with what its sinks were given, in order.
type rig struct {
	*Engine
	t       *testing.T
	store   *gate
	cancel  context.CancelFunc
	ended   chan error
	mu      sync.Mutex // guards effects
	effects []string
}

func newRig(t *testing.T, s *gate) *rig {
	t.Helper()
	r := &rig{t: t, store: s, ended: make(chan error, 1)}
	saw := func(format string, args ...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.effects = append(r.effects, fmt.Sprintf(format, args...))
	}
	e, err := Open(t.Context(), Options{
		Store: s, Log: slog.New(slog.DiscardHandler),
		Sinks: Sinks{
			Start:  func(e core.Start) { saw("start %s", e.Attempt) },
			Attach: func(e core.Attach) { saw("attach %s", e.Attempt) },
			Stop:   func(e core.Stop) { saw("stop %s", e.Attempt) },
			Scale:  func(e core.Scale) { saw("scale %d to %d", e.Environment, e.VCPU) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- e.Run(ctx) }()
	return r
}

// stop ends the engine and returns what Run returned.
func (r *rig) stop() error {
	r.cancel()
	return <-r.ended
}

func (r *rig) saw() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.effects...)
}

// setUp makes an environment, a queue and a host of so many vCPUs.
func (r *rig) setUp(vcpus int64) {
	r.t.Helper()
	r.must(core.CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 1000 * vcpus})
	r.must(core.CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
	r.Tell(core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 1000 * vcpus, MemoryMiB: 1 << 20}}, nil)
	synctest.Wait()
}

func (r *rig) must(in core.Input) core.Reply {
	r.t.Helper()
	reply, err := r.Do(r.t.Context(), in)
	if err != nil {
		r.t.Fatalf("%T: %v", in, err)
	}
	return reply
}

func submit(n byte) core.Submit {
	return core.Submit{
		ID: batch.JobID{n}, Queue: "q", Definition: 1, MaxAttempts: 2, New: core.NewJob{Name: "j", Spec: []byte("{}")},
		Needs: batch.Resources{MilliVCPU: 1000, MemoryMiB: 4},
	}
}

func attempt(job byte, number int) batch.AttemptID {
	return batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{job}}, Number: number}
}

// later calls Do from a goroutine of its own.
func (r *rig) later(in core.Input) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := r.Do(context.Background(), in)
		done <- err
	}()
	synctest.Wait()
	return done
}

func pending(done <-chan error) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func code(err error) batch.Code {
	var e *batch.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return batch.Internal
}

// TestViewIsDurable looks at a state whose commit is held back: what was seen
// may not be told before it is durable, and not at all if it never is.
func TestViewIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(0)
		look := func() (jobs func() int, done chan error) {
			n := 0
			done = make(chan error, 1)
			go func() { done <- r.View(context.Background(), func(s *core.State) { n = s.Jobs() }) }()
			synctest.Wait()
			return func() int { return n }, done
		}
		if jobs, done := look(); pending(done) || jobs() != 0 {
			t.Errorf("a state that is durable is not seen at once: %d jobs", jobs())
		}
		r.store.open = make(chan struct{})
		submitted := r.later(submit(1))
		jobs, done := look()
		if !pending(done) {
			t.Fatalf("%d jobs were told before their commit", jobs())
		}
		r.store.open <- struct{}{}
		if err := errors.Join(<-submitted, <-done); err != nil || jobs() != 1 {
			t.Errorf("after the commit: %d jobs, %v; want 1", jobs(), err)
		}
		submitted = r.later(submit(2))
		_, done = look()
		r.store.Fail(memory.BeforeApply)
		r.store.open <- struct{}{}
		if lost, unseen := <-submitted, <-done; code(lost) != batch.Unavailable || code(unseen) != batch.Unavailable {
			t.Errorf("of a commit that failed: %v, %v; want both refused", lost, unseen)
		}
		close(r.store.open)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingLeavesBeforeItsCommit holds a commit back: neither the answer nor
// the start may be seen meanwhile.
func TestNothingLeavesBeforeItsCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.open = make(chan struct{})
		before := len(r.saw())
		done := r.later(submit(1))
		time.Sleep(time.Hour)
		if !pending(done) || len(r.saw()) != before {
			t.Fatal("the submit was answered, or its job started, before its commit")
		}
		r.store.open <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := r.saw()[before:]; len(got) != 1 || got[0] != "start "+attempt(1, 1).String() {
			t.Errorf("after the commit the effects were %q, want one start", got)
		}
		close(r.store.open)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestCommandsShareACommit: what arrives while a commit is in flight goes into
// the next one together.
func TestCommandsShareACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.open = make(chan struct{})
		before := len(r.store.rounds())
		var all []<-chan error
		for n := range byte(50) {
			all = append(all, r.later(submit(n+1)))
		}
		close(r.store.open)
		for _, done := range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := len(r.store.rounds()) - before; got != 2 {
			t.Errorf("50 submits took %d commits, want 2: the first one's and that of all others", got)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestFailedCommit refuses the command, keeps the report, and goes on.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.must(submit(1))
		r.store.Fail(memory.BeforeApply)
		if _, err := r.Do(t.Context(), submit(2)); code(err) != batch.Unavailable {
			t.Fatalf("a submit whose commit failed answered %v", err)
		}
		// Commands are refused for a moment, then taken again; the failed one
		// has left nothing behind, so it can be repeated.
		time.Sleep(10 * time.Second)
		r.must(submit(2))

		durable := make(chan struct{})
		r.store.Fail(memory.BeforeApply)
		zero := int32(0)
		r.Tell(core.AttemptEnded{Attempt: attempt(1, 1), StartedAt: 5, StoppedAt: 6, ExitCode: &zero}, func() { close(durable) })
		<-durable // in another round than the one that failed
		jobs, err := r.store.Jobs(t.Context(), []batch.JobRef{{ID: batch.JobID{1}}})
		if err != nil || len(jobs) != 1 || jobs[0].State != batch.Succeeded {
			t.Errorf("after the report was durable the job is %+v (%v)", jobs, err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestAmbiguousCommit fails a commit that has happened: its commands are
// answered, not refused, and not done twice.
func TestAmbiguousCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.Fail(memory.AfterApply)
		r.must(submit(1))
		if _, err := r.Do(t.Context(), submit(1)); code(err) != batch.Unavailable && code(err) != batch.Conflict {
			t.Errorf("the same job again answered %v", err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDisk refuses commands for as long as there is no space and recovers
// by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.Fill(true)
		for n := range byte(20) {
			if _, err := r.Do(t.Context(), submit(n+1)); code(err) != batch.Unavailable {
				t.Fatalf("on a full disk a submit answered %v", err)
			}
			time.Sleep(time.Minute)
		}
		r.store.Fill(false)
		time.Sleep(time.Minute)
		r.must(submit(1))
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestCommitsThatKeepFailing end the engine, and nobody is left waiting.
func TestCommitsThatKeepFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		for n := byte(1); ; n++ {
			r.store.Fail(memory.BeforeApply)
			if _, err := r.Do(t.Context(), submit(n)); err == nil {
				t.Fatal("a submit was answered whose commit failed")
			}
			select {
			case err := <-r.ended:
				if !errors.Is(err, memory.ErrFault) {
					t.Errorf("the engine ended with %v", err)
				}
				if _, err := r.Do(t.Context(), submit(n)); code(err) != batch.Unavailable {
					t.Errorf("an engine that has ended answered %v", err)
				}
				return
			case <-time.After(time.Minute):
			}
			if n > 50 {
				t.Fatal("the engine goes on for ever")
			}
		}
	})
}

// TestShutdown commits what was taken before it returns, and refuses the rest.
func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.open = make(chan struct{})
		first, second := r.later(submit(1)), r.later(submit(2))
		r.cancel()
		close(r.store.open)
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		for i, done := range []<-chan error{first, second} {
			if err := <-done; err != nil {
				t.Errorf("submit %d, taken before the shutdown, answered %v", i+1, err)
			}
		}
		if _, err := r.Do(context.Background(), submit(3)); code(err) != batch.Unavailable {
			t.Errorf("a submit after the shutdown answered %v", err)
		}
		jobs, err := r.store.Jobs(context.Background(), []batch.JobRef{{ID: batch.JobID{1}}, {ID: batch.JobID{2}}})
		if err != nil || len(jobs) != 2 {
			t.Errorf("%d of the 2 acknowledged jobs are stored (%v)", len(jobs), err)
		}
	})
}

// TestInboxIsBounded: commands beyond the limit are throttled, reports are not.
func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	e := &Engine{}
	e.inbox.signal = make(chan struct{}, 1)
	for range maxInbox {
		if err := e.inbox.add(Call{Input: core.Tick{}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Do(t.Context(), core.Tick{}); code(err) != batch.Throttled {
		t.Errorf("a command too many answered %v", err)
	}
	if err := e.inbox.add(Call{Input: core.Tick{}, Report: true}); err != nil {
		t.Errorf("a report was refused: %v", err)
	}
}

// TestGivenUp: a caller that gives up gets its context's error; the command stands.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		r.store.open = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Do(ctx, submit(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that gave up got %v", err)
		}
		close(r.store.open)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		jobs, err := r.store.Jobs(context.Background(), []batch.JobRef{{ID: batch.JobID{1}}})
		if err != nil || len(jobs) != 1 {
			t.Errorf("the command of a caller that gave up: %d jobs stored (%v), want 1", len(jobs), err)
		}
	})
}

// TestTimeoutWakesTheEngine: deadlines need no input.
func TestTimeoutWakesTheEngine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(4)
		in := submit(1)
		in.TimeoutSeconds = 60
		r.must(in)
		r.Tell(core.AttemptRunning{Attempt: attempt(1, 1), At: batch.InstantOf(time.Now())}, nil)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		before := len(r.saw())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := r.saw()[before:]; len(got) != 1 || got[0] != "stop "+attempt(1, 1).String() {
			t.Errorf("after 61 s of a timeout of 60 s the effects were %q, want one stop", got)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestRestart asks again for hosts, and for what ran on them when they are back.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{Store: memory.New()}
		r := newRig(t, g)
		r.setUp(2)
		for n := range byte(3) {
			r.must(submit(n + 1))
		}
		r.Tell(core.AttemptRunning{Attempt: attempt(1, 1), At: batch.InstantOf(time.Now())}, nil)
		synctest.Wait()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, g)
		synctest.Wait()
		if got := r.saw(); len(got) != 1 || got[0] != "scale 1 to 2000" {
			t.Errorf("after a restart the effects were %q, want one scale", got)
		}
		r.Tell(core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 2000, MemoryMiB: 1 << 20}}, nil)
		synctest.Wait()
		want := []string{"attach " + attempt(1, 1).String(), "start " + attempt(2, 1).String()}
		if got := r.saw()[1:]; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("when the host was back the effects were %q, want %q", got, want)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
