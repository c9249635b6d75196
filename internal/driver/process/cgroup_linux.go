package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cgroups hands out lanes: cgroups that limit one attempt at a time and are
// used again, since making and removing them costs more than starting a short
// process. A nil *cgroups means that the system permits none.
type cgroups struct {
	log *slog.Logger
	hierarchies
	parents []string // what holds our lanes, per hierarchy

	mu   sync.Mutex // guards what follows, for moments
	idle []*lane
	last int
}

// maxIdleLanes is how many unused lanes are kept: as many as a big machine
// starts short attempts at once.
const maxIdleLanes = 64

// openCgroups prepares cgroups of that name and clears out what an earlier
// runner left in them, processes included.
func openCgroups(name string, log *slog.Logger) *cgroups {
	h, err := findHierarchies()
	if err == nil {
		c := &cgroups{log: log, hierarchies: h}
		if c.parents, err = h.prepare(name); err == nil {
			c.sweep()
			return c
		}
	}
	log.Info("attempts run without limits of memory and CPU", "op", "cgroups", "err", err)
	return nil
}

// sweep removes all lanes, killing whoever is in them.
func (c *cgroups) sweep() {
	for _, parent := range c.parents {
		dirs, _ := filepath.Glob(filepath.Join(parent, "[0-9]*")) // the pattern is well-formed
		for _, dir := range dirs {
			if err := errors.Join(empty(dir), syscall.Rmdir(dir)); err != nil {
				c.log.Warn("cannot remove an old cgroup", "op", "cgroups", "dir", dir, "err", err)
			}
			// Its number may be taken by what could not be removed.
			if n, err := strconv.Atoi(filepath.Base(dir)); err == nil {
				c.last = max(c.last, n)
			}
		}
	}
}

// close removes what is not in use.
func (c *cgroups) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
	for _, parent := range c.parents {
		_ = syscall.Rmdir(parent) // fails while another lane is in use; the next runner sweeps
	}
}

// take returns a lane with these limits.
func (c *cgroups) take(memoryMiB, milliVCPU int64) (*lane, error) {
	for {
		l, err := c.lane()
		if err != nil {
			return nil, err
		}
		err = l.limit(memoryMiB, milliVCPU)
		if err == nil {
			l.used = true
			return l, nil
		}
		l.close()
		if !l.used {
			return nil, err
		}
		// Pages that an earlier attempt left may keep a lane above a lower limit.
	}
}

func (c *cgroups) lane() (*lane, error) {
	c.mu.Lock()
	if k := len(c.idle); k > 0 {
		l := c.idle[k-1]
		c.idle = c.idle[:k-1]
		c.mu.Unlock()
		return l, nil
	}
	c.last++
	name := strconv.Itoa(c.last)
	c.mu.Unlock()
	return c.newLane(name)
}

// lane is a cgroup, in both hierarchies for version 1.
//
// A child must be inside before it runs. Version 2 has that in clone; in
// version 1 a child is where the thread is that makes it. Moving threads or
// processes is slow and holds up the whole system, so a lane of version 1 has
// its own thread, which is moved once.
type lane struct {
	c                    *cgroups
	dirs                 []string // the one with memory first
	memoryMiB, milliVCPU int64    // as set; zero is no limit, or the usual share
	used                 bool
	oomKills             int64 // seen so far

	events, procs *os.File
	dir           *os.File    // version 2
	jobs          chan func() // version 1
	ended         chan struct{}
}

func (c *cgroups) newLane(name string) (*lane, error) {
	l := &lane{c: c}
	for _, parent := range c.parents {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			l.close()
			return nil, fmt.Errorf("make cgroup: %w", err)
		}
		l.dirs = append(l.dirs, dir)
	}
	err := l.open()
	if err != nil {
		l.close()
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	return l, nil
}

func (l *lane) open() (err error) {
	if l.events, err = os.Open(filepath.Join(l.dirs[0], l.c.eventsFile())); err != nil {
		return err
	}
	if l.procs, err = os.Open(filepath.Join(l.dirs[0], "cgroup.procs")); err != nil {
		return err
	}
	if l.c.unified {
		l.dir, err = os.Open(l.dirs[0])
		return err
	}
	l.jobs, l.ended = make(chan func()), make(chan struct{})
	moved := make(chan error)
	go l.thread(moved)
	return <-moved
}

