package process

import (
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
	parents []string    // what holds our lanes, per hierarchy
	ways    []*controls // version 1: of homes, the way out of lanes

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
		if c.parents, err = c.prepare(name); err == nil {
			for _, home := range c.homes {
				c.ways = append(c.ways, &controls{dir: home})
			}
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
	for _, w := range c.ways {
		w.close()
	}
	for _, parent := range c.parents {
		_ = syscall.Rmdir(parent) // fails while another lane is in use; the next runner sweeps
	}
}

// limits are what a lane allows, as asked for; zero is no limit, or the usual
// share of CPU.
type limits struct{ memoryMiB, milliVCPU, processes int64 }

// take returns a lane with these limits.
func (c *cgroups) take(n limits) (*lane, error) {
	l, err := c.lane()
	if err != nil {
		return nil, err
	}
	if err := l.limit(n); err != nil {
		l.close()
		return nil, err
	}
	l.meter.begin()
	return l, nil
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

// lane is a cgroup, in each of our hierarchies for version 1.
type lane struct {
	limits
	c        *cgroups
	dirs     []string    // the one with memory first
	files    []*controls // of dirs
	oomKills int64       // seen so far
	exceeded bool        // the limit, before it was set

	events *os.File
	procs  *os.File
	dir    *os.File // version 2
	meter  meter
}

func (c *cgroups) newLane(name string) (l *lane, err error) {
	l = &lane{c: c}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, parent := range c.parents {
		dir := filepath.Join(parent, name)
		if err = os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make cgroup: %w", err)
		}
		l.dirs, l.files = append(l.dirs, dir), append(l.files, &controls{dir: dir})
	}
	if l.events, err = os.Open(filepath.Join(l.dirs[0], c.eventsFile())); err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	if l.procs, err = os.Open(filepath.Join(l.dirs[0], "cgroup.procs")); err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	if l.dir, err = os.Open(l.dirs[0]); err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	l.meter.open(&c.hierarchies, l.dirs)
	return l, nil
}

// limit sets the limits, as far as that is possible before a process is inside.
func (l *lane) limit(n limits) error {
	if l.c.unified && n.memoryMiB != l.memoryMiB {
		if err := l.c.limitMemory(l.files[0], n.memoryMiB); err != nil {
			return fmt.Errorf("limit memory: %w", err)
		}
	}
	if n.milliVCPU != l.milliVCPU {
		if err := l.c.shareCPU(l.files[l.c.cpu], n.milliVCPU); err != nil {
			return fmt.Errorf("share CPU: %w", err)
		}
	}
	if n.processes != l.processes && l.c.processes >= 0 {
		if err := limitProcesses(l.files[l.c.processes], n.processes); err != nil {
			return fmt.Errorf("limit processes: %w", err)
		}
	}
	l.limits = n
	return nil
}

// fork starts a process inside the lane; a nil lane is no limit.
//
// Version 2 has that in clone. In version 1 a child is where the thread is
// that makes it, so this thread goes in and comes out again. Moving the child
// once it runs would be too late: a shell has children of its own by then.
// While this thread is inside, the OOM killer may choose us, so the limit of
// memory is set when it is out.
func (l *lane) fork(file string, args []string, attr *syscall.ProcAttr) (pid int, err error) {
	if l == nil {
		return syscall.ForkExec(file, args, attr)
	}
	if l.c.unified {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(l.dir.Fd())
		return syscall.ForkExec(file, args, attr)
	}
	if err = l.c.limitMemory(l.files[0], 0); err != nil {
		return 0, fmt.Errorf("lift memory limit: %w", err)
	}
	runtime.LockOSThread()
	err = move(l.files)
	if err == nil {
		pid, err = syscall.ForkExec(file, args, attr)
	}
	out := move(l.c.ways[:1]) // out of memory's first: the limit waits for that
	if err == nil && out == nil && l.memoryMiB > 0 {
		err = l.c.limitMemory(l.files[0], l.memoryMiB)
		if errors.Is(err, syscall.EBUSY) { // it has more than that already
			l.exceeded, err = true, nil
			l.kill()
		}
	}
	if out = errors.Join(out, move(l.c.ways[1:])); out == nil {
		runtime.UnlockOSThread()
	} else {
		err = errors.Join(err, out) // and the thread dies with this goroutine
	}
	if err != nil && pid > 0 {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // it is not reaped, so it is there
	}
	return pid, err
}

// move moves the calling thread into these cgroups of version 1.
func move(cgroups []*controls) error {
	id := []byte(strconv.Itoa(syscall.Gettid()))
	for _, c := range cgroups {
		if err := c.write("tasks", id); err != nil {
			return fmt.Errorf("move thread to cgroup: %w", err)
		}
	}
	return nil
}

// outOfMemory says whether the kernel has killed in the lane since the last call.
func (l *lane) outOfMemory() bool {
	var buf [1024]byte
	killed := l.exceeded
	l.exceeded = false
	n, _ := l.events.ReadAt(buf[:], 0) // short, hence io.EOF
	kills := oomKills(string(buf[:n]))
	killed = killed || kills > l.oomKills
	l.oomKills = kills
	return killed
}

// oomKills reads the counter from a file of events.
func oomKills(events string) int64 {
	for line := range strings.Lines(events) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return orZero(amount(count))
		}
	}
	return 0
}

// release kills who is left in the lane and keeps it for the next attempt.
func (l *lane) release() {
	var buf [32]byte
	var err error
	if n, _ := l.procs.ReadAt(buf[:], 0); n > 0 { // short, hence io.EOF
		err = empty(l.dirs[0])
	}
	l.c.mu.Lock()
	keep := err == nil && !l.meter.once && len(l.c.idle) < maxIdleLanes
	if keep {
		l.c.idle = append(l.c.idle, l)
	}
	l.c.mu.Unlock()
	if !keep {
		l.close()
	}
}

func (l *lane) close() {
	for _, f := range []*os.File{l.events, l.procs, l.dir} {
		if f != nil {
			_ = f.Close()
		}
	}
	l.meter.close()
	for _, f := range l.files {
		f.close()
	}
	for _, dir := range l.dirs {
		if err := syscall.Rmdir(dir); err != nil {
			l.c.log.Warn("cannot remove a cgroup", "op", "cgroups", "dir", dir, "err", err)
		}
	}
}

// kill kills everybody in the lane.
func (l *lane) kill() { killAll(l.dirs[0]) }

// killAll returns how many there were.
func killAll(dir string) (n int) {
	procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // gone, so empty
	pids := strings.Fields(string(procs))
	if len(pids) == 0 || writeFile(dir, "cgroup.kill", []byte("1")) == nil { // new systems, version 2
		return len(pids)
	}
	for _, field := range pids {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
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
