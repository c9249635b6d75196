package process_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

func script(id batch.UnitID, text string) driver.Spec {
	return driver.Spec{Unit: id, Command: []string{"/bin/sh", "-c", text}}
}

func start(t *testing.T, d driver.Driver, spec driver.Spec) {
	t.Helper()
	if err := d.Start(t.Context(), spec); err != nil {
		t.Fatalf("start: %v", err)
	}
}

// wait returns the end of an attempt, which must come soon.
func wait(t *testing.T, d driver.Driver, id batch.UnitID) driver.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	exit, err := d.Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return exit
}

func wantCode(t *testing.T, d driver.Driver, id batch.UnitID, code int32) {
	t.Helper()
	if exit := wait(t, d, id); exit.Code == nil || *exit.Code != code {
		t.Errorf("%v ended with %+v, want code %d", id, exit, code)
	}
}

func lines(t *testing.T, d driver.Driver, id batch.UnitID) []string {
	t.Helper()
	var texts []string
	err := d.Output(t.Context(), id, 0, func(l driver.Line) error {
		texts = append(texts, string(l.Text))
		return nil
	})
	if err != nil {
		t.Fatalf("output: %v", err)
	}
	return texts
}

func wantLines(t *testing.T, d driver.Driver, id batch.UnitID, want ...string) {
	t.Helper()
	if got := lines(t, d, id); !slices.Equal(got, want) {
		t.Errorf("output is %q, want %q", got, want)
	}
}

// eventually polls something outside of this process.
func eventually(t *testing.T, what string, test func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !test(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not happen that %s", what)
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// A server that is killed loses nothing: what ran goes on, what ends meanwhile
// is known, and a stop that was asked for is carried out.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "server", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("server says %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed

	d := open(t, dir, "auto")
	defer d.Close()
	for i, text := range serverScripts {
		start(t, d, script(attemptID(i), text)) // known, so nothing happens
	}
	wantCode(t, d, attemptID(0), 3)
	wantLines(t, d, attemptID(0), "gone by")
	wantCode(t, d, attemptID(1), 4)
	wantLines(t, d, attemptID(1), "early", "late")
	wantCode(t, d, attemptID(2), 137)
	wantLines(t, d, attemptID(2), "up")
	if err := d.Stop(t.Context(), attemptID(3), 0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, d, attemptID(3), 137)
	if got := lines(t, d, attemptID(3)); len(got) < 3 {
		t.Errorf("the attempt printed %d lines, want one every 100 ms", len(got))
	}
}

// A runner that is killed takes its attempts with it; the next one sees to
// that, and remembers those that had ended.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	for _, cgroups := range []string{"auto", "off"} {
		t.Run(cgroups, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			d := open(t, dir, cgroups)
			defer d.Close()
			ended, running, left := attemptID(0), attemptID(1), attemptID(2)
			start(t, d, script(ended, "echo kept; exit 5"))
			wantCode(t, d, ended, 5)
			spec := script(running, "trap '' TERM; sleep 1000 & echo $$ $!; setsid sleep 1001 >/dev/null 2>&1 & echo $!; wait")
			spec.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 64}
			start(t, d, spec)
			// The group's leader dies with its runner's pipe, as a program that prints may.
			start(t, d, script(left, "echo $$; sleep 1002 >/dev/null 2>&1 & echo $!; echo up; while sleep 0.05; do echo; done"))
			var pids []int
			for _, id := range []batch.UnitID{running, left} {
				n := 0
				err := d.Output(t.Context(), id, 0, func(l driver.Line) error {
					for field := range strings.FieldsSeq(string(l.Text)) {
						if pid, err := strconv.Atoi(field); err == nil {
							pids = append(pids, pid)
						}
					}
					if n++; n == 2 {
						return errFound
					}
					return nil
				})
				if !errors.Is(err, errFound) {
					t.Fatalf("output: %v", err)
				}
			}
			if len(pids) != 5 {
				t.Fatalf("processes are %v, want 5", pids)
			}
			waited := make(chan driver.Exit)
			go func() {
				exit, _ := d.Wait(t.Context(), running)
				waited <- exit
			}()
			before := runnerPid(t, dir)
			if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for _, exit := range []driver.Exit{<-waited, wait(t, d, running), wait(t, d, left)} {
				if exit.Code != nil || exit.Reason != "" || exit.StartedAt == 0 || exit.StoppedAt < exit.StartedAt {
					t.Errorf("exit is %+v, want neither code nor reason", exit)
				}
			}
			for _, pid := range pids {
				eventually(t, "process "+strconv.Itoa(pid)+" dies", func() bool { return !alive(pid) })
			}
			wantCode(t, d, ended, 5)
			wantLines(t, d, ended, "kept")
			start(t, d, spec) // known, so it does not run again
			if exit := wait(t, d, running); exit.Code != nil {
				t.Errorf("exit is %+v after another start", exit)
			}
			next := attemptID(3)
			start(t, d, script(next, "exit 6"))
			wantCode(t, d, next, 6)
			for _, id := range []batch.UnitID{ended, running, left, next} {
				if err := d.Remove(t.Context(), id); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
			for _, sub := range []string{"output"} {
				if entries, err := os.ReadDir(filepath.Join(dir, sub)); err != nil || len(entries) > 0 {
					t.Errorf("%s holds %v, %v", sub, entries, err)
				}
			}
		})
	}
}

// Without work and without a server the runner goes, its cgroups too, and what
// had ended is still known to the next one.
func TestRunnerLeaves(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	d := open(t, dir, "auto")
	id := attemptID(0)
	spec := script(id, "echo $(grep -o '/.*barge-.*' /proc/self/cgroup | head -n 1); exit 7")
	spec.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 64}
	start(t, d, spec)
	wantCode(t, d, id, 7)
	cgroup := lines(t, d, id)
	pid := runnerPid(t, dir)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runner leaves", func() bool { return !alive(pid) })
	if len(cgroup) == 1 && cgroup[0] != "" {
		if left, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", filepath.Dir(cgroup[0]))); len(left) > 0 {
			t.Errorf("the runner left %v", left)
		}
	}
	d = open(t, dir, "auto")
	defer d.Close()
	wantCode(t, d, id, 7)
	if got := lines(t, d, id); !slices.Equal(got, cgroup) {
		t.Errorf("output was %q and is %q", cgroup, got)
	}
}

// SIGTERM ends the runner in order: attempts are killed and that is on record.
func TestRunnerTerminated(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	d := open(t, dir, "auto")
	defer d.Close()
	id := attemptID(0)
	start(t, d, script(id, "echo up; sleep 1000"))
	if err := awaitText(t.Context(), d, id, "up"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(runnerPid(t, dir), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantCode(t, d, id, 137)
	wantLines(t, d, id, "up")
}
