package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bootID names the current boot of the system.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
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

// killMarked kills every process that carries one of the tasks in its
// environment, until there are none, and returns the tasks that it found.
func killMarked(tasks map[string]bool) map[string]bool {
	found := map[string]bool{}
	for round := 0; round < 20 && len(tasks) > 0; round++ { // they may fork meanwhile
		again := false
		procs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
		for _, proc := range procs {
			if task := killIfMarked(filepath.Base(proc), tasks); task != "" {
				found[task], again = true, true
			}
		}
		if !again {
			break
		}
	}
	return found
}

func killIfMarked(name string, tasks map[string]bool) (task string) {
	pid, err := strconv.Atoi(name)
	if err != nil || pid == os.Getpid() {
		return ""
	}
	// Taken before the look at the environment, it cannot mean another process after it.
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(fd)
	} else if !errors.Is(err, unix.ENOSYS) {
		return ""
	}
	if task = taskOf(pid); !tasks[task] {
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
	return task
}

// taskOf returns the task in a process's environment, which for a dead one is
// empty.
func taskOf(pid int) string {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if task, ok := bytes.CutPrefix(v, []byte(taskVar+"=")); ok {
			return string(task)
		}
	}
	return ""
}
