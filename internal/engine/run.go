package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fault"
	"github.com/bargehq/barge/internal/store"
)

// maxInbox is how many commands may wait; beyond it Do refuses. Reports are
// always taken.
const maxInbox = 1 << 14

var errStopped = batch.Errorf(batch.Unavailable, "The server is shutting down. Try again later.")

// Sinks carry out effects. They must not block, and get the effects of a host
// in the order in which they were decided.
type Sinks struct {
	Start  func(core.Start)
	Attach func(core.Attach)
	Stop   func(core.Stop)
	Scale  func(core.Scale)
	// Launch and TerminateHost are about single instances. They are repeated
	// after a start and after a failed commit.
	Launch        func(core.Launch)
	TerminateHost func(core.TerminateHost)
	// Events says that there are new events in the outbox. Where it is nil,
	// none are put there.
	Events func()
}

// Options configure an Engine. All members are required, but for Sinks.Events and Scaling.
type Options struct {
	Store store.Store
	Sinks Sinks
	Log   *slog.Logger
	// Scaling says how instances are chosen and kept. The zero value will do.
	Scaling core.Scaling
}

// Engine owns a state and commits its rounds.
type Engine struct {
	store store.Store
	sinks Sinks
	log   *slog.Logger
	inbox inbox

	scaling core.Scaling
	clock   clock

	// Only the goroutine of Run uses these.
	rounds   *Rounds
	failures int
	shut     time.Time // no commands before this moment, after a failed commit
	shutErr  error
}

// Open loads the state from the store.
func Open(ctx context.Context, o Options) (*Engine, error) {
	e := &Engine{store: o.Store, sinks: o.Sinks, log: o.Log, scaling: o.Scaling, clock: clock{log: o.Log}}
	e.inbox.signal = make(chan struct{}, 1)
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Engine) load(ctx context.Context) error {
	l := core.NewLoader()
	l.Scaling(e.scaling)
	last, err := e.store.Load(ctx, l)
	if err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	s, err := l.State()
	if err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	rounds := NewRounds(s, last, e.sinks.Events != nil)
	if e.rounds != nil {
		rounds.now = e.rounds.now
	}
	e.rounds = rounds
	return nil
}

// Now is the time by which the state goes. It is for reports of what happens at
// this moment, and may be called from any goroutine.
func (e *Engine) Now() batch.Instant { return e.clock.now() }

// View lets a function look at the state, between two rounds and on the engine's
// goroutine, and returns when what it has seen is durable. It has to be quick,
// and to keep and change nothing of the state.
func (e *Engine) View(ctx context.Context, look func(*core.State)) error {
	_, err := e.call(ctx, Call{View: look})
	return err
}

// Do steps a command and returns after its commit.
func (e *Engine) Do(ctx context.Context, cmd core.Input) (core.Reply, error) {
	return e.call(ctx, Call{Input: cmd})
}

func (e *Engine) call(ctx context.Context, c Call) (core.Reply, error) {
	type answer struct {
		reply core.Reply
		err   error
	}
	answered := make(chan answer, 1)
	c.Done = func(r core.Reply, err error) { answered <- answer{r, err} }
	if err := e.inbox.add(c); err != nil {
		return core.Reply{}, err
	}
	select {
	case a := <-answered:
		return a.reply, a.err
	case <-ctx.Done():
		return core.Reply{}, context.Cause(ctx)
	}
}

// Tell steps a report and never blocks. durable, which may be nil, is called
// after the commit.
func (e *Engine) Tell(report core.Input, durable func()) {
	c := Call{Input: report, Report: true, Done: func(core.Reply, error) {
		if durable != nil {
			durable()
		}
	}}
	_ = e.inbox.add(c) // refused only after shutdown, when the next start asks again
}

// commit is the committer's answer.
type commit struct {
	round *Round
	err   error
}

