package docker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	for milli, want := range map[int64]int64{
		0: 2, 1: 2, 250: 256, 1000: 1024, 1500: 1536, 96_000: 98_304, 1_000_000: 262_144, batch.Unlimited: 262_144,
	} {
		if got := shares(milli); got != want {
			t.Errorf("%d thousandths of a vCPU are %d shares, want %d", milli, got, want)
		}
	}
	for miB, want := range map[int64]int64{
		0: 0, -1: 0, 4: 6 << 20, 6: 6 << 20, 2048: 2 << 30, batch.Unlimited: 0, batch.Unlimited - 1: 0,
		maxMemoryMi - 1: (maxMemoryMi - 1) << 20,
	} {
		if got := memory(miB); got != want || 2*got < 0 {
			t.Errorf("%d MiB are %d bytes, want %d", miB, got, want)
		}
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 0: 0, 1: 1, time.Second: 1, 1500 * time.Millisecond: 2} {
		if got := seconds(d); got != want {
			t.Errorf("%v are %d seconds, want %d", d, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment([]driver.Var{{Name: "A", Value: "1"}, {Name: "B", Value: "x=y"}, {Name: "A", Value: ""}})
	if diff := cmp.Diff([]string{"A=", "B=x=y"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	code := func(n int32) *int32 { return &n }
	const (
		began = "2026-03-01T10:00:00.123456789Z"
		ended = "2026-03-01T10:00:01.5Z"
		never = "0001-01-01T00:00:00Z"
	)
	at := batch.InstantOf(time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC))
	for name, c := range map[string]struct {
		state container.State
		want  driver.Exit
	}{
		"plain": {
			container.State{Status: "exited", ExitCode: 3, StartedAt: began, FinishedAt: ended},
			driver.Exit{Code: code(3), StartedAt: at, StoppedAt: at + 1377},
		},
		"out of memory": {
			container.State{Status: "exited", ExitCode: 137, OOMKilled: true, StartedAt: began, FinishedAt: ended},
			driver.Exit{Code: code(137), Reason: "OutOfMemoryError: Container killed due to memory usage", StartedAt: at, StoppedAt: at + 1377},
		},
		"created": {
			container.State{Status: "created", StartedAt: never, FinishedAt: never},
			driver.Exit{},
		},
		"failed to start": {
			container.State{Status: "created", ExitCode: 127, Error: "no such file", StartedAt: never, FinishedAt: never},
			driver.Exit{Reason: "CannotStartContainerError: Error response from daemon: no such file"},
		},
		"runtime fault": {
			container.State{Status: "exited", ExitCode: 255, Error: "lost", StartedAt: began, FinishedAt: ended},
			driver.Exit{Code: code(255), Reason: "ContainerRuntimeError: lost", StartedAt: at, StoppedAt: at + 1377},
		},
	} {
		if diff := cmp.Diff(c.want, exitOf(&c.state)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLogConfig(t *testing.T) {
	t.Parallel()
	if got := logConfig([]string{"json-file", "local"}); got.Type != "local" || got.Config["max-size"] == "" {
		t.Errorf("Docker's log is %+v, want the local driver with a max-size", got)
	}
	if got := logConfig([]string{"k8s-file", "journald"}); got.Type != "json-file" {
		t.Errorf("Podman's log is %+v, want json-file", got)
	}
}
