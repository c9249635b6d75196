package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what matters of the machine for containers.
type machine struct {
	hostname     string
	unified      bool   // cgroups of version 2 only
	hybrid       string // where version 2 is mounted beside version 1, without controllers
	swapLimit    bool   // swap can be limited
	capabilities uint64 // our own
}

// lookAround finds out about the machine.
func lookAround() (*machine, error) {
	m := &machine{}
	var err error
	if m.hostname, err = os.Hostname(); err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	memory, unified := cgroupRoots(string(mounts))
	switch {
	case memory != "":
		m.hybrid = unified
		_, err = os.Stat(filepath.Join(memory, "memory.memsw.limit_in_bytes"))
		m.swapLimit = err == nil
	case unified != "":
		m.unified = true
		found, _ := filepath.Glob(filepath.Join(unified, "*", "memory.swap.max")) // the pattern is well-formed
		m.swapLimit = len(found) > 0
	default:
		return nil, errors.New("there is no cgroup hierarchy that limits memory")
	}
	if m.capabilities, err = ownCapabilities(); err != nil {
		return nil, err
	}
	return m, nil
}

// cgroupRoots returns where memory of version 1 and where version 2 are mounted.
func cgroupRoots(mounts string) (memory, unified string) {
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		switch {
		case right[0] == "cgroup" && strings.Contains(","+right[2]+",", ",memory,"):
			memory = left[4]
		case right[0] == "cgroup2":
			unified = left[4]
		}
	}
	return memory, unified
}

func ownCapabilities() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		}
	}
	return 0, errors.New("the kernel does not tell our capabilities")
}

// Available says whether containers can run here, with this runtime or, if that is
// empty, the best one on PATH. Otherwise it tells what is missing.
func Available(runtime string) error {
	if _, err := findRuntime(runtime); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("the oci driver needs a server that runs as root")
	}
	m, err := lookAround()
	if err != nil {
		return fmt.Errorf("the oci driver cannot run containers here: %w", err)
	}
	if m.capabilities&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return errors.New("the oci driver needs the right to mount, CAP_SYS_ADMIN")
	}
	systems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if _, err := os.Stat("/sys/module/overlay"); err != nil && !strings.Contains(string(systems), "\toverlay\n") {
		return errors.New("the oci driver needs overlayfs, which this kernel has not loaded (modprobe overlay)")
	}
	return nil
}
