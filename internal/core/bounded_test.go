package core

import (
	"fmt"
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// TestBounded has one input touch ten thousand jobs, in each way that there is.
// No call makes more than a few slices of changes, and the work goes on with the
// next one, also if the server is started again in between.
func TestBounded(t *testing.T) {
	t.Parallel()
	const many = 10_000
	one := batch.JobID{0: 1}
	fail := func(ref batch.JobRef) AttemptEnded {
		return AttemptEnded{Attempt: batch.AttemptID{Job: ref, Number: 1}, StatusReason: "Essential container in task exited"}
	}
	job := func(n int, on ...Dependency) Submit {
		return Submit{ID: batch.JobID{0: 1, 14: byte(n >> 8), 15: byte(n)}, Queue: "q", MaxAttempts: 1, Needs: batch.Resources{MilliVCPU: 1000}, DependsOn: on}
	}
	array := func(n int, on ...Dependency) Submit {
		in := job(n, on...)
		in.Size = many
		return in
	}
	each := Dependency{Job: batch.JobRef{ID: one}, NToN: true}
	first := batch.JobRef{ID: one}
	for _, c := range []struct {
		name  string
		room  int64 // vCPUs of the host
		setUp []Input
		touch []Input
	}{
		{
			"many depend on one", 1, append([]Input{job(0)}, inputs(many, func(n int) Input { return job(n+1, Dependency{Job: first}) })...),
			[]Input{fail(first)},
		},
		{
			"each depends on the one before", 1, append([]Input{job(0)}, inputs(many, func(n int) Input {
				return job(n+1, Dependency{Job: batch.JobRef{ID: job(n).ID}})
			})...),
			[]Input{fail(first)},
		},
		{"an array that runs is terminated, and another one waits for it", many, []Input{array(0), array(1, each)}, []Input{Terminate{Job: first}}},
		{"a host is lost with an array, and another one waits for it", many, []Input{array(0), array(1, each)}, []Input{HostLost{Environment: 1, Name: "h"}}},
		{
			"children that wait are cancelled one by one, and then what they wait for", 1,
			append([]Input{array(0), array(1, each)}, inputs(many, func(n int) Input { return Cancel{Job: batch.ChildRef(array(1).ID, n), Reason: "x"} })...),
			[]Input{Cancel{Job: first}, fail(batch.ChildRef(one, 0))},
		},
		{
			"an array of which half is lost", many / 2,
			[]Input{array(0), array(1, each)},
			append(inputs(many/2, func(n int) Input { return fail(batch.ChildRef(one, n)) }), Terminate{Job: first}, Terminate{Job: batch.JobRef{ID: array(1).ID}}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := &bounded{t: t, world: w}
			b.step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: many * 1000})
			b.step(CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
			b.step(HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: c.room * 1000, MemoryMiB: batch.Unlimited}})
			for _, in := range c.setUp {
				b.step(in)
				b.placeAll()
			}
			stopped := len(b.stops)
			for _, in := range c.touch {
				b.step(in)
			}
			for b.place(2000) {
				b.reload()
			}
			for _, a := range b.stops[stopped:] {
				b.step(AttemptEnded{Attempt: a, StatusReason: "Essential container in task exited"})
			}
			for b.place(2000) {
				b.reload()
			}
			if c.room > 1 {
				b.reload()
			}
			if n := w.s.Jobs(); n != 0 {
				t.Errorf("%d jobs are left", n)
			}
		})
	}
}

func inputs(n int, make func(int) Input) (list []Input) {
	for i := range n {
		list = append(list, make(i))
	}
	return list
}

// bounded watches how much each call does.
type bounded struct {
	*world
	t     *testing.T
	stops []batch.AttemptID
}

func (b *bounded) step(in Input) {
	b.t.Helper()
	b.now++
	b.out.Reset()
	if err := b.s.Step(b.now, in, &b.out); err != nil {
		b.t.Fatalf("%+v: %v", in, err)
	}
	b.took(fmt.Sprintf("%T", in))
}

func (b *bounded) place(budget int) (more bool) {
	b.t.Helper()
	b.out.Reset()
	more = b.s.Place(b.now, budget, &b.out)
	b.took("Place")
	return more
}

func (b *bounded) placeAll() {
	for b.place(1000) {
	}
}

func (b *bounded) took(what string) {
	b.t.Helper()
	if n := len(b.out.Changes) + len(b.out.Effects); n > 8*maxSlice {
		b.t.Errorf("%s has made %d changes and effects", what, n)
	}
	for _, c := range b.out.Changes {
		b.rows.apply(c)
	}
	for _, e := range b.out.Effects {
		if stop, ok := e.(Stop); ok {
			b.stops = append(b.stops, stop.Attempt)
		}
	}
}

// reload is a restart.
func (b *bounded) reload() {
	b.t.Helper()
	s, err := b.rows.load(b.s.last)
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Fingerprint() != b.s.Fingerprint() {
		b.t.Error("the loaded state differs from the one that was stored")
	}
	b.s = s
}
