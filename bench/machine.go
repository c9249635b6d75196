package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine says in one line what was measured when, and on what.
func (b *bench) machine() (string, error) {
	var uts syscall.Utsname
	if err := syscall.Uname(&uts); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	sync, err := syncTime(b.work)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s · %d × %s · Linux %s · %s · %s, a write of 4 KiB with fdatasync takes %s ms · load %s when begun",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), cpuModel(), text(uts.Release[:]),
		runtime.Version(), fileSystem(b.work), short(millis(sync)), loadAverage()), nil
}

func text[T int8 | uint8](chars []T) string {
	var b strings.Builder
	for _, c := range chars {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	s, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(s)); err == nil && len(f) > 0 {
		return f[0]
	}
	return "unknown"
}

// fileSystem names what the directory is on.
func fileSystem(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "an unknown file system"
	}
	names := map[int64]string{
		0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs (nothing is durable there)",
		0x794c7630: "overlayfs", 0x2fc12fc1: "zfs", 0xf2f52010: "f2fs",
	}
	if name, ok := names[int64(st.Type)]; ok {
		return name
	}
	return fmt.Sprintf("file system 0x%x", st.Type)
}

// syncTime is the median time of an appended block made durable: what one
// commit costs at the least.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // each block was synced
	var took figures
	block := make([]byte, 4096)
	for range 50 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync: %w", err)
		}
		took = append(took, float64(time.Since(began)))
	}
	return time.Duration(took.median()), os.Remove(f.Name())
}

// cpuTime is what a process has used itself, and its children that it has
// waited for.
type cpuTime struct{ own, children time.Duration }

func (t cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{t.own - before.own, t.children - before.children}
}

// ticks is how many clock ticks /proc counts in a second, on every
// architecture that Go runs on.
const ticks = 100

func cpuOf(pid int) (cpuTime, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return cpuTime{}, err
	}
	// The second field is the name in brackets, which may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 15 {
		return cpuTime{}, fmt.Errorf("/proc/%d/stat ends early", pid)
	}
	var n [4]time.Duration
	for i := range n { // utime, stime, cutime, cstime
		v, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return cpuTime{}, err
		}
		n[i] = time.Duration(v) * time.Second / ticks
	}
	return cpuTime{own: n[0] + n[1], children: n[2] + n[3]}, nil
}

// residentOf is a process's resident memory in bytes.
func residentOf(pid int) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("a process without VmRSS")
}

// findProcess returns the process with exactly these last arguments, zero if
// there is none.
func findProcess(args ...string) int {
	want := "\x00" + strings.Join(args, "\x00") + "\x00"
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(string(line), want) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil {
				return pid
			}
		}
	}
	return 0
}
