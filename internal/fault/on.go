//go:build torture

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// On says whether the program was built to be ended.
const On = true

// plan is what BARGE_FAULT asks for.
type plan struct {
	point string
	after time.Duration
	left  atomic.Int64 // times until it happens
}

var (
	planned = sync.OnceValue(func() *plan { return parse(os.Getenv("BARGE_FAULT")) }) //nolint:gochecknoglobals // of this build only, which is one process's plan
	clock   = sync.OnceValue(func() string { return os.Getenv("BARGE_FAULT_CLOCK") }) //nolint:gochecknoglobals // as above
)

// parse reads a plan; it ends the program if it cannot, so that no test runs
// without the fault that it asked for.
func parse(text string) *plan {
	p := new(plan)
	if text == "" {
		return p
	}
	fields := strings.SplitN(text, ":", 3)
	n, err := int64(0), error(nil)
	if len(fields) > 1 {
		n, err = strconv.ParseInt(fields[1], 10, 64)
	}
	if len(fields) == 3 && err == nil {
		p.after, err = time.ParseDuration(fields[2])
	}
	if err != nil || n < 1 {
		fmt.Fprintf(os.Stderr, "BARGE_FAULT %q is not POINT:COUNT or POINT:COUNT:DURATION\n", text)
		os.Exit(1)
	}
	p.point = fields[0]
	p.left.Store(n)
	return p
}

// Point is a moment with a name, at which the process may be killed.
func Point(name string) {
	p := planned()
	if p.point != name || p.left.Add(-1) != 0 {
		return
	}
	if p.after > 0 {
		time.AfterFunc(p.after, kill)
		return
	}
	kill()
}

func kill() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // nothing more is done by this goroutine
}

// Skew is how far off the clock is.
func Skew() time.Duration {
	if clock() == "" {
		return 0
	}
	text, err := os.ReadFile(clock())
	if err != nil {
		return 0
	}
	off, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0 // it is being written
	}
	return off
}