// Run is the engine's goroutine. It returns nil after ctx has ended and the last
// round is committed, or the error that makes it impossible to go on.
func (e *Engine) Run(ctx context.Context) error {
	rounds, commits := make(chan *Round, 1), make(chan commit, 1)
	var committer sync.WaitGroup
	committer.Go(func() {
		for r := range rounds {
			// A commit that has begun is not given up on shutdown.
			fault.Point("commit.before")
			err := e.store.Commit(context.WithoutCancel(ctx), r.Round)
			fault.Point("commit.after")
			commits <- commit{r, err}
		}
	})
	defer committer.Wait()
	defer close(rounds)

	filling := e.rounds.New()
	e.rounds.Resume(filling)
	var (
		waiting []Call // taken from the inbox, no room yet
		flight  *Round // being committed
		timer   = time.NewTimer(time.Hour)
	)
	defer timer.Stop()
	defer func() { // nobody waits for ever if this ends with an error
		refuse(append(waiting, e.inbox.close()...), errStopped)
	}()
	for {
		if !filling.Full() {
			if len(waiting) == 0 {
				waiting = e.inbox.take()
			}
			waiting = e.rounds.Fill(filling, e.clock.now(), e.admit(waiting))
		}
		if flight == nil && !filling.Empty() {
			if e.rounds.Seal(filling) {
				flight = filling
				rounds <- flight
			} else {
				filling.Release(e.sinks) // nothing before it is in flight
			}
			filling = e.rounds.New()
			continue
		}
		if flight == nil && ctx.Err() != nil && len(waiting) == 0 && filling.Empty() {
			if waiting = e.inbox.close(); len(waiting) == 0 {
				return nil
			}
			continue
		}
		e.sleepUntil(timer, filling, waiting)
		var done <-chan struct{}
		if flight == nil {
			done = ctx.Done() // else the commit wakes us
		}
		select {
		case <-e.inbox.signal:
		case <-timer.C:
		case <-done:
		case c := <-commits:
			flight = nil
			if c.err == nil {
				e.failures = 0
				c.round.Release(e.sinks)
				continue
			}
			reports, err := e.reload(ctx, c, filling)
			if err != nil {
				return err
			}
			waiting = append(reports, waiting...)
			filling = e.rounds.New()
			e.rounds.Resume(filling)
		}
	}
}

// sleepUntil sets the timer to when there is work without any input.
func (e *Engine) sleepUntil(timer *time.Timer, filling *Round, waiting []Call) {
	at, ok := e.rounds.NextWake()
	switch {
	case filling.Full():
		timer.Reset(time.Hour) // a commit is in flight and wakes us
	case len(waiting) > 0:
		timer.Reset(0)
	case ok:
		timer.Reset(max(0, at.Time().Sub(e.clock.now().Time())))
	default:
		timer.Reset(time.Hour)
	}
}

// admit refuses commands while commits are known to fail, and keeps the reports.
func (e *Engine) admit(calls []Call) []Call {
	if e.shutErr == nil {
		return calls
	}
	if !time.Now().Before(e.shut) {
		e.shutErr = nil
		return calls
	}
	return refuse(calls, e.shutErr)
}

// refuse answers the commands with an error and returns the reports.
func refuse(calls []Call, err error) (reports []Call) {
	for _, c := range calls {
		switch {
		case c.Report:
			reports = append(reports, c)
		case c.Done != nil:
			c.Done(core.Reply{}, err)
		}
	}
	return reports
}

// reload deals with a failed commit: the state is loaded again, what was in
// flight is refused or, for reports, returned to be stepped again.
func (e *Engine) reload(ctx context.Context, c commit, filling *Round) (reports []Call, err error) {
	e.failures++
	full := errors.Is(c.err, store.ErrFull)
	e.log.Error("a round could not be committed", "round", c.round.Number, "failures", e.failures, "err", c.err)
	refusal := batch.Errorf(batch.Unavailable, "The change could not be stored; nothing was changed. Try again later.")
	if full {
		refusal = batch.Errorf(batch.Unavailable, "The change could not be stored: no space left in the data directory. Nothing was changed. Try again later.")
	} else if e.failures > 5 {
		c.round.Refuse(refusal)
		filling.Refuse(refusal)
		return nil, fmt.Errorf("commit round %d: %w", c.round.Number, c.err)
	}
	pause := min(5*time.Second, 100*time.Millisecond<<min(e.failures, 6))
	e.shut, e.shutErr = time.Now().Add(pause), refusal
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	if e.rounds.last == c.round.Number { // it had happened after all
		c.round.Release(e.sinks)
	} else {
		reports = c.round.Refuse(refusal)
	}
	reports = append(reports, filling.Refuse(refusal)...)
	// Reports alone would fail at once again: wait, and let commands be refused
	// meanwhile.
	select {
	case <-time.After(pause / 2):
	case <-ctx.Done():
	}
	return reports, nil
}

// inbox is what waits for the engine: appended under a short lock, taken whole.
type inbox struct {
	mu       sync.Mutex
	calls    []Call
	commands int
	closed   bool
	signal   chan struct{}
}

func (b *inbox) add(c Call) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return errStopped
	case !c.Report && b.commands >= maxInbox:
		return batch.Errorf(batch.Throttled, "Too Many Requests")
	}
	b.calls = append(b.calls, c)
	if !c.Report {
		b.commands++
	}
	select {
	case b.signal <- struct{}{}:
	default:
	}
	return nil
}

func (b *inbox) take() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls, b.commands = nil, 0
	return calls
}

func (b *inbox) close() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	calls := b.calls
	b.calls, b.commands = nil, 0
	return calls
}
