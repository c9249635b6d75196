package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// scopeOf names the scope in which the pids of dir's journal mean anything: the
// current boot of the system, and the directory itself, not a copy of it.
func scopeOf(dir string) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%d:%d", bytes.TrimSpace(boot), st.Dev, st.Ino), nil
}

// sinceBoot is the time since boot in milliseconds, by the clock of which the
// kernel keeps the start of processes.
func sinceBoot() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return ts.Nano() / 1e6
}

// bornAt returns when the process began, in milliseconds since boot, cut to
// hundredths of a second.
func bornAt(pid int) (int64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses and may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return 0, errors.New("odd /proc/pid/stat")
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	return ticks * 10, err
}

// killOrphan kills the process group of an attempt whose runner is gone, if
// the process is still the same one.
func killOrphan(r record) bool {
	born, err := bornAt(r.Pid)
	if err != nil || born+10 < r.After || born > r.Before {
		return false
	}
	return syscall.Kill(-r.Pid, syscall.SIGKILL) == nil
}

// killMarked kills every process that carries one of the marks in its
// environment, until there are none, and returns the marks that it found.
func killMarked(marks map[string]bool) map[string]bool {
	found := map[string]bool{}
	for round := 0; round < 20 && len(marks) > 0; round++ { // they may fork meanwhile
		again := false
		procs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
		for _, proc := range procs {
			if m := killIfMarked(filepath.Base(proc), marks); m != "" {
				found[m], again = true, true
			}
		}
		if !again {
			break
		}
	}
	return found
}

func killIfMarked(name string, marks map[string]bool) (found string) {
	pid, err := strconv.Atoi(name)
	if err != nil || pid == os.Getpid() {
		return ""
	}
	// Taken before the look at the environment, it cannot mean another process after it.
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer func() { _ = unix.Close(fd) }() // nothing is written to it
	} else if !errors.Is(err, unix.ENOSYS) {
		return ""
	}
	if found = markOf(pid); !marks[found] {
		return ""
	}
	if fd > 0 {
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	} else {
		err = unix.Kill(pid, unix.SIGKILL)
	}
	if err != nil {
		return ""
	}
	return found
}

// markOf returns the mark in a process's environment, which for a dead one is
// empty.
func markOf(pid int) string {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if value, ok := bytes.CutPrefix(v, []byte(taskVar+"=")); ok {
			return string(value)
		}
	}
	return ""
}
