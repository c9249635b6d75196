package oci

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// What Linux accepts, and Docker.
const (
	minShares   = 2
	maxShares   = 1 << 18
	minMemory   = 6 << 20 // bytes; AWS Batch allows 4 MiB, and the ECS agent raises that too
	defaultShm  = 64 << 20
	initProgram = "/dev/init" // /dev is always writable, and never the image's
)

// place is where on the machine a container finds what is made for it.
type place struct {
	root    rootfs
	cgroup  string
	machine *machine
	hosts   string   // file
	netns   string   // file, empty for the machine's
	nfs     []string // by mount, a directory; empty where it is none
	volumes string   // directory of the attempt's
	self    string   // our own program
}

// configure describes a container to its runtime. What the image and the job say
// is joined as by Docker.
func configure(o *order, at *place) (*specs.Spec, error) {
	s, m := &o.Spec, at.machine
	process, err := processOf(o, at)
	if err != nil {
		return nil, err
	}
	c := &specs.Spec{
		Version:  "1.0.2",
		Process:  process,
		Root:     &specs.Root{Path: "rootfs", Readonly: s.ReadonlyRootFS},
		Hostname: m.hostname,
		Mounts:   mounts(o, at),
		Linux: &specs.Linux{
			CgroupsPath: at.cgroup,
			Namespaces:  []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.UTSNamespace}},
			Resources: &specs.LinuxResources{
				CPU:    &specs.LinuxCPU{Shares: shares(s.Resources.MilliVCPU)},
				Memory: memory(s, m),
			},
		},
	}
	if s.MaxProcesses > 0 {
		c.Linux.Resources.Pids = &specs.LinuxPids{Limit: s.MaxProcesses}
	}
	if s.Network != nil {
		c.Hostname = hostnameOf(s.Unit)
		c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: at.netns})
	}
	if !s.HostPID {
		c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	if !s.HostIPC {
		c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.IPCNamespace})
	}
	if m.unified {
		c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return c, protect(c, s, m)
}

// hostnameOf is what a node is called in its own network.
func hostnameOf(id batch.UnitID) string { return id.Name()[:12] }