// thread runs the jobs on a thread that is in the lane.
func (l *lane) thread(moved chan<- error) {
	defer close(l.ended)
	runtime.LockOSThread() // and no unlock: the thread dies with the goroutine
	id := []byte(strconv.Itoa(syscall.Gettid()))
	var err error
	for _, dir := range l.dirs {
		err = errors.Join(err, writeFile(dir, "tasks", id))
	}
	moved <- err
	for job := range l.jobs {
		job()
	}
	for _, home := range l.c.homes {
		_ = writeFile(home, "tasks", id) // or else rmdir fails until the thread is gone
	}
}

// fork starts a process inside the lane; a nil lane is no limit.
func (l *lane) fork(file string, args []string, attr *syscall.ProcAttr) (pid int, err error) {
	switch {
	case l == nil:
		return syscall.ForkExec(file, args, attr)
	case l.dir != nil:
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(l.dir.Fd())
		return syscall.ForkExec(file, args, attr)
	}
	done := make(chan struct{})
	l.jobs <- func() {
		pid, err = syscall.ForkExec(file, args, attr)
		close(done)
	}
	<-done
	return pid, err
}

// limit sets the limits that differ from what the lane has.
func (l *lane) limit(memoryMiB, milliVCPU int64) error {
	if memoryMiB != l.memoryMiB {
		raise := memoryMiB == 0 || l.memoryMiB != 0 && memoryMiB > l.memoryMiB
		if err := l.c.limitMemory(l.dirs[0], memoryMiB, raise); err != nil {
			return fmt.Errorf("limit memory: %w", err)
		}
		l.memoryMiB = memoryMiB
	}
	if milliVCPU != l.milliVCPU {
		if err := l.c.shareCPU(l.dirs[len(l.dirs)-1], milliVCPU); err != nil {
			return fmt.Errorf("share CPU: %w", err)
		}
		l.milliVCPU = milliVCPU
	}
	return nil
}

// outOfMemory says whether the kernel has killed in the lane since the last call.
func (l *lane) outOfMemory() bool {
	var buf [1024]byte
	n, _ := l.events.ReadAt(buf[:], 0) // short, hence io.EOF
	for line := range strings.Lines(string(buf[:n])) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
			killed := kills > l.oomKills
			l.oomKills = kills
			return killed
		}
	}
	return false
}

// release kills who is left in the lane and keeps it for the next attempt.
func (l *lane) release() {
	var buf [4096]byte
	n, err := l.procs.ReadAt(buf[:], 0) // short, hence io.EOF
	if n == len(buf) || len(others(buf[:n])) > 0 {
		err = empty(l.dirs[0])
	} else {
		err = nil
	}
	l.c.mu.Lock()
	keep := err == nil && len(l.c.idle) < maxIdleLanes
	if keep {
		l.c.idle = append(l.c.idle, l)
	}
	l.c.mu.Unlock()
	if !keep {
		l.close()
	}
}

func (l *lane) close() {
	if l.jobs != nil {
		close(l.jobs)
		<-l.ended
	}
	for _, f := range []*os.File{l.events, l.procs, l.dir} {
		if f != nil {
			_ = f.Close()
		}
	}
	for _, dir := range l.dirs {
		if err := syscall.Rmdir(dir); err != nil {
			l.c.log.Warn("cannot remove a cgroup", "op", "cgroups", "dir", dir, "err", err)
		}
	}
}

// kill kills everybody in the lane.
func (l *lane) kill() { killAll(l.dirs[0]) }

// others returns the processes in a cgroup.procs, ourselves excepted: in
// version 1 the lane's thread counts.
func others(procs []byte) []int {
	var pids []int
	for field := range bytes.FieldsSeq(procs) {
		if pid, err := strconv.Atoi(string(field)); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func killAll(dir string) (n int) {
	if writeFile(dir, "cgroup.kill", []byte("1")) == nil {
		procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		return len(others(procs))
	}
	procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	pids := others(procs)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return len(pids)
}

// empty kills everybody in the cgroup and waits for their end. There is
// nothing to wait on that works in both versions; it is rare and brief.
func empty(dir string) error {
	for pause := time.Millisecond; pause < time.Second; pause *= 2 {
		if killAll(dir) == 0 {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("processes in cgroup %s survive SIGKILL", dir)
}

// writeFile writes to an existing file of a cgroup.
func writeFile(dir, name string, text []byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
