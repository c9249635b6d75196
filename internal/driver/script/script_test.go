package script_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/drivertest"
	"github.com/bargehq/barge/internal/driver/script"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	r := script.NewRuntime()
	t.Cleanup(r.Close)
	drivertest.Run(t, drivertest.Harness{
		Open:     func(*testing.T) driver.Driver { return r.Open() },
		Scripted: true,
	})
}

func attempt(n int) batch.UnitID {
	return batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{byte(n)}}, Number: 1}.Unit(0)
}

// bubble runs test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, r *script.Runtime)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := script.NewRuntime()
		defer r.Close()
		test(t, r)
	})
}

func TestVirtualTime(t *testing.T) {
	bubble(t, func(t *testing.T, r *script.Runtime) {
		d := r.Open()
		began := batch.InstantOf(time.Now())
		id := attempt(1)
		spec := driver.Spec{Unit: id, Command: []string{"pull 1m", "print a", "sleep 5h", "print b", "exit 137 OutOfMemoryError: x"}}
		if err := d.Start(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		var got []driver.Line
		err := d.Output(t.Context(), id, 0, func(l driver.Line) error {
			got = append(got, l)
			return nil
		})
		started := began.Add(time.Minute)
		stopped := started.Add(5 * time.Hour)
		want := []driver.Line{{At: started, Text: []byte("a"), Cursor: 1}, {At: stopped, Text: []byte("b"), Cursor: 2}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("output ended with %v (-want +got):\n%s", err, diff)
		}
		exit, err := d.Wait(t.Context(), id)
		code := int32(137)
		wantExit := driver.Exit{Code: &code, Reason: "OutOfMemoryError: x", StartedAt: started, StoppedAt: stopped}
		if diff := cmp.Diff(wantExit, exit); diff != "" || err != nil {
			t.Errorf("wait ended with %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestStopGrace(t *testing.T) {
	for _, c := range []struct {
		command []string
		code    int32
		after   time.Duration
	}{
		{[]string{"hang"}, 143, 0},
		{[]string{"ignore-term", "hang"}, 137, 30 * time.Second},
		{[]string{"ignore-term", "sleep 10s", "exit 1"}, 1, 10 * time.Second},
	} {
		t.Run(c.command[0], func(t *testing.T) {
			bubble(t, func(t *testing.T, r *script.Runtime) {
				d, began := r.Open(), time.Now()
				if err := d.Start(t.Context(), driver.Spec{Unit: attempt(1), Command: c.command}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if err := d.Stop(t.Context(), attempt(1), 30*time.Second); err != nil {
					t.Fatal(err)
				}
				exit, err := d.Wait(t.Context(), attempt(1))
				if err != nil || exit.Code == nil || *exit.Code != c.code || time.Since(began) != c.after {
					t.Errorf("ended with %+v, %v after %v, want code %d after %v", exit, err, time.Since(began), c.code, c.after)
				}
			})
		})
	}
}

// A server that dies takes its calls with it, not the attempts.
func TestServers(t *testing.T) {
	bubble(t, func(t *testing.T, r *script.Runtime) {
		first := r.Open()
		spec := driver.Spec{Unit: attempt(1), Command: []string{"lose-reply", "sleep 1h", "vanish gone"}}
		if err := first.Start(t.Context(), spec); err == nil {
			t.Error("the reply was to be lost")
		}
		waited := make(chan error)
		go func() {
			_, err := first.Wait(t.Context(), spec.Unit)
			waited <- err
		}()
		synctest.Wait()
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waited; err == nil || errors.Is(err, driver.ErrUnknown) {
			t.Errorf("wait of a closed driver: %v, want an error that says nothing of the attempt", err)
		}

		second := r.Open()
		if ids, err := second.List(t.Context()); err != nil || !slices.Equal(ids, []batch.UnitID{spec.Unit}) {
			t.Errorf("list is %v, %v", ids, err)
		}
		if err := second.Start(t.Context(), spec); err != nil {
			t.Error(err)
		}
		exit, err := second.Wait(t.Context(), spec.Unit)
		if err != nil || exit.Code != nil || exit.Reason != "gone" || exit.StoppedAt.Sub(exit.StartedAt) != time.Hour {
			t.Errorf("exit is %+v, %v", exit, err)
		}
		if n := r.Starts(spec.Unit); n != 1 {
			t.Errorf("began %d times, want once", n)
		}
	})
}

func TestStartSteps(t *testing.T) {
	bubble(t, func(t *testing.T, r *script.Runtime) {
		d := r.Open()
		spec := driver.Spec{Unit: attempt(1), Command: []string{"fault 2", "exit 0"}}
		var refused *driver.StartError
		for range 2 {
			if err := d.Start(t.Context(), spec); err == nil || errors.As(err, &refused) {
				t.Errorf("start: %v, want a fault", err)
			}
		}
		if err := d.Start(t.Context(), spec); err != nil {
			t.Error(err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		spec = driver.Spec{Unit: attempt(2), Command: []string{"pull 1m", "exit 0"}}
		if err := d.Start(ctx, spec); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("start: %v, want the context's error", err)
		}
		if n := r.Starts(spec.Unit); n != 0 {
			t.Errorf("began %d times before the pull was over", n)
		}
		if got := r.Started(); !slices.Equal(got, []batch.UnitID{attempt(1)}) {
			t.Errorf("began: %v", got)
		}

		for _, step := range []string{"fail-to-start CannotPullContainerError: no", "dance", "exit x", "sleep"} {
			spec = driver.Spec{Unit: attempt(3), Command: []string{step}}
			if err := d.Start(t.Context(), spec); !errors.As(err, &refused) {
				t.Errorf("step %q: %v, want a StartError", step, err)
			}
		}
	})
}
