package sim

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
)

// Options shape a run.
type Options struct {
	Seed  uint64
	Turns int  // of the server, before the faults cease
	Calm  bool // no faults at all
	// Group is the largest number of inputs that are stepped together; zero
	// means all that there are.
	Group int
}

// World is one run.
type World struct {
	o   Options
	rng *rand.Rand
	now batch.Instant

	events eventHeap
	serial int // breaks ties of events

	store *memory.Store
	rows  map[int64]core.JobRow // as committed, by Seq
	calm  bool

	rounds *engine.Rounds // nil while the server is down
	life   int            // counts the server's starts
	inbox  []engine.Call
	flight *engine.Round // sealed, not committed
	filled *engine.Round

	sealed map[int64]uint64 // the state's fingerprint as of each sealed round

	machine machine
	cloud   cloud
	clients clients
	public  audience
	errs    []error
	stats   Stats
}

// Stats tell what a run was made of.
type Stats struct {
	Jobs, Attempts, Crashes, Failures, Rounds int
	// Late are submits that depended on what had ended, Dependent are attempts
	// of jobs that depend on others, Lost are jobs that failed with one.
	Late, Dependent, Lost int
	Losses                int // of hosts
	Interrupted           int // instances, with a notice
	Instances             int // that were launched
	Priced                int // attempts that had a price
	Blocked               int // jobs that a time limit at the head of a queue has ended
	// Events were told for the first time, Repeated after that.
	Events, Repeated int
	End              batch.Instant
}

// Run makes a world and runs it to its end. The error says which invariant broke
// first.
func Run(o Options) (Stats, error) {
	w := &World{
		o: o, rng: rand.New(rand.NewPCG(o.Seed, 1)), now: 1_700_000_000_000, store: memory.New(),
		rows: make(map[int64]core.JobRow), sealed: make(map[int64]uint64), calm: o.Calm,
	}
	w.machine.init(w)
	w.cloud = cloud{w: w, instances: make(map[int64]*instance)}
	w.clients.init(w)
	w.public.init(w)
	w.boot()
	w.clients.setUp()
	for turn := 0; turn < o.Turns && len(w.errs) == 0; turn++ {
		w.turn()
	}
	w.calm = true
	w.store.Fill(false)
	w.store.Fail(memory.None)
	w.store.Lazy(false)
	w.clients.stop()
	for turn := 0; (!w.clients.finished() || !w.public.done()) && len(w.errs) == 0; turn++ {
		if turn > 100*o.Turns+10_000 {
			w.bad("jobs are left that never end")
			break
		}
		w.turn()
	}
	w.stats.End = w.now
	w.checkAcknowledged()
	w.checkCosts()
	w.public.checkAll()
	return w.stats, errors.Join(w.errs...)
}

func (w *World) bad(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("at %d: %w", w.now, fmt.Errorf(format, args...)))
}

// chance is true once in n times, and never when the world is calm.
func (w *World) chance(n int) bool { return !w.calm && w.rng.IntN(n) == 0 }

func (w *World) after(ms int64, do func()) {
	w.serial++
	heap.Push(&w.events, event{at: w.now + batch.Instant(ms), serial: w.serial, do: do})
}

// turn lets the next thing happen: events that are due, or time passing.
func (w *World) turn() {
	if w.rounds == nil {
		w.boot()
	}
	if len(w.inbox) == 0 && w.flight == nil && !w.rounds.More() && w.filled.Empty() {
		w.pass()
	}
	for len(w.events) > 0 && w.events[0].at <= w.now {
		heap.Pop(&w.events).(event).do()
	}
	w.serve()
	if w.chance(40) {
		w.crash()
	}
}

// pass moves the clock to the next event or deadline.
func (w *World) pass() {
	next, ok := w.rounds.NextWake()
	if len(w.events) > 0 && (!ok || w.events[0].at < next) {
		next, ok = w.events[0].at, true
	}
	if ok && next > w.now {
		w.now = next
	}
	if w.chance(50) {
		w.now += batch.Instant(w.rng.Int64N(600_000)) // the clock jumps
	}
}

