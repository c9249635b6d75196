package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/process"
)

// runtimeTime is how long a runtime may take to make a container. One that waits
// for a file system that does not answer must not keep the others waiting.
const runtimeTime = 2 * time.Minute

// Maker makes containers for a [process.RunRunner].
type Maker struct {
	dir     string
	self    string // our own program, for containers that want an init process
	log     *slog.Logger
	machine *machine
	null    *os.File
	stages  chan *stage
	gangs   gangs
}

var _ process.Maker = (*Maker)(nil)

// NewMaker prepares to make containers in a directory that no other runner holds.
func NewMaker(dir string, log *slog.Logger) (*Maker, error) {
	m := &Maker{dir: dir, log: log}
	var err error
	if m.machine, err = lookAround(); err != nil {
		return nil, err
	}
	if m.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find our own program: %w", err)
	}
	for _, name := range []string{"stage", "writable"} {
		if err = os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	if err = endRuntimes(filepath.Join(dir, "stage", "state")); err != nil {
		return nil, err
	}
	if m.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	// A runtime waits for the kernel more than it computes.
	n := 4 + 2*runtime.NumCPU()
	m.stages = make(chan *stage, n)
	for range n {
		s, err := openStage(filepath.Join(dir, "stage"), m.machine)
		if err != nil {
			m.Close()
			return nil, err
		}
		m.stages <- s
	}
	return m, nil
}

// Close ends the stages.
func (m *Maker) Close() {
	for {
		select {
		case s := <-m.stages:
			s.close()
		default:
			m.gangs.close()
			_ = m.null.Close() // nothing is written to it
			return
		}
	}
}

// Sweep removes what containers of earlier runners have written.
func (m *Maker) Sweep() error {
	entries, err := os.ReadDir(filepath.Join(m.dir, "writable"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		m.erase(e.Name())
	}
	return nil
}

func (m *Maker) writable(task string) string { return filepath.Join(m.dir, "writable", task) }

// erase removes what a container has written. What cannot be removed now is tried
// again when the next runner begins.
func (m *Maker) erase(task string) {
	if err := os.RemoveAll(m.writable(task)); err != nil {
		m.log.Warn("cannot remove what a container has written", "op", "remove", "dir", m.writable(task), "err", err)
	}
}

// Make runs a container.
func (m *Maker) Make(in process.Making) (process.Made, error) {
	var o order
	if err := json.Unmarshal(in.Description, &o); err != nil {
		return process.Made{}, fmt.Errorf("read what to make: %w", err)
	}
	if o.Spec.Log != nil && o.Spec.Log.Driver == "none" {
		in.Output = int(m.null.Fd())
	}
	exports, err := nfsOf(&o.Spec)
	if err != nil {
		return process.Made{}, err
	}
	node, err := m.gangs.join(&o.Spec)
	if err != nil {
		return process.Made{}, err
	}
	done := func() {
		m.erase(in.Task)
		node.leave()
	}
	pid := 0
	s := <-m.stages
	err = s.do(func() error {
		failed := s.prepare(m, &o, in, node, exports)
		if failed == nil {
			pid, failed = s.run(m, &o, in)
		}
		return errors.Join(failed, s.clear())
	})
	m.stages <- s
	if err != nil {
		done()
		return process.Made{}, err
	}
	return process.Made{Pid: pid, StopSignal: signalOf(o.Image.StopSignal), Done: done}, nil
}

// prepare sets the stage for a container.
func (s *stage) prepare(m *Maker, o *order, in process.Making, node *node, exports []export) error {
	if err := s.mountRoot(o.Store, o.Layers, m.writable(in.Task)); err != nil {
		return err
	}
	at := place{
		cgroup: in.Cgroup, machine: m.machine, hosts: s.path("bundle", "hosts"), netns: node.file(), self: m.self,
		nfs: make([]string, len(exports)), volumes: volumesOf(m.dir, o.Spec.Unit.Attempt),
	}
	hosts, err := hostsOf(&o.Spec)
	if err != nil {
		return err
	}
	if err = os.WriteFile(at.hosts, hosts, 0o644); err != nil {
		return err
	}
	if err = os.Chmod(at.hosts, 0o644); err != nil {
		return err
	}
	for i, e := range exports {
		if e.device == "" {
			continue
		}
		at.nfs[i] = s.path("bundle", "nfs-"+strconv.Itoa(i))
		if err = os.Mkdir(at.nfs[i], 0o755); err != nil {
			return err
		}
		if err = unix.Mount(e.device, at.nfs[i], "nfs", 0, e.options); err != nil {
			return refusal("CannotCreateContainerError", fmt.Sprintf("mountPoints: mount %s: %v", e.device, err))
		}
	}
	if at.root, err = openRootfs(s.path("rootfs")); err != nil {
		return err
	}
	defer at.root.close()
	config, err := configure(o, &at)
	if err != nil {
		return err
	}
	config.Root.Path = s.path("rootfs")
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("bundle", "config.json"), text, 0o600)
}

