package oci

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
)

// maxDevices bounds what a privileged container gets of /dev.
const maxDevices = 4096

// capabilities are all, by number.
//
//nolint:gochecknoglobals // a table
var capabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
	"NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
	"SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
	"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

// usual are the capabilities that Docker leaves to root in a container.
const usual = " CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE "

// protect takes from a container what would let it reach beyond itself, unless it
// is privileged. The lists are Docker's.
func protect(c *specs.Spec, s *driver.Spec, m *machine) error {
	var allowed []string
	for n, name := range capabilities {
		if m.capabilities&(1<<n) != 0 && (s.Privileged || strings.Contains(usual, " "+name+" ")) {
			allowed = append(allowed, "CAP_"+name)
		}
	}
	c.Process.Capabilities = &specs.LinuxCapabilities{Bounding: allowed, Effective: allowed, Permitted: allowed}
	l := c.Linux
	l.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: s.Privileged, Access: "rwm"}}
	if !s.Privileged {
		l.MaskedPaths = []string{
			"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
			"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
		}
		l.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
		l.Seccomp = seccomp()
	} else if err := allDevices(l); err != nil {
		return err
	}
	for _, d := range s.Devices {
		device, err := deviceOf(d.Host, d.Path)
		if err != nil {
			return refusal("CannotCreateContainerError", fmt.Sprintf("%s: %v", driver.SettingDevices, err))
		}
		l.Devices = append(l.Devices, *device)
		l.Resources.Devices = append(l.Resources.Devices, specs.LinuxDeviceCgroup{
			Allow: true, Type: device.Type, Major: &device.Major, Minor: &device.Minor, Access: access(d),
		})
	}
	return nil
}

func access(d driver.Device) string {
	s := ""
	for _, p := range []struct {
		given  bool
		letter string
	}{{d.Read, "r"}, {d.Write, "w"}, {d.Mknod, "m"}} {
		if p.given {
			s += p.letter
		}
	}
	return s
}

// deviceOf describes a device of the machine under a name in the container.
func deviceOf(host, name string) (*specs.LinuxDevice, error) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return nil, fmt.Errorf("%s: %w", host, err)
	}
	kind := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		kind = "c"
	case unix.S_IFBLK:
		kind = "b"
	default:
		return nil, fmt.Errorf("%s is no device", host)
	}
	mode := os.FileMode(st.Mode & 0o777)
	return &specs.LinuxDevice{
		Path: name, Type: kind, Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
		FileMode: &mode, UID: &st.Uid, GID: &st.Gid,
	}, nil
}

// allDevices gives a container the machine's.
func allDevices(l *specs.Linux) error {
	return filepath.WalkDir("/dev", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || len(l.Devices) >= maxDevices:
			return nil //nolint:nilerr // it went away meanwhile
		case e.IsDir():
			switch name {
			case "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd":
				return fs.SkipDir
			}
			return nil
		case e.Type()&fs.ModeDevice == 0 || name == "/dev/console" || name == "/dev/ptmx":
			return nil // links, sockets, and what a container has of its own
		}
		if d, err := deviceOf(name, name); err == nil {
			l.Devices = append(l.Devices, *d)
		}
		return nil
	})
}

// seccomp refuses system calls which no capability guards and whose use in a
// container is an attack more often than not. What capabilities guard needs no
// second guard.
func seccomp() *specs.LinuxSeccomp {
	no := uint(unix.EPERM)
	rules := []specs.LinuxSyscall{{
		Names: []string{
			"add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
			"io_uring_register", "open_by_handle_at", "kexec_load", "kexec_file_load", "lookup_dcookie", "nfsservctl",
			"uselib", "ustat", "sysfs", "vm86", "vm86old", "_sysctl",
		},
		Action: specs.ActErrno, ErrnoRet: &no,
	}}
	// A user namespace gives all capabilities inside, and with them most of the
	// kernel's attack surface.
	rules = append(rules, specs.LinuxSyscall{
		Names: []string{"unshare"}, Action: specs.ActErrno, ErrnoRet: &no,
		Args: []specs.LinuxSeccompArg{{Index: 0, Value: unix.CLONE_NEWUSER, ValueTwo: unix.CLONE_NEWUSER, Op: specs.OpMaskedEqual}},
	}, specs.LinuxSyscall{
		Names: []string{"clone"}, Action: specs.ActErrno, ErrnoRet: &no,
		Args: []specs.LinuxSeccompArg{{Index: 0, Value: unix.CLONE_NEWUSER, ValueTwo: unix.CLONE_NEWUSER, Op: specs.OpMaskedEqual}},
	})
	// Its flags are behind a pointer; programs then use clone.
	absent := uint(unix.ENOSYS)
	rules = append(rules, specs.LinuxSyscall{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &absent})
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rules}
	switch runtime.GOARCH { // programs of the processor's 32 bits get the same
	case "amd64":
		s.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
	case "arm64":
		s.Architectures = []specs.Arch{specs.ArchAARCH64, specs.ArchARM}
	}
	return s
}
