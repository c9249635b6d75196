package driver

import (
	"net/netip"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Spec is everything a driver needs to run one unit.
type Spec struct {
	Unit  batch.UnitID
	Image string
	// Registry is what a private registry wants to see before it hands out the
	// image; nil where the driver's own credentials are enough.
	Registry *Credentials
	// Entrypoint replaces the image's entry point; empty means the image's own.
	Entrypoint []string
	// Command replaces the image's CMD. Empty means the image's own, if that of
	// the entry point is.
	Command []string
	// Env is the whole environment that the unit gets beyond what the image or
	// the system sets, in order; of equal names the last one counts. It holds
	// resolved secrets, so a driver shows it to nobody.
	Env []Var
	// Resources: vCPUs are a share, not a cap; memory is a hard limit.
	Resources batch.Resources
	// MaxProcesses is how many processes and threads it may have at once, so
	// that one that multiplies without end harms nobody else; zero is no limit.
	// A driver that cannot limit anything does not limit this either.
	MaxProcesses int64
	// StopTimeout is the grace from SIGTERM to SIGKILL.
	StopTimeout time.Duration
	// Network is where the nodes of a multi-node job meet; nil for other jobs.
	Network *Network
	// Labels help people who look at the runtime directly (job name, queue, …).
	Labels map[string]string

	// What follows a driver may not be able to honour; [Honours.Check] then
	// refuses the unit. Zero values ask for nothing.

	User           string // as in `docker run --user`; empty means the image's
	Privileged     bool
	ReadonlyRootFS bool
	Init           bool // an init process that reaps orphans and passes on signals
	Ulimits        []Ulimit
	SharedMemMiB   int64 // size of /dev/shm; zero means the runtime's default
	Tmpfs          []Tmpfs
	Devices        []Device
	MaxSwapMiB     *int64 // swap beyond the memory; zero means none; nil means as much as memory
	Swappiness     *int64 // 0 to 100
	Mounts         []Mount
	DiskGiB        int64 // of the writable layer; zero means no limit
	Platform       Platform
	Log            *Log // nil: the driver keeps the output for [Driver.Output]
	HostPID        bool // the machine's process ids
	HostIPC        bool // the machine's System V and POSIX IPC
	NoIPC          bool // no /dev/shm of its own and nobody else's
}

// Network is shared by the units whose attempts have the same [batch.AttemptID.Whole],
// and by nobody else. The subnet's first address is left to a gateway.
type Network struct {
	Subnet  netip.Prefix
	Address netip.Addr // of the unit
}

// Var is one environment variable.
type Var struct{ Name, Value string }

// Credentials are a user and a password of a registry.
type Credentials struct{ User, Password string }

// Ulimit is one resource limit. Name is `setrlimit`'s without RLIMIT_, in lower
// case, such as `nofile`; -1 is no limit.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// Tmpfs is a file system in memory.
type Tmpfs struct {
	Path    string
	SizeMiB int64
	Options []string // of mount
}

// Device is a device file of the machine.
type Device struct {
	Host, Path         string // Path is the unit's name for it
	Read, Write, Mknod bool
}

// Mount shows the unit a directory. One of Host, Volume and NFS is set.
type Mount struct {
	Path     string // in the unit
	ReadOnly bool
	// Host is a directory of the machine. It is made where it is missing.
	Host string
	// Volume names a directory that the units of the attempt share, empty at
	// first, and removed with the attempt.
	Volume string
	NFS    *NFS
}

// NFS is a directory that a server exports.
type NFS struct{ Server, Path string }

// Platform is what a unit is made for. An empty member asks for nothing.
type Platform struct {
	Architecture string // X86_64 or ARM64
	OS           string // LINUX or WINDOWS_…
}

// Log says that output goes elsewhere, to one of the runtime's log drivers by
// Docker's name. [Driver.Output] may then have nothing. `none` keeps nothing.
type Log struct {
	Driver  string
	Options map[string]string
}
