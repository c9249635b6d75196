package images

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	extractPrefix = "extract-"
	// maxArchiveEntries is how many files an archive may have; its layers are files.
	maxArchiveEntries = 100_000
	// Where an index has the names of images.
	nameAnnotation = "io.containerd.image.name"
	refAnnotation  = "org.opencontainers.image.ref.name"
)

// readAtMost reads all of r, which must not be longer.
func readAtMost(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}

// open returns an archive's bytes, decompressed. Without compression it can seek,
// so that whoever looks for one file need not read the others.
func (b *book) open() (io.ReadCloser, error) {
	f, err := os.Open(b.path)
	if err != nil {
		return nil, err
	}
	var magic [2]byte
	if n, _ := f.ReadAt(magic[:], 0); n < 2 || magic != [2]byte{0x1f, 0x8b} {
		return f, nil
	}
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// contents reads the tables of contents in an archive.
func (b *book) contents() (index, manifest []byte, err error) {
	err = b.each(func(h *tar.Header, r io.Reader) (failed error) {
		switch path.Clean(h.Name) {
		case "index.json":
			index, failed = readAtMost(r, maxConfig)
		case "manifest.json":
			manifest, failed = readAtMost(r, maxConfig)
		}
		return failed
	})
	return index, manifest, err
}

func (b *book) each(f func(*tar.Header, io.Reader) error) error {
	file, err := b.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	archive := tar.NewReader(file)
	for n := 0; ; n++ {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n > maxArchiveEntries {
			return fmt.Errorf("it has more than %d files", maxArchiveEntries)
		}
		if err := f(h, archive); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

var digestName = regexp.MustCompile(`^(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?$`)

// dockerItems reads the table of contents of `docker save`.
func (b *book) dockerItems(manifest []byte) ([]item, error) {
	var list tarball.Manifest
	if err := json.Unmarshal(manifest, &list); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	var items []item
	for _, d := range list {
		id := digestName.FindStringSubmatch(d.Config)
		if len(d.RepoTags) == 0 && len(list) == 1 {
			i := item{book: b, plain: true, names: namesOf(bareName(filepath.Base(b.path)))}
			if id != nil {
				i.names = append(i.names, "sha256:"+id[1])
			}
			items = append(items, i)
		}
		for n, tag := range d.RepoTags {
			i := item{book: b, plain: true, pick: tag, names: namesOf(tag)}
			if id != nil && n == 0 {
				i.names = append(i.names, "sha256:"+id[1])
			}
			items = append(items, i)
		}
	}
	return items, nil
}

// indexItems reads the index of a layout. A name that is a tag only belongs to the
// file's own name, and so does an image without any.
func (b *book) indexItems(index []byte) ([]item, error) {
	list, err := v1.ParseIndexManifest(bytes.NewReader(index))
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	bare := bareName(filepath.Base(b.path))
	var items []item
	for _, d := range list.Manifests {
		i := item{book: b, pick: d.Digest.String()}
		full, tag := d.Annotations[nameAnnotation], d.Annotations[refAnnotation]
		switch {
		case full != "":
			i.names = namesOf(full)
		case strings.ContainsAny(tag, "/:"):
			i.names = namesOf(tag)
		case tag != "":
			i.names = namesOf(bare + ":" + tag)
		case len(list.Manifests) == 1:
			i.names = namesOf(bare)
		}
		items = append(items, i)
	}
	return items, nil
}

// loadFrom unpacks an image of the source.
func (s *Store) loadFrom(ctx context.Context, i *item) (*Image, error) {
	s.mu.Lock()
	have := s.images[s.names[i.key()]]
	s.mu.Unlock()
	if have != nil {
		return have, nil
	}
	image, done, err := s.openItem(i)
	if err != nil {
		return nil, refusal(fmt.Errorf("%s: %w", i.book.path, err))
	}
	defer done()
	got, err := s.take(ctx, image)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.names[i.key()] = got.ID
	s.mu.Unlock()
	return got, nil
}

func (s *Store) openItem(i *item) (image v1.Image, done func(), err error) {
	done = func() {}
	if i.plain {
		var tag *name.Tag
		if i.pick != "" {
			t, invalid := name.NewTag(i.pick)
			if invalid != nil {
				return nil, done, invalid
			}
			tag = &t
		}
		image, err = tarball.Image(i.book.open, tag)
		return image, done, err
	}
	dir := i.book.path
	if !i.book.layout {
		if dir, err = s.extract(i.book); err != nil {
			return nil, done, err
		}
		done = func() {
			if failed := os.RemoveAll(dir); failed != nil {
				s.opt.Log.Warn("cannot remove an extracted archive", "op", "images", "dir", dir, "err", failed)
			}
		}
	}
	if image, err = openLayout(dir, i.pick); err != nil {
		done()
		return nil, func() {}, err
	}
	return image, done, nil
}

// extract makes a layout of an archive of one.
func (s *Store) extract(b *book) (dir string, err error) {
	if dir, err = os.MkdirTemp(s.opt.Dir, extractPrefix); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err = os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		return "", err
	}
	left := int64(maxLayerBytes)
	err = b.each(func(h *tar.Header, r io.Reader) error {
		// Nothing else belongs to a layout, and these names are safe.
		at := path.Clean(h.Name)
		blob := strings.HasPrefix(at, "blobs/sha256/") && digestName.MatchString(at)
		if h.Typeflag != tar.TypeReg || at != "index.json" && at != "oci-layout" && !blob {
			return nil
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("it has more than %d bytes", int64(maxLayerBytes))
		}
		f, failed := os.OpenFile(filepath.Join(dir, at), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if failed != nil {
			return failed
		}
		_, failed = io.Copy(f, r)
		return errors.Join(failed, f.Close())
	})
	return dir, err
}

// openLayout finds an image by the digest that the index has, which may be that of
// another index, by platforms.
func openLayout(dir, digest string) (v1.Image, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for depth := 0; depth < 4; depth++ {
		d := choose(list.Manifests, hash, depth > 0)
		if d == nil {
			return nil, fmt.Errorf("it has no image for %s", platform())
		}
		if !d.MediaType.IsIndex() {
			return verified(index.Image(d.Digest))
		}
		if index, err = index.ImageIndex(d.Digest); err != nil {
			return nil, err
		}
		if list, err = index.IndexManifest(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("its index has too many levels")
}

// choose finds an entry by digest, or by platform.
func choose(list []v1.Descriptor, hash v1.Hash, byPlatform bool) *v1.Descriptor {
	for n, d := range list {
		if !byPlatform && d.Digest == hash || byPlatform && d.Platform != nil && d.Platform.Satisfies(platform()) {
			return &list[n]
		}
	}
	return nil
}

// verified checks what a layout's files say of each other, which the library does
// for registries only. Layers are verified as they are unpacked.
func verified(image v1.Image, err error) (v1.Image, error) {
	if err != nil {
		return nil, err
	}
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	raw, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	have, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && have != m.Config.Digest {
		err = fmt.Errorf("the configuration's digest is %s and not %s", have, m.Config.Digest)
	}
	return image, err
}
