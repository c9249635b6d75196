package drivertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/driver"
)

// output: in order, complete, again, and from every cursor on.
func (s *suite) output(t *testing.T) {
	id := s.start(t, "print one", "print two", "sleep 50ms", "print  three ", "print", "print five", "exit 1")
	s.wantCode(t, id, 1)
	lines := s.outputAfter(t, id, 0)
	if want := []string{"one", "two", " three ", "", "five"}; !slices.Equal(textsOf(lines), want) {
		t.Fatalf("output is %q, want %q", textsOf(lines), want)
	}
	for i, l := range lines {
		if got := s.outputAfter(t, id, l.cursor); !slices.Equal(got, lines[i+1:]) {
			t.Errorf("after line %d comes %v, want %v", i, got, lines[i+1:])
		}
	}
}

func (s *suite) outputEmpty(t *testing.T) {
	id := s.start(t, "exit 0")
	s.wantOutput(t, id)
	s.wantCode(t, id, 0)
	s.wantOutput(t, id)
}

// outputFollows: lines come while the attempt runs, and the end comes by itself.
func (s *suite) outputFollows(t *testing.T) {
	id := s.start(t, "print first", "sleep 300ms", "print second", "hang")
	first, second := s.awaitLine(t, id, "first"), s.awaitLine(t, id, "second")
	if first.cursor >= second.cursor {
		t.Errorf("cursor %d comes before %d", first.cursor, second.cursor)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.d.Output(ctx, id, second.cursor, func(driver.Line) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("output given up: %v, want the context's error", err)
	}
	rest := make(chan []line, 1)
	go func() { // no t.Fatal: only the test's own goroutine may
		var lines []line
		_ = s.d.Output(t.Context(), id, first.cursor, func(l driver.Line) error {
			lines = append(lines, line{text: string(l.Text), cursor: l.Cursor})
			return nil
		})
		rest <- lines
	}()
	if err := s.d.Stop(t.Context(), id, 10*time.Second); err != nil {
		t.Fatalf("stop: %v", err)
	}
	s.wantCode(t, id, 143)
	select {
	case got := <-rest:
		if want := []line{second}; !slices.Equal(got, want) {
			t.Errorf("followed %v, want %v", got, want)
		}
	case <-time.After(patience):
		t.Error("output did not return after the end")
	}
}

func (s *suite) outputEmitFails(t *testing.T) {
	id := s.start(t, "print one", "print two", "hang")
	calls := 0
	err := s.d.Output(t.Context(), id, 0, func(driver.Line) error { calls++; return errEnough })
	if err != errEnough || calls != 1 { //nolint:errorlint // Output promises the very error
		t.Errorf("output returned %v after %d calls of a failing emit, want its error after one", err, calls)
	}
}

func (s *suite) streams(t *testing.T) {
	id := s.startShell(t, `echo out; echo err >&2; cat; exit 0`)
	s.wantCode(t, id, 0) // and so its standard input is at the end
	got := s.texts(t, id)
	slices.Sort(got) // between the two streams there is no order
	if want := []string{"err", "out"}; !slices.Equal(got, want) {
		t.Errorf("output is %q, want %q", got, want)
	}
}

func (s *suite) bytes(t *testing.T) {
	for script, want := range map[string][]string{
		`printf 'a\000b\000\n\000\n'`:         {"a\x00b\x00", "\x00"},
		`printf '\377\376\303\n\200'`:         {"\xff\xfe\xc3", "\x80"},
		`printf 'dos\r\nbar\rbar\r\n\r\n'`:    {"dos\r", "bar\rbar\r", "\r"},
		`printf 'no end'`:                     {"no end"},
		`printf '\n\n'`:                       {"", ""},
		`printf 'in '; sleep 0.2; echo parts`: {"in parts"},
	} {
		id := s.startShell(t, script)
		s.wantCode(t, id, 0)
		s.wantOutput(t, id, want...)
	}
}

func (s *suite) longLines(t *testing.T) {
	for _, size := range []int{16 << 10, 100_000, driver.MaxLine - 1, driver.MaxLine, driver.MaxLine + 1, 3 << 20} {
		id := s.startShell(t, fmt.Sprintf(`echo before; head -c %d /dev/zero | tr '\0' x; echo; echo after`, size))
		s.wantCode(t, id, 0)
		lines := s.outputAfter(t, id, 0)
		texts := textsOf(lines)
		if len(texts) < 3 || texts[0] != "before" || texts[len(texts)-1] != "after" {
			t.Errorf("a line of %d bytes and its neighbours came as %q", size, clip(texts))
			continue
		}
		pieces := texts[1 : len(texts)-1]
		if got := strings.Join(pieces, ""); got != strings.Repeat("x", size) {
			t.Errorf("a line of %d bytes came as %d other bytes", size, len(got))
		}
		if size <= driver.MaxLine && len(pieces) != 1 || slices.Contains(pieces, "") {
			t.Errorf("a line of %d bytes came in %d pieces: %q", size, len(pieces), clip(pieces))
		}
		for i, l := range lines {
			if rest := s.outputAfter(t, id, l.cursor); !slices.Equal(rest, lines[i+1:]) {
				t.Errorf("after piece %d of %d come %d lines, want %d", i, len(lines), len(rest), len(lines)-i-1)
			}
		}
	}
}

// flood: everything arrives, in order, without being held in memory.
func (s *suite) flood(t *testing.T) {
	lines := 500_000 // of 100 bytes
	if testing.Short() {
		lines = 50_000
	}
	id := s.startShell(t, fmt.Sprintf(`exec awk 'BEGIN { for (i = 0; i < %d; i++) printf "%%099d\n", i }'`, lines))
	var (
		n      int
		memory runtime.MemStats
		most   uint64
		want   = []byte(strings.Repeat("0", 99))
	)
	runtime.ReadMemStats(&memory)
	before := memory.HeapInuse
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.d.Output(ctx, id, 0, func(l driver.Line) error {
		if string(l.Text) != string(want) {
			return fmt.Errorf("line %d is %q, want %q", n, l.Text, want)
		}
		for i := len(want) - 1; ; i-- { // count up in place
			if want[i]++; want[i] <= '9' {
				break
			}
			want[i] = '0'
		}
		if n++; n%50_000 == 0 {
			runtime.ReadMemStats(&memory)
			most = max(most, memory.HeapInuse)
		}
		return nil
	})
	if err != nil || n != lines {
		t.Errorf("output ended with %v after %d of %d lines", err, n, lines)
	}
	if most > before+40<<20 {
		t.Errorf("the heap grew by %d MiB", (most-before)>>20)
	}
	s.wantCode(t, id, 0)
}

// slowReader: nothing is lost to somebody who reads slowly and late.
func (s *suite) slowReader(t *testing.T) {
	const lines = 20_000
	id := s.startShell(t, fmt.Sprintf(`exec seq 1 %d`, lines))
	n := 0
	err := s.d.Output(t.Context(), id, 0, func(l driver.Line) error {
		n++
		if n%2_000 == 0 {
			time.Sleep(20 * time.Millisecond) // the slowness under test
		}
		if want := fmt.Sprint(n); string(l.Text) != want {
			return fmt.Errorf("line is %q, want %q", l.Text, want)
		}
		return nil
	})
	if err != nil || n != lines {
		t.Errorf("output ended with %v after %d of %d lines", err, n, lines)
	}
}
