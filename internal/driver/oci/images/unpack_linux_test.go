package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
)

// entry is one of a layer, without what every entry has.
type entry struct {
	tar.Header
	content string
}

func layerOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := e.Header
		h.Size = int64(len(e.content))
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1e9, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg}, content}
}

func dir(name string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}

func symlink(name, to string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}, ""}
}

func link(name, to string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}, ""}
}

func unpackInto(t *testing.T, root string, layer []byte) error {
	t.Helper()
	sum := sha256.Sum256(layer)
	return unpack(context.Background(), root, hex.EncodeToString(sum[:]), bytes.NewReader(layer))
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	long := strings.Repeat("long/", 40) + "name"
	err := unpackInto(t, root, layerOf(t,
		dir("./"), dir("etc/"), file("etc/a", "first"), file("/etc/a", "second"),
		file("no/parents/here", "x"), file(long, "y"),
		symlink("run", "/var/run"), dir("var/run"), file("run/through", "z"),
		link("etc/b", "/etc/a"), symlink("dangling", "../../../nowhere"),
		dir("replaced"), file("replaced/inner", ""), file("replaced", "now a file"),
		entry{tar.Header{Name: "set", Typeflag: tar.TypeReg, Mode: 0o4755}, "id"},
		entry{tar.Header{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o600}, ""},
		entry{tar.Header{Name: "old/", Typeflag: tar.TypeDir, Mode: 0o750, ModTime: time.Unix(1234567890, 0)}, ""},
		file("old/file", ""),
	))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"etc/a": "second", "etc/b": "second", "no/parents/here": "x", long: "y", "var/run/through": "z", "replaced": "now a file", "set": "id",
	} {
		wantText(t, filepath.Join(root, name), want)
	}
	st, err := os.Stat(filepath.Join(root, "set"))
	if err != nil || st.Mode() != 0o755|os.ModeSetuid || st.ModTime().Unix() != 1e9 {
		t.Errorf("set is %v, %v", st, err)
	}
	if st, err = os.Stat(filepath.Join(root, "old")); err != nil || st.ModTime().Unix() != 1234567890 || st.Mode().Perm() != 0o750 {
		t.Errorf("old is %v, %v", st, err)
	}
	if to, err := os.Readlink(filepath.Join(root, "dangling")); err != nil || to != "../../../nowhere" {
		t.Errorf("dangling leads to %q, %v", to, err)
	}
}

