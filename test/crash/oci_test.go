package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTortureOCI tortures a server whose jobs are containers without an engine,
// and from time to time kills their runner as well, which takes them along. When
// all have ended there is nothing left of them.
func TestTortureOCI(t *testing.T) {
	t.Parallel()
	only(t, "oci")
	images := t.TempDir()
	const image = "barge-test/crash"
	out, err := exec.Command("../../internal/driver/oci/testdata/mkimage.sh", filepath.Join(images, "image.tar"), image).CombinedOutput()
	if err != nil {
		need(t, "oci", fmt.Errorf("make the image: %w: %s", err, out))
	}
	s := newServer(t, "oci")
	s.flags = []string{"--images", images}
	s.marks = "" // containers see no file of ours
	s.start()
	if err := s.setUp(t.Context(), 8, image); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c, l := newCampaign(s), &load{pace: 500}
	c.report(l, kills(t, s, l, 2, max(3, *crashes/5), c.strike), time.Since(began))

	s.stop()
	s.endRunner(syscall.SIGTERM)
	for _, dir := range []string{"writable", "volumes", "output"} {
		left, err := os.ReadDir(filepath.Join(s.data, "oci", dir))
		if len(left) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
	// By the name that the runner gives its cgroups.
	sum := sha256.Sum256([]byte(filepath.Join(s.data, "oci")))
	name := "barge-" + hex.EncodeToString(sum[:6])
	for _, pattern := range []string{"/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("cgroups are left: %v, %v", left, err)
		}
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), s.data) {
		t.Errorf("something is mounted still (%v):\n%s", err, mounts)
	}
}
