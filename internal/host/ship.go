package host

import (
	"context"
	"errors"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/fault"
	"github.com/bargehq/barge/internal/logs"
)

// noteCursor marks a log that has our notes and no output yet.
const noteCursor = -1

// openLog makes the unit's stream, so that it exists before the job is seen
// to run, and puts the driver's notes at its head, at a moment before anything
// that the unit printed: events are read in the order of their times.
func (s *Supervisor) openLog(ctx context.Context, a *attempt, c *Container, began batch.Instant) (*logs.Writer, error) {
	if c.Group == "" {
		return nil, nil
	}
	var w *logs.Writer
	err := s.retry(ctx, a, "open log", func() (err error) {
		w, err = s.o.Logs.Stream(ctx, c.Group, c.Stream)
		return err
	})
	if err != nil {
		return nil, err
	}
	if w.Cursor() == 0 {
		for _, note := range s.o.Driver.Notes(c.Spec) {
			if err := w.Append(ctx, began, []byte(note), noteCursor); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// ship copies the output to the log until the unit has ended and the log is
// durable. w is nil where no log is kept.
func (s *Supervisor) ship(ctx context.Context, a *attempt, id batch.UnitID, w *logs.Writer) error {
	if w == nil {
		return nil
	}
	defer w.Close()
	err := s.retry(ctx, a, "read output", func() error {
		return s.o.Driver.Output(ctx, id, max(0, w.Cursor()), func(l driver.Line) error {
			return w.Append(ctx, l.At, l.Text, l.Cursor)
		})
	})
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return err
	}
	fault.Point("flush.before")
	if flushErr := w.Flush(ctx); flushErr != nil {
		return flushErr
	}
	return err
}
