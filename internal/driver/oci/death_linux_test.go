package oci_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// runnerOf finds the runner of a directory, and zero if there is none.
func runnerOf(t testing.TB, dir string) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\x00runner\x00--containers\x00"+dir+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))) // digits, by the pattern
			return pid
		}
	}
	return 0
}

// cgroupsOf returns the cgroups of a directory's containers that there are.
func cgroupsOf(t *testing.T, dir string) (found []string) {
	t.Helper()
	sum := sha256.Sum256([]byte(dir))
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		list, err := filepath.Glob(filepath.Join(root, "barge-"+hex.EncodeToString(sum[:6]), "[0-9]*"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, list...)
	}
	return found
}

// markedProcesses counts the processes that have a variable which only
// containers of this test have.
func markedProcesses(t *testing.T, mark string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "MARK="+mark+"\x00") {
			n++
		}
	}
	return n
}

// However a runner is killed, and whatever it was just doing, its containers die,
// that is known, and nothing of them is left behind.
func TestRunnerKilled(t *testing.T) {
	need(t)
	images := shelf(t)
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			dir, mark := t.TempDir(), runtime+strconv.Itoa(os.Getpid())
			d := open(t, dir, runtime, images)
			defer d.Close()
			rounds := 6
			if testing.Short() {
				rounds = 2
			}
			for range rounds {
				killOnce(t, d, dir, mark)
			}
		})
	}
}

func killOnce(t *testing.T, d driver.Driver, dir, mark string) {
	t.Helper()
	var mu sync.Mutex
	var started []batch.UnitID
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			spec := driver.Spec{
				Unit: newUnit(), Image: testImage, Env: []driver.Var{{Name: "MARK", Value: mark}},
				Command: []string{"/bin/sh", "-c", "trap '' TERM; echo text >/file; sleep 1000 & echo up; wait; sleep 1000"},
				Mounts:  []driver.Mount{{Volume: "v", Path: "/v"}},
				HostPID: i%4 == 0,
			}
			spec.Resources = batch.Resources{MilliVCPU: 100, MemoryMiB: 64}
			err := d.Start(t.Context(), spec) // again by itself when the runner dies over it
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("start: %v", err)
				return
			}
			started = append(started, spec.Unit)
		})
	}
	time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // the moment is what is tested
	before := runnerOf(t, dir)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatalf("kill runner %d: %v", before, err)
	}
	all.Wait()
	if _, err := d.List(t.Context()); err != nil { // by the next runner
		t.Fatal(err)
	}
	// Those that the dead runner had started are lost; those of the next one run.
	for _, id := range started {
		if err := d.Stop(t.Context(), id, 0); err != nil && !errors.Is(err, driver.ErrUnknown) {
			t.Errorf("stop: %v", err)
		}
		exit, err := d.Wait(t.Context(), id)
		if err != nil || exit.Code != nil && *exit.Code != 137 {
			t.Errorf("after the runner's death: %+v, %v", exit, err)
		}
		if err := d.Remove(t.Context(), id); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if n := markedProcesses(t, mark); n > 0 {
		t.Errorf("%d processes of containers live on", n)
	}
	if left := cgroupsOf(t, dir); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
	for _, name := range []string{"writable", "volumes", "output"} {
		if left, err := os.ReadDir(filepath.Join(dir, name)); err != nil || len(left) > 0 {
			t.Errorf("%s holds %v, %v", name, left, err)
		}
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("something is mounted (%v):\n%s", err, mounts)
	}
}
