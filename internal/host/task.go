package host

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/fault"
)

// task is an attempt under way: its containers, each with a goroutine of its
// own, which waits for the containers that it depends on, starts, ships the
// output and waits for the end. The end of an essential container ends the task.
//
// All of it can be repeated: after a restart of the server the goroutines begin
// anew, find what runs and what has ended in the driver, and come to the same
// end. So nothing about a task is stored but by the driver.
type task struct {
	s     *Supervisor
	a     *attempt
	job   Job
	units []*unit

	ending chan struct{} // closed when what runs is to be stopped, and nothing more started
	once   sync.Once
}

// unit is one container of a task. Its goroutine alone writes exit and how,
// before it closes ended.
type unit struct {
	id    batch.UnitID
	c     *Container
	known bool // the driver has it already

	started chan struct{} // closed when it has started; never where it does not
	ended   chan struct{} // closed when it has ended and its log is durable
	exit    driver.Exit
	how     how
}

func newTask(s *Supervisor, a *attempt, job Job) *task {
	t := &task{s: s, a: a, job: job, ending: make(chan struct{})}
	for i := range job.Containers {
		t.units = append(t.units, &unit{
			id: a.id.Unit(i), c: &job.Containers[i], how: givenUp,
			started: make(chan struct{}), ended: make(chan struct{}),
		})
	}
	return t
}

// finish begins the end of the task.
func (t *task) finish() { t.once.Do(func() { close(t.ending) }) }

