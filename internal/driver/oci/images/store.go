package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bargehq/barge/internal/driver"
)

const (
	// maxLayers is what Docker allows, and what overlayfs can be told in one page.
	maxLayers = 127
	// maxConfig is the size of an image's configuration, in bytes.
	maxConfig = 4 << 20
	// maxLayerBytes and maxLayerFiles are what one layer may unpack to.
	maxLayerBytes = 256 << 30
	maxLayerFiles = 4 << 20
	// pullTime is how long an image may take.
	pullTime = 2 * time.Hour
	// EmptyLayer has nothing in it.
	EmptyLayer = "empty"
)

// Image is one that is unpacked.
type Image struct {
	ID     string   `json:"id"`     // sha256:…, of its configuration
	Layers []string `json:"layers"` // names below [Store.Layers], the topmost first
	Config Config   `json:"config"`
}

// Config is what an image says about its containers.
type Config struct {
	Entrypoint, Cmd, Env         []string
	User, WorkingDir, StopSignal string
	Platform                     driver.Platform
}

// Options say where images are.
type Options struct {
	Dir string
	// Source is a directory of archives and layouts; empty for none.
	Source string
	// Keychain has the credentials for registries where a job brings none.
	Keychain authn.Keychain
	Log      *slog.Logger
}

// Store keeps images. It is safe for concurrent use; one process may have a
// directory open.
type Store struct {
	opt   Options
	shelf *shelf // nil without a source

	life context.Context // of what goes on behind callers that gave up
	end  context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows, for moments
	closed bool
	images map[string]*Image // by id
	names  map[string]string // name to id
	loads  map[string]*load  // under way
	layers map[string]chan struct{}
}

// load is one image on its way in. image and err may be read once done is closed.
type load struct {
	done  chan struct{}
	image *Image
	err   error
}

