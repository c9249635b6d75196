package crash

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	crashes = flag.Int("crashes", 0, "how often to kill the server (default $BARGE_CRASHES, or 5)")
	pause   = flag.Int("pause", 120, "how long each client waits at most before it submits again, in milliseconds")
	seed    = flag.Int64("seed", 0, "seed of the random choices (default: the time)")
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if *crashes == 0 {
		*crashes = 5
		if n, err := strconv.Atoi(os.Getenv("BARGE_CRASHES")); err == nil {
			*crashes = n
		}
	}
	if *seed == 0 {
		*seed = time.Now().UnixNano()
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "barge-crash")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "barge")
	// With the points at which it can be ended; and with the race detector where
	// GOFLAGS has it.
	build := exec.Command("go", "build", "-tags", "torture", "-o", binary, "github.com/bargehq/barge/cmd/barge")
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
const patience = 2 * time.Minute

// until polls what happens in other processes.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// server is a data directory with the processes that serve it, one after the
// other.
type server struct {
	t       *testing.T
	data    string // its directory
	marks   string // a directory for what jobs write down
	address string
	driver  string
	flags   []string // more of them
	// eventsFile gets the events.
	eventsFile string
	fault      string // for the next process, see internal/fault
	journal    string // a directory for what jobs write down for [judge]; or empty
	clock      string // a file with how far the server's clock is off
	mounted    bool   // data is a disk of its own
	cmd        *exec.Cmd
	exited     chan struct{}
	*client
}

func newServer(t *testing.T, driver string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, data: t.TempDir(), marks: t.TempDir(), address: l.Addr().String(), driver: driver,
		eventsFile: filepath.Join(t.TempDir(), "events"), clock: filepath.Join(t.TempDir(), "clock"),
	}
	s.client = newClient(s.address)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		s.endRunner(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(filepath.Join(s.data, "serve.log")))
			t.Logf("the runner's log:\n%s", tail(filepath.Join(s.data, s.driver, "runner.log")))
		}
		if s.mounted {
			// Detached: whoever looks at all mounts may hold this one for a moment.
			if err := syscall.Unmount(s.data, syscall.MNT_DETACH); err != nil {
				t.Errorf("unmount: %v", err)
			}
		}
	})
	return s
}

// smallDisk makes the data directory a disk in memory, which takes root's rights.
func (s *server) smallDisk(options string) error {
	if err := syscall.Mount("tmpfs", s.data, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	s.mounted = true
	return nil
}

func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// launch starts the server and does not wait for it.
func (s *server) launch() {
	// A start takes the clock as it is, and cannot know what was before.
	_ = os.Remove(s.clock) // it may not be set
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.data, "serve.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := []string{"serve", "--driver", s.driver, "--data", s.data, "--listen", s.address, "--events-file", s.eventsFile}
	cmd := exec.Command(binary, append(args, s.flags...)...)
	cmd.Stderr = log // what it greets with is of no use here
	cmd.Env = append(os.Environ(), "BARGE_FAULT="+s.fault, "BARGE_FAULT_CLOCK="+s.clock)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // its ProcessState tells
	}()
	s.cmd, s.exited = cmd, exited
}

// start starts the server and returns when it answers.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	until(s.t, "the server to answer", func() bool {
		if s.down() && s.fault != "" && killed(s.cmd.ProcessState) {
			return true // it came to its point while it started
		}
		if s.down() {
			s.t.Fatalf("the server ended by itself: %v", s.cmd.ProcessState)
		}
		r, err := http.Get("http://" + s.address + "/health")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

func killed(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (s *server) down() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be dead
	<-s.exited
}

// stop ends the server in order.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatalf("stop the server: %v", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatal("the server does not stop")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("the server was stopped and its exit code is %d", code)
	}
}

// runner returns the process that holds the directory's jobs, zero if there is
// none.
func (s *server) runner() int {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	args := []string{binary, "runner", filepath.Join(s.data, s.driver)}
	if s.driver == "oci" {
		args = slices.Insert(args, 2, "--containers")
	}
	want := strings.Join(args, "\x00") + "\x00"
	for _, dir := range dirs {
		if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && string(line) == want {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			return pid
		}
	}
	return 0
}

// endRunner ends the runner and waits until it is gone.
func (s *server) endRunner(signal syscall.Signal) {
	pid := s.runner()
	if pid == 0 {
		return
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		s.t.Errorf("end the runner: %v", err)
	}
	until(s.t, "the runner to end", func() bool { return s.runner() != pid })
}
