//go:build linux

package awscli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "barge-awscli")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "barge")
	build := exec.Command("go", "build", "-o", binary, "github.com/bargehq/barge/cmd/barge")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// need skips the test for want of something, unless BARGE_REQUIRE names it.
func need(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if required(what) {
		t.Fatalf("BARGE_REQUIRE names %s: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}

// only skips a test that takes long and needs something real, unless
// BARGE_REQUIRE names that.
func only(t *testing.T, what string) {
	t.Helper()
	if !required(what) {
		t.Skipf("takes long and needs %s: run it with BARGE_REQUIRE=%s", what, what)
	}
}

func required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), what)
}

// patience is how long the machine may take for what should take moments.
const patience = 5 * time.Minute

// until polls what happens in other processes.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// driver is what runs the jobs of a test.
type driver struct {
	name  string
	image string
	// prefix comes before the server's command line, and attributes go with it.
	prefix     []string
	attributes *syscall.SysProcAttr
}

// processDriver shows the server, and so its jobs, a python3 that is a shell and
// finds /app in a directory of the test's own. Its mount is in a namespace of
// the server's, so that the machine keeps what it has.
func processDriver(t *testing.T) driver {
	t.Helper()
	if os.Geteuid() != 0 {
		need(t, "root", errors.New("only root may mount a python3 of the test's own"))
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	python(t, filepath.Join(dir, "bin", "python3"), `exec /bin/sh "`+dir+`$1"`)
	app(t, dir)
	return driver{
		name: "process", image: guideImage,
		prefix:     []string{"/bin/sh", "-c", `mount --bind "$0" /usr/local/sbin && exec "$@"`, filepath.Join(dir, "bin")},
		attributes: &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS},
	}
}

// dockerDriver builds an image with the same python3, from Debian's busybox.
func dockerDriver(t *testing.T) driver {
	t.Helper()
	only(t, "docker")
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		need(t, "docker", fmt.Errorf("docker info: %w: %s", err, out))
	}
	base := "barge-test/awscli-base:" + strconv.Itoa(os.Getpid())
	image := "barge-test/my-hpc-app:" + strconv.Itoa(os.Getpid())
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	python(t, filepath.Join(dir, "bin", "python3"), `exec /bin/sh "$@"`)
	app(t, dir)
	if out, err := exec.Command("../../internal/driver/docker/testdata/mkimage.sh", base).CombinedOutput(); err != nil {
		need(t, "docker", fmt.Errorf("build the image: %w: %s", err, out))
	}
	t.Cleanup(func() { docker(t, "rmi", base) })
	id := docker(t, "create", base)
	docker(t, "cp", dir+"/.", id+":/")
	docker(t, "commit", id, image)
	t.Cleanup(func() { docker(t, "rmi", image) })
	docker(t, "rm", id)
	return driver{name: "docker", image: image}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// python writes a program that stands for Python. It has the stand-in hurry.
func python(t *testing.T, path, line string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexport POINTS=20000\n"+line+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// app puts the demo's stand-in where the guide's image has its program.
func app(t *testing.T, root string) {
	t.Helper()
	program, err := os.ReadFile("../../demo/run_simulation.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err = os.Mkdir(filepath.Join(root, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(filepath.Join(root, "app", "run_simulation.py"), program, 0o644); err != nil {
		t.Fatal(err)
	}
}

// startServer starts the program on a free port and a directory of its own, and
// returns its address.
func startServer(t *testing.T, d driver) (endpoint string) {
	t.Helper()
	data, err := os.MkdirTemp("", "barge") // short, for the runner's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	args := append(slices.Clone(d.prefix), binary, "serve", "--listen", "127.0.0.1:0", "--driver", d.name, "--data", data)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = d.attributes
	var log, ready file
	log.open(t, filepath.Join(data, "serve.log"))
	ready.open(t, filepath.Join(data, "ready"))
	cmd.Stdout, cmd.Stderr = ready.File, log.File
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		need(t, "root", err)
	} else if err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // its ProcessState tells
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-exited
		if t.Failed() {
			t.Logf("the server's log:\n%s", log.text(t))
		}
		endRunner(t, data)
		removeContainers(t, d, data)
	})
	address := regexp.MustCompile(`ready on (http://[\d.:]+) `)
	until(t, "the server to be ready", func() bool {
		if m := address.FindStringSubmatch(ready.text(t)); m != nil {
			endpoint = m[1]
			return true
		}
		select {
		case <-exited:
			t.Fatalf("the server ended by itself: %v\n%s", cmd.ProcessState, log.text(t))
		default:
		}
		return false
	})
	return endpoint
}

// file is one that another process writes to.
type file struct{ *os.File }

func (f *file) open(t *testing.T, path string) {
	t.Helper()
	var err error
	if f.File, err = os.Create(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

func (f *file) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// endRunner ends the process that held the jobs: it would stay for some seconds.
func endRunner(t *testing.T, data string) {
	t.Helper()
	want := strings.Join([]string{binary, "runner", filepath.Join(data, "process")}, "\x00") + "\x00"
	find := func() int {
		dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
		for _, dir := range dirs {
			if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && string(line) == want {
				pid, _ := strconv.Atoi(filepath.Base(dir))
				return pid
			}
		}
		return 0
	}
	if pid := find(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		until(t, "the runner to end", func() bool { return find() != pid })
	}
}

// removeContainers removes what a test that failed has left.
func removeContainers(t *testing.T, d driver, data string) {
	t.Helper()
	if d.name != "docker" {
		return
	}
	owner, err := os.ReadFile(filepath.Join(data, "installation"))
	if err != nil {
		return // it never came that far
	}
	ids := docker(t, "ps", "-aq", "--filter", "label=org.bargehq.barge.owner="+string(bytes.TrimSpace(owner)))
	if ids == "" {
		return
	}
	if !t.Failed() {
		t.Error("containers are left after all jobs have ended")
	}
	docker(t, append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
}
