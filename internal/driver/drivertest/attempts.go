package drivertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

func (s *suite) exitCodes(t *testing.T) {
	for _, code := range []int32{0, 1, 3, 127, 137, 255} {
		id := s.start(t, fmt.Sprintf("exit %d", code))
		s.wantCode(t, id, code)
	}
	s.wantCode(t, s.start(t, "print no exit step"), 0)
}

func (s *suite) exitTimes(t *testing.T) {
	before := batch.InstantOf(time.Now())
	id := s.start(t, "sleep 300ms", "exit 0")
	exit := s.exit(t, id)
	after := batch.InstantOf(time.Now())
	const skew = 2000 // a runtime's clock may be another machine's
	if exit.StartedAt < before-skew || exit.StoppedAt > after+skew || exit.StoppedAt < exit.StartedAt+250 {
		t.Errorf("ran from %d to %d, want at least 250 ms between %d and %d", exit.StartedAt, exit.StoppedAt, before, after)
	}
}

// wait: any number of callers, at once and again, get the same answer; giving
// up is each caller's own affair.
func (s *suite) wait(t *testing.T) {
	id := s.start(t, "sleep 300ms", "exit 4")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.d.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait given up: %v, want the context's error", err)
	}
	exits := make([]driver.Exit, 3)
	var waiters sync.WaitGroup
	for i := range exits {
		waiters.Go(func() { exits[i], _ = s.d.Wait(t.Context(), id) })
	}
	waiters.Wait()
	for _, exit := range append(exits, s.exit(t, id)) {
		wantCode(t, exit, 4)
		if exit.StoppedAt != exits[0].StoppedAt || exit.StartedAt != exits[0].StartedAt {
			t.Errorf("one waiter was told %s, another %s", show(exits[0]), show(exit))
		}
	}
}

func (s *suite) unknown(t *testing.T) {
	s.wantUnknown(t, s.newAttempt(t))

	id := s.start(t, "exit 0")
	s.wantCode(t, id, 0)
	other := id
	other.Attempt.Number++
	s.wantUnknown(t, other)
}

func (s *suite) startOnce(t *testing.T) {
	spec := s.spec(t, "print once", "sleep 300ms", "exit 6")
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- s.d.Start(t.Context(), spec) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatalf("concurrent start: %v", err)
		}
	}
	s.wantCode(t, spec.Unit, 6)
	s.startSpec(t, spec)
	s.wantCode(t, spec.Unit, 6)
	s.wantOutput(t, spec.Unit, "once")
	if !s.lists(t, spec.Unit) {
		t.Error("list lacks the attempt")
	}
}

// startFails: the attempt never existed; the id may even be used again.
func (s *suite) startFails(t *testing.T) {
	spec := s.spec(t, "fail-to-start CannotStartContainerError: no such command")
	s.wantStartError(t, spec, "CannotStartContainerError: ")
	spec.Command = s.spec(t, "print second", "exit 0").Command
	s.startSpec(t, spec)
	s.wantCode(t, spec.Unit, 0)
	s.wantOutput(t, spec.Unit, "second")
}

func (s *suite) wantStartError(t *testing.T, spec driver.Spec, prefix string) {
	t.Helper()
	err := s.d.Start(t.Context(), spec)
	var refused *driver.StartError
	if !errors.As(err, &refused) {
		t.Fatalf("start of %q: %v, want a StartError", spec.Command, err)
	}
	if !strings.HasPrefix(refused.Reason, prefix) || len(refused.Reason) == len(prefix) {
		t.Errorf("reason is %q, want more behind %q", refused.Reason, prefix)
	}
	s.wantUnknown(t, spec.Unit)
}

