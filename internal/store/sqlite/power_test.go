package sqlite

import (
	"errors"
	flags "flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

var (
	powerSeed = flags.Int64("power-seed", 0, "seed of the power cuts (default: the time)")
	powerCuts = flags.Int("power-cuts", 60, "how often the power is cut")
)

func powerRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *powerSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-power-seed=%d", seed)
	return rand.New(rand.NewPCG(uint64(seed), 1))
}

// TestPowerCut cuts the power at random writes, in commits and in checkpoints.
// What each file had at its last sync is there afterwards, and of what was
// written since, anything. What was committed by then must be there.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	rng := powerRandom(t)
	for done := 0; done < *powerCuts; done += 30 { // each time with a new file, which is small
		cutPower(t, rng, 30)
	}
}

func cutPower(t *testing.T, rng *rand.Rand, cuts int) {
	t.Helper()
	d := newDisk(t)
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), vfs: d.name})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := newHistory(3000)
	var left map[string][]byte // by a cut that was not looked at yet
	next := 0                  // when the power is cut next, by d.calls
	d.mu.Lock()
	d.fail = func(call int, _ bool) int32 { // called with every write and sync, under the disk's lock
		if call >= next && h.round > 1 && left == nil {
			next = call + 1 + rng.IntN(120)
			left = d.cut(rng)
		}
		return 0
	}
	d.mu.Unlock()
	h.setUp(t, s)
	for n := 0; n < cuts; {
		changes := make([]core.Change, 1+rng.IntN(12))
		for i := range changes {
			changes[i] = h.submit()
		}
		// Not h.commit, which counts the round before it is committed.
		if err := s.Commit(t.Context(), store.Round{Number: h.round + 1, Changes: changes}); err != nil {
			t.Fatal(err)
		}
		if left != nil {
			checkLeft(t, fmt.Sprintf("cut %d, in a commit", n), left, h.round, h.round+1)
			n, left = n+1, nil
		}
		h.round++
		if rng.IntN(10) == 0 {
			if err := s.empty(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if left != nil {
			checkLeft(t, fmt.Sprintf("cut %d, in a checkpoint", n), left, h.round, h.round)
			n, left = n+1, nil
		}
	}
}

// checkLeft opens what is left of a directory.
func checkLeft(t *testing.T, when string, files map[string][]byte, least, most int64) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer s.Close()
	round, err := s.Load(t.Context(), core.NewLoader())
	if err != nil || round < least || round > most {
		t.Errorf("%s: the last round is %d, %v; want %d to %d", when, round, err, least, most)
	}
	if err = s.writer.query(t.Context(), "PRAGMA integrity_check", func(r record) error {
		if text := r.text(0); text != "ok" {
			return errors.New(text)
		}
		return nil
	}); err != nil {
		t.Errorf("%s: the database is damaged: %v", when, err)
	}
	n, err := s.writer.number(t.Context(), "SELECT count(*) = (SELECT job FROM progress) FROM jobs")
	if err != nil || n != 1 {
		t.Errorf("%s: there are not as many jobs as were numbered (%v)", when, err)
	}
}

// TestIOError has each of the first writes and syncs of commits and checkpoints
// fail once, and the data of a sync that fails be lost. A commit that fails is
// not there, and the same one made again is, whatever the power does afterwards.
func TestIOError(t *testing.T) {
	t.Parallel()
	rng := powerRandom(t)
	for _, code := range []int32{sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC} {
		d := newDisk(t)
		s, err := Open(t.Context(), Options{Dir: t.TempDir(), vfs: d.name})
		if err != nil {
			t.Fatal(err)
		}
		h := newHistory(3000)
		h.setUp(t, s)
		failures := 0
		for failing := 1; failing <= 25; failing++ {
			broken := 0
			d.mu.Lock()
			at, before := d.calls+failing, failing
			d.fail = func(call int, sync bool) int32 {
				if call >= at && sync == (code == sqlite3.SQLITE_IOERR_FSYNC) && broken == 0 {
					broken = call
					return code
				}
				return 0
			}
			d.mu.Unlock()
			for broken == 0 {
				r := store.Round{Number: h.round + 1, Changes: []core.Change{h.submit(), h.submit(), h.submit()}}
				err := s.Commit(t.Context(), r)
				if failed := broken != 0; failed != (err != nil) {
					t.Fatalf("a commit with a failing call (%t): %v", failed, err)
				}
				if err != nil {
					failures++
					if errors.Is(err, store.ErrFull) {
						t.Errorf("an I/O error is taken for a lack of space: %v", err)
					}
					if round, loadErr := s.Load(t.Context(), core.NewLoader()); loadErr != nil || round != h.round {
						t.Fatalf("after a commit that failed the last round is %d, %v; want %d", round, loadErr, h.round)
					}
					if err = s.Commit(t.Context(), r); err != nil {
						t.Fatalf("the commit again: %v", err)
					}
				}
				h.round++
				if before%5 == 0 {
					_ = s.empty(t.Context()) // it may fail, and is tried again
				}
			}
			checkLeft(t, fmt.Sprintf("call %d failed", broken), d.powerCut(rng), h.round, h.round)
		}
		if jobs, err := s.ListJobs(t.Context(), store.JobFilter{Queue: 1, State: batch.Runnable, Limit: 1 << 20}); err != nil || int64(len(jobs)) != h.seq {
			t.Errorf("there are %d jobs, %v; want %d", len(jobs), err, h.seq)
		}
		if failures < 10 {
			t.Errorf("only %d commits failed", failures)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
