//go:build torture

package fault

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPoint kills this very program, started again, at its points.
func TestPoint(t *testing.T) {
	if os.Getenv("BARGE_TEST_POINTS") != "" {
		for range 3 {
			_, _ = os.Stdout.WriteString("a")
			Point("a")
			Point("b")
		}
		time.Sleep(10 * time.Second) // for the plan with a delay
		return
	}
	t.Parallel()
	for plan, printed := range map[string]string{"a:1": "a", "a:3": "aaa", "b:2": "aa", "b:2:1ms": "aa"} {
		t.Run(plan, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestPoint$")
			cmd.Env = append(os.Environ(), "BARGE_TEST_POINTS=1", "BARGE_FAULT="+plan)
			out, err := cmd.Output()
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Errorf("it ended with %v", err)
			}
			if !strings.HasPrefix(string(out), printed) || len(out) > len(printed) && !strings.Contains(plan, "ms") {
				t.Errorf("it printed %q, want %q", out, printed)
			}
		})
	}
}

func TestSkew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	t.Setenv("BARGE_FAULT_CLOCK", file)
	for text, want := range map[string]time.Duration{"-3h": -3 * time.Hour, "90m\n": 90 * time.Minute, "": 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Skew(); got != want {
			t.Errorf("with %q in the file the clock is off by %v", text, got)
		}
	}
}
