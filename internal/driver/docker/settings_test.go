package docker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

func fullSpec() driver.Spec {
	swap, swappiness := int64(100), int64(10)
	return driver.Spec{
		Unit:       batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{1}}, Number: 2}.Unit(3),
		Resources:  batch.Resources{MilliVCPU: 1000, MemoryMiB: 64},
		Privileged: true, Init: true, SharedMemMiB: 3, MaxSwapMiB: &swap, Swappiness: &swappiness, DiskGiB: 21, HostPID: true, HostIPC: true,
		Ulimits: []driver.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}},
		Tmpfs:   []driver.Tmpfs{{Path: "/t", SizeMiB: 5, Options: []string{"noexec"}}},
		Devices: []driver.Device{{Host: "/dev/fuse", Path: "/dev/f", Read: true, Mknod: true}},
		Mounts: []driver.Mount{
			{Path: "/a", Host: "/h", ReadOnly: true},
			{Path: "/b", Volume: "v"},
			{Path: "/c", NFS: &driver.NFS{Server: "10.0.0.1", Path: "/x"}},
		},
		Log: &driver.Log{Driver: "syslog", Options: map[string]string{"tag": "t"}},
	}
}

// TestSettings checks what the engine is asked for: much of it takes effect on
// machines that tests do not have.
func TestSettings(t *testing.T) {
	t.Parallel()
	d := &Driver{opt: Options{Owner: "me", Network: "host"}, engine: featuresOf(system.Info{SwapLimit: true, CgroupVersion: "1"}, 0)}
	spec := fullSpec()
	yes, swappiness := true, int64(10)
	task := "barge-" + spec.Unit.Attempt.TaskID()
	labels := map[string]string{ownerLabel: "me", attemptLabel: spec.Unit.Attempt.String()}
	got := d.hostConfig(spec)
	want := &container.HostConfig{
		NetworkMode: "host", Privileged: true, Init: &yes, ShmSize: 3 << 20, PidMode: "host", IpcMode: "host",
		LogConfig:  container.LogConfig{Type: "syslog", Config: map[string]string{"tag": "t"}},
		Tmpfs:      map[string]string{"/t": "noexec,size=5m"},
		StorageOpt: map[string]string{"size": "21G"},
		Binds:      []string{"/h:/a:ro"},
		Mounts: []mount.Mount{
			{Type: "volume", Target: "/b", VolumeOptions: &mount.VolumeOptions{Labels: labels}},
			{Type: "volume", Target: "/c", VolumeOptions: &mount.VolumeOptions{Labels: labels, DriverConfig: &mount.Driver{
				Name: "local", Options: map[string]string{
					"type": "nfs", "device": ":/x",
					"o": "addr=10.0.0.1,nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport",
				},
			}}},
		},
		Resources: container.Resources{
			CPUShares: 1024, Memory: 64 << 20, MemorySwap: 164 << 20, MemorySwappiness: &swappiness,
			Devices: []container.DeviceMapping{{PathOnHost: "/dev/fuse", PathInContainer: "/dev/f", CgroupPermissions: "rm"}},
			Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}},
		},
	}
	for i := range got.Mounts {
		if !strings.HasPrefix(got.Mounts[i].Source, task+"-") || got.Mounts[0].Source == got.Mounts[1].Source {
			t.Errorf("volume is called %s, want a name of its own within the attempt's %s", got.Mounts[i].Source, task)
		}
	}
	for i := range got.Mounts {
		got.Mounts[i].Source = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the engine is asked for (-want +got):\n%s", diff)
	}
}

// TestNotEnforced: what the engine cannot do is left out and told.
func TestNotEnforced(t *testing.T) {
	t.Parallel()
	d := &Driver{engine: featuresOf(system.Info{CgroupVersion: "2"}, 0)}
	d.noQuota.Store(true)
	host := d.hostConfig(fullSpec())
	if host.MemorySwappiness != nil || host.MemorySwap != 128<<20 || host.StorageOpt != nil {
		t.Errorf("the engine is asked for what it cannot do: %+v", host)
	}
	notes := strings.Join(d.Notes(fullSpec()), "\n")
	for _, name := range []string{"ephemeralStorage", "linuxParameters.maxSwap", "linuxParameters.swappiness"} {
		if !strings.Contains(notes, name+" is not enforced") {
			t.Errorf("notes do not tell of %s:\n%s", name, notes)
		}
	}
	if notes := d.Notes(driver.Spec{}); len(notes) > 0 {
		t.Errorf("a plain spec has the notes %q", notes)
	}
}

func TestHonours(t *testing.T) {
	t.Parallel()
	f := featuresOf(system.Info{Architecture: "aarch64", OSType: "linux"}, 0)
	for want, spec := range map[string]driver.Spec{
		"CannotCreateContainerError: runtimePlatform: cpuArchitecture is X86_64, and this machine is ARM64": {Platform: driver.Platform{Architecture: "X86_64"}},
		"CannotCreateContainerError: mountPoints: sourcePath must be absolute and have no colon, not /a:b":  {Mounts: []driver.Mount{{Path: "/x", Host: "/a:b"}}},
		"": {Platform: driver.Platform{Architecture: "ARM64", OS: "LINUX"}},
	} {
		got := ""
		if err := f.honours.Check("docker", &spec); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("refused with %q, want %q", got, want)
		}
	}
}
