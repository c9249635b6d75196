package process

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// pens are the cgroups of what a [Maker] makes: one each, by the same path in
// every hierarchy of the system, whatever its version. A nil *pens hands out pens
// of which nothing is known.
type pens struct {
	log    *slog.Logger
	name   string
	h      hierarchies // their roots
	points []string    // the roots of all hierarchies
	last   atomic.Int64
}

// openPens clears out what an earlier runner left under that name, processes included.
func openPens(name string, log *slog.Logger) (*pens, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	p := &pens{log: log, name: name, points: cgroupMounts(string(mounts))}
	if p.h, err = parseHierarchies(string(mounts), ""); err != nil {
		return nil, err
	}
	for _, home := range []string{p.h.accounts, p.h.blocks} {
		if home != "" && !slices.Contains(p.h.homes, home) {
			p.h.homes = append(p.h.homes, home)
		}
	}
	for _, point := range p.points {
		removeTree(filepath.Join(point, name), log)
	}
	return p, nil
}

// cgroupMounts returns where hierarchies are mounted.
func cgroupMounts(mounts string) (points []string) {
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if ok && len(left) >= 5 && len(right) > 0 && (right[0] == "cgroup" || right[0] == "cgroup2") {
			points = append(points, left[4])
		}
	}
	return points
}

func (p *pens) next() *pen {
	return &pen{all: p, path: "/" + p.name + "/" + strconv.FormatInt(p.last.Add(1), 10)}
}

// close is for when no pen is in use.
func (p *pens) close() {
	if p == nil {
		return
	}
	for _, point := range p.points {
		removeTree(filepath.Join(point, p.name), p.log)
	}
}

// pen is the cgroup of one attempt. It may not exist.
type pen struct {
	all  *pens
	path string
}

// kill kills everybody inside.
func (p *pen) kill() { killTree(filepath.Join(p.all.h.homes[0], p.path)) }

// end says what was used, and whether the kernel has killed for want of memory.
// Nobody is inside any more.
func (p *pen) end() (outOfMemory bool, used *batch.Usage) {
	h := &p.all.h
	dirs := make([]string, len(h.homes))
	for i, home := range h.homes {
		dirs[i] = filepath.Join(home, p.path)
	}
	events, _ := os.ReadFile(filepath.Join(dirs[0], h.eventsFile())) // gone, so empty
	var m meter
	m.open(h, dirs)
	used = m.end()
	m.close()
	return oomKills(string(events)) > 0, used
}

func (p *pen) remove() {
	for _, point := range p.all.points {
		removeTree(filepath.Join(point, p.path), p.all.log)
	}
}

// killTree kills everybody in a cgroup and those below, and returns how many there were.
func killTree(dir string) int {
	n := killAll(dir)
	entries, _ := os.ReadDir(dir) // gone, so empty
	for _, e := range entries {
		if e.IsDir() {
			n += killTree(filepath.Join(dir, e.Name()))
		}
	}
	return n
}

// removeTree removes a cgroup with those below and everybody inside. A process
// that was killed needs a moment to leave, and there is nothing to wait on that
// works in both versions.
func removeTree(dir string, log *slog.Logger) {
	var err error
	for pause := time.Millisecond; pause < 2*time.Second; pause *= 2 {
		if err = rmdirTree(dir); err == nil {
			return
		}
		killTree(dir)
		time.Sleep(pause)
	}
	log.Warn("cannot remove a cgroup", "op", "cgroups", "dir", dir, "err", err)
}

func rmdirTree(dir string) error {
	err := syscall.Rmdir(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, failed := os.ReadDir(dir)
	if failed != nil {
		return fmt.Errorf("read %s: %w", dir, failed)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := rmdirTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return syscall.Rmdir(dir)
}