// Open reads what a directory holds and removes what a crash left.
func Open(opt Options) (*Store, error) {
	s := &Store{
		opt:    opt,
		images: make(map[string]*Image), names: make(map[string]string),
		loads: make(map[string]*load), layers: make(map[string]chan struct{}),
	}
	if s.opt.Keychain == nil {
		s.opt.Keychain = authn.DefaultKeychain
	}
	if opt.Source != "" {
		s.shelf = newShelf(opt.Source, opt.Log)
	}
	// Layers have what programs of root have, so nobody else may look.
	for _, dir := range []string{s.Layers(), s.path("images"), s.path("names"), filepath.Join(s.Layers(), EmptyLayer)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory for images: %w", err)
		}
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	err := readRecords(s.path("images"), func(i *Image) {
		for _, layer := range i.Layers {
			if _, err := os.Stat(filepath.Join(s.Layers(), layer)); err != nil {
				return // somebody has removed it
			}
		}
		s.images[i.ID] = i
	})
	if err == nil {
		err = readRecords(s.path("names"), func(n *nameRecord) {
			if s.images[n.Image] != nil {
				s.names[n.Name] = n.Image
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of images: %w", err)
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close ends what is under way and waits for it.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
}

func (s *Store) path(name string) string { return filepath.Join(s.opt.Dir, name) }

// Layers is the directory of all layers.
func (s *Store) Layers() string { return s.path("layers") }

// Image returns an image by the name that a job gives, unpacked. as is what the
// job brings along for its registry, or nil.
func (s *Store) Image(ctx context.Context, image string, as *driver.Credentials) (*Image, error) {
	name, err := nameOf(image)
	if err != nil {
		return nil, refusal(err)
	}
	if s.shelf != nil {
		found, err := s.shelf.find(name)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return s.once(ctx, "source "+found.key(), func(ctx context.Context) (*Image, error) { return s.loadFrom(ctx, found) })
		}
	}
	s.mu.Lock()
	have := s.images[s.names[name]]
	if have == nil {
		have = s.images[name] // an id
	}
	s.mu.Unlock()
	if have != nil {
		return have, nil
	}
	key := "pull " + name
	if as != nil { // somebody else's refusal says nothing
		key += " " + as.User + " " + as.Password
	}
	return s.once(ctx, key, func(ctx context.Context) (*Image, error) { return s.pull(ctx, name, as) })
}

// once runs a load for all that ask for it meanwhile. It goes on when they have
// given up, because the next attempt will want the image too.
func (s *Store) once(ctx context.Context, key string, f func(context.Context) (*Image, error)) (*Image, error) {
	s.mu.Lock()
	l := s.loads[key]
	if l == nil && s.closed {
		s.mu.Unlock()
		return nil, errors.New("images: closed")
	}
	if l == nil {
		l = &load{done: make(chan struct{})}
		s.loads[key] = l
		s.work.Go(func() {
			life, cancel := context.WithTimeout(s.life, pullTime)
			defer cancel()
			l.image, l.err = f(life)
			s.mu.Lock()
			delete(s.loads, key)
			s.mu.Unlock()
			close(l.done)
		})
	}
	s.mu.Unlock()
	select {
	case <-l.done:
		return l.image, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// take unpacks an image, unless it is there.
func (s *Store) take(ctx context.Context, image v1.Image) (*Image, error) {
	raw, err := image.RawConfigFile()
	if err != nil {
		return nil, refusal(fmt.Errorf("read configuration: %w", err))
	}
	if len(raw) > maxConfig {
		return nil, refusal(fmt.Errorf("its configuration has %d bytes, and %d are allowed", len(raw), maxConfig))
	}
	sum := sha256.Sum256(raw)
	id := "sha256:" + hex.EncodeToString(sum[:])
	s.mu.Lock()
	have := s.images[id]
	s.mu.Unlock()
	if have != nil {
		return have, nil
	}
	var file v1.ConfigFile
	if err = json.Unmarshal(raw, &file); err != nil {
		return nil, refusal(fmt.Errorf("read configuration: %w", err))
	}
	if file.OS != "" && file.OS != "linux" || file.Architecture != "" && file.Architecture != runtime.GOARCH {
		return nil, refusal(fmt.Errorf("it is made for %s/%s, and this machine is linux/%s", file.OS, file.Architecture, runtime.GOARCH))
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, refusal(fmt.Errorf("read layers: %w", err))
	}
	ids := file.RootFS.DiffIDs
	if len(layers) != len(ids) || len(ids) > maxLayers {
		return nil, refusal(fmt.Errorf("it has %d layers and names %d; at most %d are allowed", len(layers), len(ids), maxLayers))
	}
	fresh := &Image{ID: id, Config: Config{
		Entrypoint: file.Config.Entrypoint, Cmd: file.Config.Cmd, Env: file.Config.Env,
		User: file.Config.User, WorkingDir: file.Config.WorkingDir, StopSignal: file.Config.StopSignal,
	}}
	seen := map[string]bool{}
	for i := len(ids) - 1; i >= 0; i-- {
		if ids[i].Algorithm != "sha256" || len(ids[i].Hex) != sha256.Size*2 {
			return nil, refusal(fmt.Errorf("layer %s has no SHA-256 digest", ids[i]))
		}
		name := ids[i].Hex[:16]
		if err := s.layer(ctx, name, ids[i].Hex, layers[i]); err != nil {
			return nil, err
		}
		if !seen[name] { // twice the same means nothing more below
			seen[name] = true
			fresh.Layers = append(fresh.Layers, name)
		}
	}
	if len(fresh.Layers) == 0 {
		fresh.Layers = []string{EmptyLayer}
	}
	if err := writeRecord(s.path("images"), sum[:], fresh); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.images[id] = fresh
	s.mu.Unlock()
	return fresh, nil
}

// layer unpacks a layer, unless it is there or somebody else does.
func (s *Store) layer(ctx context.Context, name, digest string, layer v1.Layer) error {
	for {
		s.mu.Lock()
		busy := s.layers[name]
		if busy == nil {
			mine := make(chan struct{})
			s.layers[name] = mine
			s.mu.Unlock()
			defer func() {
				s.mu.Lock()
				delete(s.layers, name)
				s.mu.Unlock()
				close(mine)
			}()
			break
		}
		s.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	final := filepath.Join(s.Layers(), name)
	if _, err := os.Stat(final); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	stream, err := layer.Uncompressed()
	if err != nil {
		return refusal(fmt.Errorf("open layer %s: %w", digest, err))
	}
	defer func() { _ = stream.Close() }() // what was read has been verified
	partial, err := os.MkdirTemp(s.Layers(), partialPrefix)
	if err != nil {
		return fmt.Errorf("unpack layer: %w", err)
	}
	began := time.Now()
	if err = unpack(ctx, partial, digest, stream); err == nil {
		err = os.Rename(partial, final)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	s.opt.Log.Info("layer unpacked", "op", "images", "layer", name, "dur", time.Since(began))
	return nil
}

const partialPrefix = "partial-"

// sweep removes what was being unpacked when a server died.
func (s *Store) sweep() error {
	for dir, prefix := range map[string]string{s.Layers(): partialPrefix, s.opt.Dir: extractPrefix} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), prefix) {
				if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
					return fmt.Errorf("remove what was not unpacked to its end: %w", err)
				}
			}
		}
	}
	return nil
}

// nameRecord says which image a name was pulled as.
type nameRecord struct{ Name, Image string }

// keep remembers a pulled image's name.
func (s *Store) keep(name string, image *Image) error {
	sum := sha256.Sum256([]byte(name))
	if err := writeRecord(s.path("names"), sum[:], nameRecord{name, image.ID}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = image.ID
	return nil
}

// refusal is a final no.
func refusal(err error) error {
	return &driver.StartError{Reason: "CannotPullContainerError: " + err.Error()}
}

// writeRecord replaces a record by a rename. What is lost with the machine's
// power is loaded again.
func writeRecord(dir string, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, hex.EncodeToString(key))
	if err := os.WriteFile(path+newSuffix, text, 0o600); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return os.Rename(path+newSuffix, path)
}

const newSuffix = ".new"

// readRecords calls use for every record of a directory that can be read.
func readRecords[T any](dir string, use func(*T)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), newSuffix) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		v := new(T)
		if json.Unmarshal(text, v) == nil {
			use(v)
		}
	}
	return nil
}
