package simulate

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/heap"
)

const (
	// placeBudget is the engine's.
	placeBudget = 1024
	// maxShares is how many share identifiers may be active in a queue.
	maxShares = 1 << 20
	// patience is how long a run goes on, in milliseconds, when nothing but
	// deadlines is to come.
	patience = 24 * 3_600_000
)

// run is a scenario under way.
type run struct {
	scenario Scenario
	state    *core.State
	out      core.Output
	now      batch.Instant

	events  heap.Heap[*event] // what the machine and the faults do later
	made    int64             // events
	arrived int               // jobs
	inbox   []core.Input      // reports of this moment
	ended   int               // jobs

	lastEvent batch.Instant // the last moment before which something else than deadlines was to come

	machine machine
	meter   meter

	// commit, where it is set, is given the changes of every round and returns
	// the state to go on with.
	commit  func(changes []core.Change) *core.State
	changes []core.Change // of this round
	group   int           // how many jobs are submitted in a round at the most; zero for all of a moment
}

// event is something to do later.
type event struct {
	at    batch.Instant
	order int64
	do    func()
	place int32
}

// jobID is the id of a job of the scenario.
func jobID(index int) (id batch.JobID) {
	binary.BigEndian.PutUint64(id[8:], uint64(index)+1)
	return id
}

func jobIndex(id batch.JobID) int { return int(binary.BigEndian.Uint64(id[8:])) - 1 }

func newRun(s Scenario) *run {
	r := &run{
		scenario: s, state: core.NewState(), now: Epoch,
		events: heap.New(func(a, b *event) bool {
			if a.at != b.at {
				return a.at < b.at
			}
			return a.order < b.order
		}, func(e *event) *int32 { return &e.place }),
	}
	r.machine.init(r)
	r.meter.init(s)
	return r
}

// Run carries the scenario out.
func Run(s Scenario) (*Result, error) {
	r := newRun(s)
	if err := r.carryOut(); err != nil {
		return nil, err
	}
	r.machine.closeBooks()
	result := r.meter.result()
	result.Starts = r.meter.list()
	return result, nil
}

func (r *run) carryOut() error {
	if err := r.setUp(); err != nil {
		return err
	}
	for {
		if err := r.moment(); err != nil {
			return err
		}
		next, ok := r.next()
		if !ok {
			break
		}
		r.now = next
		r.meter.pass(next)
	}
	if left := len(r.scenario.Jobs) - r.ended; left > 0 {
		return fmt.Errorf("%d jobs never end: %s", left, r.why())
	}
	return nil
}

// setUp makes what jobs need.
func (r *run) setUp() error {
	for i := range r.scenario.Environments {
		e := &r.scenario.Environments[i]
		if err := r.step(core.CreateEnvironment{Name: e.Name, Enabled: true, MaxVCPU: e.Capacity.MilliVCPU, Fleet: e.Fleet}); err != nil {
			return fmt.Errorf("environment %s: %w", e.Name, err)
		}
	}
	for i := range r.scenario.Queues {
		q := &r.scenario.Queues[i]
		in := core.CreateQueue{Name: q.Name, Enabled: true, Priority: q.Priority, Environments: q.Environments}
		in.Settings.Backfill = q.Backfill
		if q.Fair != nil {
			in.SchedulingPolicy = q.Name
			if err := r.step(core.CreateSchedulingPolicy{Name: q.Name, Fair: q.Fair}); err != nil {
				return fmt.Errorf("fair shares of queue %s: %w", q.Name, err)
			}
		}
		if err := r.step(in); err != nil {
			return fmt.Errorf("queue %s: %w", q.Name, err)
		}
	}
	for _, f := range r.scenario.Faults {
		r.after(f.At, func() { r.machine.fault(f) })
	}
	return nil
}

// after has something done so many milliseconds later.
func (r *run) after(ms int64, do func()) {
	r.made++
	r.events.Push(&event{at: r.now + batch.Instant(ms), order: r.made, do: do})
}

// next is the next moment at which anything happens.
func (r *run) next() (at batch.Instant, ok bool) {
	if e, some := r.events.Min(); some {
		at, ok = e.at, true
	}
	if r.arrived < len(r.scenario.Jobs) {
		if next := Epoch + batch.Instant(r.scenario.Jobs[r.arrived].Submit); !ok || next < at {
			at, ok = next, true
		}
	}
	if r.ended == len(r.scenario.Jobs) {
		return 0, false // what is left are faults, and shares that fade
	}
	if ok {
		r.lastEvent = r.now
	}
	// With nothing else to come, time alone may still bring instances, and start
	// what has paused. It does so soon, or never.
	if due, some := r.state.NextDeadline(); some && (!ok || due < at) && (ok || due < r.lastEvent+patience) {
		at, ok = due, true
	}
	return max(at, r.now), ok
}

