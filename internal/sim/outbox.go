package sim

import (
	"context"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/store"
)

// audience delivers the events of the outbox, as the bus does, and is the one to
// whom they are delivered: that outlives the server.
type audience struct {
	w    *World
	busy bool
	owed map[eventName]bool // committed, and not told yet
	told map[eventName]bool
	last map[batch.JobRef]batch.JobState // the state told last
	ran  map[batch.JobRef]int32          // how often it was told to start
}

type eventName struct {
	round int64
	index int32
	child int32 // index, or -1
}

func (a *audience) init(w *World) {
	a.w = w
	a.owed, a.told = make(map[eventName]bool), make(map[eventName]bool)
	a.last, a.ran = make(map[batch.JobRef]batch.JobState), make(map[batch.JobRef]int32)
}

func (a *audience) serverBack() {
	a.busy = false
	a.wake()
}

// committed notes what there is to be told.
func (a *audience) committed(r store.Round) {
	index := int32(0)
	for _, c := range r.Changes {
		e, ok := c.(core.EventPut)
		if !ok {
			continue
		}
		name := eventName{r.Number, index, -1}
		if e.Row.Children == nil {
			a.owed[name] = true
		}
		for i := range e.Row.Children.All {
			name.child = i
			a.owed[name] = true
		}
		index++
	}
}

func (a *audience) wake() {
	if !a.busy {
		a.busy = true
		a.w.machine.soon(500, a.pump)
	}
}

// pump tells some events and has them removed, unless the server dies in between.
func (a *audience) pump() {
	w := a.w
	events, err := w.store.Outbox(context.Background(), core.Mark{}, 1+w.rng.IntN(20))
	if err != nil {
		w.bad("outbox: %w", err)
	}
	if a.busy = len(events) > 0; !a.busy {
		return
	}
	var mark core.Mark
	for _, e := range events {
		mark = e.After()
		if n := e.Row.Children.Len(); n > 1 && w.chance(3) {
			mark = core.Mark{Round: e.Round, Index: e.Index, Children: min(n, e.Done+1)}
		}
		a.tell(e, mark)
		if mark != e.After() {
			break
		}
	}
	w.inbox = append(w.inbox, engine.Call{Input: core.Delivered{Mark: mark}, Done: func(core.Reply, error) {
		w.machine.soon(500, a.pump)
	}})
}

// tell tells the event, of its children those before the mark.
func (a *audience) tell(e core.Event, mark core.Mark) {
	if e.Row.Children == nil {
		a.hear(eventName{e.Round, e.Index, -1}, e.Row.Ref, e.Row.State, e.Row.Kind)
		return
	}
	n := int32(0)
	for i := range e.Row.Children.All {
		if n++; n > e.Done && (mark == e.After() || n <= mark.Children) {
			a.hear(eventName{e.Round, e.Index, i}, batch.ChildRef(e.Row.Ref.ID, int(i)), e.Row.State, e.Row.Kind)
		}
	}
}

func (a *audience) hear(name eventName, ref batch.JobRef, state batch.JobState, kind core.EventKind) {
	if a.told[name] {
		a.w.stats.Repeated++
		return
	}
	if !a.owed[name] {
		a.w.bad("event %+v of job %s was told and not committed", name, ref)
	}
	a.told[name] = true
	delete(a.owed, name)
	a.w.stats.Events++
	if kind != core.StateChange {
		if a.last[ref] != state {
			a.w.bad("job %s is told to block its queue, %s, and was told to be %s", ref, state, a.last[ref])
		}
		return
	}
	before := a.last[ref]
	if !before.May(state) {
		a.w.bad("job %s is told to have gone from %s to %s", ref, before, state)
	}
	if a.last[ref] = state; state == batch.Scheduled || state == batch.Starting && before != batch.Scheduled {
		a.ran[ref]++
	}
}

// done reports whether all has been told.
func (a *audience) done() bool {
	events, err := a.w.store.Outbox(context.Background(), core.Mark{}, 1)
	return err == nil && len(events) == 0
}

// check sees that everything that happened to a job was told.
func (a *audience) check(j *store.Job) {
	if a.last[j.Ref] != j.State || a.ran[j.Ref] != j.Attempt {
		a.w.bad("job %s is %s after %d attempts, told were %s and %d", j.Ref, j.State, j.Attempt, a.last[j.Ref], a.ran[j.Ref])
	}
}

func (a *audience) checkAll() {
	if len(a.owed) > 0 {
		a.w.bad("%d events were never told", len(a.owed))
	}
	refs := make([]batch.JobRef, 0, len(a.last))
	for ref := range a.last {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(x, y batch.JobRef) int { return slices.Compare(x.ID[:], y.ID[:]) })
	for _, ref := range refs {
		jobs, err := a.w.store.Jobs(context.Background(), []batch.JobRef{ref})
		if err != nil {
			a.w.bad("%w", err)
		}
		for i := range jobs {
			a.check(&jobs[i])
		}
	}
}
