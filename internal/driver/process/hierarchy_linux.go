package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// hierarchies says where this system has the controllers for memory and CPU:
// in version 1 one hierarchy each (or one for both), in version 2 the one.
type hierarchies struct {
	unified bool
	homes   []string // our own cgroups, the one with memory first
	cpu     int      // which of homes has the CPU
	// processes is which of homes counts processes; -1 if none does.
	processes int
	mount     string // version 2: the topmost cgroup that we see

	// Version 1: our own cgroups where use of CPU and of block devices is
	// counted. Those that are not in homes yet come behind them if prepare can
	// have lanes there.
	accounts, blocks string
	// Version 1: where processes are counted, in the same way.
	pids string
}

// findHierarchies reads the mounts. A hybrid system mounts version 2 without
// the controllers that version 1 has.
func findHierarchies() (hierarchies, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchies{}, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return hierarchies{}, err
	}
	return parseHierarchies(string(mounts), string(own))
}

func parseHierarchies(mounts, own string) (hierarchies, error) {
	var memory, cpu, unified, top, accounts, blocks, pids string
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		root, point := left[3], left[4]
		options := strings.Split(right[2], ",")
		switch right[0] {
		case "cgroup":
			if slices.Contains(options, "memory") {
				memory = cgroupPath(point, root, ownPath(own, "memory"))
			}
			if slices.Contains(options, "cpu") {
				cpu = cgroupPath(point, root, ownPath(own, "cpu"))
			}
			if slices.Contains(options, "cpuacct") {
				accounts = cgroupPath(point, root, ownPath(own, "cpuacct"))
			}
			if slices.Contains(options, "pids") {
				pids = cgroupPath(point, root, ownPath(own, "pids"))
			}
			if slices.Contains(options, "blkio") {
				blocks = cgroupPath(point, root, ownPath(own, "blkio"))
			}
		case "cgroup2":
			top = point
			unified = cgroupPath(point, root, ownPath(own, ""))
		}
	}
	switch {
	case memory != "" && cpu == memory:
		return hierarchies{homes: []string{memory}, accounts: accounts, blocks: blocks, pids: pids}, nil
	case memory != "" && cpu != "":
		return hierarchies{homes: []string{memory, cpu}, cpu: 1, accounts: accounts, blocks: blocks, pids: pids}, nil
	case memory == "" && cpu == "" && unified != "":
		return hierarchies{unified: true, homes: []string{unified}, mount: top}, nil
	}
	return hierarchies{}, errors.New("no cgroup hierarchy with memory and cpu")
}

// ownPath returns our place in a controller's hierarchy; version 2 has the empty name.
func ownPath(own, controller string) string {
	for line := range strings.Lines(own) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		names, path, _ := strings.Cut(rest, ":")
		if slices.Contains(strings.Split(names, ","), controller) {
			return path
		}
	}
	return "/"
}

// cgroupPath finds a cgroup below the point where root is mounted.
func cgroupPath(point, root, path string) string {
	if rest, ok := strings.CutPrefix(path, root); ok && root != "/" {
		path = rest
	} else if root != "/" {
		path = "/" // a container that sees its own part only
	}
	return filepath.Join(point, path)
}

// prepare makes the cgroups that hold the lanes.
func (h *hierarchies) prepare(name string) (parents []string, err error) {
	if h.unified {
		parent, err := h.prepareUnified(name)
		if _, missing := os.Stat(filepath.Join(parent, "pids.max")); missing != nil {
			h.processes = -1
		}
		return []string{parent}, err
	}
	for _, home := range h.homes {
		parent := filepath.Join(home, name)
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		parents = append(parents, parent)
	}
	for _, home := range []string{h.accounts, h.blocks, h.pids} {
		if home == "" || slices.Contains(h.homes, home) {
			continue
		}
		parent := filepath.Join(home, name)
		if err := os.Mkdir(parent, 0o755); err == nil || errors.Is(err, fs.ErrExist) {
			h.homes, parents = append(h.homes, home), append(parents, parent)
		}
	}
	h.processes = slices.Index(h.homes, h.pids)
	return parents, nil
}

// prepareUnified finds a place where we may pass the controllers on. A cgroup
// that does so must not hold processes itself, the topmost one excepted, so
// root goes there; others need a delegated cgroup.
func (h hierarchies) prepareUnified(name string) (parent string, err error) {
	places := []string{h.homes[0], filepath.Dir(h.homes[0])}
	if os.Geteuid() == 0 {
		places = []string{h.mount, h.homes[0]}
	}
	for _, place := range places {
		parent = filepath.Join(place, name)
		e := enable(place)
		if errors.Is(e, syscall.EBUSY) && place == h.homes[0] {
			e = errors.Join(moveAway(place, name+"-runner"), enable(place))
		}
		if e == nil {
			if e = os.Mkdir(parent, 0o755); e == nil || errors.Is(e, fs.ErrExist) {
				e = enable(parent)
			}
		}
		if e == nil {
			return parent, nil
		}
		err = errors.Join(err, e)
	}
	return "", err
}

// enable passes the controllers on to the children of a cgroup.
func enable(dir string) error {
	_ = writeFile(dir, "cgroup.subtree_control", []byte("+io"))   // to count only; there may be none
	_ = writeFile(dir, "cgroup.subtree_control", []byte("+pids")) // there may be none either
	if err := writeFile(dir, "cgroup.subtree_control", []byte("+memory +cpu")); err != nil {
		return fmt.Errorf("enable controllers below %s: %w", dir, err)
	}
	return nil
}

// moveAway moves the runner into a cgroup of its own.
func moveAway(dir, name string) error {
	own := filepath.Join(dir, name)
	if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return writeFile(own, "cgroup.procs", []byte(strconv.Itoa(os.Getpid())))
}

// eventsFile counts OOM kills.
func (h hierarchies) eventsFile() string {
	if h.unified {
		return "memory.events"
	}
	return "memory.oom_control"
}

// limitMemory sets the hard limit, swap included; zero is none. In version 1
// the limit of both together must never be below that of memory alone, so one
// goes up from behind and down from the front.
func (h hierarchies) limitMemory(of *controls, mib int64) error {
	bytes := []byte(strconv.FormatInt(mib<<20, 10))
	if h.unified {
		if mib == 0 {
			bytes = []byte("max")
		}
		if err := of.write("memory.swap.max", []byte("0")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return of.write("memory.max", bytes)
	}
	files := []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
	if mib == 0 {
		bytes = []byte("-1")
		slices.Reverse(files)
	}
	for _, file := range files {
		// Systems without accounting of swap have only the first.
		if err := of.write(file, bytes); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// limitProcesses sets how many processes and threads there may be; zero is no
// limit.
func limitProcesses(of *controls, n int64) error {
	text := "max"
	if n > 0 {
		text = strconv.FormatInt(n, 10)
	}
	return of.write("pids.max", []byte(text))
}

// shareCPU sets the weight as Docker and its successors do: 1,024 shares per
// vCPU in version 1, and runc's linear mapping of those in version 2. Zero is
// as one vCPU.
func (h hierarchies) shareCPU(of *controls, milliVCPU int64) error {
	if milliVCPU == 0 {
		milliVCPU = 1000
	}
	shares := max(2, min(milliVCPU*1024/1000, 262144))
	if h.unified {
		weight := 1 + (shares-2)*9999/262142
		return of.write("cpu.weight", []byte(strconv.FormatInt(weight, 10)))
	}
	return of.write("cpu.shares", []byte(strconv.FormatInt(shares, 10)))
}
