package process

import (
	"syscall"
	"unsafe"

	"github.com/bargehq/barge/internal/batch"
)

// siginfo is the kernel's siginfo_t as waitid fills it.
type siginfo struct {
	signo, errno, code int32
	_                  [unsafe.Sizeof(uintptr(0)) - 4]byte // aligns the union that follows
	pid                int32
	_                  [108]byte
}

const (
	idAll   = 0          // P_ALL
	noWait  = 0x01000000 // WNOWAIT
	trapped = 4          // CLD_TRAPPED
)

// anyDead returns the pid of a child that has died, without reaping it, or
// zero. As long as nobody reaps it, the pid and its process group mean nobody else.
// The kernel also tells of a child that is traced and has stopped, and of no
// other one until it goes on: stopped says so.
func anyDead() (pid int, stopped bool) {
	for {
		var info siginfo
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idAll, 0, uintptr(unsafe.Pointer(&info)),
			syscall.WEXITED|syscall.WNOHANG|noWait, 0, 0)
		switch errno {
		case 0:
			return int(info.pid), info.code == trapped
		case syscall.EINTR:
		default: // ECHILD: there are no children
			return 0, false
		}
	}
}

// wait reaps a dead child, and says what it has used.
func wait(pid int) (syscall.WaitStatus, *batch.Usage, error) {
	var status syscall.WaitStatus
	var used syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &used)
		if err == nil {
			return status, usageOf(&used), nil
		}
		if err != syscall.EINTR {
			return status, nil, err
		}
	}
}

// exitCode is the code by Docker's counting: 128 + n after signal n.
func exitCode(status syscall.WaitStatus) int32 {
	if status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(status.ExitStatus())
}
