package simulate

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line is a job of a trace.
func line(number, submit, runtime, allocated, procs, requested, status, user string) string {
	return strings.Join([]string{number, submit, "-1", runtime, allocated, "-1", "-1", procs, requested, "-1", status, user, "-1", "-1", "-1", "-1", "-1", "-1"}, " ") + "\n"
}

func hpc2n(t testing.TB) *Trace { return openTrace(t, "testdata/HPC2N-extract.swf.gz") }

func openTrace(t testing.TB, path string) *Trace {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := ReadTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestReadTrace(t *testing.T) {
	t.Parallel()
	text := "; MaxProcs: 8\n;  Note: first\n; Note: second\n; not a label: no\n\n" +
		line("1", "100", "60", "4", "8", "90", "1", "7") +
		line("2", "90.5", "0.25", "4", "-1", "-1", "1", "-1") + // earlier, requests unknown
		line("3", "200", "-1", "1", "1", "1", "5", "1") +
		line("4", "200", "10", "-1", "0", "1", "1", "1") +
		line("5", "-1", "10", "1", "1", "1", "1", "1") +
		line("6", "200", "10", "1", "1", "1", "2", "1") +
		line("7", "200", "10", "9", "9", "1", "1", "1") +
		"  " + strings.ReplaceAll(line("8", "200", "0", "1", "1", "1", "1", "1"), " ", "\t ")
	want := &Trace{
		Jobs: []TraceJob{
			{Number: 2, Submit: 90_500, Runtime: 250, Processors: 4, User: "unknown"},
			{Number: 1, Submit: 100_000, Runtime: 60_000, Processors: 8, Requested: 90, User: "u7"},
			{Number: 7, Submit: 200_000, Runtime: 10_000, Processors: 9, Requested: 1, User: "u1"},
			{Number: 8, Submit: 200_000, Runtime: 0, Processors: 1, Requested: 1, User: "u1"},
		},
		Header:  map[string]string{"MaxProcs": "8", "Note": "first"},
		Skipped: Skipped{UnknownRuntime: 1, UnknownProcessors: 1, UnknownSubmit: 1, PartialRecords: 1},
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{text, zipped.String()} {
		got, err := ReadTrace(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("read (-want +got):\n%s", d)
		}
	}
	s, err := want.Scenario(8)
	if err != nil {
		t.Fatal(err)
	}
	if s.Skipped.TooLarge != 1 || len(s.Jobs) != 3 || s.Jobs[0].Submit != 0 || s.Jobs[1].Submit != 9500 || s.Jobs[0].Limit != 1 || len(s.Notes) != 1 {
		t.Errorf("the scenario is %+v", s)
	}
}

func TestReadTraceRefuses(t *testing.T) {
	t.Parallel()
	good := line("1", "0", "1", "1", "1", "1", "1", "1")
	for _, tt := range []struct{ name, in, want string }{
		{"too few fields", good + "1 2 3\n", "line 2: 3 fields, and the Standard Workload Format has 18"},
		{"too many fields", strings.TrimSpace(good) + " 1\n", "line 1: 19 fields"},
		{"a word", good + "\n" + line("1", "0", "soon", "1", "1", "1", "1", "1"), `line 3: field 4 (run time): "soon" is no number`},
		{"no number", line("1", "NaN", "1", "1", "1", "1", "1", "1"), `line 1: field 2 (submit time): "NaN" is no number`},
		{"endless", line("1", "0", "Inf", "1", "1", "1", "1", "1"), "line 1: field 4 (run time): Inf is not between -1 and"},
		{"too long", line("1", "0", "1", "1", "1", "1e300", "1", "1"), "line 1: field 9 (requested time): 1e300 is not between"},
		{"too large", line("1", "0", "1", "1", "100000000", "1", "1", "1"), "line 1: field 8 (requested processors)"},
		{"below unknown", line("1", "-2", "1", "1", "1", "1", "1", "1"), "line 1: field 2 (submit time): -2 is not between"},
		{"a long line", good + strings.Repeat("1", maxTraceLine+1), "line 2: longer than"},
		{"half a gzip", "\x1f\x8b\x08", "read gzip"},
		{"bytes", good + "\x00\xff\n", "line 2: 1 fields"},
	} {
		if _, err := ReadTrace(strings.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// endless is a compressed stream of comments that never ends.
type endless struct{ left []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.left) == 0 {
		e.left = []byte("; " + strings.Repeat(" ", 60_000) + "\n")
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

// TestReadTraceBounded: what grows without bounds when it is decompressed is
// refused.
func TestReadTraceBounded(t *testing.T) {
	t.Parallel()
	_, err := readTrace(&endless{}, 10<<20)
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("an endless trace gives %v", err)
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add([]byte("; MaxProcs: 8\n" + line("1", "100", "60", "4", "8", "90", "1", "7")))
	f.Add([]byte(line("2", "90.5", "0.25", "4", "-1", "-1", "1", "-1")))
	f.Fuzz(func(t *testing.T, in []byte) {
		trace, err := ReadTrace(bytes.NewReader(in))
		if err != nil || len(trace.Jobs) == 0 || len(trace.Jobs) > 1000 {
			return
		}
		s, err := trace.Scenario(4)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(s); err != nil {
			t.Fatal(err)
		}
	})
}
