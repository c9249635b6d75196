package drivertest

import (
	"slices"
	"testing"
	"time"
)

// reopenDriver closes the driver and opens another one on the same state.
func (s *suite) reopenDriver(t *testing.T, between func()) {
	t.Helper()
	if err := s.d.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	between()
	s.d = s.h.Open(t)
}

// reopen: attempts go on without a driver, and a new driver knows all of them
// with all of their output: those that ended before, in between, and not yet.
func (s *suite) reopen(t *testing.T) {
	ended := s.start(t, "print before", "exit 3")
	between := s.start(t, "print early", "sleep 1s", "print late", "exit 4")
	removed := s.start(t, "exit 0")
	spec := s.spec(t, "print up", "sleep 2s", "print still", "hang")
	running := s.startSpec(t, spec)
	s.wantCode(t, ended, 3)
	early, up := s.awaitLine(t, between, "early"), s.awaitLine(t, running, "up")
	if err := s.d.Remove(t.Context(), removed); err != nil {
		t.Fatalf("remove: %v", err)
	}

	// Nobody is there to tell when the attempt in between has ended.
	s.reopenDriver(t, func() { time.Sleep(1500 * time.Millisecond) })

	s.wantUnknown(t, removed)
	if !s.lists(t, ended) || !s.lists(t, between) || !s.lists(t, running) {
		t.Error("list lacks an attempt")
	}
	s.wantCode(t, ended, 3)
	s.wantOutput(t, ended, "before")

	s.wantCode(t, between, 4)
	s.wantOutput(t, between, "early", "late")
	if got := textsOf(s.outputAfter(t, between, early.cursor)); !slices.Equal(got, []string{"late"}) {
		t.Errorf("after the cursor of another driver comes %q, want %q", got, "late")
	}

	s.startSpec(t, spec) // it is known, so nothing happens
	s.awaitLine(t, running, "still")
	if !s.running(t, running) {
		t.Error("the running attempt has ended")
	}
	s.stopNow(t, running, 30*time.Second)
	s.wantCode(t, running, 143)
	if got := textsOf(s.outputAfter(t, running, up.cursor)); !slices.Equal(got, []string{"still"}) {
		t.Errorf("after the cursor of another driver comes %q, want %q", got, "still")
	}
}

// reopenEnded: exits do not change by being read again, however often.
func (s *suite) reopenEnded(t *testing.T) {
	spec := s.spec(t, "print kept", "exit 11")
	id := s.startSpec(t, spec)
	before := s.exit(t, id)
	for range 2 {
		s.reopenDriver(t, func() {})
		s.startSpec(t, spec)
		after := s.exit(t, id)
		wantCode(t, after, 11)
		if after.StartedAt != before.StartedAt || after.StoppedAt != before.StoppedAt {
			t.Errorf("exit was %s and is %s", show(before), show(after))
		}
		s.wantOutput(t, id, "kept")
	}
	if err := s.d.Remove(t.Context(), id); err != nil {
		t.Fatalf("remove: %v", err)
	}
	s.reopenDriver(t, func() {})
	s.wantUnknown(t, id)
}
