package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

func TestSecondServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openTest(t, dir)
	if s, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		if err == nil {
			_ = s.Close()
		}
		t.Errorf("a second store in the same directory: %v; want ErrLocked", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openTest(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

// TestKilled kills a process that commits round after round, and looks whether
// all that it said was committed is there.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("BARGE_TEST_COMMIT_UNTIL_KILLED"); dir != "" {
		commitUntilKilled(t, dir)
	}
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "BARGE_TEST_COMMIT_UNTIL_KILLED="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last int64
	for lines := bufio.NewScanner(out); last < 50 && lines.Scan(); {
		if _, err = fmt.Sscanf(lines.Text(), "committed %d", &last); err != nil {
			t.Fatalf("the process says %q", lines.Text())
		}
	}
	if s, refused := Open(t.Context(), Options{Dir: dir}); !errors.Is(refused, ErrLocked) {
		if refused == nil {
			_ = s.Close()
		}
		t.Errorf("open beside a process: %v; want ErrLocked", refused)
	}
	if err = cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	s := openTest(t, dir)
	defer s.Close()
	round, err := s.Load(t.Context(), core.NewLoader())
	if err != nil || round < last {
		t.Fatalf("after kill -9 the last round is %d, %v; %d was committed", round, err, last)
	}
	jobs, err := s.ListJobs(t.Context(), store.JobFilter{Queue: 1, State: batch.Runnable, Limit: 1 << 20})
	if err != nil || int64(len(jobs)) != 10*(round-1) {
		t.Errorf("at round %d there are %d jobs, %v; want %d", round, len(jobs), err, 10*(round-1))
	}
}

func commitUntilKilled(t *testing.T, dir string) {
	s := openTest(t, dir)
	h := newHistory(300)
	h.setUp(t, s)
	for {
		changes := make([]core.Change, 10)
		for i := range changes {
			changes[i] = h.submit()
		}
		h.commit(t, s, changes...)
		fmt.Println("committed", h.round)
	}
}

// TestDiskFull fills a file system of 6 MiB. Making one takes root.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", dir).CombinedOutput(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), "root") {
			t.Fatalf("BARGE_REQUIRE names root: %s", out)
		}
		t.Skipf("needs root: %s", out)
	}
	t.Cleanup(func() {
		// Detached: whoever looks at all mounts may hold this one for a moment.
		if out, err := exec.CommandContext(context.Background(), "umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, dir)
	defer s.Close()
	h := newHistory(10 << 10)
	h.setUp(t, s)
	var full store.Round
	for full.Number == 0 {
		r := store.Round{Number: h.round + 1, Changes: []core.Change{h.submit(), h.submit(), h.submit()}}
		switch err := s.Commit(t.Context(), r); {
		case errors.Is(err, store.ErrFull):
			full = r
		case err != nil:
			t.Fatalf("commit to a full disk: %v; want ErrFull", err)
		default:
			h.round++
		}
	}
	if h.round < 10 {
		t.Errorf("the disk was full after %d rounds", h.round)
	}
	for range 3 {
		if err := s.Commit(t.Context(), full); !errors.Is(err, store.ErrFull) {
			t.Errorf("commit again to a full disk: %v; want ErrFull", err)
		}
	}
	if round, err := s.Load(t.Context(), core.NewLoader()); err != nil || round != h.round {
		t.Errorf("a full disk loads round %d, %v; want %d", round, err, h.round)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), full); err != nil {
		t.Errorf("commit when there is space again: %v", err)
	}
}

// TestLogIsBounded commits more than the write-ahead log collects, first while
// a reader holds on to its beginning and then while none does.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{Dir: dir, ReadFor: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		if err = errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	}()
	h := newHistory(30 << 10)
	h.setUp(t, s)

	held, err := s.reads.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := held.QueryRowContext(ctx, "SELECT count(*) FROM jobs").Scan(&n); err != nil {
		t.Fatal(err)
	}
	mib := func() int64 {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, "barge.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() >> 20
	}
	fill := func(mib int) {
		for range mib {
			changes := make([]core.Change, 32)
			for i := range changes {
				changes[i] = h.submit()
			}
			h.commit(t, s, changes...)
		}
	}
	const some = checkpointPages*4/1024 + 4
	fill(some)
	if got := mib(); got < some-2 {
		t.Errorf("the log has %d MiB although a reader needs it all", got)
	}
	if err := held.QueryRowContext(ctx, "SELECT count(*) FROM jobs").Scan(&n); err != nil || n != 0 {
		t.Errorf("the reader sees %d jobs, %v; it began before the first", n, err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		fill(some)
	}
	if got := mib(); got > 3*some {
		t.Errorf("the log has %d MiB after %d were committed: it is not started over", got, 5*some)
	}
}

func TestSlowReadIsCutOff(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), ReadFor: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Queues(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read that takes too long: %v", err)
	}
}
