package oci

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// endRuntimes kills what is left of an earlier runner's runtimes, which would go
// on making their containers. All of a runtime's processes, and a container's
// first one before it runs the container's program, have the runtime's command
// line, and in it the directory that is this runner's alone. What runs already is
// found by its cgroup, later.
func endRuntimes(state string) error {
	mark := []byte("\x00--root\x00" + state + "\x00")
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		processes, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			return err
		}
		found := false
		for _, dir := range processes {
			if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && endIfMarked(pid, mark) {
				found = true
			}
		}
		if !found {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("runtimes of an earlier runner survive SIGKILL")
		}
	}
}

func endIfMarked(pid int, mark []byte) bool {
	// Taken before the look at its command line, it cannot mean another process after it.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false // it has gone
	}
	defer func() { _ = unix.Close(fd) }() // nothing is written to it
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(line, mark) { // of a dead one it is empty
		return false
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}
