package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/bargehq/barge/internal/driver"
)

// imageOf makes an image of layers, the lowest first, whose command says which it is.
func imageOf(t *testing.T, command string, layers ...[]byte) v1.Image {
	t.Helper()
	image := empty.Image
	for _, text := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, l); err != nil {
			t.Fatal(err)
		}
	}
	c, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Config.Cmd = "linux", runtime.GOARCH, []string{command}
	if image, err = mutate.ConfigFile(image, c); err != nil {
		t.Fatal(err)
	}
	return image
}

func openStore(t *testing.T, dir, source string) *Store {
	t.Helper()
	s, err := Open(Options{
		Dir: dir, Source: source, Keychain: authn.NewMultiKeychain(),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func wantImage(t *testing.T, s *Store, image, command string) *Image {
	t.Helper()
	got, err := s.Image(t.Context(), image, nil)
	if err != nil {
		t.Errorf("%s: %v", image, err)
		return nil
	}
	if diff := cmp.Diff([]string{command}, got.Config.Cmd); diff != "" {
		t.Errorf("%s is another image (-want +got):\n%s", image, diff)
	}
	return got
}

func saveDocker(t *testing.T, file string, images map[string]v1.Image) {
	t.Helper()
	refs := map[name.Tag]v1.Image{}
	for tag, image := range images {
		ref, err := name.NewTag(tag)
		if err != nil {
			t.Fatal(err)
		}
		refs[ref] = image
	}
	if err := tarball.MultiWriteToFile(file, refs); err != nil {
		t.Fatal(err)
	}
}

func saveLayout(t *testing.T, dir string, image v1.Image, annotations map[string]string) {
	t.Helper()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(image, layout.WithAnnotations(annotations)); err != nil {
		t.Fatal(err)
	}
}

// archiveOf packs a directory, as `tar -cf file -C dir .`.
func archiveOf(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Every kind of file is found by the names that its maker gave, and by id.
func TestSource(t *testing.T) {
	t.Parallel()
	source, data := t.TempDir(), t.TempDir()
	one := layerOf(t, file("one", "1"))
	saveDocker(t, filepath.Join(source, "several.tar"), map[string]v1.Image{
		"first:1.0": imageOf(t, "first", one), "ghcr.io/some/second": imageOf(t, "second", one, layerOf(t, file("two", "2"))),
	})
	saveDocker(t, filepath.Join(source, "plain.tar"), map[string]v1.Image{"zipped": imageOf(t, "zipped", one)})
	plain, err := os.ReadFile(filepath.Join(source, "plain.tar"))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err = z.Write(plain); err == nil {
		err = z.Close()
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(source, "zipped.tar.gz"), zipped.Bytes(), 0o600)
	}
	if err == nil {
		err = os.Remove(filepath.Join(source, "plain.tar"))
	}
	if err != nil {
		t.Fatal(err)
	}
	saveLayout(t, filepath.Join(source, "tool"), imageOf(t, "tagged", one), map[string]string{refAnnotation: "v2"})
	saveLayout(t, filepath.Join(source, "bare"), imageOf(t, "bare", one), nil)
	elsewhere := t.TempDir()
	saveLayout(t, elsewhere, imageOf(t, "archived", one), map[string]string{nameAnnotation: "docker.io/library/archived:latest", refAnnotation: "latest"})
	archiveOf(t, filepath.Join(source, "oci.tar"), elsewhere)
	if err = os.WriteFile(filepath.Join(source, "broken.tar"), plain[:1000], 0o600); err != nil {
		t.Fatal(err)
	}

	s := openStore(t, data, source)
	for image, command := range map[string]string{
		"first:1.0": "first", "docker.io/library/first:1.0": "first", "ghcr.io/some/second": "second", "ghcr.io/some/second:latest": "second",
		"zipped": "zipped", "tool:v2": "tagged", "bare": "bare", "archived": "archived",
	} {
		wantImage(t, s, image, command)
	}
	second := wantImage(t, s, "ghcr.io/some/second", "second")
	if len(second.Layers) != 2 {
		t.Fatalf("layers are %v", second.Layers)
	}
	wantText(t, filepath.Join(s.Layers(), second.Layers[0], "two"), "2")
	wantText(t, filepath.Join(s.Layers(), second.Layers[1], "one"), "1")
	wantImage(t, s, second.ID, "second")
	entries, err := os.ReadDir(s.Layers())
	if err != nil || len(entries) != 3 { // two, and the empty one
		t.Errorf("layers are %v, %v", entries, err)
	}
	for _, dir := range []string{s.Layers(), data} {
		if left, _ := filepath.Glob(filepath.Join(dir, "*-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}

	// A new file of the same name is another image, and a file that comes later is found.
	saveDocker(t, filepath.Join(source, "several.tar"), map[string]v1.Image{"first:1.0": imageOf(t, "first anew", one)})
	wantImage(t, s, "first:1.0", "first anew")
	saveDocker(t, filepath.Join(source, "late.tar"), map[string]v1.Image{"late": imageOf(t, "late", one)})
	wantImage(t, s, "late", "late")
	if err = os.Remove(filepath.Join(source, "late.tar")); err != nil {
		t.Fatal(err)
	}

	// What is unpacked is known to the next server.
	s.Close()
	before, err := os.Stat(filepath.Join(s.Layers(), second.Layers[0]))
	if err != nil {
		t.Fatal(err)
	}
	s = openStore(t, data, source)
	wantImage(t, s, second.ID, "second")
	wantImage(t, s, "first:1.0", "first anew")
	if after, err := os.Stat(filepath.Join(s.Layers(), second.Layers[0])); err != nil || !os.SameFile(before, after) {
		t.Errorf("the layer was unpacked again (%v)", err)
	}
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	image := imageOf(t, "x", layerOf(t, file("a", "b")))
	saveLayout(t, filepath.Join(source, "forged"), image, nil)
	id, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(source, "forged", "blobs", id.Algorithm, id.Hex)
	text, err := os.ReadFile(blob)
	if err == nil {
		err = os.WriteFile(blob, bytes.Replace(text, []byte(`"x"`), []byte(`"y"`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	foreign := imageOf(t, "x")
	c, err := foreign.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.Architecture = "s390x"
	if foreign, err = mutate.ConfigFile(foreign, c); err != nil {
		t.Fatal(err)
	}
	saveDocker(t, filepath.Join(source, "foreign.tar"), map[string]v1.Image{"foreign": foreign})
	escape := imageOf(t, "x", layerOf(t, file("../../escape", "")))
	saveDocker(t, filepath.Join(source, "escape.tar"), map[string]v1.Image{"escape": escape})
	data := t.TempDir()
	s := openStore(t, data, source)
	for image, want := range map[string]string{
		"forged": "digest", "foreign": "s390x", "escape": "..", "Not A Name": "invalid", "sha256:" + strings.Repeat("0", 64): "",
	} {
		_, err := s.Image(t.Context(), image, nil)
		var refused *driver.StartError
		if !errors.As(err, &refused) || !strings.HasPrefix(refused.Reason, "CannotPullContainerError: ") || !strings.Contains(refused.Reason, want) {
			t.Errorf("%s: %v, want a StartError with %q", image, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.Layers(), partialPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What a crash left is removed, and an image whose layers somebody has removed is
// forgotten.
func TestOpenAfterCrash(t *testing.T) {
	t.Parallel()
	source, data := t.TempDir(), t.TempDir()
	saveDocker(t, filepath.Join(source, "a.tar"), map[string]v1.Image{"a": imageOf(t, "a", layerOf(t, file("f", "text")))})
	s := openStore(t, data, source)
	got := wantImage(t, s, "a", "a")
	s.Close()
	partial := filepath.Join(s.Layers(), partialPrefix+"1")
	if err := errors.Join(os.RemoveAll(filepath.Join(s.Layers(), got.Layers[0])), os.MkdirAll(filepath.Join(partial, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, data, source)
	if _, err := os.Stat(partial); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a layer is still there: %v", err)
	}
	wantImage(t, s, "a", "a")
	wantText(t, filepath.Join(s.Layers(), got.Layers[0], "f"), "text")
}

// An image that is not here is pulled, once for all that want it, with the job's
// credentials, and not again.
func TestPull(t *testing.T) {
	t.Parallel()
	var open, blobs atomic.Int64
	inner := registry.New(registry.Logger(quiet()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); open.Load() == 0 && (!ok || user != "u" || password != "p") {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			blobs.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	open.Store(1)
	for tag, image := range map[string]v1.Image{
		host + "/team/tool:1": imageOf(t, "tool", layerOf(t, file("a", "b")), layerOf(t, file("c", "d"))),
		host + "/team/bad:1":  imageOf(t, "bad", layerOf(t, file("../x", ""))),
	} {
		ref, err := name.ParseReference(tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
	}
	open.Store(0)
	blobs.Store(0)
	data := t.TempDir()
	s := openStore(t, data, "")
	var refused *driver.StartError
	if _, err := s.Image(t.Context(), host+"/team/tool:1", nil); !errors.As(err, &refused) {
		t.Errorf("without credentials: %v, want a StartError", err)
	}
	as := &driver.Credentials{User: "u", Password: "p"}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Image(t.Context(), host+"/team/tool:1", as); err != nil {
				t.Errorf("pull: %v", err)
			}
		})
	}
	all.Wait()
	if n := blobs.Load(); n != 3 { // a configuration and two layers
		t.Errorf("%d blobs were fetched, want 3", n)
	}
	for image, want := range map[string]string{"/team/none:1": "", "/team/bad:1": ".."} {
		if _, err := s.Image(t.Context(), host+image, as); !errors.As(err, &refused) || !strings.Contains(refused.Reason, want) {
			t.Errorf("%s: %v, want a StartError", image, err)
		}
	}
	server.Close()
	wantImage(t, s, host+"/team/tool:1", "tool")
	s.Close()
	wantImage(t, openStore(t, data, ""), host+"/team/tool:1", "tool")
}

// A caller that gives up leaves the pull to the others, and Close ends it.
func TestPullGivenUp(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	s := openStore(t, t.TempDir(), "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Image(ctx, strings.TrimPrefix(server.URL, "http://")+"/a", nil)
		done <- err
	}()
	<-asked
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a caller that gave up still waits")
	}
	s.Close()
	server.CloseClientConnections()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