// startGivenUp: whatever became of a start whose caller left, starting again
// leads to one run.
func (s *suite) startGivenUp(t *testing.T) {
	for _, d := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		spec := s.spec(t, "print ran", "exit 2")
		ctx, cancel := context.WithTimeout(t.Context(), d)
		err := s.d.Start(ctx, spec)
		cancel()
		var refused *driver.StartError
		if errors.As(err, &refused) {
			t.Errorf("start given up: %v, want no StartError", err)
		}
		s.startSpec(t, spec)
		s.wantCode(t, spec.Unit, 2)
		s.wantOutput(t, spec.Unit, "ran")
	}
}

func (s *suite) listAndRemove(t *testing.T) {
	running, ended := s.start(t, "hang"), s.start(t, "print text", "exit 0")
	s.wantCode(t, ended, 0)
	if !s.lists(t, running) || !s.lists(t, ended) {
		t.Error("list lacks an attempt")
	}
	for range 2 {
		if err := s.d.Remove(t.Context(), ended); err != nil {
			t.Fatalf("remove: %v", err)
		}
		s.wantUnknown(t, ended)
	}
	if !s.running(t, running) {
		t.Error("removing one attempt ended another")
	}
	spec := s.spec(t, "print anew", "exit 1")
	spec.Unit = ended
	s.startSpec(t, spec)
	s.wantCode(t, ended, 1)
	s.wantOutput(t, ended, "anew")
}

// removeRunning: the attempt is killed, and whoever waits for it is told
// something.
func (s *suite) removeRunning(t *testing.T) {
	id := s.start(t, "print up", "ignore-term", "hang")
	s.awaitLine(t, id, "up")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { _, _ = s.d.Wait(ctx, id) })
	others.Go(func() { _ = s.d.Output(ctx, id, 0, func(driver.Line) error { return nil }) })
	if err := s.d.Remove(t.Context(), id); err != nil {
		t.Fatalf("remove: %v", err)
	}
	s.wantUnknown(t, id)
	others.Wait()
	if ctx.Err() != nil {
		t.Error("after Remove, a Wait or an Output of the attempt did not return")
	}
}

func (s *suite) many(t *testing.T) {
	var all sync.WaitGroup
	defer all.Wait()
	for i := range 50 {
		spec := s.spec(t, fmt.Sprintf("print number %d", i), fmt.Sprintf("exit %d", i))
		all.Go(func() {
			if err := s.d.Start(t.Context(), spec); err != nil {
				t.Errorf("start: %v", err)
				return
			}
			exit, err := s.d.Wait(t.Context(), spec.Unit)
			if err != nil {
				t.Errorf("wait: %v", err)
				return
			}
			wantCode(t, exit, int32(i))
			var got []string
			err = s.d.Output(t.Context(), spec.Unit, 0, func(l driver.Line) error {
				got = append(got, string(l.Text))
				return nil
			})
			if want := fmt.Sprintf("number %d", i); err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("output is %q (%v), want %q", got, err, want)
			}
		})
	}
}

