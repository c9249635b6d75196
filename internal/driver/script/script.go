package script

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

var (
	errClosed    = errors.New("script driver: closed")
	errFault     = errors.New("script driver: fault by script")
	errLostReply = errors.New("script driver: reply lost by script")
)

// Runtime is the machine on which attempts are played. Make it with [NewRuntime].
type Runtime struct {
	mu       sync.Mutex // guards the maps, for moments
	attempts map[batch.UnitID]*attempt
	starts   map[batch.UnitID]int // how often it began
	calls    map[batch.UnitID]int // how often Start was asked
	players  sync.WaitGroup
}

// NewRuntime returns a machine without attempts.
func NewRuntime() *Runtime {
	return &Runtime{
		attempts: map[batch.UnitID]*attempt{},
		starts:   map[batch.UnitID]int{},
		calls:    map[batch.UnitID]int{},
	}
}

// Open returns a server's view of the machine.
func (r *Runtime) Open() driver.Driver {
	return &server{r: r, closed: make(chan struct{})}
}

// Starts returns how often the attempt began, which is never more than once
// unless somebody runs attempts twice.
func (r *Runtime) Starts(id batch.UnitID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts[id]
}

// Started returns every attempt that ever began, removed ones included, in no order.
func (r *Runtime) Started() []batch.UnitID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.starts))
}

// Close kills all attempts and waits for their end.
func (r *Runtime) Close() {
	r.mu.Lock()
	for _, a := range r.attempts {
		a.kill()
	}
	r.mu.Unlock()
	r.players.Wait()
}

// find returns the attempt or nil.
func (r *Runtime) find(id batch.UnitID) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[id]
}

// called counts a call of Start and returns how many there were before.
func (r *Runtime) called(id batch.UnitID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[id]++
	return r.calls[id] - 1
}

// begin plays the program as the attempt, once.
func (r *Runtime) begin(id batch.UnitID, p program) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts[id] != nil {
		return
	}
	a := newAttempt()
	r.attempts[id] = a
	r.starts[id]++
	r.players.Go(func() { a.play(p.steps) })
}

// server is one server's driver.
type server struct {
	r      *Runtime
	once   sync.Once
	closed chan struct{}
}

// Name is `script`.
func (s *server) Name() string { return "script" }

// Start implements [driver.Driver].
func (s *server) Start(ctx context.Context, spec driver.Spec) error {
	if s.r.find(spec.Unit) != nil {
		return nil
	}
	p, err := parse(append(slices.Clone(spec.Entrypoint), spec.Command...))
	if err != nil {
		return err
	}
	if s.r.called(spec.Unit) < p.faults {
		return errFault
	}
	pulled := time.NewTimer(p.pull)
	defer pulled.Stop()
	select {
	case <-pulled.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	if p.refusal != "" {
		return &driver.StartError{Reason: p.refusal}
	}
	s.r.begin(spec.Unit, p)
	if p.loseReply {
		return errLostReply
	}
	return nil
}

// Wait implements [driver.Driver].
func (s *server) Wait(ctx context.Context, id batch.UnitID) (driver.Exit, error) {
	a := s.r.find(id)
	if a == nil {
		return driver.Exit{}, driver.ErrUnknown
	}
	select {
	case <-a.ended:
		return a.exit, nil
	case <-ctx.Done():
		return driver.Exit{}, ctx.Err()
	case <-s.closed:
		return driver.Exit{}, errClosed
	}
}

// Output implements [driver.Driver]. A cursor is the number of lines before it.
func (s *server) Output(ctx context.Context, id batch.UnitID, cursor int64, emit func(driver.Line) error) error {
	a := s.r.find(id)
	if a == nil {
		return driver.ErrUnknown
	}
	for {
		lines, more := a.linesAfter(cursor)
		for _, line := range lines {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := emit(line); err != nil {
				return err
			}
			cursor = line.Cursor
		}
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closed:
			return errClosed
		}
	}
}

// Stop implements [driver.Driver].
func (s *server) Stop(_ context.Context, id batch.UnitID, grace time.Duration) error {
	a := s.r.find(id)
	if a == nil {
		return driver.ErrUnknown
	}
	a.stop(grace)
	return nil
}

// Remove implements [driver.Driver].
func (s *server) Remove(_ context.Context, id batch.UnitID) error {
	s.r.mu.Lock()
	a := s.r.attempts[id]
	delete(s.r.attempts, id)
	s.r.mu.Unlock()
	if a != nil {
		a.kill()
		<-a.ended
	}
	return nil
}

// List implements [driver.Driver].
func (s *server) List(context.Context) ([]batch.UnitID, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return slices.Collect(maps.Keys(s.r.attempts)), nil
}

// Close implements [driver.Driver]: whoever waits through this driver is told
// that it is gone, and the attempts go on.
func (s *server) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Notes has nothing to tell.
func (s *server) Notes(driver.Spec) []string { return nil }
