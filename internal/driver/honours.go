package driver

import (
	"fmt"
	"strings"
)

// Setting is a member of a container's properties that changes how it runs,
// by AWS's name.
type Setting string

// The settings that a driver may or may not honour.
const (
	SettingUser       Setting = "user"
	SettingPrivileged Setting = "privileged"
	SettingReadonly   Setting = "readonlyRootFilesystem"
	SettingInit       Setting = "linuxParameters.initProcessEnabled"
	SettingUlimits    Setting = "ulimits"
	SettingSharedMem  Setting = "linuxParameters.sharedMemorySize"
	SettingTmpfs      Setting = "linuxParameters.tmpfs"
	SettingDevices    Setting = "linuxParameters.devices"
	SettingMaxSwap    Setting = "linuxParameters.maxSwap"
	SettingSwappiness Setting = "linuxParameters.swappiness"
	SettingMounts     Setting = "mountPoints"
	SettingDisk       Setting = "ephemeralStorage"
	SettingPlatform   Setting = "runtimePlatform"
	SettingLog        Setting = "logConfiguration.logDriver"
	SettingGPUs       Setting = "resourceRequirements GPU"
	SettingPID        Setting = "pidMode"
	SettingIPC        Setting = "ipcMode"
)

// uses lists the settings that a spec asks for, in the order of their names above.
func (s *Spec) uses() []Setting {
	var list []Setting
	for _, u := range []struct {
		setting Setting
		asked   bool
	}{
		{SettingUser, s.User != ""},
		{SettingPrivileged, s.Privileged},
		{SettingReadonly, s.ReadonlyRootFS},
		{SettingInit, s.Init},
		{SettingUlimits, len(s.Ulimits) > 0},
		{SettingSharedMem, s.SharedMemMiB > 0},
		{SettingTmpfs, len(s.Tmpfs) > 0},
		{SettingDevices, len(s.Devices) > 0},
		{SettingMaxSwap, s.MaxSwapMiB != nil},
		{SettingSwappiness, s.Swappiness != nil},
		{SettingMounts, len(s.Mounts) > 0},
		{SettingDisk, s.DiskGiB > 0},
		{SettingPlatform, s.Platform != Platform{}},
		{SettingLog, s.Log != nil},
		{SettingGPUs, s.Resources.GPUs > 0},
		{SettingPID, s.HostPID},
		{SettingIPC, s.HostIPC || s.NoIPC},
	} {
		if u.asked {
			list = append(list, u.setting)
		}
	}
	return list
}

// Honours is what a driver honours. A setting that is missing is refused. The
// function, where there is one, says what is wrong with the spec's values, or
// nothing.
type Honours map[Setting]func(*Spec) (problem string)

// Check returns a *StartError naming the first setting of the spec that is not
// honoured, as nothing that a job asks for is dropped silently. driver is the
// name that the reason tells.
func (h Honours) Check(driver string, spec *Spec) error {
	for _, setting := range spec.uses() {
		check, ok := h[setting]
		if !ok {
			return &StartError{Reason: fmt.Sprintf("CannotCreateContainerError: %s is not supported by the %s driver", setting, driver)}
		}
		if check == nil {
			continue
		}
		if problem := check(spec); problem != "" {
			return &StartError{Reason: fmt.Sprintf("CannotCreateContainerError: %s: %s", setting, problem)}
		}
	}
	return nil
}

// CheckPlatform is an [Honours] function for a machine of this architecture, by
// Go's or the kernel's name, and operating system.
func CheckPlatform(architecture, system string) func(*Spec) string {
	have := Platform{Architecture: strings.ToUpper(architecture), OS: strings.ToUpper(system)}
	switch architecture {
	case "amd64", "x86_64":
		have.Architecture = "X86_64"
	case "arm64", "aarch64":
		have.Architecture = "ARM64"
	}
	return func(s *Spec) string {
		switch want := s.Platform; {
		case want.Architecture != "" && want.Architecture != have.Architecture:
			return fmt.Sprintf("cpuArchitecture is %s, and this machine is %s", want.Architecture, have.Architecture)
		case want.OS != "" && want.OS != have.OS:
			return fmt.Sprintf("operatingSystemFamily is %s, and this machine runs %s", want.OS, have.OS)
		}
		return ""
	}
}
