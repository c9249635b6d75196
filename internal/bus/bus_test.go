package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/bus"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/depend"
)

// turn is held by whoever touches what a test and its bus share. Virtual time
// parts their turns; this tells the race detector.
var turn sync.Mutex

// change changes what the bus sees.
func change(f func()) {
	turn.Lock()
	defer turn.Unlock()
	f()
}

// pass lets virtual time pass and returns when the bus waits.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// outbox stands for the store and the engine.
type outbox struct {
	events []core.Event
	marks  []core.Mark
	fail   error // of everything
}

func (o *outbox) read(_ context.Context, from core.Mark, limit int) ([]core.Event, error) {
	turn.Lock()
	defer turn.Unlock()
	i := 0
	for i < len(o.events) && (o.events[i].Round < from.Round || o.events[i].Round == from.Round && o.events[i].Index < from.Index) {
		i++
	}
	return slices.Clone(o.events[i:min(i+limit, len(o.events))]), o.fail
}

func (o *outbox) delivered(_ context.Context, m core.Mark) error {
	turn.Lock()
	defer turn.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.marks = append(o.marks, m)
	o.events = slices.DeleteFunc(o.events, func(e core.Event) bool {
		return e.Round < m.Round || e.Round == m.Round && e.Index < m.Index
	})
	if len(o.events) > 0 && o.events[0].Round == m.Round && o.events[0].Index == m.Index {
		o.events[0].Done = m.Children
	}
	return nil
}

// render names the job, its state and the event. Of job 99 nothing is known.
func render(_ context.Context, events []core.Event) (out [][]byte, _ error) {
	for _, e := range events {
		switch {
		case e.Row.Children != nil:
			return nil, errors.New("an event of several jobs")
		case e.Row.Ref.ID[15] == 99:
			out = append(out, nil)
		default:
			name := fmt.Sprintf("%d/%d:%s", e.Row.Ref.ID[15], e.Row.Ref.Child, e.Row.State)
			out = append(out, []byte(name))
		}
	}
	return out, nil
}

func (o *outbox) bus(sinks ...bus.Sink) *bus.Bus {
	return bus.New(bus.Options{Outbox: o.read, Render: render, Delivered: o.delivered, Sinks: sinks, Log: slog.New(slog.DiscardHandler)})
}

// sink notes what it gets, and takes nothing while it is broken.
type sink struct {
	got    []string
	broken bool
	tries  int
	most   int // takes only so many at a time, and then fails; zero for any
}

func (s *sink) sink() bus.Sink {
	return bus.Sink{Name: "test", Deliver: func(_ context.Context, events [][]byte) (int, error) {
		turn.Lock()
		defer turn.Unlock()
		s.tries++
		if s.broken {
			return 0, errors.New("broken")
		}
		for n, e := range events {
			if s.most > 0 && n == s.most {
				return n, errors.New("enough")
			}
			s.got = append(s.got, string(e))
		}
		return len(events), nil
	}}
}

func event(round int64, index int32, job byte, state batch.JobState) core.Event {
	return core.Event{Round: round, Index: index, Row: core.EventRow{Ref: batch.JobRef{ID: batch.JobID{15: job}}, State: state}}
}

// start runs the bus until the end of the test.
func start(t *testing.T, b *bus.Bus) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the bus ended with %v", err)
		}
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(1, 1, 99, batch.Runnable), event(2, 0, 1, batch.Starting)}}
		var a, b sink
		bus := o.bus(a.sink(), b.sink())
		defer start(t, bus)()
		synctest.Wait()
		same(t, "events", []string{"1/0:RUNNABLE", "1/0:STARTING"}, a.got)
		same(t, "events of the other sink", a.got, b.got)
		same(t, "the mark", []core.Mark{{Round: 2, Index: 1}}, o.marks)

		change(func() { o.events = append(o.events, event(3, 0, 1, batch.Succeeded)) })
		synctest.Wait()
		same(t, "without being told", 2, len(a.got))
		bus.Wake()
		synctest.Wait()
		same(t, "events", []string{"1/0:RUNNABLE", "1/0:STARTING", "1/0:SUCCEEDED"}, a.got)
		same(t, "what is left", 0, len(o.events))
	})
}

