package oci_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/oci"
)

// testImage is in the directory of images that the tests use.
const testImage = "barge-test/busybox"

// need skips the test, which takes long and needs root, unless BARGE_REQUIRE, a
// list separated by commas, names oci: then both runtimes must be there.
func need(t testing.TB) {
	t.Helper()
	if !slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), "oci") {
		t.Skip("takes long and needs root, runc and crun: run it with BARGE_REQUIRE=oci")
	}
	for _, runtime := range []string{"crun", "runc"} {
		if err := oci.Available(runtime); err != nil {
			t.Fatalf("BARGE_REQUIRE names oci: %v", err)
		}
	}
}

// program is barge itself, static, as a container's init process has to be.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "barge-oci-test-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "barge")
	cmd := exec.Command("go", "build", "-o", file, "github.com/bargehq/barge/cmd/barge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s", out)
	}
	return file, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if file, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// busybox is an image with busybox and a name for each of its applets, as in the
// docker driver's tests.
func busybox(t testing.TB) v1.Image {
	t.Helper()
	binary, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	add := func(h tar.Header, content []byte) {
		h.Size, h.ModTime = int64(len(content)), time.Unix(1e9, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "etc", "root", "proc", "sys", "dev"} {
		add(tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	}
	add(tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, binary)
	for applet := range strings.FieldsSeq(string(list)) {
		if applet != "busybox" {
			add(tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
	add(tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"))
	add(tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:\nnogroup:x:65534:\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return imageOf(t, empty.Image, layer.Bytes(), func(c *v1.Config) {
		c.Env = []string{"PATH=/bin", "FROM_IMAGE=yes"}
		c.Cmd = []string{"/bin/sh", "-c", "echo image command $FROM_IMAGE"}
	})
}

// imageOf puts a layer, if there is one, and another configuration upon an image.
func imageOf(t testing.TB, base v1.Image, layer []byte, change func(*v1.Config)) v1.Image {
	t.Helper()
	image := base
	if layer != nil {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(base, l); err != nil {
			t.Fatal(err)
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	change(&file.Config)
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	return image
}

// save writes what `docker save` writes.
func save(t testing.TB, file, tag string, image v1.Image) {
	t.Helper()
	ref, err := name.NewTag(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(file, ref, image); err != nil {
		t.Fatal(err)
	}
}

// shelf returns a directory with the test image.
func shelf(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	save(t, filepath.Join(dir, "busybox.tar"), testImage, busybox(t))
	return dir
}

func open(t testing.TB, dir, runtime, images string) driver.Driver {
	t.Helper()
	self, err := program()
	if err != nil {
		t.Fatal(err)
	}
	d, err := oci.Open(t.Context(), oci.Options{
		Dir: dir, RunnerCommand: []string{self, "runner", "--containers", dir}, Runtime: runtime, Images: images,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "runner.log"))
		t.Fatalf("open: %v\n%s", err, log)
	}
	return d
}

func newUnit() batch.UnitID {
	return batch.AttemptID{Job: batch.JobRef{ID: batch.NewJobID(batch.InstantOf(time.Now()))}, Number: 1}.Unit(0)
}
