package engine

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fault"
	"github.com/bargehq/barge/internal/store"
)

const (
	// placeBudget bounds the starts of one round, so that submits do not wait
	// behind a long placement.
	placeBudget = 1024
	// maxChanges is when a round takes no further inputs.
	maxChanges = 8192
)

// Call is an input with what is to be done when its round is durable.
type Call struct {
	Input core.Input
	// View looks at the state, in place of an input, after the round has been
	// placed. Done is called when all that it can have seen is durable. It must
	// not change anything, keep anything or take long.
	View func(*core.State)
	// Done gets the reply or the rejection. It is called once, from the
	// engine's goroutine, and must not block. It may be nil.
	Done func(core.Reply, error)
	// Report marks what a host said, which is stepped again if its round is
	// lost, where a command is refused.
	Report bool
}

// Round is what was decided together: changes to commit, then replies and
// effects to release.
type Round struct {
	store.Round
	calls   []Call
	replies []reply
	effects []core.Effect
	index   map[rowKey]int // of a change, by row
	events  bool           // there are some among the changes
}

type reply struct {
	reply core.Reply
	err   *batch.Error
}

type rowKey struct {
	kind uint8
	id   int64
}

// Empty reports whether there is nothing to release.
func (r *Round) Empty() bool { return len(r.calls) == 0 && len(r.effects) == 0 && len(r.Changes) == 0 }

// Full reports whether the round takes no further inputs.
func (r *Round) Full() bool { return len(r.Changes) >= maxChanges }

// Rounds builds rounds over a state. It is not safe for concurrent use.
type Rounds struct {
	State *core.State
	last  int64 // the number of the round built last
	now   batch.Instant
	more  bool // Place has more to do at once
	out   core.Output
}

// NewRounds continues after the round with the given number. With events, those
// of the rounds go into the outbox.
func NewRounds(s *core.State, last int64, events bool) *Rounds {
	return &Rounds{State: s, last: last, out: core.Output{Events: events}}
}

// Last is the number of the round sealed last.
func (r *Rounds) Last() int64 { return r.last }

// New starts a round.
func (r *Rounds) New() *Round { return &Round{index: make(map[rowKey]int)} }

// More reports whether there is work without any further input.
func (r *Rounds) More() bool { return r.more }

// Resume adds what has to be done outside after a start to the round.
func (r *Rounds) Resume(round *Round) {
	r.out.Reset()
	r.State.Resume(&r.out)
	round.take(&r.out)
}

// Fill steps the calls into the round and places what can start. It returns
// the calls that the round had no room for.
func (r *Rounds) Fill(round *Round, now batch.Instant, calls []Call) (rest []Call) {
	r.now = max(r.now, now)
	if at, ok := r.State.NextDeadline(); ok && at <= r.now {
		r.step(round, Call{Input: core.Tick{}})
	}
	n := 0
	for ; n < len(calls) && !round.Full(); n++ {
		if calls[n].View == nil {
			r.step(round, calls[n])
		}
	}
	r.out.Reset()
	r.more = r.State.Place(r.now, placeBudget, &r.out)
	round.take(&r.out)
	for _, c := range calls[:n] {
		if c.View != nil {
			c.View(r.State)
			round.calls, round.replies = append(round.calls, c), append(round.replies, reply{})
		}
	}
	return calls[n:]
}

func (r *Rounds) step(round *Round, c Call) {
	r.out.Reset()
	err := r.State.Step(r.now, c.Input, &r.out)
	round.calls = append(round.calls, c)
	round.replies = append(round.replies, reply{r.out.Reply, err})
	round.take(&r.out)
}

// Seal numbers a round that has changes. What has none needs no commit.
func (r *Rounds) Seal(round *Round) (commit bool) {
	if len(round.Changes) == 0 {
		return false
	}
	r.last++
	round.Number = r.last
	return true
}

