package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/depend"
)

func testOutbox(t *testing.T, h Harness) {
	s := h.Open(t)
	w := newWorld(t, s)
	w.setUp(9)
	w.do(submission(9, 0)) // before anybody wants to know
	w.out.Events = true
	w.do(submission(1, 0), submission(2, 4))
	w.place(9) // job 9, 1, 2:0, …
	reason := core.AttemptEnded{
		Attempt: batch.AttemptID{Job: ref(1), Number: 1}, StartedAt: w.now, StoppedAt: w.now + 1, ExitCode: new(int32), Reason: "why", StatusReason: "so",
	}
	*reason.ExitCode = 7
	w.do(core.AttemptRunning{Attempt: reason.Attempt, At: w.now}, reason)
	events := must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99))
	// Job 1, array job 2, its children; then job 9, job 1, four children; then job 1 twice.
	same(t, "the number of events", 3+6+2, len(events))
	for i := 1; i < len(events); i++ {
		if a, b := events[i-1], events[i]; a.Round > b.Round || a.Round == b.Round && a.Index+1 != b.Index {
			t.Errorf("event %d/%d comes before %d/%d", a.Round, a.Index, b.Round, b.Index)
		}
	}
	same(t, "the children's event", core.EventRow{
		Job: 3, Ref: ref(2), Children: depend.Of(0, 4), At: events[2].Row.At, State: batch.Runnable,
	}, events[2].Row)
	last := events[10].Row
	same(t, "the event of an end", core.EventRow{
		Job: 2, Ref: ref(1), At: w.now, State: batch.Failed, Attempt: 1, Host: 1, StartedAt: reason.StartedAt, StoppedAt: reason.StoppedAt,
		ExitCode: reason.ExitCode, Reason: "why", StatusReason: "so",
	}, last)
	array := events[1].Row
	same(t, "an array's counts", int32(4), array.Counts[batch.Runnable])
	same(t, "two events", events[:2], must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 2)))
	for i, e := range events {
		from := core.Mark{Round: e.Round, Index: e.Index, Children: 1}
		same(t, "events from a mark on", events[i:], must[[]core.Event](t)(s.Outbox(t.Context(), from, 99)))
		same(t, "the next event", events[i+1:min(i+2, len(events))], must[[]core.Event](t)(s.Outbox(t.Context(), e.After(), 1)))
	}

	// What is not told is kept: the job's rows, and the events over a restart.
	same(t, "ended jobs", 0, len(must[[]core.EndedJob](t)(s.Ended(t.Context(), w.now+9, 9))))
	shut(t, s)
	s = open(t, h)
	w.stores[0] = s
	same(t, "events after a restart", events, must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99)))

	w.do(core.Delivered{Mark: core.Mark{Round: events[2].Round, Index: events[2].Index, Children: 3}})
	left := must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99))
	want := events[2]
	want.Done = 3
	same(t, "events when some children are told", append([]core.Event{want}, events[3:]...), left)
	w.do(core.Delivered{Mark: events[0].After()})
	same(t, "events after an old mark", left, must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99)))
	w.do(core.Delivered{Mark: events[9].After()})
	same(t, "the last event", events[10:], must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99)))
	same(t, "ended jobs", 0, len(must[[]core.EndedJob](t)(s.Ended(t.Context(), w.now+9, 9))))
	w.do(core.Delivered{Mark: core.MarkAll()})
	same(t, "no events", 0, len(must[[]core.Event](t)(s.Outbox(t.Context(), core.Mark{}, 99))))
	same(t, "ended jobs", 1, len(must[[]core.EndedJob](t)(s.Ended(t.Context(), w.now+9, 9))))
	w.check()
}
