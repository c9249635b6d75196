package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bargehq/barge/internal/bus"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	s, err := bus.File(path)
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(events ...string) {
		t.Helper()
		if n, err := s.Deliver(t.Context(), lines(events...)); n != len(events) || err != nil {
			t.Fatalf("%d of %d events were taken: %v", n, len(events), err)
		}
	}
	same(t, "a new file", "", read(t, path))
	deliver("one", "two")
	deliver("three")
	same(t, "the file", "one\ntwo\nthree\n", read(t, path))

	// What is left of a line, even a long one, gives way to the next.
	for _, torn := range []string{"x", strings.Repeat("y", 10_000), "z\n"} {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(torn); err != nil {
			t.Fatal(err)
		}
		f.Close()
		deliver("four")
	}
	same(t, "the file", "one\ntwo\nthree\nfour\nfour\nz\nfour\n", read(t, path))

	// It was moved away.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	deliver("five")
	same(t, "the new file", "five\n", read(t, path))
	if err := os.WriteFile(path, []byte(strings.Repeat("a", 9000)), 0o600); err != nil {
		t.Fatal(err)
	}
	deliver("six")
	same(t, "a file without a whole line", "six\n", read(t, path))
}

func TestFileRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "no", "such"), "/dev/null"} {
		if _, err := bus.File(path); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
	path := filepath.Join(dir, "events")
	s, err := bus.File(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Deliver(t.Context(), lines("x")); n != 0 || err == nil {
		t.Errorf("%d events were taken by what is a directory by now (%v)", n, err)
	}
}
