package process

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
)

// forkLimited makes a process with these limits. Go has no way to set them
// between fork and exec, so the process is traced: it stops at its first
// instruction, gets its limits from here, and is let go. fork must be called
// on the calling goroutine, because only the thread that made a process traces it.
func forkLimited(limits []driver.Ulimit, attr *syscall.ProcAttr, fork func() (int, error)) (pid int, err error) {
	if len(limits) == 0 {
		return fork()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr.Sys.Ptrace = true
	if pid, err = fork(); err != nil {
		return pid, err
	}
	if err = awaitStop(pid); err == nil {
		err = setLimits(pid, limits)
	}
	if err == nil {
		err = syscall.PtraceDetach(pid)
	}
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it is not reaped, so it is there
		_, _, _ = wait(pid)
		return 0, err
	}
	return pid, nil
}

// awaitStop waits for the stop at the first instruction, or the death before it.
func awaitStop(pid int) error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fmt.Errorf("wait for process to stop: %w", err)
		case status.Stopped():
			return nil
		default:
			return errors.New("process died before its first instruction")
		}
	}
}

func setLimits(pid int, limits []driver.Ulimit) error {
	for _, u := range limits {
		number, ok := resource(u.Name)
		if !ok {
			return cannotStart("there is no limit called %s", u.Name)
		}
		// -1 is no limit, which the kernel writes as the greatest number too.
		limit := unix.Rlimit{Cur: uint64(u.Soft), Max: uint64(u.Hard)}
		if err := unix.Prlimit(pid, number, &limit, nil); err != nil {
			return cannotStart("error setting rlimit %s to %d:%d: %s", u.Name, u.Soft, u.Hard, err)
		}
	}
	return nil
}