// TestBroken breaks a sink for an hour: it is asked rarely, and nothing gets lost
// or out of order.
func TestBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(2, 0, 1, batch.Starting), event(3, 0, 1, batch.Failed)}}
		a, b := sink{}, sink{broken: true}
		defer start(t, o.bus(a.sink(), b.sink()))()
		pass(time.Hour)
		if b.tries < 100 || b.tries > 140 {
			t.Errorf("a broken sink was asked %d times in an hour", b.tries)
		}
		same(t, "removed events", 0, len(o.marks))
		same(t, "what the other sink has", 3, len(a.got))
		change(func() { b.broken, b.most = false, 1 })
		pass(time.Minute)
		want := []string{"1/0:RUNNABLE", "1/0:STARTING", "1/0:FAILED"}
		same(t, "events", want, b.got)
		same(t, "events of the sink that works", want, a.got)
		same(t, "what is left", 0, len(o.events))
	})
}

// TestPace breaks one of two sinks: the other one gets what comes meanwhile, and
// nothing is removed that the first does not have.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable)}}
		a, b := sink{}, sink{broken: true}
		bus := o.bus(a.sink(), b.sink())
		defer start(t, bus)()
		want := []string{"1/0:RUNNABLE"}
		for round := int64(2); round < 400; round++ { // more than are read at a time
			pass(time.Second)
			change(func() { o.events = append(o.events, event(round, 0, 1, batch.Starting)) })
			bus.Wake()
			want = append(want, "1/0:STARTING")
		}
		pass(time.Second)
		same(t, "events of the sink that works", want, a.got)
		same(t, "removed events", 0, len(o.marks))
		change(func() { b.broken = false })
		pass(time.Minute)
		same(t, "events of the sink that was broken", want, b.got)
		same(t, "what is left", 0, len(o.events))
	})
}

// TestRefused has a webhook refuse one event for ever, and be away now and then.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		taken := map[string]time.Duration{}
		hook, err := bus.Webhook("http://far/", roundTripper(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			switch since := time.Since(began); {
			case err != nil:
				return nil, err
			case int(since.Hours())%5 == 4:
				return answer(http.StatusServiceUnavailable), nil
			case string(body) == "2/0:RUNNABLE":
				return answer(http.StatusUnprocessableEntity), nil
			default:
				taken[string(body)] = since
				return answer(http.StatusOK), nil
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(2, 0, 2, batch.Runnable), event(3, 0, 3, batch.Runnable)}}
		defer start(t, o.bus(hook))()
		pass(48 * time.Hour)
		same(t, "events before it", time.Duration(0), taken["1/0:RUNNABLE"])
		if at := taken["3/0:RUNNABLE"]; at < 24*time.Hour || at > 26*time.Hour {
			t.Errorf("the event behind it was delivered after %v", at)
		}
		same(t, "how many were taken", 2, len(taken))
		same(t, "what is left", 0, len(o.events))
	})
}

// TestRestart stops the bus before it could say what is delivered: that comes again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(2, 0, 1, batch.Failed)}}
		var a sink
		broken := sink{broken: true}
		stop := start(t, o.bus(a.sink(), broken.sink()))
		time.Sleep(time.Minute)
		stop()
		same(t, "events", []string{"1/0:RUNNABLE", "1/0:FAILED"}, a.got)
		stop = start(t, o.bus(a.sink()))
		synctest.Wait()
		stop()
		same(t, "events with those that came again", []string{"1/0:RUNNABLE", "1/0:FAILED", "1/0:RUNNABLE", "1/0:FAILED"}, a.got)
	})
}

