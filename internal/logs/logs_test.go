package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
)

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// running returns a store whose Run runs until the test ends.
func running(t testing.TB, o Options) *Store {
	t.Helper()
	s := openStore(t, o)
	run(t, s)
	return s
}

func run(t testing.TB, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// write stores events without waiting for Run's turn.
func write(t testing.TB, s *Store, group, stream string, events ...Event) {
	t.Helper()
	w, err := s.Stream(t.Context(), group, stream)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, e := range events {
		if err := w.Append(t.Context(), e.At, []byte(e.Message), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.commitRound(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func lines(from batch.Instant, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{At: from + batch.Instant(i), Message: fmt.Sprintf("line %d", i)}
	}
	return events
}

func messages(events []Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Message)
	}
	return out
}

func all(t testing.TB, s *Store, group, stream string) []string {
	t.Helper()
	var out []string
	q := EventQuery{Group: group, Stream: stream}
	for {
		p, err := s.Events(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) == 0 {
			return out
		}
		out = append(out, messages(p.Events)...)
		q.Start = p.After
	}
}

func isNotFound(err error) bool {
	no := new(batch.Error)
	return errors.As(err, &no) && no.Code == batch.NotFound
}

func TestWhatIsFlushedIsThereAfterACrashAndTheCursorWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := running(t, Options{Dir: dir})
	w, err := s.Stream(t.Context(), DefaultGroup, "a/default/1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err = w.Append(t.Context(), 1000, fmt.Appendf(nil, "line %d", i), int64(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	if err = w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What the disk holds now is what a killed process leaves behind.
	crashed := t.TempDir()
	for _, name := range []string{"logs.db", "logs.db-wal"} {
		copyFile(t, filepath.Join(dir, name), filepath.Join(crashed, name))
	}
	again := running(t, Options{Dir: crashed})
	cursor, ok, err := again.Cursor(t.Context(), DefaultGroup, "a/default/1")
	if err != nil || !ok || cursor != 109 {
		t.Fatalf("cursor after the crash is %d, %v, %v; want 109", cursor, ok, err)
	}
	w2, err := again.Stream(t.Context(), DefaultGroup, "a/default/1")
	if err != nil {
		t.Fatal(err)
	}
	if w2.Cursor() != 109 {
		t.Errorf("the writer's cursor is %d, want 109", w2.Cursor())
	}
	if err := w2.Append(t.Context(), 1001, []byte("line 10"), 110); err != nil {
		t.Fatal(err)
	}
	if err := w2.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(messages(lines(0, 11)), all(t, again, DefaultGroup, "a/default/1")); diff != "" {
		t.Errorf("lines after the crash (-want +got):\n%s", diff)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCloseStoresWhatIsPending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Stream(t.Context(), "g", "s")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), 1, []byte("x"), 7); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), 1, []byte("y"), 8); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v, want ErrClosed", err)
	}
	s = openStore(t, Options{Dir: dir})
	if got := all(t, s, "g", "s"); len(got) != 1 || got[0] != "x" {
		t.Errorf("got %q, want the pending line", got)
	}
}

func TestLinesAreStoredSoonWithoutFlush(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, s)
		w, err := s.Stream(t.Context(), "g", "s")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(t.Context(), 1, []byte("x"), 7); err != nil {
			t.Fatal(err)
		}
		time.Sleep(linger + time.Millisecond)
		synctest.Wait()
		if got := all(t, s, "g", "s"); len(got) != 1 {
			t.Errorf("%d lines are stored after %v, want 1", len(got), linger)
		}
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAnOpenStreamExistsAtOnce(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	if _, err := s.Events(t.Context(), EventQuery{Group: DefaultGroup, Stream: "s"}); !isNotFound(err) {
		t.Errorf("a stream that does not exist: %v, want NotFound", err)
	}
	w, err := s.Stream(t.Context(), DefaultGroup, "s")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := s.Events(t.Context(), EventQuery{Group: DefaultGroup, Stream: "s"})
	if err != nil || len(p.Events) != 0 {
		t.Errorf("got %v, %v; want an empty page", p, err)
	}
}

func TestMessagesAreCleaned(t *testing.T) {
	t.Parallel()
	s := running(t, Options{})
	long := strings.Repeat("ü", MaxMessage) // two bytes each
	write(t, s, "g", "s",
		Event{At: 1, Message: ""},
		Event{At: 1, Message: "a\x00b\x1b[31m\xff\xfec\r"},
		Event{At: 1, Message: long})
	got := all(t, s, "g", "s")
	want := []string{" ", "a\x00b\x1b[31m\ufffd\ufffdc\r"}
	if diff := cmp.Diff(want, got[:2]); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if joined := strings.Join(got[2:], ""); joined != long || len(got) != 4 {
		t.Errorf("a message of %d bytes came back as %d events with %d bytes together", len(long), len(got)-2, len(joined))
	}
	for _, m := range got {
		if len(m) > MaxMessage {
			t.Errorf("an event has %d bytes, more than %d", len(m), MaxMessage)
		}
	}
}

