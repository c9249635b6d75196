package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// runtimes are those that the oci driver runs containers with.
//
//nolint:gochecknoglobals // a table
var runtimes = []string{"crun", "runc"}

// way is one way to run containers.
type way struct {
	name string
	lives
	run func(ctx context.Context, containers int, l *lives) error
}

// measureContainers runs containers without an engine, beside their runtimes in a
// loop and the Docker Engine in a loop. All take turns within each round.
func measureContainers(ctx context.Context, b *bench) (_ *table, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("containers without an engine need root")
	}
	images := filepath.Join(b.work, "images")
	if err = saveEcho(images); err != nil {
		return nil, fmt.Errorf("save an image: %w", err)
	}
	var ways []*way
	for _, program := range runtimes {
		if _, missing := exec.LookPath(program); missing != nil {
			continue
		}
		var s *server
		s, err = b.serveWith(ctx, "oci", &server{
			dir: filepath.Join(b.work, "oci-"+program), image: engineImage, command: engineCommand,
			flags: []string{"--images", images, "--runtime", program},
		})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		if err = s.setUp(ctx, containersAtOnce, 1); err != nil {
			return nil, err
		}
		if _, err = runArray(ctx, s, 2*containersAtOnce); err != nil { // to warm up
			return nil, err
		}
		var raw *rawRuntime
		if raw, err = newRawRuntime(program, filepath.Join(b.work, "raw-"+program)); err != nil {
			return nil, err
		}
		ways = append(ways, &way{name: "Barge, oci driver with " + program, run: func(ctx context.Context, n int, l *lives) error {
			return s.measure(n, l, func() (time.Duration, error) { return runArray(ctx, s, n) })
		}}, &way{name: "`" + program + " run` in a loop", run: raw.measure})
	}
	e := newDockerEngine()
	if e.call(ctx, http.MethodGet, "/_ping", "", nil, nil) == nil {
		if err = e.makeImage(ctx); err != nil {
			return nil, fmt.Errorf("make an image: %w", err)
		}
		defer func() { err = errors.Join(err, e.removeImage()) }()
		ways = append(ways, &way{name: "Docker's Engine API in a loop", run: func(ctx context.Context, n int, l *lives) error {
			n = max(containersAtOnce, n/8)
			took, failed := e.loop(ctx, n)
			l.rate = append(l.rate, float64(n)/took.Seconds())
			return failed
		}})
	}
	defer removeGroups()
	containers := max(4*containersAtOnce, b.jobs/10)
	for range b.rounds {
		for _, w := range ways {
			if err = w.run(ctx, containers, &w.lives); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	t := &table{head: []string{"/bin/echo in a container", "containers/s", "CPU ms each: server", "runner", "runtime and container"}}
	for _, w := range ways {
		cells := []string{w.name, w.rate.spread(short)}
		for _, f := range []figures{w.server, w.runner, w.children} {
			if len(f) > 0 {
				cells = append(cells, short(f.median()))
			} else {
				cells = append(cells, "")
			}
		}
		t.row(cells...)
	}
	t.note("Medians of %d rounds (least–most), %d containers each (an eighth of them by Docker), %d at once, with limits of memory and CPU and the "+
		"machine's network. Barge runs an array job with the logs kept and gives each container a root file system of its own; the loops keep "+
		"no output, and those of the runtimes use one directory for all. What the kernel does behind a container is in nobody's processor time.",
		b.rounds, containers, containersAtOnce)
	return t, nil
}

// echoFile is a layer with /bin/echo.
func echoFile() ([]byte, error) {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	err = w.WriteHeader(&tar.Header{Name: "bin/echo", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(program)
	}
	return layer.Bytes(), errors.Join(err, w.Close())
}

// saveEcho writes an image as `docker save` does.
func saveEcho(dir string) error {
	text, err := echoFile()
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", goruntime.GOARCH
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	ref, err := name.NewTag(engineImage)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return tarball.WriteToFile(filepath.Join(dir, "echo.tar"), ref, image)
}

// rawRuntime runs a runtime as plainly as can be.
type rawRuntime struct {
	program string
	dir     string // bundles, and one root file system
}

func newRawRuntime(program, dir string) (*rawRuntime, error) {
	root := filepath.Join(dir, "rootfs")
	for _, sub := range []string{"bin", "proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o755); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(busybox)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "bin", "echo"), text, 0o755)
	}
	if err != nil {
		return nil, err
	}
	r := &rawRuntime{program: program, dir: dir}
	memory, shares := int64(128<<20), uint64(1024)
	for i := range containersAtOnce {
		config := specs.Spec{
			Version: "1.0.2", Root: &specs.Root{Path: root},
			Process: &specs.Process{Args: []string{"/bin/echo", "done"}, Cwd: "/"},
			Mounts:  []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}, {Destination: "/dev", Type: "tmpfs", Source: "tmpfs"}},
			Linux: &specs.Linux{
				CgroupsPath: fmt.Sprintf("%s/%s-%d", rawGroup(), program, i),
				Namespaces:  []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}},
				Resources:   &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory}, CPU: &specs.LinuxCPU{Shares: &shares}},
			},
		}
		text, err := json.Marshal(config)
		if err == nil {
			err = os.MkdirAll(r.bundle(i), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(r.bundle(i), "config.json"), text, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *rawRuntime) bundle(i int) string { return filepath.Join(r.dir, fmt.Sprint(i)) }

func (r *rawRuntime) measure(ctx context.Context, containers int, l *lives) error {
	_, before, err := usage()
	if err != nil {
		return err
	}
	errs := make([]error, containersAtOnce)
	var all sync.WaitGroup
	var next atomic.Int64
	began := time.Now()
	for i := range containersAtOnce {
		all.Go(func() {
			if errs[i] = hideUnified(); errs[i] != nil {
				return
			}
			for next.Add(1) <= int64(containers) && errs[i] == nil {
				cmd := exec.CommandContext(ctx, r.program, "--root", filepath.Join(r.dir, "state"), "run", "--bundle", r.bundle(i), fmt.Sprintf("%d", i))
				if out, failed := cmd.CombinedOutput(); failed != nil {
					errs[i] = fmt.Errorf("%w: %s", failed, bytes.TrimSpace(out))
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	_, after, err := usage()
	l.rate = append(l.rate, float64(containers)/took.Seconds())
	l.children = append(l.children, millis(after-before)/float64(containers))
	return errors.Join(append(errs, err)...)
}

// rawGroup is the cgroup with those of the loops.
func rawGroup() string { return fmt.Sprintf("/barge-bench-%d", os.Getpid()) }

// removeGroups removes what the loops leave of it in each hierarchy.
func removeGroups() {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		dirs, _ := filepath.Glob(root + rawGroup()) // the pattern is well-formed
		for _, dir := range dirs {
			_ = os.Remove(dir) // of a runtime that was interrupted there is more
		}
	}
}

// hideUnified moves the calling thread, for good, to where cgroups of version 2 are
// not mounted beside those of version 1, which crun does not bear.
func hideUnified() error {
	goruntime.LockOSThread()
	const hybrid = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(hybrid); err != nil {
		return nil //nolint:nilerr // there is no such system here
	}
	return errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""), unix.Unmount(hybrid, unix.MNT_DETACH))
}
