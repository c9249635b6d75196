package core

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// TestGangSteps: whatever happens to a gang of the largest size is one step of
// about as many changes as it has nodes.
func TestGangSteps(t *testing.T) {
	t.Parallel()
	const most = 2*batch.MaxNodes + 10
	s := NewState()
	var out Output
	now := batch.Instant(1)
	step := func(in Input) {
		t.Helper()
		now++
		out.Reset()
		if err := s.Step(now, in, &out); err != nil {
			t.Fatalf("%T: %v", in, err)
		}
		if n := max(len(out.Changes), len(out.Effects)); n > most {
			t.Errorf("%T makes %d changes and %d effects", in, len(out.Changes), len(out.Effects))
		}
		for s.Place(now, 1024, &out) {
		}
		if err := s.Check(); err != nil {
			t.Fatalf("after %T: %v", in, err)
		}
	}
	code := func(n int32) *int32 { return &n }
	id := batch.JobID{15: 1}
	node := func(index, attempt int) batch.AttemptID {
		return batch.AttemptID{Job: batch.NodeRef(id, index), Number: attempt}
	}
	step(CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: batch.Unlimited})
	step(CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}})
	need := batch.Resources{MilliVCPU: 1000, MemoryMiB: 1}
	for _, name := range []string{"a", "b", "c"} {
		step(HostSeen{Environment: 1, Name: name, Capacity: batch.Resources{MilliVCPU: 400_000, MemoryMiB: batch.Unlimited}})
	}
	step(Submit{ID: id, Queue: "q", MaxAttempts: 2, TimeoutSeconds: 60, Gang: &Gang{Size: batch.MaxNodes, Groups: []NodeGroup{{Needs: need}}}})
	for attempt := 1; attempt <= 2; attempt++ {
		step(AttemptRunning{Attempt: node(0, attempt), At: now})
		if n := len(out.Effects); n != batch.MaxNodes-1 {
			t.Fatalf("%d nodes start with the main node, want all others", n)
		}
		if attempt == 2 {
			now += 60_000
			step(Tick{})
		}
		step(AttemptEnded{Attempt: node(0, attempt), StartedAt: now, StoppedAt: now, ExitCode: code(1)})
		for index := 1; index < batch.MaxNodes; index++ {
			now++
			out.Reset()
			if err := s.Step(now, AttemptEnded{Attempt: node(index, attempt), StoppedAt: now, ExitCode: code(143)}, &out); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(out.Changes); n > most {
			t.Errorf("the end of the last node makes %d changes", n)
		}
		for s.Place(now, 1024, &out) {
		}
	}
	if n := s.Jobs(); n != 0 {
		t.Errorf("%d records are left", n)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}
