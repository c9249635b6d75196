package drivertest

import (
	"slices"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

func (s *suite) stopNow(t *testing.T, id batch.UnitID, grace time.Duration) {
	t.Helper()
	if err := s.d.Stop(t.Context(), id, grace); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// stop: SIGTERM is enough, and nobody waits for the grace to pass.
func (s *suite) stop(t *testing.T) {
	id := s.start(t, "print up", "hang")
	s.awaitLine(t, id, "up")
	began := time.Now()
	s.stopNow(t, id, 10*patience)
	s.stopNow(t, id, 10*patience)
	s.wantCode(t, id, 143)
	if took := time.Since(began); took > patience {
		t.Errorf("stopping took %v", took)
	}
}

// stopIgnored: SIGKILL comes after the grace, not before; Stop does not wait for it.
func (s *suite) stopIgnored(t *testing.T) {
	id := s.start(t, "ignore-term", "print up", "hang")
	s.awaitLine(t, id, "up")
	const grace = 2 * time.Second // whole seconds are what Docker can do
	began := time.Now()
	s.stopNow(t, id, grace)
	if took := time.Since(began); took >= grace {
		t.Errorf("stop returned after %v, want it not to wait", took)
	}
	s.wantCode(t, id, 137)
	if took := time.Since(began); took < grace-100*time.Millisecond || took > grace+10*time.Second {
		t.Errorf("ended after %v, want a grace of %v", took, grace)
	}
}

func (s *suite) stopAtOnce(t *testing.T) {
	id := s.start(t, "ignore-term", "print up", "hang")
	s.awaitLine(t, id, "up")
	s.stopNow(t, id, 0)
	s.wantCode(t, id, 137)
}

func (s *suite) stopEnded(t *testing.T) {
	id := s.start(t, "exit 9")
	s.wantCode(t, id, 9)
	s.stopNow(t, id, 10*time.Second)
	s.stopNow(t, id, 0)
	s.wantCode(t, id, 9)
}

// stopTrapped: what a program does about SIGTERM counts, also what it prints.
func (s *suite) stopTrapped(t *testing.T) {
	id := s.startShell(t, `exec 2>/dev/null; trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 1 & wait $!; done`)
	s.awaitLine(t, id, "up")
	s.stopNow(t, id, 30*time.Second)
	s.wantCode(t, id, 7)
	s.wantOutput(t, id, "up", "bye")
}

// stopChildren: children die with the attempt, also those that ignore SIGTERM,
// and their output ends.
func (s *suite) stopChildren(t *testing.T) {
	for _, grace := range []time.Duration{time.Second, 30 * time.Second} {
		id := s.startShell(t, `
			(trap '' TERM; while :; do echo child; sleep 0.1; done) &
			trap 'exit 5' TERM
			echo up
			while :; do sleep 1 & wait $!; done`)
		s.awaitLine(t, id, "up")
		s.awaitLine(t, id, "child")
		s.stopNow(t, id, grace)
		s.wantCode(t, id, 5)
		s.wantSilence(t, id)
	}
}

// childrenAfterEnd: the end of the first process is the end of the attempt.
func (s *suite) childrenAfterEnd(t *testing.T) {
	id := s.startShell(t, `(trap '' TERM HUP; while :; do echo child; sleep 0.1; done) & sleep 0.3; exit 8`)
	s.wantCode(t, id, 8)
	s.wantSilence(t, id)
}

// wantSilence checks that the output of an ended attempt is final.
func (s *suite) wantSilence(t *testing.T, id batch.UnitID) {
	t.Helper()
	lines := s.texts(t, id)
	time.Sleep(300 * time.Millisecond) // three more lines, if anybody were left to write them
	if later := s.texts(t, id); !slices.Equal(later, lines) {
		t.Errorf("output grew from %d to %d lines after the end", len(lines), len(later))
	}
}
