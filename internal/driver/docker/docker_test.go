package docker

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/drivertest"
)

// testImage is what testdata/mkimage.sh makes.
const testImage = "barge-test/busybox:latest"

// buildImage makes the test image once per run, however many tests want it.
var buildImage = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("testdata/mkimage.sh", testImage).CombinedOutput()
})

// needEngine skips the test, which takes long, unless BARGE_REQUIRE, a list
// separated by commas, names docker: then an engine must answer, and there must
// be something to make an image of.
func needEngine(t *testing.T) {
	t.Helper()
	if !slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), "docker") {
		t.Skip("takes long and needs docker: run it with BARGE_REQUIRE=docker")
	}
	if err := Available(t.Context(), ""); err != nil {
		t.Fatalf("BARGE_REQUIRE names docker: %v", err)
	}
	if out, err := buildImage(); err != nil {
		t.Fatalf("build the test image: %v: %s", err, out)
	}
}

// open returns a driver that the test's end closes.
func open(t *testing.T, opt Options) *Driver {
	t.Helper()
	d, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func newOptions(t *testing.T) Options {
	return Options{
		Owner:      "test-" + newAttempt().Attempt.Job.String(),
		ConfigFile: t.TempDir() + "/none.json",
		Log:        slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func newAttempt() batch.UnitID {
	return batch.AttemptID{Job: batch.JobRef{ID: batch.NewJobID(batch.InstantOf(time.Now()))}, Number: 1}.Unit(0)
}

// newSpec returns a spec that the test's end removes from d's engine.
func newSpec(t *testing.T, d *Driver, script string) driver.Spec {
	spec := driver.Spec{
		Unit:        newAttempt(),
		Image:       testImage,
		Command:     []string{"/bin/sh", "-c", script},
		StopTimeout: 10 * time.Second,
	}
	t.Cleanup(func() {
		if err := d.Remove(context.Background(), spec.Unit); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return spec
}

func start(t *testing.T, d *Driver, spec driver.Spec) {
	t.Helper()
	if err := d.Start(t.Context(), spec); err != nil {
		t.Fatalf("start: %v", err)
	}
}

func wantCode(t *testing.T, d *Driver, id batch.UnitID, code int32) {
	t.Helper()
	exit, err := d.Wait(t.Context(), id)
	if err != nil || exit.Code == nil || *exit.Code != code {
		t.Fatalf("wait returned %+v and %v, want code %d", exit, err, code)
	}
}

func output(t *testing.T, d *Driver, id batch.UnitID) []string {
	t.Helper()
	var lines []string
	err := d.Output(t.Context(), id, 0, func(l driver.Line) error {
		lines = append(lines, string(l.Text))
		return nil
	})
	if err != nil {
		t.Fatalf("output: %v", err)
	}
	return lines
}

// wantRefused checks a start's final error by its beginning, and returns it.
func wantRefused(t *testing.T, d *Driver, spec driver.Spec, reason string) string {
	t.Helper()
	err := d.Start(t.Context(), spec)
	var refused *driver.StartError
	if !errors.As(err, &refused) || !strings.HasPrefix(refused.Reason, reason) {
		t.Errorf("start returned %v, want a StartError that begins with %q", err, reason)
		return ""
	}
	if _, err := d.inspect(t.Context(), spec.Unit); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("inspect after a refused start: %v, want %v", err, driver.ErrUnknown)
	}
	return refused.Reason
}

func TestConformance(t *testing.T) {
	needEngine(t)
	opt := newOptions(t)
	opt.Log = nil // the harness closes and opens drivers from many tests
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T) driver.Driver {
			d, err := Open(context.Background(), opt)
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		Image:        testImage,
		MemoryLimits: true,
		Users:        true,
		Nodes:        netip.MustParsePrefix("10.192.0.0/10"),
	})
}
