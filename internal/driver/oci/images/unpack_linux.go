package images

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// What a layer says of files below it.
// https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
	whiteoutMeta   = ".wh..wh."
	// And how overlayfs says that a directory hides those below.
	opaqueAttribute = "trusted.overlay.opaque"
	paxAttribute    = "SCHILY.xattr."
)

// localFault is a fault of this machine while a layer is unpacked.
type localFault struct{ error }

func (e *localFault) Unwrap() error { return e.error }

// local marks the kernel's errors for which no image can be blamed.
func local(err error) error {
	for _, no := range []error{unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.EROFS, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOSYS, unix.EPERM} {
		if errors.Is(err, no) {
			return &localFault{err}
		}
	}
	return refusal(err)
}

// unpack writes a layer into an empty directory and syncs it. The stream's SHA-256
// must be digest.
func unpack(ctx context.Context, dir, digest string, stream io.Reader) error {
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(&patient{ctx, stream}, sum), 256<<10)
	t, err := openTree(dir)
	if err != nil {
		return &localFault{err}
	}
	defer t.close()
	archive := tar.NewReader(in)
	for files := 0; ; files++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return refusal(fmt.Errorf("read layer %s: %w", digest, err))
		}
		if files > maxLayerFiles {
			return refusal(fmt.Errorf("layer %s has more than %d files", digest, maxLayerFiles))
		}
		if err := t.add(h, archive); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return local(fmt.Errorf("unpack %s of layer %s: %w", h.Name, digest, err))
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what is behind the end counts as well
		return refusal(fmt.Errorf("read layer %s: %w", digest, err))
	}
	if have := hex.EncodeToString(sum.Sum(nil)); have != digest {
		return refusal(fmt.Errorf("a layer's digest is %s and not %s", have, digest))
	}
	if err := t.finish(); err != nil {
		return local(err)
	}
	return nil
}

// patient reads until its context ends.
type patient struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// tree is a directory in which files are made by the names in a tar stream. A
// name is resolved as if the directory were the root of a file system, so that
// links lead nowhere else.
type tree struct {
	root   int
	last   string // the directory of the last name
	parent int    // opened
	left   int64  // bytes that may still come
	dirs   []timed
}

// timed is a directory whose time is set when nothing more is made in it.
type timed struct {
	name  string
	times [2]unix.Timespec
}

func openTree(dir string) (*tree, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &tree{root: fd, parent: -1, left: maxLayerBytes}, unix.Fchmod(fd, 0o755)
}

func (t *tree) close() {
	t.leave()
	_ = unix.Close(t.root) // only read
}

func (t *tree) leave() {
	if t.parent >= 0 {
		_ = unix.Close(t.parent) // only named
		t.parent = -1
	}
}

