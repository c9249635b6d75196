package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/driver"
)

// ownEngine is a dockerd of this test's own, so that it may be killed. Its
// containerd stays, as it does where the two are services of the system.
type ownEngine struct {
	dir        string
	args       []string
	containerd *exec.Cmd
	dockerd    *exec.Cmd
}

func newEngine(t *testing.T, args ...string) *ownEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "barge") // t.TempDir is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	e := &ownEngine{dir: dir, args: args}
	if err := os.WriteFile(dir+"/containerd.toml", []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.containerd = e.spawn(t, "containerd", "--config", dir+"/containerd.toml", "--address", dir+"/containerd.sock",
		"--root", dir+"/images", "--state", dir+"/state")
	t.Cleanup(func() {
		end(e.dockerd, syscall.SIGTERM)
		end(e.containerd, syscall.SIGTERM)
		for _, mount := range []string{"/exec/netns/default", "/data"} {
			_ = syscall.Unmount(dir+mount, syscall.MNT_DETACH) // dockerd leaves them
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the engine's directory: %v", err)
		}
	})
	e.start(t)
	return e
}

func (e *ownEngine) host() string { return "unix://" + e.dir + "/docker.sock" }

// spawn starts a daemon that logs to a file of its name.
func (e *ownEngine) spawn(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	// A dockerd arranges the bridges of its network to its liking, so it gets
	// one that is not the machine's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// start returns when the engine answers.
func (e *ownEngine) start(t *testing.T) {
	t.Helper()
	e.dockerd = e.spawn(t, "dockerd", append([]string{
		"--host", e.host(), "--containerd", e.dir + "/containerd.sock",
		"--data-root", e.dir + "/data", "--exec-root", e.dir + "/exec", "--pidfile", e.dir + "/pid",
		"--bridge=none", "--iptables=false", "--ip6tables=false",
	}, e.args...)...)
	for deadline := time.Now().Add(time.Minute); Available(t.Context(), e.host()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(e.dir + "/dockerd.log")
			t.Fatalf("dockerd does not answer within a minute:\n%s", text)
		}
	}
}

func end(daemon *exec.Cmd, signal syscall.Signal) {
	if daemon != nil {
		_ = daemon.Process.Signal(signal)
		_ = daemon.Wait() // it was killed
	}
}

// TestEngineRestart runs only where BARGE_TEST_DOCKERD is set, as root: it
// starts another engine and kills it under running attempts.
func TestEngineRestart(t *testing.T) {
	if os.Getenv("BARGE_TEST_DOCKERD") == "" {
		t.Skip("starts a dockerd of its own; set BARGE_TEST_DOCKERD to run it")
	}
	for name, c := range map[string]struct {
		args   []string
		signal syscall.Signal
		codes  []int32
	}{
		"live-restore killed":  {[]string{"--live-restore"}, syscall.SIGKILL, []int32{7}},
		"live-restore stopped": {[]string{"--live-restore"}, syscall.SIGTERM, []int32{7}},
		// The engine ends its containers, itself or when it comes back.
		"killed":  {nil, syscall.SIGKILL, []int32{137, 143, 255}},
		"stopped": {nil, syscall.SIGTERM, []int32{137, 143}},
	} {
		t.Run(name, func(t *testing.T) {
			engine := newEngine(t, c.args...)
			build := exec.Command("testdata/mkimage.sh", testImage)
			build.Env = append(os.Environ(), "DOCKER_HOST="+engine.host())
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build the test image: %v\n%s", err, out)
			}
			opt := newOptions(t)
			opt.Host = engine.host()
			d := open(t, opt)

			// The number that it was started with tells runs apart.
			spec := newSpec(t, d, `i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 7`)
			spec.StopTimeout = time.Second
			start(t, d, spec)
			lines := make(chan string, 100)
			outcome := make(chan error, 1)
			go func() {
				outcome <- d.Output(t.Context(), spec.Unit, 0, func(l driver.Line) error {
					lines <- string(l.Text)
					return nil
				})
			}()
			type waited struct {
				exit driver.Exit
				err  error
			}
			exits := make(chan waited, 1)
			go func() {
				exit, err := d.Wait(t.Context(), spec.Unit)
				exits <- waited{exit, err}
			}()
			got := []string{<-lines}

			end(engine.dockerd, c.signal)
			time.Sleep(time.Second) // the outage under test
			engine.start(t)

			w := <-exits
			if w.err != nil || w.exit.Code == nil || !slices.Contains(c.codes, *w.exit.Code) || w.exit.Reason != "" {
				t.Errorf("wait over a restart returned %+v and %v, want a code of %v", w.exit, w.err, c.codes)
			}
			if err := <-outcome; err != nil {
				t.Errorf("output over a restart: %v", err)
			}
			close(lines)
			for l := range lines {
				got = append(got, l)
			}
			again := output(t, d, spec.Unit)
			if !slices.Equal(got, again) {
				t.Errorf("output over a restart is %q, want %q", got, again)
			}
			if want := "0 1 2 3 4"; !strings.HasPrefix(strings.Join(got, " "), want) {
				t.Errorf("output begins with %q, want %q", got, want)
			}
			if slices.Equal(c.codes, []int32{7}) && len(got) != 60 {
				t.Errorf("output has %d lines, want 60", len(got))
			}
		})
	}
}
