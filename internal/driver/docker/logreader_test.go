package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// engineLog writes a log stream as Docker does.
type engineLog struct {
	bytes.Buffer
	bareEnds bool
	at       time.Time
}

func (l *engineLog) frame(stream byte, record string) {
	text := l.at.Format("2006-01-02T15:04:05.000000000Z07:00") + " " + record
	header := [8]byte{0: stream}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	l.Write(header[:])
	l.WriteString(text)
}

// write logs one line in records, as Docker's copier cuts it. A line without an
// end is the last of its stream.
func (l *engineLog) write(stream byte, line string) {
	text, ended := strings.CutSuffix(line, "\n")
	cut := false
	for len(text) >= recordSize {
		l.frame(stream, text[:recordSize])
		text, cut = text[recordSize:], true
	}
	switch {
	case !ended && text == "":
	case !ended, cut && l.bareEnds:
		l.frame(stream, text)
	default:
		l.frame(stream, text+"\n")
	}
}

// readAll returns the lines after cursor.
func readAll(log []byte, bareEnds bool, cursor int64) ([]driver.Line, error) {
	var lines []driver.Line
	r := newLogReader(bytes.NewReader(log), &cursor, func(l driver.Line) error {
		l.Text = bytes.Clone(l.Text)
		lines = append(lines, l)
		return nil
	})
	r.bareEnds = bareEnds
	if err := r.read(); err != nil {
		return lines, err
	}
	return lines, r.flush()
}

// pieces is what a line has to come as.
func pieces(line string) []string {
	line = strings.TrimSuffix(line, "\n")
	var out []string
	for len(line) > driver.MaxLine {
		out = append(out, line[:driver.MaxLine])
		line = line[driver.MaxLine:]
	}
	return append(out, line)
}

func TestLogReader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		log := &engineLog{bareEnds: rapid.Bool().Draw(t, "bare ends"), at: time.Unix(1_700_000_000, 0).UTC()}
		size := rapid.OneOf(
			rapid.IntRange(0, 40),
			rapid.Custom(func(t *rapid.T) int {
				edge := rapid.SampledFrom([]int{recordSize, 2 * recordSize, driver.MaxLine, 2 * driver.MaxLine}).Draw(t, "edge")
				return edge + rapid.IntRange(-2, 2).Draw(t, "off")
			}),
		)
		var want []string
		for i := range rapid.IntRange(0, 6).Draw(t, "lines") {
			line := strings.Repeat(string(rune('a'+i)), size.Draw(t, "size")) + "\n"
			log.at = log.at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "clock")) * time.Millisecond)
			log.write(byte(rapid.IntRange(1, 2).Draw(t, "stream")), line)
			want = append(want, pieces(line)...)
		}
		if last := size.Draw(t, "last"); last > 0 { // a last line without an end
			line := strings.Repeat("\xff", last)
			log.write(1, line)
			want = append(want, pieces(line)...)
		}

		lines, err := readAll(log.Bytes(), log.bareEnds, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range lines {
			got = append(got, string(l.Text))
		}
		if !slices.Equal(want, got) {
			t.Fatalf("%d lines came as %d: %.1000q", len(want), len(got), got)
		}
		for i, l := range lines {
			rest, err := readAll(log.Bytes(), log.bareEnds, l.Cursor)
			same := slices.EqualFunc(rest, lines[i+1:], func(a, b driver.Line) bool {
				return a.At == b.At && a.Cursor == b.Cursor && bytes.Equal(a.Text, b.Text)
			})
			if err != nil || !same {
				t.Fatalf("after cursor %d come %d lines (%v), want %d", l.Cursor, len(rest), err, len(lines)-i-1)
			}
		}
	})
}

// TestLogReaderStreams: pieces of both streams alternate, lines do not mix.
func TestLogReaderStreams(t *testing.T) {
	t.Parallel()
	log := &engineLog{at: time.UnixMilli(1_700_000_000_123)}
	half := strings.Repeat("x", recordSize)
	log.frame(1, half)
	log.frame(2, "warning\n")
	log.at = log.at.Add(time.Second)
	log.frame(2, half)
	log.frame(1, "end\n")
	log.frame(2, "\n")
	log.frame(1, "open")
	got, err := readAll(log.Bytes(), false, 0)
	const at = batch.Instant(1_700_000_000_123)
	want := []driver.Line{
		{At: at, Text: []byte("warning"), Cursor: 1},
		{At: at, Text: []byte(half + "end"), Cursor: 2},
		{At: at + 1000, Text: []byte(half), Cursor: 3},
		{At: at + 1000, Text: []byte("open"), Cursor: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("read ended with %v (-want +got):\n%s", err, diff)
	}
}

func TestLogReaderFaults(t *testing.T) {
	t.Parallel()
	whole := &engineLog{at: time.Unix(1, 0).UTC()}
	whole.frame(1, "text\n")
	for name, log := range map[string][]byte{
		"cut in the header":  whole.Bytes()[:5],
		"cut in the time":    whole.Bytes()[:20],
		"cut in the text":    whole.Bytes()[:whole.Len()-2],
		"the engine's error": []byte("\x03\x00\x00\x00\x00\x00\x00\x05wrong"),
		"no such stream":     []byte("\x07\x00\x00\x00\x00\x00\x00\x01a"),
		"no time":            []byte("\x01\x00\x00\x00\x00\x00\x00\x04text"),
		"bad time":           []byte("\x01\x00\x00\x00\x00\x00\x00\x04now t"),
	} {
		if lines, err := readAll(log, true, 0); err == nil || errors.Is(err, io.EOF) || len(lines) > 1 {
			t.Errorf("%s: read %d lines with error %v, want an error", name, len(lines), err)
		}
	}
}

func FuzzLogReader(f *testing.F) {
	whole := &engineLog{at: time.Unix(1, 0).UTC()}
	whole.frame(1, "text\n")
	whole.frame(2, "more")
	f.Add(whole.Bytes(), true)
	f.Fuzz(func(t *testing.T, log []byte, bareEnds bool) {
		lines, _ := readAll(log, bareEnds, 0) // must not panic or invent
		total := 0
		for _, l := range lines {
			total += len(l.Text)
		}
		if total > len(log) {
			t.Errorf("%d bytes of log became %d bytes of lines", len(log), total)
		}
	})
}
