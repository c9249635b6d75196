package oci_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/drivertest"
	"github.com/bargehq/barge/internal/driver/oci"
)

func TestConformance(t *testing.T) {
	need(t)
	images := shelf(t)
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			dir := t.TempDir()
			drivertest.Run(t, drivertest.Harness{
				Open:         func(t *testing.T) driver.Driver { return open(t, dir, runtime, images) },
				Image:        testImage,
				MemoryLimits: true,
				Users:        true,
				ExactUsage:   true,
				Nodes:        netip.MustParsePrefix("10.192.0.0/10"),
			})
		})
	}
}

// What an image says counts where a job says nothing.
func TestImageConfig(t *testing.T) {
	need(t)
	images := shelf(t)
	base := busybox(t)
	save(t, filepath.Join(images, "rich.tar"), "rich:1", imageOf(t, base, nil, func(c *v1.Config) {
		c.Env = []string{"PATH=/bin", "A=image", "B=image"}
		c.Entrypoint = []string{"/bin/sh", "-c", `trap 'exit 3' INT; echo "$0 $* $A $B $(pwd) $(id -u) $HOME $(umask)"; hostname; while :; do sleep 0.1; done`}
		c.Cmd = []string{"from", "image"}
		c.WorkingDir, c.User, c.StopSignal = "/made/up", "nobody", "SIGINT"
	}))
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			d := open(t, t.TempDir(), runtime, images)
			defer d.Close()
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range [][]string{nil, {"from", "job"}} {
				spec := driver.Spec{Unit: newUnit(), Image: "rich:1", Command: command, Env: []driver.Var{{Name: "B", Value: "job"}}}
				if err := d.Start(t.Context(), spec); err != nil {
					t.Fatal(err)
				}
				from := "image"
				if command != nil {
					from = "job"
				}
				want := []string{"from " + from + " image job /made/up 65534 / 0022", host}
				wantFirst(t, d, spec.Unit, want)
				if err := d.Stop(t.Context(), spec.Unit, time.Minute); err != nil {
					t.Fatal(err)
				}
				exit, err := d.Wait(t.Context(), spec.Unit)
				if err != nil || exit.Code == nil {
					t.Fatalf("wait: %+v, %v", exit, err)
				}
				if *exit.Code != 3 {
					t.Errorf("after the image's stop signal it ended with %d", *exit.Code)
				}
				if err := d.Remove(t.Context(), spec.Unit); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// wantFirst follows the output for so many lines.
func wantFirst(t *testing.T, d driver.Driver, id batch.UnitID, want []string) {
	t.Helper()
	var got []string
	enough := errors.New("enough")
	err := d.Output(t.Context(), id, 0, func(l driver.Line) error {
		if got = append(got, string(l.Text)); len(got) == len(want) {
			return enough
		}
		return nil
	})
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, enough) {
		t.Errorf("output differs, and ended with %v (-want +got):\n%s", err, diff)
	}
}

// A directory where nothing can be overlaid is told so when the server starts.
func TestNoOverlay(t *testing.T) {
	need(t)
	base := t.TempDir()
	for _, dir := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(base, "merged")
	options := "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work"
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(merged, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	_, err := oci.Open(t.Context(), oci.Options{Dir: filepath.Join(merged, "data")})
	if err == nil || !strings.Contains(err.Error(), "file system that cannot have containers") {
		t.Errorf("open: %v", err)
	}
}

// Threads change their namespaces, and the process itself stays where it is.
func TestMainThreadStays(t *testing.T) {
	need(t)
	where := func() string {
		mounts, err := os.Readlink("/proc/self/ns/mnt")
		if err != nil {
			t.Fatal(err)
		}
		network, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return mounts + network
	}
	before := where()
	images := shelf(t)
	for range 10 {
		d := open(t, t.TempDir(), "crun", images)
		d.Close()
		if after := where(); after != before {
			t.Fatalf("the process was in %s and is in %s", before, after)
		}
	}
}