// run carries the attempt to its end. It says false when ctx ended first.
func (t *task) run(ctx context.Context) (End, bool) {
	if err := t.recall(ctx); err != nil {
		return End{}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for _, u := range t.units {
		workers.Go(func() {
			if !t.live(ctx, u) {
				return // shutting down, which ends no task
			}
			close(u.ended)
			if u.c.Essential {
				t.finish()
			}
		})
		workers.Go(func() { t.stop(ctx, u) })
	}
	workers.Go(func() {
		select {
		case <-t.a.stop:
			t.finish()
			t.kill(ctx)
		case <-ctx.Done():
		}
	})
	if !t.awaitStarted(ctx) {
		return End{}, false
	}
	for _, u := range t.units {
		select {
		case <-u.ended:
		case <-ctx.Done():
			return End{}, false
		}
	}
	return t.end(), true
}

// recall finds out which units the driver has from before. An attempt that is
// known to have run has started them all; and one unit alone need not be asked
// for, because its start is idempotent.
func (t *task) recall(ctx context.Context) error {
	if t.a.ran {
		for _, u := range t.units {
			u.known = true
		}
		return nil
	}
	if len(t.units) == 1 && t.units[0].c.Refused == "" {
		return nil
	}
	err := t.s.retry(ctx, t.a, "list", func() error {
		held, err := t.s.o.Driver.List(ctx)
		for _, u := range t.units {
			u.known = slices.Contains(held, u.id)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.lookAtEssential(ctx)
	return nil
}

// lookTime is how long a driver is given to say that a unit has ended already.
const lookTime = time.Second

// lookAtEssential begins the end of the task where an essential unit had ended
// before the restart, so that nothing more is started.
func (t *task) lookAtEssential(ctx context.Context) {
	if !slices.ContainsFunc(t.units, func(u *unit) bool { return !u.known }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var all sync.WaitGroup
	for _, u := range t.units {
		if u.known && u.c.Essential {
			all.Go(func() {
				if _, err := t.s.o.Driver.Wait(ctx, u.id); err == nil {
					t.finish()
				}
			})
		}
	}
	all.Wait()
}

// awaitStarted reports that the job runs once all of its containers have
// started, as on AWS, unless that is known or will not happen. One that is not
// essential and cannot start holds nothing up. It says false when ctx ended first.
func (t *task) awaitStarted(ctx context.Context) bool {
	if t.a.ran {
		return true
	}
	for _, u := range t.units {
		select {
		case <-u.started:
		case <-u.ended:
			if !isClosed(u.started) && (u.c.Essential || u.how != refused) {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
	if !isClosed(t.a.stop) { // terminated while it started, it is not seen to run
		fault.Point("running.report")
		t.s.o.Running(t.a.id)
	}
	return true
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// live is the life of a unit. It says false when ctx ended first.
func (t *task) live(ctx context.Context, u *unit) bool {
	began := batch.InstantOf(time.Now())
	if !u.known {
		err := t.begin(ctx, u)
		var start *driver.StartError
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return false
		case errors.As(err, &start):
			u.how, u.exit.Reason = refused, cut(start.Reason)
			return true
		case errors.Is(err, driver.ErrUnknown):
			u.how = lost
			return true
		default:
			// Given up, unless a server before us, or this start, has brought it to run.
			held, err := t.held(ctx, u)
			if err != nil || !held {
				return err == nil
			}
		}
	}
	w, err := t.s.openLog(ctx, t.a, u.c, began)
	if err != nil {
		return false
	}
	close(u.started)
	err = t.s.ship(ctx, t.a, u.id, w)
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return false
	}
	var exit driver.Exit
	err = t.s.retry(ctx, t.a, "wait", func() (err error) {
		exit, err = t.s.o.Driver.Wait(ctx, u.id)
		return err
	})
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return false
	}
	u.settle(exit) // no exit at all is a loss
	return true
}

// held stops the unit and reports whether the driver has it.
func (t *task) held(ctx context.Context, u *unit) (bool, error) {
	err := t.s.retry(ctx, t.a, "stop", func() error { return t.s.o.Driver.Stop(ctx, u.id, u.c.Spec.StopTimeout) })
	if errors.Is(err, driver.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

var errEnding = errors.New("the task has ended before the container began")

// begin waits for what the unit depends on and asks the driver to run it, and
// gives up when the task ends. A *driver.StartError says that it can never run.
func (t *task) begin(ctx context.Context, u *unit) error {
	if err := t.await(ctx, u); err != nil {
		return err
	}
	if u.c.Refused != "" {
		return &driver.StartError{Reason: u.c.Refused}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer func() { cancel(nil); <-done }()
	go func() {
		defer close(done)
		select {
		case <-t.ending:
			cancel(errEnding)
		case <-ctx.Done():
		}
	}()
	return t.s.retry(ctx, t.a, "start", func() error {
		fault.Point("start.before")
		defer fault.Point("start.after")
		return t.s.o.Driver.Start(ctx, u.c.Spec)
	})
}

// await waits for what the unit depends on.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TaskContainerDependency.html
func (t *task) await(ctx context.Context, u *unit) error {
	for _, i := range u.c.AfterStart {
		d := t.units[i]
		select {
		case <-d.started:
		case <-d.ended:
			if !isClosed(d.started) {
				return unresolved(d, "START")
			}
		case <-t.ending:
			return errEnding
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, i := range u.c.AfterEnd {
		if err := t.awaitEnd(ctx, t.units[i], "COMPLETE"); err != nil {
			return err
		}
	}
	for _, i := range u.c.AfterSuccess {
		if err := t.awaitEnd(ctx, t.units[i], "SUCCESS"); err != nil {
			return err
		}
	}
	return nil
}

// awaitEnd waits for the end of a unit for no longer than its start timeout,
// which counts from its start.
func (t *task) awaitEnd(ctx context.Context, d *unit, condition string) error {
	var patience <-chan time.Time
	started := d.started
	for {
		select {
		case <-d.ended:
			if condition == "SUCCESS" && d.failed() {
				return unresolved(d, condition)
			}
			return nil
		case <-started:
			started = nil // a nil channel is never ready
			if d.c.StartTimeout > 0 {
				timer := time.NewTimer(d.c.StartTimeout)
				defer timer.Stop()
				patience = timer.C
			}
		case <-patience:
			return unresolved(d, condition+" within its startTimeout")
		case <-t.ending:
			return errEnding
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func unresolved(d *unit, condition string) error {
	return &driver.StartError{Reason: "CannotStartContainerError: the container depends on " + d.c.Name + ", which did not reach " + condition}
}

// kill ends at once, when it is asked to, all that has started.
func (t *task) kill(ctx context.Context) {
	select {
	case <-t.a.kill:
	case <-ctx.Done():
		return
	}
	for _, u := range t.units {
		select {
		case <-u.started:
			_ = t.s.retry(ctx, t.a, "kill", func() error { return t.s.o.Driver.Stop(ctx, u.id, 0) })
		case <-u.ended:
		case <-ctx.Done():
			return
		}
	}
}

// stop stops a unit when the task ends, after the units that depend on it, as
// ECS does.
func (t *task) stop(ctx context.Context, u *unit) {
	select {
	case <-t.ending:
	case <-u.ended:
		return
	case <-ctx.Done():
		return
	}
	self := slices.Index(t.units, u)
	for _, v := range t.units {
		if !v.dependsOn(self) {
			continue
		}
		select {
		case <-v.ended:
		case <-ctx.Done():
			return
		}
	}
	// Before it has started there is nothing to stop, and begin gives up.
	select {
	case <-u.started:
	case <-u.ended:
		return
	case <-ctx.Done():
		return
	}
	if isClosed(u.ended) || ctx.Err() != nil {
		return
	}
	_ = t.s.retry(ctx, t.a, "stop", func() error { return t.s.o.Driver.Stop(ctx, u.id, u.c.Spec.StopTimeout) })
}

func (u *unit) dependsOn(i int) bool {
	return slices.Contains(u.c.AfterStart, i) || slices.Contains(u.c.AfterEnd, i) || slices.Contains(u.c.AfterSuccess, i)
}
