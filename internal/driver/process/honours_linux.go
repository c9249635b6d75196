package process

import (
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
)

// honours is what a plain process can be given: it sees the machine's file
// system, devices and processes as they are, so whatever asks for that is
// honoured, and whatever asks for something of its own is refused.
func honours() driver.Honours {
	return driver.Honours{
		driver.SettingUser: nil,
		driver.SettingPrivileged: func(*driver.Spec) string {
			if os.Geteuid() != 0 {
				return "the server does not run as root, so its processes have no privileges"
			}
			return ""
		},
		driver.SettingInit:    nil, // orphans fall to the machine's, and die with the attempt
		driver.SettingUlimits: checkUlimits,
		driver.SettingDevices: checkDevices,
		driver.SettingMounts:  checkMounts,
		driver.SettingDisk:    nil, // see Notes
		driver.SettingPID:     nil, // only `host` can be asked for
		driver.SettingIPC: func(s *driver.Spec) string {
			if s.NoIPC {
				return "a process shares the machine's IPC"
			}
			return ""
		},
		driver.SettingPlatform: driver.CheckPlatform(runtime.GOARCH, runtime.GOOS),
		driver.SettingLog: func(s *driver.Spec) string {
			if s.Log.Driver != "json-file" && s.Log.Driver != "none" {
				return "there is no container engine whose driver " + s.Log.Driver + " could take the output"
			}
			return ""
		},
	}
}

// resources are the ulimits by AWS's names.
func resource(name string) (number int, ok bool) {
	number, ok = map[string]int{
		"core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA, "fsize": unix.RLIMIT_FSIZE,
		"locks": unix.RLIMIT_LOCKS, "memlock": unix.RLIMIT_MEMLOCK, "msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE,
		"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC, "rss": unix.RLIMIT_RSS, "rtprio": unix.RLIMIT_RTPRIO,
		"rttime": unix.RLIMIT_RTTIME, "sigpending": unix.RLIMIT_SIGPENDING, "stack": unix.RLIMIT_STACK,
	}[name]
	return number, ok
}

func checkUlimits(s *driver.Spec) string {
	for _, u := range s.Ulimits {
		if _, ok := resource(u.Name); !ok {
			return "there is no limit called " + u.Name
		}
	}
	return ""
}

func checkDevices(s *driver.Spec) string {
	for _, d := range s.Devices {
		if filepath.Clean(d.Path) != filepath.Clean(d.Host) {
			return "a process sees " + d.Host + " where it is, not at " + d.Path
		}
		if _, err := os.Stat(d.Host); err != nil {
			return "there is no device " + d.Host
		}
	}
	return ""
}

func checkMounts(s *driver.Spec) string {
	for _, m := range s.Mounts {
		switch {
		case m.Host == "":
			return "a process has no volumes of its own, such as for " + m.Path
		case filepath.Clean(m.Path) != filepath.Clean(m.Host):
			return "a process sees " + m.Host + " where it is, not at " + m.Path
		case m.ReadOnly:
			return "a process sees " + m.Host + " as it is, not read-only"
		}
	}
	return ""
}

// prepare makes the missing directories of the mounts, as an engine does.
func prepare(s *driver.Spec) error {
	for _, m := range s.Mounts {
		if err := os.MkdirAll(m.Host, 0o755); err != nil {
			return &driver.StartError{Reason: "CannotCreateContainerError: mountPoints: " + err.Error()}
		}
	}
	return nil
}

// Notes implements [driver.Driver].
func (s *Driver) Notes(spec driver.Spec) []string {
	notes := []string{"barge: run as a process on this machine; the image " + spec.Image + " is not used"}
	if spec.DiskGiB > 0 {
		notes = append(notes, "barge: ephemeralStorage is not enforced for a process")
	}
	return notes
}