// open opens a directory of the tree, through whatever links there are.
func (t *tree) open(dir string) (int, error) {
	return unix.Openat2(t.root, dir, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// enter makes dir the parent of what comes, and makes it where it is missing.
func (t *tree) enter(dir string) error {
	if t.parent >= 0 && t.last == dir {
		return nil
	}
	t.leave()
	fd, err := t.open(dir)
	if errors.Is(err, unix.ENOENT) && dir != "." {
		if err = t.enter(path.Dir(dir)); err != nil {
			return err
		}
		if err = unix.Mkdirat(t.parent, path.Base(dir), 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		t.leave()
		fd, err = t.open(dir)
	}
	if err != nil {
		return err
	}
	t.parent, t.last = fd, dir
	return nil
}

// clean returns a name relative to the root, or an error for one that would leave it.
func clean(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errors.New("a name must not have .. in it")
		}
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// add makes one entry.
func (t *tree) add(h *tar.Header, content io.Reader) error {
	name, err := clean(h.Name)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	dir, base := path.Dir(name), path.Base(name)
	if name == "." {
		return t.attributes(t.root, ".", h, true)
	}
	if err := t.enter(dir); err != nil {
		return err
	}
	switch {
	case base == opaqueWhiteout:
		return unix.Setxattr(procPath(t.parent, "."), opaqueAttribute, []byte("y"), 0)
	case strings.HasPrefix(base, whiteoutMeta):
		return nil // what aufs wrote for itself
	case strings.HasPrefix(base, whiteout):
		gone := base[len(whiteout):]
		if gone == "" || gone == "." || gone == ".." {
			return errors.New("it removes nothing")
		}
		if err := t.clear(gone, false); err != nil {
			return err
		}
		return unix.Mknodat(t.parent, gone, unix.S_IFCHR, 0)
	}
	if err := t.clear(base, h.Typeflag == tar.TypeDir); err != nil {
		return err
	}
	return t.create(name, base, h, content)
}

// clear removes what an earlier entry has put at a name; a directory may stay for
// a directory.
func (t *tree) clear(base string, dir bool) error {
	var st unix.Stat_t
	err := unix.Fstatat(t.parent, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.Unlinkat(t.parent, base, 0)
	}
	if dir {
		return nil
	}
	return os.RemoveAll(procPath(t.parent, base))
}

// procPath names an entry of an open directory where there is no call for descriptors.
func procPath(fd int, base string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", fd, base) }

func (t *tree) create(name, base string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := unix.Mkdirat(t.parent, base, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		t.dirs = append(t.dirs, timed{name, timesOf(h)})
	case tar.TypeReg, '\x00': // the second is what old archives have
		if err := t.file(base, h.Size, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := unix.Symlinkat(h.Linkname, t.parent, base); err != nil {
			return err
		}
	case tar.TypeLink:
		return t.link(base, h.Linkname) // which has its attributes already
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
		if kind == unix.S_IFCHR && h.Devmajor == 0 && h.Devminor == 0 {
			return errors.New("a device 0:0 is overlayfs's own")
		}
		if err := unix.Mknodat(t.parent, base, kind|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))); err != nil {
			return err
		}
	default:
		return fmt.Errorf("an entry of the type %q", h.Typeflag)
	}
	return t.attributes(t.parent, base, h, h.Typeflag == tar.TypeDir)
}

func (t *tree) file(base string, size int64, content io.Reader) error {
	if t.left -= size; t.left < 0 {
		return fmt.Errorf("it unpacks to more than %d bytes", int64(maxLayerBytes))
	}
	fd, err := unix.Openat(t.parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// link makes another name of a file in the same layer.
func (t *tree) link(base, target string) error {
	name, err := clean(target)
	if err != nil {
		return err
	}
	from, err := t.open(path.Dir(name))
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(from) }() // only named
	return unix.Linkat(from, path.Base(name), t.parent, base, 0)
}

// attributes sets owner, mode, attributes and time; the time of a directory waits.
func (t *tree) attributes(parent int, base string, h *tar.Header, dir bool) error {
	if err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink { // which cannot be one: it was just made
		if err := unix.Fchmodat(parent, base, uint32(h.Mode)&0o7777, 0); err != nil {
			return err
		}
	}
	for key, value := range h.PAXRecords {
		// Others are the business of the machine that the image was made on, or of overlayfs.
		name, ok := strings.CutPrefix(key, paxAttribute)
		if !ok || name != "security.capability" && !strings.HasPrefix(name, "user.") {
			continue
		}
		err := unix.Lsetxattr(procPath(parent, base), name, []byte(value), 0)
		if err != nil && !errors.Is(err, unix.ENOTSUP) && (name == "security.capability" || !errors.Is(err, unix.EPERM)) {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	if dir {
		return nil
	}
	times := timesOf(h)
	return unix.UtimesNanoAt(parent, base, times[:], unix.AT_SYMLINK_NOFOLLOW)
}

func timesOf(h *tar.Header) [2]unix.Timespec {
	at := unix.NsecToTimespec(h.ModTime.UnixNano())
	return [2]unix.Timespec{at, at}
}

// finish sets the times of directories and writes all to the disk.
func (t *tree) finish() error {
	for _, d := range t.dirs {
		fd, err := t.open(path.Dir(d.name))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue // a later entry has replaced it
		}
		if err != nil {
			return err
		}
		err = unix.UtimesNanoAt(fd, path.Base(d.name), d.times[:], unix.AT_SYMLINK_NOFOLLOW)
		_ = unix.Close(fd) // only named
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return unix.Syncfs(t.root)
}
