package core

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// lab runs a state in virtual time, with instances that boot and jobs that take
// the time that they are said to.
type lab struct {
	t      failer
	s      *State
	now    batch.Instant
	out    Output
	events []labEvent // the next one first
	jobs   uint64
	takes  map[batch.JobID]batch.Instant
	// boot answers a launch: with how long it takes, or with a failure.
	boot   func(Launch) (after batch.Instant, failed *LaunchFailed)
	always func() // called after every step

	used, paid int64 // vCPU-milliseconds that jobs had, and that there were
	turns      int   // reversals: from launching to terminating and back
	grew       int   // 1 after a launch, -1 after a termination
	decisions  []Decision
	states     map[int64]HostState
	failed     int // attempts that ended because of their host
}

type labEvent struct {
	at batch.Instant
	do func()
}

// failer is a test, or a property of one.
type failer interface {
	Fatalf(format string, args ...any)
}

func newLab(t failer) *lab {
	return &lab{
		t: t, s: NewState(), takes: make(map[batch.JobID]batch.Instant), states: make(map[int64]HostState),
		boot: func(Launch) (batch.Instant, *LaunchFailed) { return 60_000, nil },
	}
}

func (l *lab) after(d batch.Instant, do func()) {
	e := labEvent{l.now + d, do}
	at, _ := slices.BinarySearchFunc(l.events, e, func(a, b labEvent) int { return cmp.Or(cmp.Compare(a.at, b.at), -1) })
	l.events = slices.Insert(l.events, at, e)
}

// step steps an input and what follows from it at once.
func (l *lab) step(in Input) {
	l.out.Reset()
	if err := l.s.Step(l.now, in, &l.out); err != nil {
		l.t.Fatalf("at %d s: %#v: %v", l.now/1000, in, err)
	}
	for n := 0; l.s.Place(l.now, 1000, &l.out); n++ {
		if n > 1000 {
			l.t.Fatalf("at %d s it never rests", l.now/1000)
		}
	}
	l.obey()
	if l.always != nil {
		l.always()
	}
}

func (l *lab) obey() {
	for _, c := range l.out.Changes {
		switch c := c.(type) {
		case DecisionPut:
			l.decide(c.Row)
		case HostPut:
			l.states[c.Row.ID] = c.Row.State
		case AttemptPut:
			if c.Row.ExitCode == nil {
				l.failed++
			}
		}
	}
	for _, e := range l.out.Effects {
		switch e := e.(type) {
		case Start:
			l.after(l.takes[e.Attempt.Job.ID], func() {
				code := int32(0)
				l.step(AttemptEnded{Attempt: e.Attempt, StartedAt: l.now, StoppedAt: l.now, ExitCode: &code})
			})
		case Stop:
			l.after(1000, func() { l.step(AttemptEnded{Attempt: e.Attempt, StoppedAt: l.now}) })
		case Launch:
			d, failed := l.boot(e)
			if d < 0 {
				continue // it never answers
			}
			l.after(d, func() {
				if failed != nil {
					failed.Environment, failed.Host = e.Environment, e.Host
					l.step(*failed)
				} else if h := l.s.hosts[e.Host]; h != nil {
					l.step(HostSeen{Environment: e.Environment, Host: e.Host, Name: "i-" + e.Type + string(rune('a'+e.Host)), Capacity: h.Capacity})
				}
			})
		case TerminateHost:
			if h := l.s.hosts[e.Host]; h != nil && len(h.live) > 0 {
				l.t.Fatalf("at %d s host %d is terminated and holds jobs", l.now/1000, e.Host)
			}
			l.after(1000, func() { l.step(HostLost{Environment: e.Environment, Host: e.Host}) })
		}
	}
}

func (l *lab) decide(d Decision) {
	l.decisions = append(l.decisions, d)
	grew := 1
	if d.Ended > 0 {
		grew = -1
	}
	if l.grew == -grew {
		l.turns++
	}
	l.grew = grew
}

// run lets time pass.
func (l *lab) run(until batch.Instant) {
	for l.now < until {
		next := until
		if len(l.events) > 0 {
			next = min(next, l.events[0].at)
		}
		at, due := l.s.NextDeadline()
		if due {
			next = min(next, at)
		}
		next = max(next, l.now)
		for _, e := range l.s.environmentList {
			if e.fleet != nil {
				l.used += e.used / 1000 * int64(next-l.now)
				l.paid += (e.fleet.have + e.fleet.draining) / 1000 * int64(next-l.now)
			}
		}
		l.now = next
		if due && at <= l.now {
			l.step(Tick{})
		}
		for len(l.events) > 0 && l.events[0].at <= l.now {
			e := l.events[0]
			l.events = l.events[1:]
			e.do()
		}
	}
}

// submit adds a job that takes some time.
func (l *lab) submit(queue string, need batch.Resources, takes batch.Instant) {
	l.jobs++
	var id batch.JobID
	binary.BigEndian.PutUint64(id[8:], l.jobs)
	l.takes[id] = takes
	l.step(Submit{ID: id, Queue: queue, Needs: need, MaxAttempts: 3})
}
