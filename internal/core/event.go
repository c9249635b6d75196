package core

import (
	"math"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
)

// EventRow says that a job, or some children of an array job, went to another
// state, and what they were like then. It is all that changes of a job and that
// others are told: what never changes is read when the event is delivered. The
// attempts that had ended by then are those up to Attempt, without it while the
// job is live.
//
// Nodes have no events, and nobody is told of Submitted.
type EventRow struct {
	Kind EventKind
	Job  int64        // JobRow.Seq; for Children that of their array job
	Ref  batch.JobRef // the job; for Children their array job
	// Children are the indices of children without a row of their own, which
	// went all in one stroke; nil for an event of the job itself.
	Children depend.Set
	At       batch.Instant
	State    batch.JobState
	Flags    Flags

	// As in JobRow, at that moment.
	Attempt      int32
	Host         int64
	StartedAt    batch.Instant
	StoppedAt    batch.Instant
	ExitCode     *int32
	Reason       string
	StatusReason string
	Counts       [batch.JobStates]int32 // of an array job's children, by state
	Network      int32                  // of a multi-node job's nodes; zero for none
}

// EventKind is what an event tells. The numbers are stored.
type EventKind uint8

// The kinds.
const (
	StateChange  EventKind = 0
	QueueBlocked EventKind = 1 // StatusReason says what blocks the queue at whose head the job is
	// A job is being stopped to make room for another, and has been.
	PreemptionStarted   EventKind = 2
	PreemptionCompleted EventKind = 3
)

// EventPut adds an event to the outbox, where it stays until it is delivered.
// Those of a round never collapse.
type EventPut struct{ Row EventRow }

// Event is an event in the outbox. Round and Index, its place within the round,
// name it for ever and are the order of events.
type Event struct {
	Round int64
	Index int32
	Done  int32 // so many of its children are delivered
	Row   EventRow
}

// Mark is how far the outbox is delivered: all before the event named, and of
// that one so many children.
type Mark struct {
	Round    int64
	Index    int32
	Children int32
}

// After is the mark behind the whole event.
func (e *Event) After() Mark { return Mark{Round: e.Round, Index: e.Index + 1} }

// MarkAll is behind all that will ever be in the outbox.
func MarkAll() Mark { return Mark{Round: math.MaxInt64} }

// Delivered says that what is before the mark has been delivered.
type Delivered struct{ Mark Mark }

func (Delivered) input() {}

// OutboxDrop removes from the outbox what is before the mark.
type OutboxDrop struct{ Mark Mark }

func (EventPut) change()   {}
func (OutboxDrop) change() {}

// note adds the event of a job whose row is written, if that has another state
// than was told.
func (s *State) note(j *job, r *JobRow, out *Output) {
	if j.told == j.state {
		return
	}
	j.told = j.state
	s.noteKind(StateChange, j, r, out)
}

// noteKind adds an event of a job whose row is written.
func (s *State) noteKind(kind EventKind, j *job, r *JobRow, out *Output) {
	if !out.Events || j.isNode() {
		return
	}
	e := EventRow{
		Kind: kind, Job: r.Seq, Ref: r.Ref, At: out.now, State: r.State, Flags: r.Flags, Attempt: r.Attempt, Host: r.Host,
		StartedAt: r.StartedAt, StoppedAt: r.StoppedAt, ExitCode: r.ExitCode, Reason: r.Reason, StatusReason: r.StatusReason,
		Counts: r.Counts,
	}
	if r.Gang != nil {
		e.Network = r.Gang.Network
	}
	out.Changes = append(out.Changes, EventPut{e})
}

// noteChildren adds the event of children of an array job that have no row.
// Those that fail do so with the flags and the reason given.
func (s *State) noteChildren(p *job, which depend.Set, to batch.JobState, flags Flags, reason string, out *Output) {
	if !out.Events || len(which) == 0 {
		return
	}
	e := EventRow{Job: p.seq, Ref: p.ref, Children: which.Clone(), At: out.now, State: to, Flags: flags, StatusReason: reason}
	if to.Terminal() {
		e.StoppedAt = out.now
	}
	out.Changes = append(out.Changes, EventPut{e})
}
