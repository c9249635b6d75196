package batchsvc

import (
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// operatingSystems are the families that a task may ask for.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_RuntimePlatform.html
var operatingSystems = []string{ //nolint:gochecknoglobals // a table that nothing writes
	"WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2022_FULL", "LINUX",
}

const (
	x86 = "X86_64"
	arm = "ARM64"
)

func onWindows(t *batchapi.EcsTaskProperties) bool {
	return t.RuntimePlatform != nil && strings.HasPrefix(t.RuntimePlatform.OperatingSystemFamily, "WINDOWS")
}

// checkRuntimePlatform checks the system that a task asks for. Which words AWS
// has for what Windows cannot do is not known, but for the processor.
func checkRuntimePlatform(t *batchapi.EcsTaskProperties) error {
	r := t.RuntimePlatform
	if r == nil {
		return nil
	}
	if err := firstRefusal(
		refusal{
			r.OperatingSystemFamily != "" && !oneOf(r.OperatingSystemFamily, operatingSystems...),
			"RuntimePlatform supports only one from [" + strings.Join(operatingSystems, ", ") + "] operating systems, provided " + r.OperatingSystemFamily,
		},
		refusal{!oneOf(r.CpuArchitecture, "", x86, arm), "RuntimePlatform supports only one from [X86_64, ARM64] cpuArchitectures, provided " + r.CpuArchitecture},
	); err != nil || !onWindows(t) {
		return err
	}
	if r.CpuArchitecture == arm {
		return invalid("Windows supported only by X86_64 cpuArchitecture")
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		if err := firstRefusal(
			refusal{c.LinuxParameters != nil, "linuxParameters is not applicable for Windows."},
			refusal{c.Privileged != nil, "privileged is not applicable for Windows."},
			refusal{c.User != "", "user is not applicable for Windows."},
			refusal{len(c.Ulimits) > 0, "ulimits is not applicable for Windows."},
			refusal{c.ReadonlyRootFilesystem != nil, "readonlyRootFilesystem is not applicable for Windows."},
		); err != nil {
			return err
		}
	}
	for _, v := range t.Volumes {
		if v.EfsVolumeConfiguration != nil {
			return invalid("efsVolumeConfiguration is not applicable for Windows.")
		}
	}
	return nil
}
