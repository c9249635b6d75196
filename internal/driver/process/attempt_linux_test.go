package process_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/process"
)

func TestLongDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), strings.Repeat("long/", 40))
	d := open(t, dir, "off")
	defer d.Close()
	start(t, d, script(attemptID(0), "exit 1"))
	wantCode(t, d, attemptID(0), 1)
}

func TestEmptyCommand(t *testing.T) {
	t.Parallel()
	d := open(t, tempDir(t), "off")
	defer d.Close()
	var refused *driver.StartError
	err := d.Start(t.Context(), driver.Spec{Unit: attemptID(0)})
	if !errors.As(err, &refused) || !strings.HasPrefix(refused.Reason, "CannotStartContainerError: no command") {
		t.Errorf("start: %v, want a StartError", err)
	}
}

// What an attempt sees of its surroundings, all of it.
func TestSurroundings(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	d := open(t, dir, "off")
	defer d.Close()
	id := attemptID(0)
	spec := script(id, `env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; pwd; ls -A; umask; ulimit -c >/dev/null; ls /proc/self/fd | wc -l`)
	spec.Env = []driver.Var{{Name: "LANG", Value: "de"}, {Name: "X", Value: "1"}, {Name: "X", Value: "2"}}
	start(t, d, spec)
	wantCode(t, d, id, 0)
	work := filepath.Join(dir, "work", "1")
	wantLines(t, d, id,
		"BARGE_TASK="+id.Name()+"@"+dir, "HOME="+work, "LANG=de",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR="+work, "X=2",
		work, "0022", "4") // the three standard streams, and the directory that ls reads
}

// A working directory is used again, but nothing of what was in it.
func TestWorkingDirectories(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	d := open(t, dir, "off")
	defer d.Close()
	for i, text := range []string{
		"ls -A", "touch file .hidden; mkdir -p a/b", "ls -A", "rmdir $PWD", "ls -A", "chmod 777 .", "stat -c %a .",
		"cd ..; rmdir $HOME; ln -s / $HOME", "ls -A; test ! -L $HOME",
	} {
		id := attemptID(i)
		start(t, d, script(id, text))
		wantCode(t, d, id, 0)
		if got := lines(t, d, id); len(got) > 0 && !slices.Equal(got, []string{"700"}) {
			t.Errorf("%q prints %q, want an empty directory", text, got)
		}
		if err := d.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "work")); err != nil || len(entries) != 1 {
		t.Errorf("working directories are %v, %v, want one", entries, err)
	}
}

// Who leaves the process group but keeps the output is found all the same.
func TestEscapedChildren(t *testing.T) {
	t.Parallel()
	for _, cgroups := range []string{"auto", "off"} {
		t.Run(cgroups, func(t *testing.T) {
			t.Parallel()
			d := open(t, tempDir(t), cgroups)
			defer d.Close()
			id := attemptID(0)
			spec := script(id, "setsid sh -c 'while :; do echo child; sleep 0.05; done' & sleep 0.2; exit 3")
			spec.Resources = batch.Resources{MilliVCPU: 250, MemoryMiB: 64}
			began := time.Now()
			start(t, d, spec)
			wantCode(t, d, id, 3)
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("the end took %v", took)
			}
			before := lines(t, d, id)
			time.Sleep(200 * time.Millisecond) // four more lines, if anybody were left to print them
			if after := lines(t, d, id); !slices.Equal(before, after) {
				t.Errorf("output grew from %d to %d lines", len(before), len(after))
			}
		})
	}
}

// An attempt whose output cannot be written waits, and nothing is lost.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	disk := filepath.Join(dir, "output")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=128k"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), "root") {
			t.Fatalf("BARGE_REQUIRE names root: mount: %v", err)
		}
		t.Skipf("needs root: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := open(t, dir, "off")
	defer d.Close()
	id := attemptID(0)
	start(t, d, script(id, "seq 1 50000; exit 9"))
	output := filepath.Join(disk, id.Name())
	eventually(t, "the disk is full", func() bool {
		st, err := os.Stat(output)
		return err == nil && st.Size() >= 128<<10
	})
	if log, err := os.ReadFile(filepath.Join(dir, "runner.log")); err != nil || strings.Count(string(log), "cannot write output") > 1 {
		t.Errorf("log is %q, %v, want one line", log, err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, d, id, 9)
	want := make([]string, 50000)
	for i := range want {
		want[i] = fmt.Sprint(i + 1)
	}
	if got := lines(t, d, id); !slices.Equal(got, want) {
		t.Errorf("output has %d lines, want %d", len(got), len(want))
	}
}

// Limits are what was asked for, also on a cgroup that had others before.
func TestLimits(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	d := open(t, dir, "auto")
	defer d.Close()
	if log, _ := os.ReadFile(filepath.Join(dir, "runner.log")); strings.Contains(string(log), "without limits") {
		t.Skipf("no cgroups here: %s", log)
	}
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err != nil {
		t.Skip("the files of version 1 are not here")
	}
	const show = `
		for c in memory cpu; do sed -n "s,^[0-9]*:\(.*\,\)*$c\(\,.*\)*:,/sys/fs/cgroup/$c,p" /proc/self/cgroup; done >dirs
		{ read memory; read cpu; } <dirs; rm dirs
		n=0 # the limit of memory is set just after the start, see lane.fork
		until read limit <$memory/memory.limit_in_bytes && [ $limit = WANT ] || [ $n = 500 ]; do n=$((n + 1)); sleep 0.01; done
		cat $memory/memory.limit_in_bytes $cpu/cpu.shares`
	for i, c := range []struct {
		ask  batch.Resources
		want []string
	}{
		{batch.Resources{MilliVCPU: 1000, MemoryMiB: 64}, []string{"67108864", "1024"}},
		{batch.Resources{MilliVCPU: 250, MemoryMiB: 128}, []string{"134217728", "256"}},
		{batch.Resources{MilliVCPU: 2000, MemoryMiB: 32}, []string{"33554432", "2048"}},
		{batch.Resources{MilliVCPU: 500, MemoryMiB: batch.Unlimited}, []string{"9223372036854771712", "512"}},
		{batch.Resources{MemoryMiB: 16}, []string{"16777216", "1024"}},
	} {
		id := attemptID(i)
		spec := script(id, strings.ReplaceAll(show, "WANT", c.want[0]))
		spec.Resources = c.ask
		start(t, d, spec)
		wantCode(t, d, id, 0)
		wantLines(t, d, id, c.want...)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]process.Options{
		"no command":      {Dir: t.TempDir()},
		"no such command": {Dir: t.TempDir(), RunnerCommand: []string{"/no/such/command"}},
		"dies":            {Dir: t.TempDir(), RunnerCommand: []string{"/bin/false"}},
		"cgroups":         {Dir: t.TempDir(), RunnerCommand: []string{"/bin/true"}, Cgroups: "maybe"},
	} {
		if d, err := process.Open(t.Context(), o); err == nil {
			t.Errorf("%s: opened %v, want an error", name, d)
		}
	}
}
