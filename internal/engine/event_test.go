package engine

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store/memory"
)

// TestEvents runs a job through several changes of state in one round: the row
// collapses, the events do not, and the sink hears of them after the commit.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{Store: memory.New()}
		woken := 0
		nop := func(core.Start) {}
		e, err := Open(t.Context(), Options{Store: g, Log: slog.New(slog.DiscardHandler), Sinks: Sinks{
			Start: nop, Stop: func(core.Stop) {}, Attach: func(core.Attach) {}, Scale: func(core.Scale) {}, Events: func() { woken++ },
		}})
		if err != nil {
			t.Fatal(err)
		}
		round := e.rounds.New()
		code := int32(0)
		calls := []Call{}
		for _, in := range []core.Input{
			core.CreateEnvironment{Name: "e", Enabled: true, MaxVCPU: 1000},
			core.CreateQueue{Name: "q", Enabled: true, Environments: []string{"e"}},
			core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 1000, MemoryMiB: 1 << 20}},
			submit(1),
		} {
			calls = append(calls, Call{Input: in})
		}
		e.rounds.Fill(round, 1000, calls)
		e.rounds.Fill(round, 2000, []Call{
			{Input: core.AttemptRunning{Attempt: attempt(1, 1), At: 1500}},
			{Input: core.AttemptEnded{Attempt: attempt(1, 1), StartedAt: 1500, StoppedAt: 1900, ExitCode: &code}},
		})
		var events, rows []string
		for _, c := range round.Changes {
			switch c := c.(type) {
			case core.EventPut:
				events = append(events, fmt.Sprintf("%s at %d", c.Row.State, c.Row.At))
			case core.JobPut:
				rows = append(rows, c.Row.State.String())
			}
		}
		if got, want := strings.Join(events, ", "), "RUNNABLE at 1000, STARTING at 1000, RUNNING at 2000, SUCCEEDED at 2000"; got != want {
			t.Errorf("the events are %s, want %s", got, want)
		}
		if len(rows) != 1 || rows[0] != "SUCCEEDED" {
			t.Errorf("the row is written as %v, want once", rows)
		}
		if woken != 0 {
			t.Error("events were told of before they were committed")
		}
		round.Release(e.sinks)
		if woken != 1 {
			t.Errorf("the sink was woken %d times, want once", woken)
		}
		quiet := e.rounds.New()
		e.rounds.Fill(quiet, 3000, []Call{{Input: core.RegisterDefinition{Name: "d"}}})
		quiet.Release(e.sinks)
		if woken != 1 {
			t.Error("the sink was woken without an event")
		}
	})
}

// TestNoEvents sees that nobody pays for events that nobody wants.
func TestNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(1)
		r.must(submit(1))
		synctest.Wait()
		for _, round := range r.store.rounds() {
			for _, c := range round.Changes {
				if _, ok := c.(core.EventPut); ok {
					t.Errorf("round %d has an event", round.Number)
				}
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
