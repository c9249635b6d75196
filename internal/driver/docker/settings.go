package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"

	"github.com/bargehq/barge/internal/driver"
)

// features are what an engine is and can do.
type features struct {
	swapLimit  bool // it can limit swap
	swappiness bool // and say how eagerly to use it: cgroups of version 1 only
	honours    driver.Honours
	logConfig  container.LogConfig
}

func featuresOf(engine system.Info, gpus int) features {
	f := features{
		swapLimit: engine.SwapLimit, swappiness: engine.SwapLimit && engine.CgroupVersion != "2",
		logConfig: logConfig(engine.Plugins.Log),
	}
	f.honours = driver.Honours{
		driver.SettingUser: nil, driver.SettingPrivileged: nil, driver.SettingReadonly: nil, driver.SettingInit: nil,
		driver.SettingUlimits: nil, driver.SettingSharedMem: nil, driver.SettingTmpfs: nil, driver.SettingDevices: nil,
		driver.SettingMounts: checkMounts, driver.SettingPID: nil, driver.SettingIPC: nil,
		driver.SettingGPUs:     checkGPUs(gpus),
		driver.SettingPlatform: driver.CheckPlatform(engine.Architecture, engine.OSType),
		driver.SettingLog: func(s *driver.Spec) string {
			if plugins := engine.Plugins.Log; s.Log.Driver != "none" && len(plugins) > 0 && !slices.Contains(plugins, s.Log.Driver) {
				return "this container engine has no log driver " + s.Log.Driver
			}
			return ""
		},
		// Notes tells of these three where the engine lets them pass.
		driver.SettingDisk: nil, driver.SettingMaxSwap: nil, driver.SettingSwappiness: nil,
	}
	return f
}

// checkMounts refuses what the engine would misread: it takes a host directory
// and its place in one string, parted by a colon.
func checkMounts(s *driver.Spec) string {
	for _, m := range s.Mounts {
		switch {
		case !path.IsAbs(m.Path) || strings.Contains(m.Path, ":"):
			return "containerPath must be absolute and have no colon, not " + m.Path
		case m.Host != "" && (!path.IsAbs(m.Host) || strings.Contains(m.Host, ":")):
			return "sourcePath must be absolute and have no colon, not " + m.Host
		}
	}
	return ""
}

// Notes tells what the engine does not enforce.
func (d *Driver) Notes(spec driver.Spec) []string {
	var notes []string
	if spec.DiskGiB > 0 && d.noQuota.Load() {
		notes = append(notes, "barge: ephemeralStorage is not enforced: this container engine cannot limit it to "+strconv.FormatInt(spec.DiskGiB, 10)+" GiB")
	}
	if spec.MaxSwapMiB != nil && !d.engine.swapLimit {
		notes = append(notes, "barge: linuxParameters.maxSwap is not enforced: this machine's kernel does not limit swap")
	}
	if spec.Swappiness != nil && !d.engine.swappiness {
		notes = append(notes, "barge: linuxParameters.swappiness is not enforced: it needs cgroups of version 1 with swap accounting")
	}
	return notes
}

// settings puts what a job may ask for beyond its size into the configuration.
func (d *Driver) settings(spec *driver.Spec, host *container.HostConfig) {
	host.Privileged, host.ReadonlyRootfs, host.Init = spec.Privileged, spec.ReadonlyRootFS, &spec.Init
	host.ShmSize = spec.SharedMemMiB << 20
	for _, u := range spec.Ulimits {
		host.Ulimits = append(host.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	for _, t := range spec.Tmpfs {
		if host.Tmpfs == nil {
			host.Tmpfs = make(map[string]string, len(spec.Tmpfs))
		}
		host.Tmpfs[t.Path] = strings.Join(append(slices.Clone(t.Options), "size="+strconv.FormatInt(t.SizeMiB, 10)+"m"), ",")
	}
	for _, v := range spec.Devices {
		host.Devices = append(host.Devices, container.DeviceMapping{
			PathOnHost: v.Host, PathInContainer: v.Path, CgroupPermissions: permissions(v),
		})
	}
	// The engine refuses a limit of swap without one of memory.
	if spec.MaxSwapMiB != nil && host.Memory > 0 && d.engine.swapLimit {
		host.MemorySwap = host.Memory + *spec.MaxSwapMiB<<20
	}
	// Without maxSwap AWS ignores it.
	if spec.Swappiness != nil && spec.MaxSwapMiB != nil && d.engine.swappiness {
		host.MemorySwappiness = spec.Swappiness
	}
	if spec.DiskGiB > 0 && !d.noQuota.Load() {
		host.StorageOpt = map[string]string{"size": strconv.FormatInt(spec.DiskGiB, 10) + "G"}
	}
	switch {
	case spec.HostIPC:
		host.IpcMode = container.IPCModeHost
	case spec.NoIPC:
		host.IpcMode = container.IPCModeNone
	}
	if spec.HostPID {
		host.PidMode = "host"
	}
	if spec.Log != nil {
		host.LogConfig = container.LogConfig{Type: spec.Log.Driver, Config: spec.Log.Options}
	}
	for _, m := range spec.Mounts {
		d.mount(spec, m, host)
	}
}

func permissions(v driver.Device) string {
	s := ""
	for _, p := range []struct {
		given  bool
		letter string
	}{{v.Read, "r"}, {v.Write, "w"}, {v.Mknod, "m"}} {
		if p.given {
			s += p.letter
		}
	}
	return s
}

func (d *Driver) mount(spec *driver.Spec, m driver.Mount, host *container.HostConfig) {
	if m.Host != "" {
		bind := m.Host + ":" + m.Path // which makes a missing directory
		if m.ReadOnly {
			bind += ":ro"
		}
		host.Binds = append(host.Binds, bind)
		return
	}
	key := "volume " + m.Volume
	options := &mount.VolumeOptions{Labels: map[string]string{
		ownerLabel: d.opt.Owner, attemptLabel: spec.Unit.Attempt.String(),
	}}
	if m.NFS != nil {
		key = "nfs " + m.NFS.Server + ":" + m.NFS.Path
		// AWS's recommended options for EFS.
		// https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html
		options.DriverConfig = &mount.Driver{Name: "local", Options: map[string]string{
			"type": "nfs", "device": ":" + m.NFS.Path,
			"o": "addr=" + m.NFS.Server + ",nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport",
		}}
	}
	sum := sha256.Sum256([]byte(key)) // names are longer than an engine's volumes may be
	host.Mounts = append(host.Mounts, mount.Mount{
		Type: mount.TypeVolume, Source: containerName(spec.Unit.Attempt.Unit(0)) + "-" + hex.EncodeToString(sum[:6]),
		Target: m.Path, ReadOnly: m.ReadOnly, VolumeOptions: options,
	})
}
