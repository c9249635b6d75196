// Package host supervises the attempts of this machine: it starts them through
// a driver, ships their output to the log store, reports that they run and how
// they ended, and after a restart takes them up where they were.
//
// An attempt is a task of containers; see task for how they wait for each other.
//
// A [Supervisor] owns a few goroutines per live attempt. Start, Attach and Stop
// are the engine's sinks: they never block and may be repeated; the calls for
// one attempt are kept in order. Reports leave through the functions in Options.
//
// An attempt is reported as ended only when all of its output is durable in
// the log store, so whoever sees the end sees the log. What the driver holds of
// it (container, directory) is removed only after the report of the end is
// durable: until then it is the only record. So a crash at any moment loses
// neither the exit code nor a line of output, and starts nothing twice.
//
// A driver or log store that does not answer is asked again, for as long as it
// takes; only a *driver.StartError, an exit and an attempt that the driver does
// not know are final. The context of [Supervisor.Run] ends the supervision, never the
// attempts.
package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/logs"
)

// Job is what an attempt is to run: a task of one container or several.
type Job struct {
	Containers []Container
	// Instance is the host's name, i-….
	Instance string
	// Refused is why the task cannot be started anywhere, as a status reason;
	// empty if it can.
	Refused string
	// Files is what has to be done about files before the task starts and after
	// it has ended; nil for nothing.
	Files Files
}

// Files are what a task has beside its containers. All calls may be repeated.
type Files interface {
	// Prepare comes before the start. A *driver.StartError says that the task can
	// never run.
	Prepare() error
	// Finish comes between the end and the report of it, which it may change.
	Finish(exit *driver.Exit, statusReason *string) error
	// Discard comes when the report is durable.
	Discard() error
}

// Container is one container of a task. Others are named by their index.
type Container struct {
	Name string
	Spec driver.Spec
	// Refused is why it cannot be started here, as a container reason; empty
	// if it can. One that runs already is not affected.
	Refused string
	// Group and Stream name the log; an empty Group means that the output is
	// not kept.
	Group, Stream string
	// Essential: the task ends with it.
	Essential bool
	// It starts when these have started, have ended, have exited with zero.
	AfterStart, AfterEnd, AfterSuccess []int
	// StartTimeout is how long others wait for its end before they give up;
	// zero means for ever.
	StartTimeout time.Duration
}

// End is how an attempt ended, in AWS's words.
type End struct {
	driver.Exit
	StatusReason string
	// Containers are the ends of the containers of a task that has several.
	// StartedAt is zero in those that never ran.
	Containers []driver.Exit
}

// Options configure a Supervisor. All members are required.
type Options struct {
	Driver driver.Driver
	Logs   *logs.Store
	// Load returns what an attempt runs.
	Load func(ctx context.Context, id batch.AttemptID) (Job, error)
	// Live reports whether the attempt is one that the core waits for.
	Live func(ctx context.Context, id batch.AttemptID) (bool, error)
	// Running and Ended take reports; they must not block. durable is called
	// when the report cannot be lost any more.
	Running func(id batch.AttemptID)
	// Starting takes the report that an attempt with Files is begun.
	Starting func(id batch.AttemptID)
	Ended    func(id batch.AttemptID, end End, durable func())
	Log      *slog.Logger
}

// AWS's words for why an attempt ended.
const (
	reasonExited      = "Essential container in task exited"
	reasonStartFailed = "Task failed to start"
)

// Supervisor looks after attempts.
type Supervisor struct {
	o Options

	mu       sync.Mutex // guards the maps below; never held while anything waits
	attempts map[batch.AttemptID]*attempt
	taken    []*attempt // not handed to a goroutine yet
	signal   chan struct{}
}

// New returns a Supervisor. Nothing happens before Run.
func New(o Options) *Supervisor {
	return &Supervisor{o: o, attempts: make(map[batch.AttemptID]*attempt), signal: make(chan struct{}, 1)}
}

// Sweep removes what the driver holds of attempts that are over: their ends are
// durable, but we died before the removal. It belongs before the first Start.
func (s *Supervisor) Sweep(ctx context.Context) error {
	held, err := s.o.Driver.List(ctx)
	if err != nil {
		return err
	}
	for _, id := range held {
		live, err := s.o.Live(ctx, id.Attempt)
		if err != nil {
			return err
		}
		if live {
			continue
		}
		if err := s.o.Driver.Remove(ctx, id); err != nil {
			s.o.Log.Warn("could not remove what is left of an attempt", "attempt", id.Attempt, "err", err)
		}
	}
	return nil
}

// Run supervises until ctx ends and returns when no goroutine is left. Attempts
// keep running.
func (s *Supervisor) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		select {
		case <-s.signal:
		case <-ctx.Done():
			return nil
		}
		s.mu.Lock()
		taken := s.taken
		s.taken = nil
		s.mu.Unlock()
		for _, a := range taken {
			workers.Go(func() { s.supervise(ctx, a) })
		}
	}
}

// Start runs the attempt, unless it is supervised already.
func (s *Supervisor) Start(id batch.AttemptID) { s.take(id, false) }

// Attach takes up an attempt that ran before a restart.
func (s *Supervisor) Attach(id batch.AttemptID) { s.take(id, true) }

func (s *Supervisor) take(id batch.AttemptID, ran bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempts[id] != nil {
		return
	}
	a := &attempt{id: id, ran: ran, stop: make(chan struct{}), kill: make(chan struct{})}
	s.attempts[id] = a
	s.taken = append(s.taken, a)
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// Stop ends the attempt. One that is not supervised has ended.
func (s *Supervisor) Stop(id batch.AttemptID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.attempts[id]; a != nil && !a.stopping {
		a.stopping = true
		close(a.stop)
	}
}

// Kill ends the attempt at once: its host is gone, and with it what ran there.
// One that is not supervised has ended.
func (s *Supervisor) Kill(id batch.AttemptID) {
	s.Stop(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.attempts[id]; a != nil && !a.killing {
		a.killing = true
		close(a.kill)
	}
}

func (s *Supervisor) forget(a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.attempts, a.id)
}

// attempt is one supervised attempt. Only its own goroutine uses it, but for
// stopping and killing, which the Supervisor's mutex guards.
type attempt struct {
	id       batch.AttemptID
	ran      bool // it is known to have been started
	stop     chan struct{}
	kill     chan struct{}
	stopping bool
	killing  bool
}

// retry calls f until it succeeds, answers something final, or ctx ends.
func (s *Supervisor) retry(ctx context.Context, a *attempt, what string, f func() error) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := f()
		var start *driver.StartError
		if err == nil || errors.As(err, &start) || errors.Is(err, driver.ErrUnknown) || ctx.Err() != nil {
			return err
		}
		s.o.Log.Warn("asking again", "op", what, "attempt", a.id, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
