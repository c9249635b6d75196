package oci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is the first process of a container that wants an init process: it runs
// the command, passes signals on to it and reaps orphans until it ends. It
// returns the command's exit code.
func Init(command []string) (int, error) {
	if len(command) == 0 {
		return 1, errors.New("no command to run")
	}
	signals := make(chan os.Signal, 64)
	signal.Reset()
	signal.Notify(signals)
	file, err := exec.LookPath(command[0])
	if err != nil {
		return 127, err
	}
	child, err := syscall.ForkExec(file, command, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return 126, fmt.Errorf("run %s: %w", file, err)
	}
	for s := range signals {
		switch s {
		case unix.SIGCHLD:
			for {
				var status syscall.WaitStatus
				pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
				if errors.Is(err, syscall.EINTR) {
					continue
				}
				if pid <= 0 {
					break
				}
				if pid != child {
					continue
				}
				if status.Signaled() {
					return 128 + int(status.Signal()), nil
				}
				return status.ExitStatus(), nil
			}
		case unix.SIGURG, unix.SIGPIPE: // the first is the Go runtime's own
		default:
			_ = syscall.Kill(child, s.(syscall.Signal)) // it is not reaped, so it is there
		}
	}
	return 1, errors.New("no more signals")
}
