package drivertest

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// Harness says how to reach the driver under test and what it can do.
type Harness struct {
	// Open returns a driver. Later calls return another one on the same
	// state, after the earlier one has been closed.
	Open func(t *testing.T) driver.Driver
	// Image goes into every Spec; it must have busybox's tools and no entry point.
	Image string
	// Scripted: the driver takes steps as its command and cannot run a shell.
	Scripted bool
	// MemoryLimits: Spec.Resources.MemoryMiB is enforced here.
	MemoryLimits bool
	// Users: Spec.User is honoured here, and the user nobody has the id 65534.
	Users bool
	// Refuses are the settings that this driver cannot honour.
	Refuses []driver.Setting
	// Nodes is the address space of the nodes of multi-node jobs here.
	Nodes netip.Prefix
	// ExactUsage: what an attempt uses is counted to its end, and not sampled.
	ExactUsage bool
	// NoVolumes: the driver shows directories of the machine only, where they are.
	NoVolumes bool
}

// patience is how long the suite waits for anything that must happen.
const patience = time.Minute

// suite is one run: the driver that its subtests share.
type suite struct {
	h Harness
	d driver.Driver
}

// Run checks the driver behind h.
func Run(t *testing.T, h Harness) {
	s := &suite{h: h, d: h.Open(t)}
	t.Cleanup(func() {
		if err := s.d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Run("one", func(t *testing.T) { // returns when its parallel subtests have
		for name, test := range map[string]func(*suite, *testing.T){
			"exit codes":                    (*suite).exitCodes,
			"exit times":                    (*suite).exitTimes,
			"wait":                          (*suite).wait,
			"unknown":                       (*suite).unknown,
			"start once":                    (*suite).startOnce,
			"start fails":                   (*suite).startFails,
			"start given up":                (*suite).startGivenUp,
			"list and remove":               (*suite).listAndRemove,
			"remove running":                (*suite).removeRunning,
			"many":                          (*suite).many,
			"output":                        (*suite).output,
			"output empty":                  (*suite).outputEmpty,
			"output follows":                (*suite).outputFollows,
			"output emit fails":             (*suite).outputEmitFails,
			"stop":                          (*suite).stop,
			"stop ignored":                  (*suite).stopIgnored,
			"stop at once":                  (*suite).stopAtOnce,
			"stop ended":                    (*suite).stopEnded,
			"shell/environment":             shell((*suite).environment),
			"shell/arguments":               shell((*suite).arguments),
			"shell/no such command":         shell((*suite).noSuchCommand),
			"shell/signals":                 shell((*suite).signals),
			"shell/standard streams":        shell((*suite).streams),
			"shell/bytes":                   shell((*suite).bytes),
			"shell/long lines":              shell((*suite).longLines),
			"shell/flood":                   shell((*suite).flood),
			"shell/slow reader":             shell((*suite).slowReader),
			"shell/stop trapped":            shell((*suite).stopTrapped),
			"shell/stop children":           shell((*suite).stopChildren),
			"shell/children after the end":  shell((*suite).childrenAfterEnd),
			"shell/memory limit":            shell((*suite).memoryLimit),
			"shell/memory limit of a child": shell((*suite).memoryLimitChild),
			"shell/process limit":           shell((*suite).processLimit),
			"shell/users":                   shell((*suite).users),
			"shell/settings":                shell((*suite).settings),
			"shell/volumes":                 shell((*suite).volumes),
			"shell/nodes":                   shell((*suite).nodes),
			"shell/usage":                   shell((*suite).usage),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(s, t)
			})
		}
	})
	t.Run("reopen", s.reopen)
	t.Run("reopen ended", s.reopenEnded)
	t.Run("reopen nodes", s.reopenNodes)
}

// shell marks a test whose programs need /bin/sh.
func shell(test func(*suite, *testing.T)) func(*suite, *testing.T) {
	return func(s *suite, t *testing.T) {
		if s.h.Scripted {
			t.Skip("this driver runs no shell")
		}
		test(s, t)
	}
}

// newAttempt returns an id that nobody has used, and removes what becomes of it.
func (s *suite) newAttempt(t *testing.T) batch.UnitID {
	id := batch.AttemptID{Job: batch.JobRef{ID: batch.NewJobID(batch.InstantOf(time.Now()))}, Number: 1}.Unit(0)
	t.Cleanup(func() {
		if err := s.d.Remove(context.Background(), id); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return id
}

// spec returns what runs steps, see [command].
func (s *suite) spec(t *testing.T, steps ...string) driver.Spec {
	if !s.h.Scripted {
		steps = command(steps)
	}
	return s.specOf(t, steps...)
}

// specOf returns what runs the command as it is.
func (s *suite) specOf(t *testing.T, command ...string) driver.Spec {
	return driver.Spec{
		Unit:        s.newAttempt(t),
		Image:       s.h.Image,
		Command:     command,
		StopTimeout: 10 * time.Second,
		Labels:      map[string]string{"test": t.Name()},
	}
}

// start starts steps.
func (s *suite) start(t *testing.T, steps ...string) batch.UnitID {
	t.Helper()
	return s.startSpec(t, s.spec(t, steps...))
}

// startShell starts a shell script.
func (s *suite) startShell(t *testing.T, script string) batch.UnitID {
	t.Helper()
	return s.startSpec(t, s.specOf(t, "/bin/sh", "-c", script))
}

func (s *suite) startSpec(t *testing.T, spec driver.Spec) batch.UnitID {
	t.Helper()
	if err := s.d.Start(t.Context(), spec); err != nil {
		t.Fatalf("start %q: %v", spec.Command, err)
	}
	return spec.Unit
}

// exit waits for the end.
func (s *suite) exit(t *testing.T, id batch.UnitID) driver.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	exit, err := s.d.Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return exit
}

// wantCode waits for the end, which has to have that code and no reason.
func (s *suite) wantCode(t *testing.T, id batch.UnitID, code int32) {
	t.Helper()
	wantCode(t, s.exit(t, id), code)
}

func wantCode(t *testing.T, exit driver.Exit, code int32) {
	t.Helper()
	if exit.Code == nil || *exit.Code != code || exit.Reason != "" {
		t.Errorf("exit is %s, want code %d without a reason", show(exit), code)
	}
}

// wantUnknown checks that the driver holds no such attempt.
func (s *suite) wantUnknown(t *testing.T, id batch.UnitID) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.d.Wait(ctx, id); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("wait of an unknown attempt: %v, want ErrUnknown", err)
	}
	if err := s.d.Output(ctx, id, 0, func(driver.Line) error { return nil }); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("output of an unknown attempt: %v, want ErrUnknown", err)
	}
	if err := s.d.Stop(ctx, id, time.Second); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("stop of an unknown attempt: %v, want ErrUnknown", err)
	}
	if err := s.d.Remove(ctx, id); err != nil {
		t.Errorf("remove of an unknown attempt: %v, want no error", err)
	}
	if s.lists(t, id) {
		t.Error("list has an unknown attempt")
	}
}

// lists says whether List has the attempt, and fails when it has it twice.
func (s *suite) lists(t *testing.T, id batch.UnitID) bool {
	t.Helper()
	ids, err := s.d.List(t.Context())
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	n := 0
	for _, have := range ids {
		if have == id {
			n++
		}
	}
	if n > 1 {
		t.Errorf("list has the attempt %d times", n)
	}
	return n > 0
}
