package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver/oci/images"
)

// stage is a thread with a mount namespace of its own, in which containers are
// made one after the other. What is mounted there nobody else sees; a container
// takes it along, and what it has not taken goes with the runner, however that
// ends. So there is nothing to clean up, and no container has the mounts of the
// others in its way.
//
// A stage's own directory, the same path in each, is a file system in memory:
//
//	rootfs/   the container's root file system, while one is made
//	bundle/   config.json and the files that the container sees
//	state/    what the runtime remembers, which nobody asks for again
type stage struct {
	dir   string
	tasks chan func()
}

// openStage makes a stage.
func openStage(dir string, m *machine) (*stage, error) {
	s := &stage{dir: dir, tasks: make(chan func())}
	ready := make(chan error, 1)
	onThread(func() {
		err := s.set(m)
		ready <- err
		if err != nil {
			return
		}
		for task := range s.tasks {
			task()
		}
	})
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make a mount namespace: %w", err)
	}
	return s, nil
}

// onThread runs f on a thread of its own, which ends with f, and does not wait for
// it. The main thread never ends, and is what /proc/self means, so it is not taken.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != os.Getpid() {
			f() // and stays locked, which ends the thread
			return
		}
		done := make(chan struct{})
		go func() { // elsewhere, as we keep this one
			defer close(done)
			runtime.LockOSThread()
			f()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
}

// set moves the calling thread into a namespace and makes the directory.
func (s *stage) set(m *machine) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	// What the machine mounts later comes along, and what it unmounts is let go.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", s.dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=700,size=64m"); err != nil {
		return err
	}
	// crun takes a system with both versions of cgroups for one of neither, and
	// runc has more to do there. Version 2 has no controllers then.
	if m.hybrid != "" {
		if err := unix.Unmount(m.hybrid, unix.MNT_DETACH); err != nil {
			return err
		}
	}
	for _, name := range []string{"rootfs", "bundle", "state"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			return err
		}
	}
	// Layers are named relative to where they are, or many would not fit.
	return os.Chmod(filepath.Join(s.dir, "rootfs"), 0o755)
}

// do runs f on the stage's thread.
func (s *stage) do(f func() error) error {
	done := make(chan error, 1)
	s.tasks <- func() { done <- f() }
	return <-done
}

func (s *stage) close() { close(s.tasks) }

func (s *stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// mountRoot puts an image below a writable directory.
func (s *stage) mountRoot(store string, layers []string, writable string) error {
	if len(layers) == 0 {
		return errors.New("an image without layers")
	}
	for _, l := range layers {
		if strings.ContainsAny(l, ":,/\\") {
			return fmt.Errorf("a layer called %q", l)
		}
	}
	upper, work := filepath.Join(writable, "fs"), filepath.Join(writable, "work")
	for _, dir := range []string{writable, upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Chdir(store); err != nil { // of this thread: Unshare has parted that, too
		return fmt.Errorf("enter %s: %w", store, err)
	}
	options := "lowerdir=" + strings.Join(layers, ":") + ",upperdir=" + escape(upper) + ",workdir=" + escape(work)
	// Nobody reads what a container has written when the machine has lost its power,
	// and without this the whole disk is synced at the end of each container. Linux
	// knows it from 5.10 on.
	err := unix.Mount("overlay", s.path("rootfs"), "overlay", 0, options+",volatile")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("overlay", s.path("rootfs"), "overlay", 0, options)
	}
	if err != nil {
		return fmt.Errorf("mount overlay: %w", err)
	}
	return nil
}

// tryOverlay says whether an image can be put below a directory of dir.
func tryOverlay(dir, store string, m *machine) error {
	if err := os.MkdirAll(filepath.Join(dir, "stage"), 0o700); err != nil {
		return err
	}
	s, err := openStage(filepath.Join(dir, "stage"), m)
	if err != nil {
		return err
	}
	defer s.close()
	writable, err := os.MkdirTemp(dir, "try-")
	if err != nil {
		return err
	}
	err = s.do(func() error {
		return errors.Join(s.mountRoot(store, []string{images.EmptyLayer}, filepath.Join(writable, "root")), s.clear())
	})
	return errors.Join(err, os.RemoveAll(writable))
}

// escape keeps a path from being read as several options.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, ":", `\:`).Replace(path)
}

// clear removes what was there for one container.
func (s *stage) clear() error {
	err := unix.Unmount(s.path("rootfs"), unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) { // it was not mounted
		err = nil
	}
	for _, name := range []string{"bundle", "state"} {
		entries, failed := os.ReadDir(s.path(name))
		err = errors.Join(err, failed)
		for _, e := range entries {
			dir := s.path(name, e.Name())
			_ = unix.Unmount(dir, unix.MNT_DETACH) // most are no mounts
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}