func TestAFullDiskStopsAppendersAndNothingIsLost(t *testing.T) {
	t.Parallel()
	const maxPending = 256 << 10
	s := running(t, Options{MaxPending: maxPending})
	write(t, s, "g", "s", lines(0, 1)...)
	setPages := func(n string) {
		s.commit.Lock()
		defer s.commit.Unlock()
		if _, err := s.write.Exec("PRAGMA max_page_count = " + n); err != nil {
			t.Fatal(err)
		}
	}
	setPages("1") // SQLite takes it as: no page more than now
	w, err := s.Stream(t.Context(), "g", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(t.Context(), 1, make([]byte, 100<<10), 0); err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	text := strings.Repeat("x", 100)
	done := make(chan error, 1)
	go func() {
		for i := range n {
			if err := w.Append(t.Context(), 1, fmt.Appendf(nil, "%d %s", i, text), int64(i+1)); err != nil {
				done <- err
				return
			}
		}
		done <- w.Flush(t.Context())
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := w.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush on a full disk: %v, want it to wait", err)
	}
	s.mu.Lock()
	pending := s.pending
	s.mu.Unlock()
	if pending > maxPending+MaxMessage {
		t.Errorf("%d bytes are pending, allowed are %d", pending, maxPending)
	}
	select {
	case err := <-done:
		t.Fatalf("the writer got through with a full disk: %v", err)
	default:
	}
	setPages("1000000")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := all(t, s, "g", "s")
	if len(got) != n+2 {
		t.Fatalf("%d lines, want %d", len(got), n+2)
	}
	for i, m := range got[2:] {
		if !strings.HasPrefix(m, fmt.Sprintf("%d ", i)) {
			t.Fatalf("line %d is %q", i, m)
		}
	}
}

func TestDeletedWhileWritten(t *testing.T) {
	t.Parallel()
	s := running(t, Options{})
	w, err := s.Stream(t.Context(), "g", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	put := func(line string) {
		t.Helper()
		if err := w.Append(t.Context(), 1, []byte(line), 0); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	if err := s.DeleteStream(t.Context(), "g", "s"); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put("two")
	if err := s.DeleteGroup(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	put("three")
	if diff := cmp.Diff([]string{"three"}, all(t, s, "g", "s")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if err := s.Expire(t.Context(), batch.InstantOf(time.Now())); err != nil {
		t.Fatal(err)
	}
	var streams, chunks, groups int
	if err := s.read.QueryRow(`SELECT (SELECT count(*) FROM streams), (SELECT count(*) FROM chunks), (SELECT count(*) FROM groups)`).
		Scan(&streams, &chunks, &groups); err != nil {
		t.Fatal(err)
	}
	if streams != 1 || chunks != 1 || groups != 3 { // g, the default one, the bin
		t.Errorf("%d streams, %d chunks and %d groups are left, want 1, 1 and 3", streams, chunks, groups)
	}
}

// TestManyWritersOfFewStreams opens, fills and closes the same streams from
// many goroutines, while others delete some and expiry runs.
func TestManyWritersOfFewStreams(t *testing.T) {
	t.Parallel()
	s := running(t, Options{MaxPending: 64 << 10})
	if _, err := s.CreateGroup(t.Context(), "g", 1); err != nil {
		t.Fatal(err)
	}
	const writers, rounds, streams = 8, 60, 4
	now := batch.InstantOf(time.Now())
	var working sync.WaitGroup
	for i := range writers {
		working.Go(func() {
			for j := range rounds {
				w, err := s.Stream(t.Context(), "g", fmt.Sprint("s", j%streams))
				if err != nil {
					t.Error(err)
					return
				}
				if err := w.Append(t.Context(), now, fmt.Appendf(nil, "%d-%d", i, j), 1); err != nil {
					t.Error(err)
				}
				if j%7 == i%7 {
					if err := w.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
				w.Close()
			}
		})
	}
	for range 20 {
		write(t, s, "g", "gone", Event{At: 1, Message: "x"})
		if err := s.DeleteStream(t.Context(), "g", "gone"); err != nil {
			t.Error(err)
		}
		if err := s.Expire(t.Context(), now); err != nil {
			t.Error(err)
		}
	}
	working.Wait()
	write(t, s, "g", "last")
	seen := make(map[string]bool)
	for i := range streams {
		for _, m := range all(t, s, "g", fmt.Sprint("s", i)) {
			if seen[m] {
				t.Errorf("line %s is there twice", m)
			}
			seen[m] = true
		}
	}
	if len(seen) != writers*rounds {
		t.Errorf("%d lines, want %d", len(seen), writers*rounds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) != 0 || s.pending != 0 {
		t.Errorf("%d streams and %d bytes stay in memory", len(s.open), s.pending)
	}
}
