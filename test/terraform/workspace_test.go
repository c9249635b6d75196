package terraform

import (
	"bytes"
	"encoding/json"
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

const (
	name     = "terraform"
	provider = "registry.terraform.io/hashicorp/aws/5.100.0"
	// patience is how long the machine may take for what should take moments.
	patience = 5 * time.Minute
)

// installed returns the directory of plugins, or empty where Terraform's
// configuration names one. It skips the test where it was not asked for.
func installed(t *testing.T) (plugins string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	if !slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), name) {
		t.Skip("it takes minutes and needs Terraform: run it with BARGE_REQUIRE=terraform go test ./test/terraform")
	}
	if _, err := exec.LookPath(name); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE")); err == nil {
		return ""
	}
	home, _ := os.UserHomeDir() // without one there is no directory of the user's
	directories := []string{filepath.Join(home, ".terraform.d", "plugins"), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins"}
	for _, dir := range directories {
		if _, err := os.Stat(filepath.Join(dir, provider)); err == nil {
			return dir
		}
	}
	t.Fatalf("no provider %s in TF_CLI_CONFIG_FILE's mirror or in %q", provider, directories)
	return ""
}

// server is the real program.
type server struct{ binary, endpoint string }

// startServer builds and runs one, with processes that nobody starts.
func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{binary: filepath.Join(dir, "barge")}
	if out, err := exec.Command("go", "build", "-o", s.binary, "github.com/bargehq/barge/cmd/barge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(s.binary, "serve", "--listen", "127.0.0.1:0", "--driver", "process", "--data", filepath.Join(dir, "data"))
	greeting, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, log.String())
		}
	})
	ready := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	text := make([]byte, 0, 1024)
	for s.endpoint == "" {
		n, err := greeting.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if s.endpoint = ready.FindString(string(text)); err != nil && s.endpoint == "" {
			t.Fatalf("the server says no address: %v\n%s%s", err, text, log.String())
		}
	}
	return s
}

// call calls an operation.
func (s *server) call(t *testing.T, operation, body string) (answer map[string]any) {
	t.Helper()
	out, err := exec.Command(s.binary, "call", "--endpoint", s.endpoint, operation, body).Output()
	if err != nil {
		t.Fatalf("barge call %s: %v\n%s", operation, err, out)
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// workspace is a directory with the configuration and a state.
type workspace struct {
	dir     string
	server  *server
	changed bool
}

func newWorkspace(t *testing.T, plugins string, s *server) *workspace {
	t.Helper()
	w := &workspace{dir: t.TempDir(), server: s}
	if err := os.CopyFS(w.dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	args := []string{"-no-color", "-input=false"}
	if plugins != "" {
		args = append(args, "-plugin-dir="+plugins)
	}
	w.terraform(t, 0, append([]string{"init"}, args...)...)
	return w
}

// terraform runs a command and returns what it prints. It has to exit as wanted.
func (w *workspace) terraform(t *testing.T, exit int, args ...string) (stdout []byte) {
	t.Helper()
	started := time.Now()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_VAR_endpoint="+w.server.endpoint, "TF_VAR_changed="+strconv.FormatBool(w.changed))
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) || cmd.ProcessState.ExitCode() != exit {
		t.Fatalf("terraform %s: %v, want exit %d\n%s%s", strings.Join(args, " "), err, exit, out.Bytes(), all.Bytes())
	}
	t.Logf("terraform %s: %.0f s", strings.Join(args, " "), time.Since(started).Seconds())
	return out.Bytes()
}

// run runs one of Terraform's main commands, with more at once than it would do.
func (w *workspace) run(t *testing.T, command string, args ...string) {
	t.Helper()
	w.terraform(t, 0, append([]string{command, "-no-color", "-input=false", "-parallelism=30"}, args...)...)
}

// clean sees that a plan finds no difference.
func (w *workspace) clean(t *testing.T, when string) {
	t.Helper()
	t.Logf("nothing may differ %s", when)
	w.terraform(t, 0, "plan", "-no-color", "-input=false", "-parallelism=30", "-detailed-exitcode")
}

// resources returns the ids of all resources by their addresses.
func (w *workspace) resources(t *testing.T) map[string]string {
	t.Helper()
	var state struct {
		Values struct {
			Root struct {
				Resources []struct {
					Address string
					Values  struct{ ID string }
				}
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal(w.terraform(t, 0, "show", "-json"), &state); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, r := range state.Values.Root.Resources {
		ids[r.Address] = r.Values.ID
	}
	if len(ids) == 0 {
		t.Fatal(fmt.Errorf("the state of %s is empty", w.dir))
	}
	return ids
}
