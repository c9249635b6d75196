package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTortureDocker tortures a server whose jobs are containers, which are slower:
// a fifth of the kills, under a fraction of the load.
func TestTortureDocker(t *testing.T) {
	t.Parallel()
	s := newDockerServer(t)
	began := time.Now()
	c, l := newCampaign(s), &load{pace: 500}
	c.report(l, kills(t, s, l, 2, max(3, *crashes/5), c.strike), time.Since(began))
}

// newDockerServer starts a server and makes what jobs need.
func newDockerServer(t *testing.T) *server {
	t.Helper()
	only(t, "docker")
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		need(t, "docker", fmt.Errorf("docker info: %w: %s", err, out))
	}
	image := "barge-test/crash:" + strconv.Itoa(os.Getpid()) + "-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	if out, err := exec.Command("../../internal/driver/docker/testdata/mkimage.sh", image).CombinedOutput(); err != nil {
		need(t, "docker", fmt.Errorf("build the image: %w: %s", err, out))
	}
	t.Cleanup(func() { docker(t, "rmi", image) })
	s := newServer(t, "docker")
	s.marks = "" // containers see no file of ours
	t.Cleanup(func() {
		s.kill()
		if left := s.containers("--all"); len(left) > 0 {
			if !t.Failed() {
				t.Errorf("%d containers are left after all jobs have ended", len(left))
			}
			docker(t, append([]string{"rm", "--force"}, left...)...)
		}
	})
	s.start()
	if err := s.setUp(t.Context(), 8, image); err != nil {
		t.Fatal(err)
	}
	return s
}

// containers returns the ids of the server's containers that run, or of all.
func (s *server) containers(flags ...string) []string {
	s.t.Helper()
	owner, err := os.ReadFile(filepath.Join(s.data, "installation"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it never started
	} else if err != nil {
		s.t.Fatal(err)
	}
	label := "label=org.bargehq.barge.owner=" + strings.TrimSpace(string(owner))
	return strings.Fields(docker(s.t, append([]string{"ps", "--quiet", "--no-trunc", "--filter", label}, flags...)...))
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
