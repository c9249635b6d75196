package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// TestLimits asks the engine what it has set, and the kernel from inside.
func TestLimits(t *testing.T) {
	needEngine(t)
	t.Parallel()
	d := open(t, newOptions(t))
	spec := newSpec(t, d, `
		cd /sys/fs/cgroup
		cat memory/memory.limit_in_bytes memory.max cpu/cpu.shares cpu.weight 2>/dev/null
		touch /here 2>/dev/null || echo read only`)
	spec.Resources = batch.Resources{MilliVCPU: 2500, MemoryMiB: 24}
	spec.ReadonlyRootFS = true
	spec.Labels = map[string]string{"queue": "q", ownerLabel: "forged"}
	start(t, d, spec)
	wantCode(t, d, spec.Unit, 0)

	c, err := d.inspect(t.Context(), spec.Unit)
	if err != nil {
		t.Fatal(err)
	}
	type limits struct{ Shares, Memory, Swap int64 }
	got := limits{c.HostConfig.CPUShares, c.HostConfig.Memory, c.HostConfig.MemorySwap}
	if diff := cmp.Diff(limits{2560, 24 << 20, 48 << 20}, got); diff != "" {
		t.Errorf("the engine's limits (-want +got):\n%s", diff)
	}
	wantLabels := map[string]string{"queue": "q", ownerLabel: d.opt.Owner, attemptLabel: spec.Unit.String()}
	if diff := cmp.Diff(wantLabels, c.Config.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if c.HostConfig.NetworkMode != "host" {
		t.Errorf("network mode is %q, want host", c.HostConfig.NetworkMode)
	}
	lines := output(t, d, spec.Unit)
	if len(lines) != 3 || lines[0] != fmt.Sprint(24<<20) || lines[2] != "read only" {
		t.Errorf("the kernel's limits are %q, want memory %d and the file system read only", lines, 24<<20)
	}
	// On cgroup v2 the engine converts shares to a weight, not always in the same way.
	if v2 := c.HostConfig.CgroupnsMode == container.CgroupnsModePrivate; !v2 && len(lines) == 3 && lines[1] != "2560" {
		t.Errorf("the kernel's CPU shares are %s, want 2560", lines[1])
	}
}

func TestNetwork(t *testing.T) {
	needEngine(t)
	t.Parallel()
	opt := newOptions(t)
	opt.Network = "none"
	d := open(t, opt)
	spec := newSpec(t, d, `ls /sys/class/net`)
	start(t, d, spec)
	wantCode(t, d, spec.Unit, 0)
	if got := output(t, d, spec.Unit); slices.Contains(got, "eth0") || !slices.Contains(got, "lo") {
		t.Errorf("interfaces are %q, want the loopback one only", got)
	}
}

// TestImageDefaults: without a command the image's own runs.
func TestImageDefaults(t *testing.T) {
	needEngine(t)
	t.Parallel()
	d := open(t, newOptions(t))
	spec := newSpec(t, d, "")
	spec.Command = nil
	start(t, d, spec)
	wantCode(t, d, spec.Unit, 0)
	if diff := cmp.Diff([]string{"image command yes"}, output(t, d, spec.Unit)); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	needEngine(t)
	t.Parallel()
	opt := newOptions(t)
	opt.GPUs = []string{opt.Owner} // which the engine does not have
	d := open(t, opt)
	for reason, change := range map[string]func(*driver.Spec){
		"CannotPullContainerError: invalid reference format":                          func(s *driver.Spec) { s.Image = "No Such Image" },
		"CannotPullContainerError: Error response from daemon: Get ":                  func(s *driver.Spec) { s.Image = "127.0.0.1:1/none:1" },
		"CannotCreateContainerError: Error response from daemon: invalid environment": func(s *driver.Spec) { s.Env = []driver.Var{{Value: "x"}} },
		"CannotStartContainerError: Error response from daemon: unable to find user":  func(s *driver.Spec) { s.User = "no-such-user" },
		"CannotStartContainerError: Error response from daemon: failed to create":     func(s *driver.Spec) { s.Command = []string{strings.Repeat("x", 400)} },
		"CannotStartContainerError: Error response from daemon: could not select":     func(s *driver.Spec) { s.Resources.GPUs = 1 },
	} {
		spec := newSpec(t, d, "exit 0")
		change(&spec)
		wantRefused(t, d, spec, reason)
	}
}

// TestOwners: two installations share an engine and do not see each other.
func TestOwners(t *testing.T) {
	needEngine(t)
	t.Parallel()
	mine, theirs := open(t, newOptions(t)), open(t, newOptions(t))
	a, b := newSpec(t, mine, "exit 0"), newSpec(t, theirs, "exit 0")
	start(t, mine, a)
	start(t, theirs, b)
	for d, want := range map[*Driver]batch.UnitID{mine: a.Unit, theirs: b.Unit} {
		got, err := d.List(t.Context())
		if diff := cmp.Diff([]batch.UnitID{want}, got); diff != "" || err != nil {
			t.Errorf("list of %s ended with %v (-want +got):\n%s", d.opt.Owner, err, diff)
		}
	}
	// The same attempt under two owners comes of a copied database.
	wantTaken := "CannotCreateContainerError: the container " + containerName(a.Unit)
	if err := theirs.Start(t.Context(), a); err == nil || !strings.HasPrefix(err.Error(), wantTaken) {
		t.Errorf("start of another owner's attempt: %v, want %q", err, wantTaken)
	}
	wantCode(t, mine, a.Unit, 0)
}

// TestDiedBetweenCreateAndStart: the next Start takes up what is there.
func TestDiedBetweenCreateAndStart(t *testing.T) {
	needEngine(t)
	t.Parallel()
	opt := newOptions(t)
	d := open(t, opt)
	spec := newSpec(t, d, "echo ran; exit 5")
	if created, err := d.create(t.Context(), spec); !created || err != nil {
		t.Fatalf("create returned %t and %v", created, err)
	}

	next := open(t, opt)
	if ids, err := next.List(t.Context()); err != nil || !slices.Contains(ids, spec.Unit) {
		t.Errorf("list is %v and %v, want the attempt", ids, err)
	}
	exit, err := next.Wait(t.Context(), spec.Unit)
	if diff := cmp.Diff(driver.Exit{}, exit); diff != "" || err != nil {
		t.Errorf("wait before the start ended with %v (-want +got):\n%s", err, diff)
	}
	for range 2 { // the second must not run it again
		start(t, next, spec)
		wantCode(t, next, spec.Unit, 5)
	}
	if diff := cmp.Diff([]string{"ran"}, output(t, next, spec.Unit)); diff != "" {
		t.Error(diff)
	}
}

// TestStopOutlivesDriver: the engine sees a stop through without us.
func TestStopOutlivesDriver(t *testing.T) {
	needEngine(t)
	t.Parallel()
	opt := newOptions(t)
	opt.Log = nil
	d := open(t, opt)
	spec := newSpec(t, d, `trap '' TERM; echo up; while :; do sleep 0.1; done`)
	first, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	start(t, first, spec)
	up := make(chan struct{})
	go func() {
		_ = first.Output(t.Context(), spec.Unit, 0, func(driver.Line) error { close(up); return context.Canceled })
	}()
	<-up
	began := time.Now()
	const grace = 2 * time.Second
	if err := first.Stop(t.Context(), spec.Unit, grace); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > grace/2 {
		t.Errorf("stop and close took %v", took)
	}
	wantCode(t, d, spec.Unit, 137)
	if took := time.Since(began); took < grace-100*time.Millisecond {
		t.Errorf("killed after %v, want a grace of %v", took, grace)
	}
}

// TestVolumes: what an image's VOLUME takes goes with the container.
func TestVolumes(t *testing.T) {
	needEngine(t)
	t.Parallel()
	d := open(t, newOptions(t))
	tag := "barge-test/volume:" + newAttempt().Name()
	spec := newSpec(t, d, "echo kept >/data/file")
	if created, err := d.create(t.Context(), spec); !created || err != nil {
		t.Fatalf("create returned %t and %v", created, err)
	}
	_, err := d.api.ContainerCommit(t.Context(), containerName(spec.Unit), client.ContainerCommitOptions{
		Reference: tag, Changes: []string{"VOLUME /data"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, failed := d.api.ImageRemove(context.Background(), tag, client.ImageRemoveOptions{}); failed != nil {
			t.Errorf("remove image: %v", failed)
		}
	})
	spec = newSpec(t, d, "echo kept >/data/file")
	spec.Image = tag
	start(t, d, spec)
	wantCode(t, d, spec.Unit, 0)
	c, err := d.inspect(t.Context(), spec.Unit)
	if err != nil || len(c.Mounts) != 1 {
		t.Fatalf("mounts are %+v and %v, want one", c.Mounts, err)
	}
	if err := d.Remove(t.Context(), spec.Unit); err != nil {
		t.Fatal(err)
	}
	if v, err := d.api.VolumeInspect(t.Context(), c.Mounts[0].Name, client.VolumeInspectOptions{}); err == nil {
		t.Errorf("the volume %s is still there", v.Volume.Name)
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	host := "unix://" + t.TempDir() + "/none.sock"
	if err := Available(t.Context(), host); err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("nothing at %s: %v, want an error that names it", host, err)
	}
	if _, err := Open(t.Context(), Options{Host: host, Owner: "o"}); err == nil {
		t.Error("open without an engine returns no error")
	}
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("open without an owner returns no error")
	}
}
