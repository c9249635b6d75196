// Package bus tells the outside what has happened: it takes the events of the
// outbox and delivers them to sinks, each at least once and those of a job in
// their order.
//
// A [Bus] owns how far it has come with each sink, and nothing else: what is not
// delivered is in the outbox, so that a restart goes on there. Each sink gets the
// events in the order of the outbox, some at a time, at its own pace; they are
// removed when the last sink has them. A sink that fails is asked again after
// pauses that grow up to half a minute. Its events wait in the outbox, and
// neither jobs nor other sinks wait for it. After a restart some events come
// again, with the same id: to a sink that was ahead of another, all of those.
//
// An event that a sink refuses for itself ([Refusal]) for a day is dropped, or
// nothing would ever come after it. A sink that refuses everything by mistake
// loses one event a day.
//
// [Bus.Run] is its goroutine, with one for each sink. The engine pokes it with
// Wake after each commit that has events. The outbox, and how an event reads, are
// functions given in [Options], so that it knows neither the store nor the API.
//
// It does not choose between events: a sink gets all of them.
package bus

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
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

	// refusedFor is how long a sink may refuse an event before it is dropped:
	// as long as EventBridge tries to deliver one.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
	refusedFor = 24 * time.Hour
)

// Options configure a Bus. All members but Sinks are required.
type Options struct {
	// Outbox returns the oldest events from the one that the mark names on, in
	// their order.
	Outbox func(ctx context.Context, from core.Mark, limit int) ([]core.Event, error)
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
// ends. A [*Refusal] as its error speaks of the first event that it does not have.
type Sink struct {
	Name    string // for the log
	Deliver func(ctx context.Context, events [][]byte) (n int, err error)
}

// Refusal is the error of a sink that does not want an event, whatever is done
// about the sink itself.
type Refusal struct{ Reason string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// Bus delivers events.
type Bus struct {
	o     Options
	wake  chan struct{}
	pumps []*pump
}

// New returns a Bus.
func New(o Options) *Bus {
	b := &Bus{o: o, wake: make(chan struct{}, 1)}
	for i, s := range o.Sinks {
		b.pumps = append(b.pumps, &pump{b: b, number: i, sink: s, wake: make(chan struct{}, 1)})
	}
	return b
}

// Wake says that there are new events in the outbox. It never blocks.
func (b *Bus) Wake() { poke(b.wake) }

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Without any sink it removes what is in the outbox
// from the time when there were some: nobody is to be told, and jobs are kept
// while events of theirs wait.
func (b *Bus) Run(ctx context.Context) error {
	if len(b.pumps) == 0 {
		b.dropAll(ctx)
		<-ctx.Done()
		return nil
	}
	var running sync.WaitGroup
	defer running.Wait()
	came := make(chan progress)
	for _, p := range b.pumps {
		running.Go(func() { p.run(ctx, came) })
	}
	at := make([]core.Mark, len(b.pumps))
	removed := core.Mark{}
	for {
		select {
		case <-b.wake:
			for _, p := range b.pumps {
				poke(p.wake)
			}
		case c := <-came:
			at[c.pump] = c.mark
			least := slices.MinFunc(at, compare) // what all sinks have
			if compare(least, removed) <= 0 {
				continue
			}
			if b.retry(ctx, "remove delivered events", func() (progress bool, err error) {
				return false, b.o.Delivered(ctx, least)
			}) != nil {
				return nil // the end of ctx
			}
			fault.Point("events.removed")
			removed = least
		case <-ctx.Done():
			return nil
		}
	}
}

func compare(a, b core.Mark) int {
	return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Children, b.Children))
}

// dropAll empties the outbox.
func (b *Bus) dropAll(ctx context.Context) {
	var events []core.Event
	if b.retry(ctx, "read the outbox", func() (progress bool, err error) {
		events, err = b.o.Outbox(ctx, core.Mark{}, 1)
		return false, err
	}) != nil || len(events) == 0 {
		return
	}
	b.o.Log.Warn("events that were not delivered are dropped: there is no sink any more")
	_ = b.retry(ctx, "remove events", func() (progress bool, err error) { // its error is that of ctx
		return false, b.o.Delivered(ctx, core.MarkAll())
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