// However a layer tries, nothing outside of its directory is made, changed, linked
// or removed.
func TestUnpackStaysInside(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]entry{
		"dots":                {file("../outside/victim", "bad")},
		"dots inside":         {file("a/../../outside/victim", "bad")},
		"absolute":            {file("/../outside/victim", "bad")},
		"through a link":      {symlink("out", "../outside"), file("out/victim", "bad")},
		"through two links":   {symlink("a", ".."), symlink("b", "a/outside"), file("b/victim", "bad")},
		"through an absolute": {symlink("out", "OUTSIDE"), file("out/victim", "bad")},
		"onto a link":         {symlink("victim", "OUTSIDE/victim"), file("victim", "bad")},
		"mode by a link":      {symlink("d", "OUTSIDE"), entry{tar.Header{Name: "d", Typeflag: tar.TypeDir, Mode: 0o777}, ""}},
		"hard link out":       {link("inside", "../outside/victim"), file("inside", "bad")},
		"hard link by a link": {symlink("out", "OUTSIDE"), link("inside", "out/victim"), file("inside", "bad")},
		"whiteout of dots":    {entry{tar.Header{Name: ".wh...", Typeflag: tar.TypeReg}, ""}},
		"whiteout by a link":  {symlink("out", "OUTSIDE"), file("out/.wh.victim", "")},
		"whiteout outside":    {file("../outside/.wh.victim", "")},
		"opaque outside":      {symlink("out", "OUTSIDE"), file("out/.wh..wh..opq", "")},
		"through proc":        {symlink("out", "/proc/self/cwd"), file("out/victim", "bad")},
		"removed by a link":   {symlink("out", "OUTSIDE"), dir("out/victim"), file("out/victim", "bad")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			root, outside := filepath.Join(base, "root"), filepath.Join(base, "outside")
			for _, d := range []string{root, outside} {
				if err := os.Mkdir(d, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			victim := filepath.Join(outside, "victim")
			if err := os.WriteFile(victim, []byte("good"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i := range entries {
				entries[i].Linkname = strings.Replace(entries[i].Linkname, "OUTSIDE", outside, 1)
			}
			err := unpackInto(t, root, layerOf(t, entries...)) // whether it is refused does not matter
			t.Log(err)
			wantText(t, victim, "good")
			st, e := os.Stat(victim)
			if e != nil || st.Mode() != 0o600 {
				t.Errorf("victim is %v, %v", st, e)
			}
			var sys unix.Stat_t
			if e := unix.Stat(victim, &sys); e != nil || sys.Nlink != 1 {
				t.Errorf("victim has %d links, %v", sys.Nlink, e)
			}
			if st, e := os.Stat(outside); e != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("outside is %v, %v", st, e)
			}
			if list, e := os.ReadDir(outside); e != nil || len(list) != 1 {
				t.Errorf("outside holds %v, %v", list, e)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	good := layerOf(t, file("a", "text"))
	var refused *driver.StartError
	err := unpack(t.Context(), t.TempDir(), strings.Repeat("0", 64), bytes.NewReader(good))
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "digest") {
		t.Errorf("a wrong digest: %v", err)
	}
	for name, layer := range map[string][]byte{
		"half":          good[:514],
		"no tar":        []byte(strings.Repeat("no tar ", 200)),
		"dots":          layerOf(t, file("../a", "")),
		"device of 0:0": layerOf(t, entry{tar.Header{Name: "hidden", Typeflag: tar.TypeChar}, ""}),
		"below a file":  layerOf(t, file("a", ""), file("a/b", "")),
		"link to none":  layerOf(t, link("a", "none")),
		"a long name":   layerOf(t, file(strings.Repeat("n", 300), "")),
	} {
		if err := unpackInto(t, t.TempDir(), layer); !errors.As(err, &refused) {
			t.Errorf("%s: %v, want a StartError", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := unpack(ctx, t.TempDir(), strings.Repeat("0", 64), bytes.NewReader(good)); err == nil {
		t.Error("unpacking went on after its context had ended")
	}
}

// What overlayfs reads is made of what layers say of those below.
func TestWhiteouts(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("devices and attributes of overlayfs need root")
	}
	root := t.TempDir()
	err := unpackInto(t, root, layerOf(t,
		file("gone/there", "also in this layer"), file("gone/.wh.there", ""), file(".wh.dir", ""),
		dir("fresh"), file("fresh/.wh..wh..opq", ""), file("fresh/new", "text"), file(".wh..wh.plnk/x", ""),
		entry{tar.Header{
			Name: "attributes", Typeflag: tar.TypeReg,
			PAXRecords: map[string]string{
				"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
			},
		}, "x"},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gone/there", "dir"} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, name), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
			t.Errorf("%s is %o of device %d (%v), want a device 0:0", name, st.Mode, st.Rdev, err)
		}
	}
	var value [64]byte
	if n, err := unix.Getxattr(filepath.Join(root, "fresh"), opaqueAttribute, value[:]); err != nil || string(value[:n]) != "y" {
		t.Errorf("the directory is opaque: %q, %v", value[:max(n, 0)], err)
	}
	if _, err := unix.Getxattr(filepath.Join(root, "attributes"), "trusted.overlay.redirect", value[:]); !errors.Is(err, unix.ENODATA) {
		t.Errorf("an attribute of overlayfs came along: %v", err)
	}
	if n, err := unix.Getxattr(filepath.Join(root, "attributes"), "security.capability", value[:]); err != nil || n != 20 {
		t.Errorf("the capability has %d bytes, %v", n, err)
	}
}