// NextWake is when Fill has something to do without any input.
func (r *Rounds) NextWake() (at batch.Instant, ok bool) {
	if r.more {
		return r.now, true
	}
	return r.State.NextDeadline()
}

// Release answers the callers and hands the effects over, in order.
func (r *Round) Release(s Sinks) {
	fault.Point("reply.before")
	for i, c := range r.calls {
		if c.Done == nil {
			continue
		}
		fault.Point("reply.next")
		if err := r.replies[i].err; err != nil {
			c.Done(core.Reply{}, err)
		} else {
			c.Done(r.replies[i].reply, nil)
		}
	}
	for _, e := range r.effects {
		fault.Point("effect.next")
		switch e := e.(type) {
		case core.Start:
			s.Start(e)
		case core.Attach:
			s.Attach(e)
		case core.Stop:
			s.Stop(e)
		case core.Scale:
			s.Scale(e)
		case core.Launch:
			s.Launch(e)
		case core.TerminateHost:
			s.TerminateHost(e)
		}
	}
	if r.events {
		s.Events()
	}
}

// Refuse answers the commands of a round that was lost and returns its reports.
func (r *Round) Refuse(err error) (reports []Call) { return refuse(r.calls, err) }

// take moves an output into the round. Of several changes to a row the last one
// stays.
func (r *Round) take(out *core.Output) {
	for _, c := range out.Changes {
		key := keyOf(c)
		if _, ok := c.(core.EventPut); ok {
			r.events = true
		}
		at, seen := r.index[key]
		if !seen || key == (rowKey{}) {
			r.index[key] = len(r.Changes)
			r.Changes = append(r.Changes, c)
			continue
		}
		if put, ok := c.(core.JobPut); ok {
			put.New = r.Changes[at].(core.JobPut).New
			c = put
		}
		r.Changes[at] = c
	}
	r.effects = append(r.effects, out.Effects...)
}

// keyOf names the row of a change; zero for those that are only ever added.
func keyOf(c core.Change) rowKey {
	switch c := c.(type) {
	case core.JobPut:
		return rowKey{1, c.Row.Seq}
	case core.EnvironmentPut:
		return rowKey{2, c.Row.ID}
	case core.QueuePut:
		return rowKey{3, c.Row.ID}
	case core.HostPut:
		return rowKey{4, c.Row.ID}
	case core.DefinitionPut:
		return rowKey{5, c.Row.ID}
	case core.ConsumablePut:
		return rowKey{6, c.Row.ID}
	case core.ConsumableDelete:
		return rowKey{6, c.ID}
	case core.SchedulingPolicyPut:
		return rowKey{7, c.Row.ID}
	case core.SchedulingPolicyDelete:
		return rowKey{7, c.ID}
	case core.TagsPut:
		return rowKey{100 + uint8(c.Row.Of.Kind), c.Row.Of.ID}
	case core.ServiceEnvironmentPut:
		return rowKey{8, c.Row.ID}
	case core.ServiceEnvironmentDelete:
		return rowKey{8, c.ID}
	case core.QuotaSharePut:
		return rowKey{9, c.Row.ID}
	case core.QuotaShareDelete:
		return rowKey{9, c.ID}
	case core.QuotaTurn:
		return rowKey{20, c.ID}
	case core.OutboxDrop:
		return rowKey{10, 1} // marks only grow
	case core.FairSharePut:
		return rowKey{11, c.Row.ID}
	case core.FairShareDelete:
		return rowKey{11, c.ID}
	case core.FleetPut:
		return rowKey{12, c.Row.Environment}
	case core.FleetDrop:
		return rowKey{12, c.Environment}
	case core.CostPut:
		return rowKey{13, c.Slot}
	case core.DecisionPut, core.PolicyPut, core.AttemptPut, core.EventPut, core.BasketPut, core.ClaimPut, core.ClaimDrop, core.JobDrop:
	}
	return rowKey{}
}
