package storetest

import (
	"context"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// world drives a real core and commits what it decides.
type world struct {
	t      tb
	stores []store.Store
	state  *core.State
	now    batch.Instant
	round  int64
	out    core.Output
	live   []batch.AttemptID // told to start and not reported as ended
}

func newWorld(t tb, stores ...store.Store) *world {
	return &world{t: t, stores: stores, state: core.NewState(), now: 1_700_000_000_000}
}

// do steps inputs that the core has to accept and commits them in one round.
func (w *world) do(inputs ...core.Input) {
	w.t.Helper()
	for _, in := range inputs {
		if err := w.step(in); err != nil {
			w.t.Fatalf("%T: %v", in, err)
		}
	}
	w.commit()
}

func (w *world) step(in core.Input) *batch.Error {
	w.now++
	return w.state.Step(w.now, in, &w.out)
}

// place starts what has room and commits it.
func (w *world) place(budget int) {
	w.t.Helper()
	w.state.Place(w.now, budget, &w.out)
	w.commit()
}

// commit commits the changes so far as a round.
func (w *world) commit() {
	w.t.Helper()
	for _, e := range w.out.Effects {
		if start, ok := e.(core.Start); ok {
			w.live = append(w.live, start.Attempt)
		}
	}
	w.round++
	changes := collapse(w.out.Changes)
	for _, s := range w.stores {
		commit(w.t, s, w.round, changes...)
	}
	w.out.Reset()
}

// collapse leaves the last change of each row, as the engine does.
func collapse(changes []core.Change) []core.Change {
	type key struct {
		table string
		id    int64
	}
	at := make(map[key]int)
	out := make([]core.Change, 0, len(changes))
	for _, c := range changes {
		var k key
		switch c := c.(type) {
		case core.JobPut:
			k = key{"job", c.Row.Seq}
		case core.HostPut:
			k = key{"host", c.Row.ID}
		default:
			out = append(out, c)
			continue
		}
		i, had := at[k]
		if !had {
			at[k] = len(out)
			out = append(out, c)
			continue
		}
		if put, ok := c.(core.JobPut); ok && put.New == nil {
			put.New = out[i].(core.JobPut).New
			c = put
		}
		out[i] = c
	}
	return out
}

// load returns the state that a restart would find in the store.
func (w *world) load(s store.Store) *core.State {
	w.t.Helper()
	l := core.NewLoader()
	round, err := s.Load(context.Background(), l)
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	if round != w.round {
		w.t.Fatalf("the store was loaded at round %d, committed are %d", round, w.round)
	}
	state, err := l.State()
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	return state
}

// check compares what each store loads with the live state.
func (w *world) check() {
	w.t.Helper()
	for i, s := range w.stores {
		if loaded := w.load(s); loaded.Fingerprint() != w.state.Fingerprint() {
			w.t.Fatalf("store %d: the state loaded (%d jobs) is not the live one (%d jobs)", i, loaded.Jobs(), w.state.Jobs())
		}
	}
}

// set up makes an environment "e", a queue "q" on it and, with room for that
// many vCPUs, a host.
func (w *world) setUp(vcpus int64) {
	w.t.Helper()
	w.do(core.CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 256_000, Spec: []byte(`{"e":1}`)},
		core.CreateQueue{Name: "q", Enabled: true, Priority: 5, Environments: []string{"e"}, Spec: []byte(`{"q":1}`)},
		core.RegisterDefinition{Name: "d", Spec: []byte(`{"d":1}`)},
		core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 1000 * vcpus, MemoryMiB: 1 << 30}})
}

// submission is a job of one vCPU, or an array.
func submission(n byte, size int32) core.Submit {
	return core.Submit{
		ID: id(n), Queue: "q", Definition: 1, Needs: batch.Resources{MilliVCPU: 1000, MemoryMiB: 512}, Size: size,
		New: core.NewJob{Name: "job-" + string('a'+rune(n)), Spec: []byte{'{', n, '}'}},
	}
}

// claim is one of a few, or none where token is zero.
func claim(token, request byte) core.Claim {
	if token == 0 {
		return core.Claim{}
	}
	return core.Claim{Token: core.Digest{token}, Request: core.Digest{request}}
}

// end reports the end of the first attempt that is live.
func (w *world) end(exit int32) core.AttemptEnded {
	w.t.Helper()
	if len(w.live) == 0 {
		w.t.Fatalf("no attempt is live")
	}
	a := w.live[0]
	w.live = w.live[1:]
	return core.AttemptEnded{Attempt: a, StartedAt: w.now, StoppedAt: w.now + 1, ExitCode: &exit}
}
