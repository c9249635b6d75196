package host

import (
	"context"
	"errors"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/logs"
)

// noteCursor marks a log that has our notes and no output yet.
const noteCursor = -1

// supervise is the life of an attempt.
func (s *Supervisor) supervise(ctx context.Context, a *attempt) {
	defer s.forget(a)
	var job Job
	err := s.retry(ctx, a, "load", func() (err error) {
		job, err = s.o.Load(ctx, a.id)
		return err
	})
	var end End
	var refused *driver.StartError
	switch {
	case errors.As(err, &refused): // something that it needs is missing here
		end.StatusReason, end.Reason = reasonStartFailed, cut(refused.Reason)
	case err != nil:
		return // shutting down
	default:
		var ok bool
		if end, ok = s.run(ctx, a, job); !ok {
			return
		}
	}
	durable := make(chan struct{})
	s.o.Ended(a.id, end, func() { close(durable) })
	select {
	case <-durable:
	case <-ctx.Done():
		return // the driver still has it; the next start reports it again
	}
	_ = s.retry(ctx, a, "remove", func() error { return s.o.Driver.Remove(ctx, a.id.Unit(0)) })
}

// run carries the attempt to its end. It says false when ctx ended first.
func (s *Supervisor) run(ctx context.Context, a *attempt, job Job) (End, bool) {
	lost := End{StatusReason: "Host EC2 (instance " + job.Instance + ") terminated."}
	began := batch.InstantOf(time.Now())
	if !a.ran {
		err := s.start(ctx, a, job)
		var start *driver.StartError
		switch {
		case errors.As(err, &start):
			end := End{StatusReason: reasonStartFailed}
			end.Reason = cut(start.Reason)
			return end, true
		case errors.Is(err, driver.ErrUnknown):
			return lost, true
		case err != nil && a.stopped():
			// Given up, unless a server before us, or this start, has
			// brought it to run.
			if a.ran, err = s.held(ctx, a, job); err != nil {
				return End{}, false
			}
			if !a.ran {
				return End{StatusReason: reasonStartFailed}, true
			}
		case err != nil:
			return End{}, false
		}
	}
	stopper := s.stopWhenAsked(ctx, a, job.Spec.StopTimeout)
	defer stopper()

	w, err := s.openLog(ctx, a, job, began)
	if err != nil {
		return End{}, false
	}
	if !a.ran {
		s.o.Running(a.id, batch.InstantOf(time.Now()))
	}
	err = s.ship(ctx, a, w)
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return End{}, false
	}
	var exit driver.Exit
	err = s.retry(ctx, a, "wait", func() (err error) {
		exit, err = s.o.Driver.Wait(ctx, a.id.Unit(0))
		return err
	})
	switch {
	case errors.Is(err, driver.ErrUnknown):
		return lost, true
	case err != nil:
		return End{}, false
	}
	if exit.Code == nil && exit.Reason == "" {
		lost.Exit = exit
		return lost, true
	}
	exit.Reason = cut(exit.Reason)
	return End{Exit: exit, StatusReason: reasonExited}, true
}

// start asks the driver to run the attempt, and gives up when it is to be stopped.
func (s *Supervisor) start(ctx context.Context, a *attempt, job Job) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer func() { cancel(nil); <-done }()
	go func() {
		defer close(done)
		select {
		case <-a.stop:
			cancel(errStopped)
		case <-ctx.Done():
		}
	}()
	return s.retry(ctx, a, "start", func() error { return s.o.Driver.Start(ctx, job.Spec) })
}

// held stops the attempt and reports whether the driver has it.
func (s *Supervisor) held(ctx context.Context, a *attempt, job Job) (bool, error) {
	err := s.retry(ctx, a, "stop", func() error { return s.o.Driver.Stop(ctx, a.id.Unit(0), job.Spec.StopTimeout) })
	if errors.Is(err, driver.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

var errStopped = errors.New("stopped before it ran")

func (a *attempt) stopped() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// stopWhenAsked passes a stop on to the driver. The function returned ends it.
func (s *Supervisor) stopWhenAsked(ctx context.Context, a *attempt, grace time.Duration) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-a.stop:
			_ = s.retry(ctx, a, "stop", func() error { return s.o.Driver.Stop(ctx, a.id.Unit(0), grace) })
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// openLog makes the attempt's stream, so that it exists before the job is seen
// to run, and puts our notes at its head, at a moment before anything that the
// attempt printed: events are read in the order of their times.
func (s *Supervisor) openLog(ctx context.Context, a *attempt, job Job, began batch.Instant) (*logs.Writer, error) {
	if job.Group == "" {
		return nil, nil
	}
	var w *logs.Writer
	err := s.retry(ctx, a, "open log", func() (err error) {
		w, err = s.o.Logs.Stream(ctx, job.Group, job.Stream)
		return err
	})
	if err != nil {
		return nil, err
	}
	if w.Cursor() == 0 {
		for _, note := range s.o.Driver.Notes(job.Spec) {
			if err := w.Append(ctx, began, []byte(note), noteCursor); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// ship copies the output to the log until the attempt has ended and the log is
// durable. w is nil where no log is kept.
func (s *Supervisor) ship(ctx context.Context, a *attempt, w *logs.Writer) error {
	if w == nil {
		return nil
	}
	defer w.Close()
	err := s.retry(ctx, a, "read output", func() error {
		return s.o.Driver.Output(ctx, a.id.Unit(0), max(0, w.Cursor()), func(l driver.Line) error {
			return w.Append(ctx, l.At, l.Text, l.Cursor)
		})
	})
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return err
	}
	if flushErr := w.Flush(ctx); flushErr != nil {
		return flushErr
	}
	return err
}

// cut keeps a container's reason within AWS's 255 characters.
func cut(reason string) string {
	if r := []rune(reason); len(r) > 255 {
		return string(r[:255])
	}
	return reason
}
