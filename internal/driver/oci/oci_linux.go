package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/oci/images"
	"github.com/bargehq/barge/internal/driver/process"
)

// Driver runs containers.
type Driver struct {
	*process.Driver // holds them
	dir             string
	runtime         string
	images          *images.Store
	machine         *machine
	honours         driver.Honours

	volumes sync.Mutex // held while the volumes of an attempt are made or removed: moments
}

var _ driver.Driver = (*Driver)(nil)

// Open connects to the runner of a directory, and starts it where there is none.
func Open(ctx context.Context, o Options) (*Driver, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := Available(o.Runtime); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Driver{dir: dir}
	if d.runtime, err = findRuntime(o.Runtime); err != nil {
		return nil, err
	}
	if d.machine, err = lookAround(); err != nil {
		return nil, err
	}
	d.honours = honours()
	if err = os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	if d.images, err = images.Open(images.Options{Dir: filepath.Join(dir, "images"), Source: o.Images, Log: o.Log}); err != nil {
		return nil, err
	}
	if err = tryOverlay(dir, d.images.Layers(), d.machine); err != nil {
		d.images.Close()
		return nil, fmt.Errorf("%s is on a file system that cannot have containers, such as that of a container: %w", dir, err)
	}
	d.Driver, err = process.Open(ctx, process.Options{Dir: dir, RunnerCommand: o.RunnerCommand, Log: o.Log})
	if err == nil {
		err = d.sweepVolumes(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	o.Log.Info("container runtime", "path", d.runtime, "cgroups", map[bool]int{false: 1, true: 2}[d.machine.unified])
	return d, nil
}

// Name is `oci`.
func (d *Driver) Name() string { return "oci" }

// Close lets go of the runner and ends pulls.
func (d *Driver) Close() error {
	d.images.Close()
	if d.Driver == nil {
		return nil
	}
	return d.Driver.Close()
}

// Start implements [driver.Driver].
func (d *Driver) Start(ctx context.Context, spec driver.Spec) error {
	if err := d.honours.Check("oci", &spec); err != nil {
		return err
	}
	image, err := d.images.Image(ctx, spec.Image, spec.Registry)
	if err != nil {
		return shorten(err)
	}
	spec.Registry = nil
	if err = d.makeDirectories(&spec); err != nil {
		return err
	}
	text, err := json.Marshal(order{
		Spec: spec, Image: image.Config, Store: d.images.Layers(), Layers: image.Layers, Runtime: d.runtime,
	})
	if err != nil {
		return err
	}
	return d.Make(ctx, spec.Unit, text)
}

// shorten brings a reason to the length that ECS has.
func shorten(err error) error {
	var refused *driver.StartError
	if errors.As(err, &refused) {
		name, text, _ := strings.Cut(refused.Reason, ": ")
		return refusal(name, text)
	}
	return err
}

// Remove implements [driver.Driver]. The volumes of an attempt go with its last unit.
func (d *Driver) Remove(ctx context.Context, id batch.UnitID) error {
	if err := d.Driver.Remove(ctx, id); err != nil {
		return err
	}
	d.volumes.Lock()
	defer d.volumes.Unlock()
	dir := volumesOf(d.dir, id.Attempt)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	held, err := d.List(ctx)
	if err != nil {
		return err
	}
	for _, other := range held {
		if other.Attempt == id.Attempt {
			return nil
		}
	}
	return os.RemoveAll(dir)
}

// sweepVolumes removes volumes of attempts that the runner does not hold.
func (d *Driver) sweepVolumes(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(d.dir, "volumes"))
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	held, err := d.List(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, id := range held {
		used[filepath.Base(volumesOf(d.dir, id.Attempt))] = true
	}
	for _, e := range entries {
		if !used[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.dir, "volumes", e.Name())))
		}
	}
	return err
}

// volumesOf is the directory of the volumes that the units of an attempt share.
func volumesOf(dir string, id batch.AttemptID) string {
	return filepath.Join(dir, "volumes", id.Unit(0).Name())
}