// boot starts the server from what is stored.
func (w *World) boot() {
	if !w.load() {
		return
	}
	w.life++
	w.filled, w.flight, w.inbox = w.rounds.New(), nil, nil
	w.rounds.Resume(w.filled)
	w.machine.serverBack()
	w.public.serverBack()
}

// load rebuilds the state, which must be that of the last commit.
func (w *World) load() bool {
	l := core.NewLoader()
	last, err := w.store.Load(context.Background(), l)
	if err != nil {
		w.bad("load: %w", err)
		return false
	}
	s, err := l.State()
	if err != nil {
		w.bad("load: %w", err)
		return false
	}
	if want, ok := w.sealed[last]; ok && s.Fingerprint() != want {
		w.bad("the state loaded after round %d is not the one that was committed", last)
	}
	w.rounds = engine.NewRounds(s, last, true)
	return true
}

// crash kills the server: what was not committed is forgotten, and nobody gets
// an answer.
func (w *World) crash() {
	w.stats.Crashes++
	w.rounds, w.inbox, w.flight = nil, nil, nil
}

// serve is what the engine's loop does, with a commit that takes its time.
func (w *World) serve() {
	if w.rounds == nil {
		return
	}
	n := len(w.inbox)
	if w.o.Group > 0 {
		n = min(n, w.o.Group)
	}
	rest := w.rounds.Fill(w.filled, w.now, w.inbox[:n])
	w.inbox = append(append([]engine.Call{}, rest...), w.inbox[n:]...)
	w.checkState()
	if w.flight != nil && !w.chance(3) {
		w.commit()
	}
	if w.rounds == nil || w.flight != nil || w.filled.Empty() {
		return
	}
	if w.rounds.Seal(w.filled) {
		w.flight = w.filled
		w.sealed[w.flight.Number] = w.rounds.State.Fingerprint()
	} else {
		w.filled.Release(w.sinks())
	}
	w.filled = w.rounds.New()
}

func (w *World) commit() {
	if w.chance(60) {
		w.store.Fail([]memory.Fault{memory.BeforeApply, memory.AfterApply}[w.rng.IntN(2)])
	}
	if w.chance(200) {
		w.store.Fill(true)
		w.after(w.rng.Int64N(5000), func() { w.store.Fill(false) })
	}
	if w.chance(40) { // before the commit
		w.crash()
		return
	}
	r := w.flight
	err := w.store.Commit(context.Background(), r.Round)
	if err != nil {
		w.stats.Failures++
		w.reload(r)
		return
	}
	w.committed(r.Round)
	if w.chance(40) { // after the commit, before anybody hears of it
		w.crash()
		return
	}
	w.flight = nil
	r.Release(w.sinks())
}

// reload is what the engine does after a failed commit.
func (w *World) reload(r *engine.Round) {
	refusal := batch.Errorf(batch.Unavailable, "not stored")
	filled := w.filled
	if !w.load() {
		return
	}
	w.flight = nil
	var reports []engine.Call
	if w.rounds.Last() == r.Number {
		w.committed(r.Round)
		r.Release(w.sinks())
	} else {
		reports = r.Refuse(refusal)
	}
	reports = append(reports, filled.Refuse(refusal)...)
	w.inbox = append(reports, w.inbox...)
	w.filled = w.rounds.New()
	w.rounds.Resume(w.filled)
}

func (w *World) committed(r store.Round) {
	w.stats.Rounds++
	w.public.committed(r)
	for _, c := range r.Changes {
		if p, ok := c.(core.JobPut); ok {
			w.checkEdge(p.Row)
			w.rows[p.Row.Seq] = p.Row
		}
	}
}

func (w *World) sinks() engine.Sinks {
	return engine.Sinks{
		Start:  func(e core.Start) { w.machine.start(e) },
		Attach: func(e core.Attach) { w.machine.attach(e) },
		Stop:   func(e core.Stop) { w.machine.stop(e.Attempt) },
		Scale:  func(e core.Scale) { w.machine.scale(e) },
		Launch: func(e core.Launch) { w.cloud.launch(e) }, TerminateHost: func(e core.TerminateHost) { w.cloud.terminate(e) },
		Events: w.public.wake,
	}
}

// event is something that happens at a moment.
type event struct {
	at     batch.Instant
	serial int
	do     func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].serial < h[j].serial
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
