package host_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/script"
	"github.com/bargehq/barge/internal/host"
	"github.com/bargehq/barge/internal/logs"
)

// TestStoppedWhileStarting: a job is terminated, and the server dies, before it
// is known to run. The next server is told to start and to stop it at once. If
// it does run it ends like any other, with its log; if not, it never does.
func TestStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	code := func(n int32) *int32 { return &n }
	for name, c := range map[string]struct {
		command []string
		runs    bool // since before
		want    host.End
		log     []string
	}{
		"it runs": {
			[]string{"print early", "hang"},
			true,
			host.End{Exit: driver.Exit{Code: code(143)}, StatusReason: "Essential container in task exited"},
			[]string{"early"},
		},
		"it does not": {
			[]string{"print never"},
			false,
			host.End{StatusReason: "Task failed to start"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				id := batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{1}}, Number: 1}
				spec := driver.Spec{Unit: id.Unit(0), Command: c.command, StopTimeout: time.Second}
				machine := script.NewRuntime()
				defer machine.Close()
				if c.runs {
					if err := machine.Open().Start(t.Context(), spec); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				end, lines := superviseStopped(t, dir, deaf{machine.Open()}, host.Container{Spec: spec, Group: "g", Stream: "s", Essential: true}, id)
				if (end.StartedAt != 0) != c.runs {
					t.Errorf("it started at %d", end.StartedAt)
				}
				end.StartedAt, end.StoppedAt = 0, 0
				if diff := cmp.Diff(c.want, end); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.log, lines); diff != "" {
					t.Errorf("the log (-want +got):\n%s", diff)
				}
				if n := machine.Starts(spec.Unit); (n == 1) != c.runs || n > 1 {
					t.Errorf("it began %d times", n)
				}
			})
		})
	}
}

// deaf is a driver whose Start has no answer until it is given up.
type deaf struct{ driver.Driver }

func (deaf) Start(ctx context.Context, _ driver.Spec) error {
	<-ctx.Done()
	return ctx.Err()
}

// superviseStopped starts and stops an attempt in one go and returns its end and
// its log.
func superviseStopped(t *testing.T, dir string, d driver.Driver, c host.Container, id batch.AttemptID) (host.End, []string) {
	t.Helper()
	store, err := logs.Open(logs.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan host.End, 1)
	s := host.New(host.Options{
		Driver: d, Logs: store, Log: slog.New(slog.DiscardHandler),
		Load: func(context.Context, batch.AttemptID) (host.Job, error) {
			return host.Job{Containers: []host.Container{c}}, nil
		},
		Live: func(context.Context, batch.AttemptID) (bool, error) { return true, nil },
		Running: func(batch.AttemptID) {
			t.Error("it is reported as running after it was stopped")
		},
		Ended: func(_ batch.AttemptID, end host.End, durable func()) {
			durable()
			ended <- end
		},
	})
	s.Start(id)
	s.Stop(id)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- s.Run(ctx) }()
	go func() { done <- store.Run(ctx) }()
	end := <-ended
	synctest.Wait() // for the removal
	if _, err = d.Wait(ctx, c.Spec.Unit); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("after its end the driver says %v of it, want ErrUnknown", err)
	}
	page, err := store.Events(ctx, logs.EventQuery{Group: c.Group, Stream: c.Stream})
	if err != nil && end.Code != nil {
		t.Errorf("read the log: %v", err)
	}
	var lines []string
	for _, e := range page.Events {
		lines = append(lines, string(e.Message))
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	return end, lines
}
