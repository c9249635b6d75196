package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/client"
)

// fakeRegistry serves one image without layers' worth of content: enough for an
// engine to pull, not enough to run. Docker takes registries on 127.0.0.0/8
// without TLS.
type fakeRegistry struct {
	*httptest.Server
	manifest []byte
	blobs    map[string][]byte
	user     string       // wanted as user:password, when not empty
	pulls    atomic.Int32 // of the layer
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func newRegistry(t *testing.T, user string) *fakeRegistry {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	name := newAttempt().Name() // no engine has seen this layer
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := encode(object{
		"architecture": "amd64", "os": "linux", "config": object{"Cmd": []string{"/none"}},
		"rootfs": object{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}},
	})
	r := &fakeRegistry{user: user, blobs: map[string][]byte{digest(config): config, digest(layer.Bytes()): layer.Bytes()}}
	r.manifest = encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
		"config": object{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
		"layers": []object{{
			"mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": layer.Len(), "digest": digest(layer.Bytes()),
		}},
	})
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *fakeRegistry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if user, password, _ := q.BasicAuth(); r.user != "" && user+":"+password != r.user {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
		return
	}
	switch _, kind, _ := strings.Cut(q.URL.Path, "/v2/test/"); {
	case q.URL.Path == "/v2/":
	case kind == "manifests/good" || kind == "manifests/"+digest(r.manifest):
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
		w.Header().Set("Docker-Content-Digest", digest(r.manifest))
		_, _ = w.Write(r.manifest)
	case strings.HasPrefix(kind, "blobs/") && r.blobs[strings.TrimPrefix(kind, "blobs/")] != nil:
		blob := r.blobs[strings.TrimPrefix(kind, "blobs/")]
		if len(blob)%512 == 0 {
			r.pulls.Add(1)
		}
		_, _ = w.Write(blob)
	case strings.HasPrefix(kind, "manifests/"):
		http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, http.StatusNotFound)
	default:
		http.NotFound(w, q)
	}
}

func (r *fakeRegistry) host() string { return strings.TrimPrefix(r.URL, "http://") }

// dropImage forgets a pulled image at the test's end.
func dropImage(t *testing.T, d *Driver, image string) {
	t.Cleanup(func() {
		if _, err := d.api.ImageRemove(context.Background(), image, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Errorf("remove image: %v", err)
		}
	})
}

// TestPull: many attempts, one pull. The image has nothing to run, which shows
// that all of them got as far as starting it.
func TestPull(t *testing.T) {
	needEngine(t)
	t.Parallel()
	d := open(t, newOptions(t))
	r := newRegistry(t, "")
	image := r.host() + "/test:good"
	dropImage(t, d, image)
	var all sync.WaitGroup
	for range 5 {
		spec := newSpec(t, d, "")
		spec.Image, spec.Command = image, nil
		all.Go(func() { wantRefused(t, d, spec, "CannotStartContainerError: Error response from daemon: ") })
	}
	all.Wait()
	if n := r.pulls.Load(); n != 1 {
		t.Errorf("the image was pulled %d times for 5 attempts, want once", n)
	}
}

func TestPullRefused(t *testing.T) {
	needEngine(t)
	t.Parallel()
	d := open(t, newOptions(t))
	open, guarded := newRegistry(t, ""), newRegistry(t, "u:p")
	for image, want := range map[string]string{
		open.host() + "/test:none":    "manifest unknown",
		guarded.host() + "/test:good": "no basic auth credentials",
	} {
		spec := newSpec(t, d, "")
		spec.Image = image
		if err := wantRefused(t, d, spec, "CannotPullContainerError: Error response from daemon: "); !strings.Contains(err, want) {
			t.Errorf("the reason is %q, want the registry's word %q in it", err, want)
		}
	}
}

// TestPullPrivate: credentials come from where `docker login` puts them.
func TestPullPrivate(t *testing.T) {
	needEngine(t)
	t.Parallel()
	r := newRegistry(t, "u:p")
	opt := newOptions(t)
	opt.ConfigFile = filepath.Join(t.TempDir(), "config.json")
	login := fmt.Sprintf(`{"auths":{%q:{"auth":"dTpw"}}}`, r.host())
	if err := os.WriteFile(opt.ConfigFile, []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, opt)
	spec := newSpec(t, d, "")
	spec.Image, spec.Command = r.host()+"/test:good", nil
	dropImage(t, d, spec.Image)
	wantRefused(t, d, spec, "CannotStartContainerError: ")
}
