package process

import (
	"encoding/json"
	"syscall"
)

// Maker makes first processes that are not plain children of the runner, such as
// those of containers. The runner holds them as it holds the others: it knows
// their ends, keeps their output and survives the server. Methods are called from
// any goroutine.
type Maker interface {
	// Sweep removes what earlier runners have left behind. It is called once,
	// before all else, when none of their processes is left.
	Sweep() error
	// Make returns when the process runs. Errors are those of [driver.Driver.Start].
	Make(Making) (Made, error)
	// Close is called when the last process has ended.
	Close()
}

// Making is what a [Maker] is given.
type Making struct {
	Task        string // the unit's name, good for files
	Description json.RawMessage
	// Output is where standard output and error of the process go.
	Output int
	// Cgroup is the process's own, by its path from the root of each hierarchy. The
	// Maker creates it; the runner kills those inside, reads what they have used,
	// and removes it.
	Cgroup string
	// Run forks a child of the runner and waits for its end. What the child leaves
	// behind becomes the runner's.
	Run func(fork func() (pid int, err error)) (syscall.WaitStatus, error)
}

// Made is a process that runs.
type Made struct {
	Pid        int            // a child of the runner, now or as soon as its parent has ended
	StopSignal syscall.Signal // what Stop sends to it first
	Done       func()         // removes what was made for it; called once, when it has ended
}
