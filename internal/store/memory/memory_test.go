package memory_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
	"github.com/bargehq/barge/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) storetest.Harness {
		s := memory.New()
		return storetest.Harness{
			Open: func(testing.TB) store.Store { return s },
			Fill: func(testing.TB, store.Store) func() {
				s.Fill(true)
				return func() { s.Fill(false) }
			},
		}
	})
}

func TestRandomInputs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { storetest.Same(t, memory.New()) })
}

func environment(n int64) core.Change {
	return core.EnvironmentPut{Row: core.EnvironmentRow{ID: n, Name: string('a' + rune(n))}}
}

func count(t *testing.T, s *memory.Store) int {
	t.Helper()
	rows, err := s.Environments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := memory.New()
	round := store.Round{Number: 1, Changes: []core.Change{environment(1)}}
	s.Fail(memory.BeforeApply)
	if err := s.Commit(t.Context(), round); !errors.Is(err, memory.ErrFault) || count(t, s) != 0 {
		t.Errorf("a commit that fails before it applies: %v, %d rows", err, count(t, s))
	}
	s.Fail(memory.AfterApply)
	if err := s.Commit(t.Context(), round); !errors.Is(err, memory.ErrFault) || count(t, s) != 1 {
		t.Errorf("a commit that fails after it applied: %v, %d rows", err, count(t, s))
	}
	if err := s.Commit(t.Context(), round); err != nil || count(t, s) != 1 {
		t.Errorf("the same commit again: %v, %d rows", err, count(t, s))
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	s := memory.New()
	commit := func(n int64) {
		t.Helper()
		if err := s.Commit(t.Context(), store.Round{Number: n, Changes: []core.Change{environment(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	commit(1)
	if last := s.Crash(); last != 1 || count(t, s) != 1 {
		t.Errorf("a crash after a synced round leaves round %d, %d rows", last, count(t, s))
	}
	s.Lazy(true)
	commit(2)
	commit(3)
	if last := s.Crash(); last != 1 || count(t, s) != 1 {
		t.Errorf("a crash with two rounds not synced leaves round %d, %d rows", last, count(t, s))
	}
	commit(2)
	s.Lazy(false)
	commit(3)
	if last := s.Crash(); last != 3 || count(t, s) != 3 {
		t.Errorf("a crash after all is synced leaves round %d, %d rows", last, count(t, s))
	}
	round, err := s.Load(t.Context(), core.NewLoader())
	if err != nil || round != 3 {
		t.Errorf("Load: round %d, %v; want 3", round, err)
	}
}
