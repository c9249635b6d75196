package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/bargehq/barge/internal/batch"
)

// leftOver is how much memory of the attempt before, which is page cache, may be
// charged to a lane when the next one begins.
const leftOver = 1 << 20

// meter reads what the attempts in a lane use. A lane is used again, and most of
// its counters go on, so what counts is how far they go. The files stay open:
// opening them costs more than reading. A nil file is one that there is not.
type meter struct {
	unified bool
	files   []*os.File

	cpuFile, ioFile *os.File
	// The peak of memory. In version 2 it is that since a write to this very
	// file. Systems before Linux 6.12 cannot begin anew, so there a lane is used
	// once; those before 5.19 have no peak at all.
	peakFile *os.File
	once     bool
	// Version 1 only: what is in memory, and what drops the page cache.
	memoryFile *os.File
	memoryDir  string

	cpu, read, written int64 // at the beginning
}

// open is called once a lane has its cgroups, dirs.
func (m *meter) open(h *hierarchies, dirs []string) {
	m.unified = h.unified
	file := func(dir, name string, flag int) *os.File {
		if dir == "" {
			return nil
		}
		f, err := os.OpenFile(filepath.Join(dir, name), flag, 0)
		if err != nil {
			return nil
		}
		m.files = append(m.files, f)
		return f
	}
	if h.unified {
		m.cpuFile, m.ioFile = file(dirs[0], "cpu.stat", os.O_RDONLY), file(dirs[0], "io.stat", os.O_RDONLY)
		if m.peakFile = file(dirs[0], "memory.peak", os.O_RDWR); m.peakFile == nil {
			m.peakFile = file(dirs[0], "memory.peak", os.O_RDONLY)
			m.once = m.peakFile != nil
		}
		return
	}
	dirOf := func(home string) string {
		if i := slices.Index(h.homes, home); i >= 0 && i < len(dirs) {
			return dirs[i]
		}
		return ""
	}
	m.cpuFile = file(dirOf(h.accounts), "cpuacct.usage", os.O_RDONLY)
	m.ioFile = file(dirOf(h.blocks), "blkio.throttle.io_service_bytes", os.O_RDONLY)
	m.peakFile = file(dirs[0], "memory.max_usage_in_bytes", os.O_RDWR)
	m.memoryFile, m.memoryDir = file(dirs[0], "memory.usage_in_bytes", os.O_RDONLY), dirs[0]
}

func (m *meter) close() {
	for _, f := range m.files {
		_ = f.Close()
	}
}

// begin is called when nobody is in the lane.
func (m *meter) begin() {
	if n := amount(readAll(m.memoryFile)); n != nil && *n > leftOver {
		_ = writeFile(m.memoryDir, "memory.force_empty", []byte("0")) // what stays counts for the next one
	}
	if m.peakFile != nil && !m.once {
		_, err := m.peakFile.WriteAt([]byte("0"), 0)
		m.once = m.unified && err != nil
	}
	cpu, read, written := m.counters()
	m.cpu, m.read, m.written = orZero(cpu), orZero(read), orZero(written)
}

// end returns what has been used since begin.
func (m *meter) end() *batch.Usage {
	u := &batch.Usage{PeakMemory: amount(readAll(m.peakFile))}
	u.CPU, u.ReadBytes, u.WriteBytes = m.counters()
	for _, c := range []struct {
		now    *int64
		before int64
	}{{u.CPU, m.cpu}, {u.ReadBytes, m.read}, {u.WriteBytes, m.written}} {
		if c.now != nil {
			*c.now -= c.before
		}
	}
	return u
}

// counters are microseconds and bytes, from the lane's first attempt on.
func (m *meter) counters() (cpu, read, written *int64) {
	if m.unified {
		for line := range strings.Lines(readAll(m.cpuFile)) {
			if rest, ok := strings.CutPrefix(line, "usage_usec "); ok {
				cpu = amount(rest)
			}
		}
	} else if cpu = amount(readAll(m.cpuFile)); cpu != nil {
		*cpu /= 1000
	}
	if m.ioFile == nil {
		return cpu, nil, nil
	}
	read, written = new(int64), new(int64)
	for line := range strings.Lines(readAll(m.ioFile)) {
		// `8:0 rbytes=1 wbytes=2 rios=…`, or in version 1 `8:0 Read 1`. A device
		// without any use has no line.
		words := strings.Fields(line)
		for i, word := range words {
			name, value, _ := strings.Cut(word, "=")
			if i == 1 && len(words) == 3 {
				value = words[2]
			}
			switch name {
			case "rbytes", "Read":
				*read += orZero(amount(value))
			case "wbytes", "Write":
				*written += orZero(amount(value))
			}
		}
	}
	return cpu, read, written
}

// readAll returns what is in a cgroup's file, of a very long one the beginning.
func readAll(f *os.File) string {
	if f == nil {
		return ""
	}
	var buf [8 << 10]byte
	n, _ := f.ReadAt(buf[:], 0) // short, hence io.EOF
	return string(buf[:n])
}

func amount(text string) *int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// usageOf is what the kernel says of a process that has been reaped and of those
// of its children that it has reaped itself. Its peak is that of the largest one.
func usageOf(r *syscall.Rusage) *batch.Usage {
	cpu := r.Utime.Nano()/1000 + r.Stime.Nano()/1000
	peak, read, written := int64(r.Maxrss)<<10, int64(r.Inblock)*512, int64(r.Oublock)*512
	return &batch.Usage{CPU: &cpu, PeakMemory: &peak, ReadBytes: &read, WriteBytes: &written}
}

// orElse fills in what is not known.
func orElse(u, other *batch.Usage) *batch.Usage {
	if u == nil || other == nil {
		if u == nil {
			return other
		}
		return u
	}
	for _, p := range []struct{ to, from **int64 }{
		{&u.CPU, &other.CPU}, {&u.PeakMemory, &other.PeakMemory}, {&u.ReadBytes, &other.ReadBytes}, {&u.WriteBytes, &other.WriteBytes},
	} {
		if *p.to == nil {
			*p.to = *p.from
		}
	}
	return u
}