// volumeName is good for a file, whatever the volume is called.
func volumeName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// makeDirectories makes what mounts need on the machine.
func (d *Driver) makeDirectories(s *driver.Spec) error {
	for _, m := range s.Mounts {
		dir, mode := m.Host, os.FileMode(0o755)
		switch {
		case m.NFS != nil:
			continue
		case m.Volume != "":
			dir = filepath.Join(volumesOf(d.dir, s.Unit.Attempt), volumeName(m.Volume))
		}
		d.volumes.Lock()
		err := os.MkdirAll(dir, mode)
		d.volumes.Unlock()
		if err != nil {
			if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
				return fmt.Errorf("make directory for a mount: %w", err)
			}
			return refusal("CannotCreateContainerError", "mountPoints: "+err.Error())
		}
	}
	return nil
}

// honours is what a container can be given here.
func honours() driver.Honours {
	return driver.Honours{
		driver.SettingUser: nil, driver.SettingReadonly: nil, driver.SettingInit: nil, driver.SettingSharedMem: nil,
		driver.SettingPID: nil, driver.SettingIPC: nil,
		driver.SettingPrivileged: nil, // which is all that the server may do itself
		driver.SettingUlimits:    checkUlimits, driver.SettingTmpfs: checkTmpfs, driver.SettingMounts: checkMounts,
		driver.SettingDevices:  checkDevices,
		driver.SettingPlatform: driver.CheckPlatform(runtime.GOARCH, runtime.GOOS),
		driver.SettingLog: func(s *driver.Spec) string {
			if s.Log.Driver != "json-file" && s.Log.Driver != "none" {
				return "there is no container engine whose driver " + s.Log.Driver + " could take the output"
			}
			return ""
		},
		// Notes tells of these where they are not enforced.
		driver.SettingDisk: nil, driver.SettingMaxSwap: nil, driver.SettingSwappiness: nil,
	}
}

func checkUlimits(s *driver.Spec) string {
	for _, u := range s.Ulimits {
		switch u.Name {
		case "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
			"rttime", "sigpending", "stack":
		default:
			return "there is no limit called " + u.Name
		}
	}
	return ""
}

func checkTmpfs(s *driver.Spec) string {
	for _, t := range s.Tmpfs {
		if !path.IsAbs(t.Path) {
			return "containerPath must be absolute, not " + t.Path
		}
	}
	return ""
}

func checkMounts(s *driver.Spec) string {
	for _, m := range s.Mounts {
		switch {
		case !path.IsAbs(m.Path) || path.Clean(m.Path) == "/":
			return "containerPath must be absolute and not the root, not " + m.Path
		case m.Host != "" && !path.IsAbs(m.Host):
			return "sourcePath must be absolute, not " + m.Host
		}
	}
	return ""
}

func checkDevices(s *driver.Spec) string {
	for _, d := range s.Devices {
		if !path.IsAbs(d.Path) {
			return "containerPath must be absolute, not " + d.Path
		}
		if _, err := deviceOf(d.Host, d.Path); err != nil {
			return err.Error()
		}
	}
	return ""
}

// Notes implements [driver.Driver].
func (d *Driver) Notes(spec driver.Spec) []string {
	var notes []string
	if spec.DiskGiB > 0 {
		notes = append(notes, "barge: ephemeralStorage is not enforced: the oci driver cannot limit it to "+strconv.FormatInt(spec.DiskGiB, 10)+" GiB")
	}
	if spec.MaxSwapMiB != nil && !d.machine.swapLimit {
		notes = append(notes, "barge: linuxParameters.maxSwap is not enforced: this machine's kernel does not limit swap")
	}
	if spec.Swappiness != nil && (d.machine.unified || !d.machine.swapLimit) {
		notes = append(notes, "barge: linuxParameters.swappiness is not enforced: it needs cgroups of version 1 with swap accounting")
	}
	if spec.Network != nil {
		notes = append(notes, "barge: the nodes of this job reach each other, and nothing outside")
	}
	return notes
}