// TestStoreFails lets reading, and saying what is delivered, fail for a while.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable)}, fail: errors.New("no space")}
		var a sink
		defer start(t, o.bus(a.sink()))()
		pass(time.Minute)
		same(t, "events while the outbox cannot be read", 0, len(a.got))
		change(func() { o.fail = nil })
		pass(time.Minute)
		same(t, "events", []string{"1/0:RUNNABLE"}, a.got)
	})
}

// TestChildren takes an event of many children apart, some at a time, and goes on
// where it was.
func TestChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		array := event(1, 1, 7, batch.Runnable)
		array.Row.Children = depend.Union(depend.Of(2, 152), depend.Of(200, 300))
		array.Done = 10
		o := &outbox{events: []core.Event{event(1, 0, 7, batch.Pending), array, event(2, 0, 8, batch.Runnable)}}
		var a sink
		defer start(t, o.bus(a.sink()))()
		synctest.Wait()
		want := []string{"7/0:PENDING"}
		for i := 12; i < 300; i++ {
			if i < 152 || i >= 200 {
				want = append(want, fmt.Sprintf("7/%d:RUNNABLE", i+1))
			}
		}
		same(t, "events", append(want, "8/0:RUNNABLE"), a.got)
		same(t, "marks", []core.Mark{
			{Round: 1, Index: 1, Children: 109}, {Round: 1, Index: 1, Children: 209}, {Round: 2, Index: 1},
		}, o.marks)
	})
}

func TestNoSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(9, 0, 1, batch.Failed)}}
		defer start(t, o.bus())()
		synctest.Wait()
		same(t, "what is left", 0, len(o.events))
	})
}

// far answers requests as it is told to.
type far struct {
	bodies []string
	answer func(n int) (*http.Response, error)
}

func (f *far) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.bodies = append(f.bodies, r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(body))
	return f.answer(len(f.bodies))
}

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader("…")), Header: http.Header{"Location": {"http://else/"}}}
}

func TestWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(n int) (*http.Response, error) {
			switch n {
			case 1, 6:
				return answer(http.StatusAccepted), nil
			case 2:
				return nil, errors.New("connection refused")
			case 3:
				return answer(http.StatusInternalServerError), nil
			case 4:
				return answer(http.StatusTemporaryRedirect), nil
			case 5:
				return answer(http.StatusGone), nil
			default:
				return answer(http.StatusOK), nil
			}
		}}
		hook, err := bus.Webhook("http://far/events", f)
		if err != nil {
			t.Fatal(err)
		}
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable), event(2, 0, 1, batch.Starting), event(3, 0, 1, batch.Failed)}}
		defer start(t, o.bus(hook))()
		pass(time.Hour)
		post := "POST http://far/events application/json "
		same(t, "requests", []string{
			post + "1/0:RUNNABLE", post + "1/0:STARTING", post + "1/0:STARTING", post + "1/0:STARTING", post + "1/0:STARTING", post + "1/0:STARTING", post + "1/0:FAILED",
		}, f.bodies)
		same(t, "what is left", 0, len(o.events))
	})
}

// TestWebhookHangs stops the bus while the other side does not answer.
func TestWebhookHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, err := bus.Webhook("https://far/", roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		if err != nil {
			t.Fatal(err)
		}
		o := &outbox{events: []core.Event{event(1, 0, 1, batch.Runnable)}}
		stop := start(t, o.bus(hook))
		time.Sleep(10 * time.Minute)
		stop()
		same(t, "what is left", 1, len(o.events))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWebhookAddress(t *testing.T) {
	for _, bad := range []string{"", "far", "ftp://far/", "http://", "http://me:secret@far/%zz"} {
		if _, err := bus.Webhook(bad, nil); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if s, err := bus.Webhook("http://me:secret@far/", nil); err != nil || strings.Contains(s.Name, "secret") {
		t.Errorf("%v, the sink's name is %s", err, s.Name)
	}
}

func lines(events ...string) (out [][]byte) {
	for _, e := range events {
		out = append(out, []byte(e))
	}
	return out
}
