package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestARealFullDisk does what TestAFullDiskStopsAppendersAndNothingIsLost does
// with a file system that has no room, where the write-ahead log is what fails.
func TestARealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), "root") {
			t.Fatalf("BARGE_REQUIRE names root: mount: %v", err)
		}
		t.Skipf("needs root: mount: %v", err)
	}
	t.Cleanup(func() {
		// Detached: whoever looks at all mounts may hold this one for a moment.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := running(t, Options{Dir: dir, MaxPending: 256 << 10})
	w, err := s.Stream(t.Context(), "g", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	text := strings.Repeat("x", 1000)
	n := 0
	for full := false; !full; n++ {
		if n > 10_000 {
			t.Fatal("the disk does not get full")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := w.Append(ctx, 1, fmt.Appendf(nil, "%d %s", n, text), int64(n+1))
		full = errors.Is(err, context.DeadlineExceeded)
		cancel()
		if full {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := all(t, s, "g", "s")
	if len(got) != n || w.Cursor() != int64(n) {
		t.Fatalf("%d lines and cursor %d, want %d", len(got), w.Cursor(), n)
	}
	for i, m := range got {
		if !strings.HasPrefix(m, fmt.Sprintf("%d ", i)) {
			t.Fatalf("line %d is %.20q", i, m)
		}
	}
}
