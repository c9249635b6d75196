// Package bus tells the outside what has happened: it takes the events of the
// outbox and delivers them to sinks, each at least once and those of a job in
// their order.
//
// A [Bus] owns how far it has come with the events that it has read, and nothing
// else: what is not delivered is in the outbox, so that a restart goes on there.
// Events go to all sinks in the order of the outbox, some at a time; they are
// removed when the last sink has them. A sink that fails is asked again after
// pauses that grow up to half a minute, and holds up the events, which wait in
// the outbox, but no job. After a restart some events come again, with the same
// id.
//
// [Bus.Run] is its goroutine. The engine pokes it with Wake after each commit
// that has events. The outbox, and how an event reads, are functions given in
// [Options], so that it knows neither the store nor the API.
//
// It does not choose between events: a sink gets all of them.
package bus

import (
	"context"
	"log/slog"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fault"
)

const (
	// slice is how many events are taken at a time, which bounds the memory:
	// the specification of a job, which is in its events, has at most some tens
	// of kilobytes.
	slice = 100

	shortestPause = 100 * time.Millisecond
	longestPause  = 30 * time.Second
)

// Options configure a Bus. All members but Sinks are required.
type Options struct {
	// Outbox returns the oldest events that are not delivered, in their order.
	Outbox func(ctx context.Context, limit int) ([]core.Event, error)
	// Render returns each event as JSON. Every one of them is about one job, a
	// child of an array perhaps, as its Row.Ref says. It is nil for one that
	// nothing can be said about any more.
	Render func(ctx context.Context, events []core.Event) ([][]byte, error)
	// Delivered removes what is before the mark from the outbox, and returns
	// when that is durable.
	Delivered func(ctx context.Context, mark core.Mark) error
	Sinks     []Sink
	Log       *slog.Logger
}

// Sink takes events, each a JSON object in one line without its end. It returns
// how many of them, the first ones, it has for good. It returns soon when ctx
// ends.
type Sink struct {
	Name    string // for the log
	Deliver func(ctx context.Context, events [][]byte) (n int, err error)
}

// Bus delivers events.
type Bus struct {
	o    Options
	wake chan struct{}
}

// New returns a Bus.
func New(o Options) *Bus { return &Bus{o: o, wake: make(chan struct{}, 1)} }

// Wake says that there are new events in the outbox. It never blocks.
func (b *Bus) Wake() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Without any sink it removes what is in the outbox
// from the time when there were some: nobody is to be told, and jobs are kept
// while events of theirs wait.
func (b *Bus) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := b.turn(ctx)
		if err != nil {
			return nil //nolint:nilerr // only the end of ctx gives up
		}
		if more {
			continue
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

// turn delivers the next events and reports whether there were any. Its error is
// that of ctx: everything else is tried again.
func (b *Bus) turn(ctx context.Context) (more bool, err error) {
	var events []core.Event
	var bodies [][]byte
	mark := core.MarkAll()
	if err := b.retry(ctx, "read the outbox", func() (progress bool, err error) {
		events, err = b.o.Outbox(ctx, slice)
		return false, err
	}); err != nil || len(events) == 0 {
		return false, err
	}
	if len(b.o.Sinks) == 0 {
		b.o.Log.Warn("events that were not delivered are dropped: there is no sink any more")
	} else {
		events, mark = single(events)
		if err := b.retry(ctx, "write events", func() (progress bool, err error) {
			bodies, err = b.o.Render(ctx, events)
			return false, err
		}); err != nil {
			return false, err
		}
	}
	known := bodies[:0]
	for i, body := range bodies {
		if body == nil {
			b.o.Log.Error("an event of a job that is gone is dropped", "job", events[i].Row.Ref)
			continue
		}
		known = append(known, body)
	}
	for _, sink := range b.o.Sinks {
		rest := known
		if err := b.retry(ctx, "deliver events to "+sink.Name, func() (progress bool, err error) {
			n := 0
			if len(rest) > 0 {
				n, err = sink.Deliver(ctx, rest)
			}
			rest = rest[n:]
			return n > 0, err
		}); err != nil {
			return false, err
		}
	}
	fault.Point("events.delivered")
	defer fault.Point("events.removed")
	return true, b.retry(ctx, "remove delivered events", func() (progress bool, err error) {
		return false, b.o.Delivered(ctx, mark)
	})
}

// single takes events apart so that each is about one job, as many as fit, and
// returns where they end.
func single(events []core.Event) (out []core.Event, mark core.Mark) {
	for _, e := range events {
		if e.Row.Children == nil {
			if len(out) == slice {
				return out, mark
			}
			out, mark = append(out, e), e.After()
			continue
		}
		array, n := e.Row.Ref.ID, int32(0)
		children := e.Row.Children
		e.Row.Children = nil
		for i := range children.All {
			if n++; n <= e.Done {
				continue
			}
			if len(out) == slice {
				return out, mark
			}
			e.Row.Ref = batch.ChildRef(array, int(i))
			out, mark = append(out, e), core.Mark{Round: e.Round, Index: e.Index, Children: n}
		}
		mark = e.After()
	}
	return out, mark
}

// retry does something until it succeeds or ctx ends, with pauses that grow as
// long as there is no progress. The first failure in a row is logged, and that
// it is over.
func (b *Bus) retry(ctx context.Context, what string, do func() (progress bool, err error)) error {
	pause, since := shortestPause, time.Time{}
	for {
		progress, err := do()
		if err == nil {
			if !since.IsZero() {
				b.o.Log.Info("events go on", "op", what, "dur", time.Since(since))
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if since.IsZero() {
			since = time.Now()
			b.o.Log.Warn("events wait", "op", what, "err", err)
		} else {
			b.o.Log.Debug("events wait", "op", what, "err", err)
		}
		if progress {
			pause = shortestPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, longestPause)
	}
}