func processOf(o *order, at *place) (*specs.Process, error) {
	s := &o.Spec
	args := slices.Concat(o.Image.Entrypoint, s.Command)
	if len(s.Entrypoint) > 0 {
		args = slices.Concat(s.Entrypoint, s.Command)
	} else if len(s.Command) == 0 {
		args = slices.Concat(o.Image.Entrypoint, o.Image.Cmd)
	}
	if len(args) == 0 {
		return nil, refusal("CannotCreateContainerError", "no command specified")
	}
	name := s.User
	if name == "" {
		name = o.Image.User
	}
	user, home, err := at.root.user(name)
	if err != nil {
		return nil, err
	}
	cwd := o.Image.WorkingDir
	if cwd == "" {
		cwd = "/"
	}
	p := &specs.Process{
		User: user, Args: args, Cwd: path.Join("/", cwd),
		Env: environment(o.Image.Env, s.Env, home),
	}
	if err := at.root.executable(args[0], p, s.Mounts); err != nil {
		return nil, err
	}
	if s.Init {
		p.Args = append([]string{initProgram, "init", "--"}, args...)
	}
	for _, u := range s.Ulimits {
		// -1 is no limit, which the kernel writes as the greatest number.
		p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return p, nil
}

// environment joins what image and job set; of equal names the last one counts.
func environment(image []string, job []driver.Var, home string) []string {
	if home == "" {
		home = "/"
	}
	env := []string{"PATH=" + systemPath, "HOME=" + home}
	place := map[string]int{"PATH": 0, "HOME": 1}
	put := func(name, text string) {
		if i, again := place[name]; again {
			env[i] = text
			return
		}
		place[name] = len(env)
		env = append(env, text)
	}
	for _, text := range image {
		name, _, _ := strings.Cut(text, "=")
		put(name, text)
	}
	for _, v := range job {
		put(v.Name, v.Name+"="+v.Value)
	}
	return env
}

// executable refuses a command that cannot be one, as runtimes differ in what
// they find out before the container runs. What only they can see is left to them.
func (r rootfs) executable(name string, p *specs.Process, mounts []driver.Mount) error {
	tries := []string{name}
	if !strings.Contains(name, "/") {
		tries = nil
		for _, v := range p.Env {
			if list, ok := strings.CutPrefix(v, "PATH="); ok {
				for dir := range strings.SplitSeq(list, ":") {
					tries = append(tries, path.Join(dir, name))
				}
			}
		}
	}
	var why string
	for _, try := range tries {
		if !path.IsAbs(try) {
			try = path.Join(p.Cwd, try)
		}
		try = path.Clean(try)
		if slices.ContainsFunc(mounts, func(m driver.Mount) bool { return within(try, path.Clean(m.Path)) }) {
			return nil
		}
		f, err := r.open(try, unix.O_PATH)
		if err != nil {
			continue
		}
		st, err := f.Stat()
		_ = f.Close() // only looked at
		switch {
		case err != nil:
		case st.IsDir():
			why = "is a directory"
		case !st.Mode().IsRegular() || st.Mode()&0o111 == 0:
			why = "permission denied"
		default:
			return nil
		}
	}
	switch {
	case why != "":
		return cannotStart("exec: %q: %s", name, why)
	case strings.Contains(name, "/"):
		return cannotStart("exec: %q: no such file or directory", name)
	}
	return cannotStart("exec: %q: executable file not found in $PATH", name)
}

// within says whether a path is dir or below it.
func within(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

// shares are 1024 per vCPU.
func shares(milliVCPU int64) *uint64 {
	n := uint64(maxShares)
	if milliVCPU < maxShares {
		n = uint64(min(max(milliVCPU*1024/1000, minShares), maxShares))
	}
	return &n
}

// memory limits memory, and swap as Docker does: as much again, where the job
// says nothing else.
// https://docs.aws.amazon.com/batch/latest/APIReference/API_LinuxParameters.html
func memory(s *driver.Spec, m *machine) *specs.LinuxMemory {
	miB := s.Resources.MemoryMiB
	if miB <= 0 || miB >= 1<<40 {
		return nil
	}
	limit := max(miB<<20, minMemory)
	r := &specs.LinuxMemory{Limit: &limit}
	if m.swapLimit {
		swap := 2 * limit
		if s.MaxSwapMiB != nil {
			swap = limit + *s.MaxSwapMiB<<20
		}
		r.Swap = &swap
	}
	// Without maxSwap AWS ignores it.
	if s.Swappiness != nil && s.MaxSwapMiB != nil && m.swapLimit && !m.unified {
		n := uint64(*s.Swappiness)
		r.Swappiness = &n
	}
	return r
}

func mounts(o *order, at *place) []specs.Mount {
	s := &o.Spec
	ro := "ro"
	if s.Privileged {
		ro = "rw"
	}
	shm := int64(defaultShm)
	if s.SharedMemMiB > 0 {
		shm = s.SharedMemMiB << 20
	}
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", ro}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", ro}},
	}
	switch {
	case s.HostIPC:
		list = append(list, bind("/dev/shm", "/dev/shm", false), bind("/dev/mqueue", "/dev/mqueue", false))
	case !s.NoIPC:
		list = append(list, specs.Mount{
			Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)},
		})
	}
	for _, file := range []string{"/etc/resolv.conf", "/etc/hostname"} {
		if _, err := os.Stat(file); err == nil && (s.Network == nil || file != "/etc/hostname") {
			list = append(list, bind(file, file, true))
		}
	}
	list = append(list, bind(at.hosts, "/etc/hosts", true))
	if s.Init {
		list = append(list, bind(at.self, initProgram, true))
	}
	for _, t := range s.Tmpfs {
		list = append(list, specs.Mount{
			Destination: t.Path, Type: "tmpfs", Source: "tmpfs",
			Options: append([]string{"noexec", "nosuid", "nodev", "size=" + strconv.FormatInt(t.SizeMiB, 10) + "m"}, t.Options...),
		})
	}
	for i, v := range s.Mounts {
		source := v.Host
		switch {
		case v.NFS != nil:
			source = at.nfs[i]
		case v.Volume != "":
			source = path.Join(at.volumes, volumeName(v.Volume))
		}
		list = append(list, bind(source, v.Path, v.ReadOnly))
	}
	return list
}

func bind(source, destination string, readOnly bool) specs.Mount {
	mode := "rw"
	if readOnly {
		mode = "ro"
	}
	return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"rbind", "rprivate", mode}}
}

// hostsOf is a container's file of host names: the machine's, or a node's own.
func hostsOf(s *driver.Spec) ([]byte, error) {
	if s.Network != nil {
		return fmt.Appendf(nil, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n%s\t%s\n", s.Network.Address, hostnameOf(s.Unit)), nil
	}
	text, err := os.ReadFile("/etc/hosts")
	if os.IsNotExist(err) {
		return []byte("127.0.0.1\tlocalhost\n"), nil
	}
	return text, err
}
