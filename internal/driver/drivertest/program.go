package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// command translates steps to a shell command. A shell that is the first
// process of a container gets SIGTERM only when it has a trap, and runs the
// trap only after a foreground child, hence the trap and the `wait`.
func command(steps []string) []string {
	var script strings.Builder
	script.WriteString("exec 2>/dev/null\n") // where some shells tell of a child's death by SIGTERM
	if slices.Contains(steps, "ignore-term") {
		script.WriteString("trap '' TERM\n")
	} else {
		script.WriteString("trap 'exit 143' TERM\n")
	}
	for _, step := range steps {
		verb, arg, _ := strings.Cut(step, " ")
		switch verb {
		case "ignore-term":
		case "print":
			fmt.Fprintf(&script, "printf '%%s\\n' %s\n", quote(arg))
		case "sleep":
			d, err := time.ParseDuration(arg)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(&script, "sleep %.3f & wait $!\n", d.Seconds())
		case "exit":
			fmt.Fprintf(&script, "exit %s\n", arg)
		case "hang":
			script.WriteString("while :; do sleep 1 & wait $!; done\n")
		case "fail-to-start":
			return []string{"/no/such/command"}
		default:
			panic("unknown step " + step)
		}
	}
	return []string{"/bin/sh", "-c", script.String()}
}

// quote makes one shell word.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// line is a [driver.Line] that may be kept.
type line struct {
	text   string
	cursor int64
}

// outputAfter collects the lines after cursor and checks what holds for all
// output: cursors grow, no piece is too long, the times are now.
func (s *suite) outputAfter(t *testing.T, id batch.UnitID, cursor int64) []line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var lines []line
	last := cursor
	err := s.d.Output(ctx, id, cursor, func(l driver.Line) error {
		if l.Cursor <= last {
			t.Errorf("cursor %d follows %d, want it to grow", l.Cursor, last)
		}
		if len(l.Text) > driver.MaxLine {
			t.Errorf("a line of %d bytes, want at most %d", len(l.Text), driver.MaxLine)
		}
		if age := time.Since(l.At.Time()).Abs(); age > 10*time.Minute {
			t.Errorf("a line's time is %v off", age)
		}
		last = l.Cursor
		lines = append(lines, line{text: string(l.Text), cursor: l.Cursor})
		return nil
	})
	if err != nil {
		t.Fatalf("output: %v", err)
	}
	return lines
}

// texts collects the whole output.
func (s *suite) texts(t *testing.T, id batch.UnitID) []string {
	t.Helper()
	return textsOf(s.outputAfter(t, id, 0))
}

func textsOf(lines []line) []string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	return texts
}

// wantOutput checks the whole output.
func (s *suite) wantOutput(t *testing.T, id batch.UnitID, want ...string) {
	t.Helper()
	if got := s.texts(t, id); !slices.Equal(got, want) {
		t.Errorf("output is %q, want %q", clip(got), clip(want))
	}
}

// clip keeps failures readable.
func clip(texts []string) []string {
	var out []string
	for i, text := range texts {
		if i == 20 {
			return append(out, fmt.Sprintf("… %d lines in all", len(texts)))
		}
		if len(text) > 200 {
			text = fmt.Sprintf("%s… %d bytes in all", text[:200], len(text))
		}
		out = append(out, text)
	}
	return out
}

// awaitLine follows the output until a line has the text, and returns it.
func (s *suite) awaitLine(t *testing.T, id batch.UnitID, text string) line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var found line
	err := s.d.Output(ctx, id, 0, func(l driver.Line) error {
		if string(l.Text) != text {
			return nil
		}
		found = line{text: text, cursor: l.Cursor}
		return errEnough
	})
	if err != errEnough { //nolint:errorlint // Output promises the very error
		t.Fatalf("output ended with %v before the line %q", err, text)
	}
	return found
}

// errEnough is how an emit of the suite ends an Output.
var errEnough = fmt.Errorf("enough")

// running says whether the attempt has not ended yet.
func (s *suite) running(t *testing.T, id batch.UnitID) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	exit, err := s.d.Wait(ctx, id)
	if err == nil {
		t.Logf("ended: %s", show(exit))
	}
	return ctx.Err() != nil && err != nil
}

// show prints an exit.
func show(e driver.Exit) string {
	code := "no code"
	if e.Code != nil {
		code = fmt.Sprintf("code %d", *e.Code)
	}
	return fmt.Sprintf("%s, reason %q, from %d to %d", code, e.Reason, e.StartedAt, e.StoppedAt)
}