// run has the runtime make the container that is prepared, and returns its first process.
func (s *stage) run(m *Maker, o *order, in process.Making) (pid int, err error) {
	pidFile, logFile := s.path("bundle", "pid"), s.path("bundle", "log")
	args := []string{
		o.Runtime, "--root", s.path("state"), "--log", logFile, "--log-format", "json",
		"run", "--detach", "--bundle", s.path("bundle"), "--pid-file", pidFile, in.Task,
	}
	output, null := uintptr(in.Output), m.null.Fd()
	var hangs *time.Timer
	status, err := in.Run(func() (int, error) {
		child, failed := syscall.ForkExec(o.Runtime, args, &syscall.ProcAttr{
			Dir: s.path("bundle"), Env: []string{"PATH=" + systemPath},
			Files: []uintptr{null, output, output},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		if failed == nil {
			hangs = time.AfterFunc(runtimeTime, func() { _ = syscall.Kill(-child, syscall.SIGKILL) }) // it may end this moment
		}
		return child, failed
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", o.Runtime, err)
	}
	if !hangs.Stop() {
		return 0, fmt.Errorf("%s hangs", o.Runtime)
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		return 0, failure(o.Runtime, logFile, status)
	}
	text, err := os.ReadFile(pidFile)
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return 0, fmt.Errorf("ask %s for the container's process: %w", o.Runtime, err)
	}
	return pid, nil
}

// failure says why a runtime has made no container. Runtimes have words for it only.
// What the machine lacks is worth another try; all else is the job's fault.
func failure(runtime, logFile string, status syscall.WaitStatus) error {
	said := lastError(logFile)
	if said == "" {
		return fmt.Errorf("%s ended with %d and says nothing", runtime, status)
	}
	for _, lack := range []error{unix.ENOSPC, unix.ENOMEM, unix.EAGAIN, unix.EMFILE, unix.ENFILE, unix.EDQUOT} {
		if strings.Contains(strings.ToLower(said), lack.Error()) {
			return fmt.Errorf("%s: %s", filepath.Base(runtime), said)
		}
	}
	return cannotStart("%s", said)
}

// lastError reads the last line of level error in a runtime's log.
func lastError(file string) (said string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
			said = entry.Msg
		}
	}
	return said
}

// signalOf understands a name or a number; SIGTERM is the default.
func signalOf(name string) syscall.Signal {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n)
	}
	name = strings.ToUpper(name)
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG")); s != 0 {
		return s
	}
	return syscall.SIGTERM
}

// export is what a mount of a network file system is given; empty for other mounts.
type export struct{ device, options string }

// nfsOf looks up the servers, which the kernel wants by address.
func nfsOf(s *driver.Spec) ([]export, error) {
	list := make([]export, len(s.Mounts))
	for i, m := range s.Mounts {
		if m.NFS == nil {
			continue
		}
		ip, err := net.ResolveIPAddr("ip", m.NFS.Server)
		if err != nil {
			return nil, refusal("CannotCreateContainerError", fmt.Sprintf("mountPoints: %v", err))
		}
		// AWS's recommended options for EFS.
		// https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html
		list[i] = export{":" + m.NFS.Path, "addr=" + ip.String() +
			",nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"}
	}
	return list, nil
}

// findRuntime returns the path of a runtime: the one that is named, or crun, or runc.
func findRuntime(name string) (string, error) {
	names := []string{"crun", "runc"}
	if name != "" {
		names = []string{name}
	}
	for _, name := range names {
		for dir := range strings.SplitSeq(os.Getenv("PATH")+":"+systemPath, ":") {
			file := filepath.Join(dir, name)
			if filepath.IsAbs(name) {
				file = name
			}
			if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 && filepath.IsAbs(file) {
				return file, nil
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ENOTDIR) {
				return "", err
			}
		}
	}
	return "", fmt.Errorf("the oci driver needs %s; install one (Debian: apt-get install crun)", strings.Join(names, " or "))
}
