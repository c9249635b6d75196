package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/bargehq/barge/internal/core"
)

// putEvent adds an event to the outbox, which is in order because rounds are.
func (s *Store) putEvent(round int64, index int32, r core.EventRow) {
	before := s.outbox
	s.undo = append(s.undo, func() { s.outbox = before })
	s.outbox = append(before, core.Event{Round: round, Index: index, Row: r})
}

// dropEvents removes what is delivered from the outbox.
func (s *Store) dropEvents(m core.Mark) {
	before := s.outbox
	s.undo = append(s.undo, func() { s.outbox = before })
	i, found := findEvent(before, m)
	s.outbox = slices.Clone(before[i:])
	if found {
		s.outbox[0].Done = max(s.outbox[0].Done, m.Children)
	}
}

// findEvent returns where the event is that the mark names, or would be.
func findEvent(all []core.Event, m core.Mark) (i int, found bool) {
	return slices.BinarySearchFunc(all, m, func(e core.Event, m core.Mark) int {
		return cmp.Or(cmp.Compare(e.Round, m.Round), cmp.Compare(e.Index, m.Index))
	})
}

// told reports whether all events of a job are delivered.
func (s *Store) told(job int64) bool {
	return !slices.ContainsFunc(s.outbox, func(e core.Event) bool { return e.Row.Job == job })
}

// Outbox implements [store.Store].
func (s *Store) Outbox(ctx context.Context, from core.Mark, limit int) ([]core.Event, error) {
	return view(ctx, s, func() []core.Event {
		i, _ := findEvent(s.outbox, from)
		return slices.Clone(s.outbox[i:min(len(s.outbox), i+max(0, limit))])
	})
}
