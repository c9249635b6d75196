package drivertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// settings: what a spec asks for is seen by the program, or the unit is refused
// by the setting's name.
func (s *suite) settings(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	host := t.TempDir()
	for name, c := range map[string]struct {
		setting driver.Setting
		ask     func(*driver.Spec)
		script  string
		want    []string
		refused string // instead, where another value is not honoured by anybody
	}{
		"read-only root": {
			setting: driver.SettingReadonly, ask: func(p *driver.Spec) { p.ReadonlyRootFS = true },
			script: `touch /here 2>/dev/null || echo read only`, want: []string{"read only"},
		},
		"init": {
			setting: driver.SettingInit, ask: func(p *driver.Spec) { p.Init = true },
			script: `test $$ != 1 && echo not the first`, want: []string{"not the first"},
		},
		"ulimits": {
			setting: driver.SettingUlimits,
			ask: func(p *driver.Spec) {
				p.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 64}
				p.Ulimits = []driver.Ulimit{{Name: "nofile", Soft: 77, Hard: 99}, {Name: "core", Soft: 0, Hard: 0}, {Name: "stack", Soft: 1 << 22, Hard: -1}}
			},
			script: `ulimit -S -n; ulimit -H -n; sh -c "ulimit -n"; ulimit -c; ulimit -S -s; ulimit -H -s`,
			want:   []string{"77", "99", "77", "0", "4096", "unlimited"},
		},
		"shared memory": {
			setting: driver.SettingSharedMem, ask: func(p *driver.Spec) { p.SharedMemMiB = 13 },
			script: `df -k /dev/shm | tail -n 1 | awk '{print $2}'`, want: []string{"13312"},
		},
		"tmpfs": {
			setting: driver.SettingTmpfs,
			ask: func(p *driver.Spec) {
				p.Tmpfs = []driver.Tmpfs{{Path: "/scratch", SizeMiB: 7, Options: []string{"mode=700", "noexec"}}}
			},
			script: `df -k /scratch | tail -n 1 | awk '{print $2}'; stat -c %a /scratch; grep " /scratch " /proc/mounts | grep -c noexec`,
			want:   []string{"7168", "700", "1"},
		},
		"devices": {
			setting: driver.SettingDevices,
			ask: func(p *driver.Spec) {
				p.Devices = []driver.Device{{Host: "/dev/null", Path: "/dev/null", Read: true, Write: true}}
			},
			script: `echo x >/dev/null && test -c /dev/null && echo device`, want: []string{"device"},
		},
		"no such device": {
			setting: driver.SettingDevices,
			ask: func(p *driver.Spec) {
				p.Devices = []driver.Device{{Host: "/dev/nonesuch", Path: "/dev/nonesuch", Read: true}}
			},
			refused: "/dev/nonesuch",
		},
		"host directory": {
			setting: driver.SettingMounts,
			ask: func(p *driver.Spec) {
				p.Mounts = []driver.Mount{{Host: host + "/made", Path: host + "/made"}}
			},
			script: `echo text >` + host + `/made/file && cat ` + host + `/made/file`, want: []string{"text"},
		},
		"platform": {
			setting: driver.SettingPlatform, ask: func(p *driver.Spec) { p.Platform = driver.Platform{OS: "LINUX"} },
			script: "uname", want: []string{"Linux"},
		},
		"other system": {
			setting: driver.SettingPlatform, ask: func(p *driver.Spec) { p.Platform = driver.Platform{OS: "WINDOWS_SERVER_2022_CORE"} },
			refused: "operatingSystemFamily",
		},
		"log driver": {
			setting: driver.SettingLog,
			ask:     func(p *driver.Spec) { p.Log = &driver.Log{Driver: "json-file"} },
			script:  "echo kept", want: []string{"kept"},
		},
		"unknown log driver": {
			setting: driver.SettingLog, ask: func(p *driver.Spec) { p.Log = &driver.Log{Driver: "nonesuch"} },
			refused: "nonesuch",
		},
		"the machine's processes": {
			setting: driver.SettingPID, ask: func(p *driver.Spec) { p.HostPID = true },
			script: `test $$ != 1 && echo many`, want: []string{"many"},
		},
		"swap": {
			setting: driver.SettingMaxSwap,
			ask: func(p *driver.Spec) {
				p.Resources, p.MaxSwapMiB = batch.Resources{MilliVCPU: 250, MemoryMiB: 32}, number(0)
			},
			script: "echo runs", want: []string{"runs"},
		},
		"disk": {
			setting: driver.SettingDisk, ask: func(p *driver.Spec) { p.DiskGiB = 21 },
			script: "echo runs", want: []string{"runs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := s.specOf(t, "/bin/sh", "-c", c.script)
			c.ask(&spec)
			if slices.Contains(s.h.Refuses, c.setting) {
				s.wantStartError(t, spec, "CannotCreateContainerError: "+string(c.setting))
				return
			}
			if c.refused != "" {
				spec.Command = []string{"/bin/true"}
				s.wantStartError(t, spec, "Cannot")
				if err := s.d.Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("refused with %v, want it to name %s", err, c.refused)
				}
				return
			}
			id := s.startSpec(t, spec)
			s.wantCode(t, id, 0)
			s.wantOutput(t, id, c.want...)
		})
	}
}

// volumes: the units of an attempt share a volume, those of others do not, and
// it goes when they have gone.
func (s *suite) volumes(t *testing.T) {
	run := func(spec driver.Spec, want ...string) {
		t.Helper()
		id := s.startSpec(t, spec)
		s.wantCode(t, id, 0)
		s.wantOutput(t, id, want...)
	}
	share := func(readOnly bool, script string) driver.Spec {
		spec := s.specOf(t, "/bin/sh", "-c", script)
		spec.Mounts = []driver.Mount{{Volume: "a name", Path: "/shared", ReadOnly: readOnly}}
		return spec
	}
	first := share(false, "ls /shared; echo text >/shared/file")
	if s.h.NoVolumes {
		s.wantStartError(t, first, "CannotCreateContainerError: mountPoints")
		return
	}
	run(first)
	second := share(true, "cat /shared/file; touch /shared/other 2>/dev/null || echo read only")
	second.Unit = first.Unit.Attempt.Unit(1)
	run(second, "text", "read only")
	run(share(false, "ls /shared"))
	for _, id := range []batch.UnitID{second.Unit, first.Unit} {
		if err := s.d.Remove(t.Context(), id); err != nil {
			t.Fatalf("remove: %v", err)
		}
		s.wantUnknown(t, second.Unit)
	}
	s.wantUnknown(t, first.Unit)
	run(share(false, "ls /shared"))
	again := first
	again.Command = []string{"/bin/ls", "/shared"}
	run(again)
}
