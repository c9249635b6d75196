package bus

import (
	"context"
	"errors"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fault"
)

// progress says how far a pump has come.
type progress struct {
	pump int
	mark core.Mark
}

// pump delivers to one sink. Its goroutine alone uses what is below wake.
type pump struct {
	b      *Bus
	number int
	sink   Sink
	wake   chan struct{}

	at      core.Mark // what is before it the sink has
	refused time.Time // since when the next event is refused; zero if it is not
	dropped int       // events that were refused for too long
}

// run delivers until ctx ends, which is all that its functions give up for.
func (p *pump) run(ctx context.Context, came chan<- progress) {
	for {
		more, err := p.turn(ctx)
		if err != nil {
			return
		}
		if more {
			select {
			case came <- progress{p.number, p.at}:
			case <-ctx.Done():
				return
			}
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
	}
}

// letter is an event as it is sent.
type letter struct {
	job  batch.JobRef
	body []byte
}

// turn delivers the next events and reports whether there were any.
func (p *pump) turn(ctx context.Context) (more bool, err error) {
	var events []core.Event
	o := &p.b.o
	if err = p.b.retry(ctx, "read the outbox", func() (progress bool, err error) {
		events, err = o.Outbox(ctx, p.at, slice)
		return false, err
	}); err != nil || len(events) == 0 {
		return false, err
	}
	if e := &events[0]; e.Round == p.at.Round && e.Index == p.at.Index {
		e.Done = max(e.Done, p.at.Children)
	}
	events, mark := single(events)
	var bodies [][]byte
	if err = p.b.retry(ctx, "write events", func() (progress bool, err error) {
		bodies, err = o.Render(ctx, events)
		return false, err
	}); err != nil {
		return false, err
	}
	letters := make([]letter, 0, len(bodies))
	for i, body := range bodies {
		if body == nil {
			o.Log.Error("an event of a job that is gone is dropped", "job", events[i].Row.Ref)
			continue
		}
		letters = append(letters, letter{events[i].Row.Ref, body})
	}
	if err = p.deliver(ctx, letters); err != nil {
		return false, err
	}
	fault.Point("events.delivered")
	p.at = mark
	return true, nil
}

// deliver returns when the sink has the letters, but for those that it has
// refused for too long.
func (p *pump) deliver(ctx context.Context, letters []letter) error {
	return p.b.retry(ctx, "deliver events to "+p.sink.Name, func() (progress bool, err error) {
		if len(letters) == 0 {
			return true, nil
		}
		bodies := make([][]byte, len(letters))
		for i, l := range letters {
			bodies[i] = l.body
		}
		n, err := p.sink.Deliver(ctx, bodies)
		if letters = letters[n:]; n > 0 {
			p.refused = time.Time{}
		}
		var no *Refusal
		switch {
		case !errors.As(err, &no):
		case p.refused.IsZero():
			p.refused = time.Now()
		case time.Since(p.refused) >= refusedFor:
			p.dropped++
			p.b.o.Log.Error("an event is dropped, which a sink has refused for too long", "op", p.sink.Name,
				"job", letters[0].job, "dur", time.Since(p.refused), "dropped", p.dropped, "err", err)
			letters, p.refused, n = letters[1:], time.Time{}, 1
			if len(letters) == 0 {
				return true, nil
			}
		}
		return n > 0, err
	})
}