// moment lets happen what happens now, round by round, until nothing more does.
// Ends come before jobs that are submitted.
func (r *run) moment() error {
	for {
		for e, some := r.events.Min(); some && e.at <= r.now; e, some = r.events.Min() {
			r.events.Remove(e)
			e.do()
		}
		if err := r.report(); err != nil {
			return err
		}
		// An attempt that ends as its time is up has ended by itself.
		if at, ok := r.state.NextDeadline(); ok && at <= r.now {
			if err := r.step(core.Tick{}); err != nil {
				return err
			}
		}
		if err := r.report(); err != nil {
			return err
		}
		if err := r.arrive(); err != nil {
			return err
		}
		more := r.place()
		if !more && !r.due() {
			return nil
		}
	}
}

// due reports whether more happens at this moment.
func (r *run) due() bool {
	if len(r.inbox) > 0 || r.arrived < len(r.scenario.Jobs) && Epoch+batch.Instant(r.scenario.Jobs[r.arrived].Submit) <= r.now {
		return true
	}
	if e, ok := r.events.Min(); ok && e.at <= r.now {
		return true
	}
	at, ok := r.state.NextDeadline()
	return ok && at <= r.now
}

// report steps what the machine has to say, and what it says to the answer.
func (r *run) report() error {
	for len(r.inbox) > 0 {
		inbox := r.inbox
		r.inbox = nil
		for _, in := range inbox {
			if err := r.step(in); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) arrive() error {
	for n := 0; r.arrived < len(r.scenario.Jobs) && (r.group == 0 || n < r.group); n++ {
		j := &r.scenario.Jobs[r.arrived]
		if Epoch+batch.Instant(j.Submit) > r.now {
			return nil
		}
		q := &r.scenario.Queues[j.Queue]
		in := core.Submit{
			ID: jobID(r.arrived), Queue: q.Name, Definition: 1, Needs: j.Needs, MaxAttempts: j.Attempts,
			TimeoutSeconds: j.Limit, New: core.NewJob{Name: j.Name},
		}
		if q.Fair != nil {
			in.Fair = &core.FairJob{Share: j.Share, Priority: j.Priority, MaxShares: maxShares}
			in.New.Share = j.Share
		}
		if j.Nodes > 0 {
			in.Gang = &core.Gang{Size: j.Nodes, Groups: []core.NodeGroup{{Needs: j.Needs}}}
		}
		r.meter.submitted(r.now, r.arrived)
		r.arrived++
		if err := r.step(in); err != nil {
			return fmt.Errorf("job %s: %w", j.Name, err)
		}
	}
	return nil
}

func (r *run) step(in core.Input) error {
	r.out.Reset()
	if err := r.state.Step(r.now, in, &r.out); err != nil {
		return err
	}
	r.take()
	return nil
}

func (r *run) place() (more bool) {
	r.out.Reset()
	more = r.state.Place(r.now, placeBudget, &r.out)
	r.take()
	if r.commit != nil {
		r.state, r.changes = r.commit(r.changes), nil
	}
	return more
}

// take carries out what a call has decided.
func (r *run) take() {
	for _, c := range r.out.Changes {
		switch c := c.(type) {
		case core.HostPut:
			r.machine.see(c.Row)
		case core.JobPut:
			if c.Row.Ref.Child < 0 {
				continue // a node's job says all
			}
			r.meter.see(r.now, &c.Row, r.machine.environment(c.Row.Host))
			if c.Row.State.Terminal() {
				r.ended++
			}
		}
	}
	if r.commit != nil {
		r.changes = append(r.changes, r.out.Changes...)
	}
	for _, e := range r.out.Effects {
		switch e := e.(type) {
		case core.Start:
			r.machine.start(e)
		case core.Stop:
			r.machine.stop(e.Attempt)
		case core.Scale:
			r.machine.scale(e)
		case core.Launch:
			r.machine.launch(e)
		case core.TerminateHost:
			r.machine.terminate(e)
		case core.Attach:
		}
	}
}

// why is what the core says of the first job that has not ended.
func (r *run) why() string {
	i := slices.IndexFunc(r.meter.jobs, func(j measured) bool { return !j.over })
	ref := batch.JobRef{ID: jobID(i)}
	text := "job " + r.scenario.Jobs[i].Name + " waits"
	if w := r.state.Why(ref)[ref]; w.Head != nil {
		for _, o := range w.Head.Environments {
			text += fmt.Sprintf(", %s: %s", o.Environment, o.Limit)
		}
	}
	return text
}