func (s *suite) environment(t *testing.T) {
	spec := s.specOf(t, "/bin/sh", "-c", `printf '%s|' "$A" "$B" "$C" "${D-unset}" "${E-unset}"; test -n "$PATH" && echo path`)
	spec.Env = []driver.Var{
		{Name: "A", Value: "first"},
		{Name: "B", Value: ` spaces "quotes" 'n' $A=\`},
		{Name: "A", Value: "last"},
		{Name: "C", Value: "zwölf\tµ"},
		{Name: "D", Value: ""},
	}
	id := s.startSpec(t, spec)
	s.wantCode(t, id, 0)
	s.wantOutput(t, id, `last| spaces "quotes" 'n' $A=\|`+"zwölf\tµ||unset|path")
}

func (s *suite) arguments(t *testing.T) {
	script := `for a; do printf '[%s]' "$a"; done; echo`
	id := s.startSpec(t, s.specOf(t, "sh", "-c", script, "sh", "a b", "", "*", "$HOME", `\'"`, "two\nlines"))
	s.wantCode(t, id, 0)
	s.wantOutput(t, id, `[a b][][*][$HOME][\'"][two`, `lines]`)
}

func (s *suite) noSuchCommand(t *testing.T) {
	for _, name := range []string{"/no/such/command", "no-such-command", "/etc/passwd", "/etc"} {
		s.wantStartError(t, s.specOf(t, name, "argument"), "CannotStartContainerError: ")
	}
}

// signals: the first process of a container cannot kill itself, so there a
// child does and the shell passes the code on.
func (s *suite) signals(t *testing.T) {
	for signal, code := range map[string]int32{"KILL": 137, "TERM": 143, "SEGV": 139, "ABRT": 134} {
		id := s.startShell(t, fmt.Sprintf(`test $$ != 1 && kill -%[1]s $$; sh -c 'kill -%[1]s $$'; exit $?`, signal))
		s.wantCode(t, id, code)
	}
}

func (s *suite) memoryLimit(t *testing.T) {
	if !s.h.MemoryLimits {
		t.Skip("memory limits are not enforced here")
	}
	s.wantOutOfMemory(t, "exec tail /dev/zero")
}

// memoryLimitChild: the code is the program's own, see below.
func (s *suite) memoryLimitChild(t *testing.T) {
	if !s.h.MemoryLimits {
		t.Skip("memory limits are not enforced here")
	}
	s.wantOutOfMemory(t, "tail /dev/zero; exit 137")
}

// processLimit: a program that multiplies comes to an end, and the next one has
// what it needs.
func (s *suite) processLimit(t *testing.T) {
	if !s.h.MemoryLimits {
		t.Skip("limits are not enforced here")
	}
	const most = 20
	spec := s.specOf(t, "/bin/sh", "-c", "i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i + 1)); echo $i; done 2>/dev/null; exit 7")
	spec.MaxProcesses = most
	id := s.startSpec(t, spec)
	exit := s.exit(t, id)
	if n := len(s.outputAfter(t, id, 0)); n < 2 || n >= most || exit.Code == nil || *exit.Code == 0 || *exit.Code == 7 {
		t.Errorf("it made %d processes and ended with %s; the limit is %d", n, show(exit), most)
	}
	for _, n := range []int64{0, 1000} {
		spec = s.specOf(t, "/bin/sh", "-c", "i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i + 1)); done; exit 0")
		spec.MaxProcesses = n
		s.wantCode(t, s.startSpec(t, spec), 0)
	}
}

func (s *suite) wantOutOfMemory(t *testing.T, script string) {
	t.Helper()
	spec := s.specOf(t, "/bin/sh", "-c", script)
	spec.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 32}
	exit := s.exit(t, s.startSpec(t, spec))
	const reason = "OutOfMemoryError: Container killed due to memory usage"
	if exit.Code == nil || *exit.Code != 137 || exit.Reason != reason {
		t.Errorf("exit is %s, want code 137 and the reason %q", show(exit), reason)
	}

	spec = s.specOf(t, "/bin/sh", "-c", "echo small")
	spec.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 32}
	s.wantCode(t, s.startSpec(t, spec), 0)
}

func (s *suite) users(t *testing.T) {
	if !s.h.Users {
		t.Skip("users are not honoured here")
	}
	for user, want := range map[string]string{
		"nobody": "65534", "nobody:0": "65534 0", "1234": "1234 0", "1234:5678": "1234 5678", "0:root": "0 0",
	} {
		spec := s.specOf(t, "/bin/sh", "-c", `echo $(id -u) $(id -g)`)
		spec.User = user
		id := s.startSpec(t, spec)
		s.wantCode(t, id, 0)
		if got := s.texts(t, id); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("user %q runs as %q, want %q", user, got, want)
		}
	}
	for _, user := range []string{"no-such-user", "0:no-such-group", "no-such-user:0"} {
		spec := s.specOf(t, "/bin/sh", "-c", "id")
		spec.User = user
		s.wantStartError(t, spec, "CannotStartContainerError: ")
	}
}
