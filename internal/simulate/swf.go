package simulate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a trace. The largest ones of the archive have a few million jobs.
const (
	maxTraceJobs  = 5_000_000
	maxTraceBytes = 1 << 30 // decompressed
	maxTraceLine  = 64 << 10
	maxHeader     = 10_000 // lines
	maxSeconds    = 1 << 31
	maxProcessors = 1 << 24
)

// Trace is a workload in the Standard Workload Format.
//
// https://www.cs.huji.ac.il/labs/parallel/workload/swf.html
type Trace struct {
	Jobs    []TraceJob // by time of submission
	Header  map[string]string
	Skipped Skipped
}

// TraceJob is a job of a trace that can be run.
type TraceJob struct {
	Number     int64
	Submit     int64 // milliseconds
	Runtime    int64 // milliseconds
	Processors int64 // requested, or allocated where that is not known
	Requested  int64 // seconds that the user asked for; zero if unknown
	User       string
}

// Skipped counts jobs that cannot be simulated, by the reason.
type Skipped struct {
	UnknownRuntime    int `json:"unknownRuntime"`
	UnknownProcessors int `json:"unknownProcessors"`
	UnknownSubmit     int `json:"unknownSubmit"`
	// PartialRecords are lines for parts of a job that has a line as a whole
	// (status 2, 3 and 4).
	PartialRecords int `json:"partialRecords"`
	// TooLarge need more than the machine has.
	TooLarge int `json:"tooLarge"`
}

// Sum is how many jobs were skipped.
func (s Skipped) Sum() int {
	return s.UnknownRuntime + s.UnknownProcessors + s.UnknownSubmit + s.PartialRecords + s.TooLarge
}

func (s *Skipped) add(o Skipped) {
	s.UnknownRuntime += o.UnknownRuntime
	s.UnknownProcessors += o.UnknownProcessors
	s.UnknownSubmit += o.UnknownSubmit
	s.PartialRecords += o.PartialRecords
	s.TooLarge += o.TooLarge
}

// The fields of a line that count here, from zero.
const (
	fieldNumber    = 0
	fieldSubmit    = 1
	fieldRuntime   = 3
	fieldAllocated = 4
	fieldProcs     = 7
	fieldTime      = 8
	fieldStatus    = 10
	fieldUser      = 11
	fields         = 18
)

// fieldNames are for errors.
var fieldNames = [fields]string{ //nolint:gochecknoglobals // a constant
	fieldNumber: "job number", fieldSubmit: "submit time", fieldRuntime: "run time", fieldAllocated: "allocated processors",
	fieldProcs: "requested processors", fieldTime: "requested time", fieldStatus: "status", fieldUser: "user",
}

// OpenTrace reads a trace from a file.
func OpenTrace(path string) (*Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // what was read has been read
	t, err := ReadTrace(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ReadTrace reads a trace, compressed by gzip or not. Errors begin with the number
// of the line.
func ReadTrace(r io.Reader) (*Trace, error) { return readTrace(r, maxTraceBytes) }

func readTrace(r io.Reader, most int64) (*Trace, error) {
	b := bufio.NewReader(r)
	var in io.Reader = b
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		in = z
	}
	limited := &io.LimitedReader{R: in, N: most + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4096), maxTraceLine)
	t := &Trace{Header: make(map[string]string)}
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		var err error
		switch {
		case line == "":
		case line[0] == ';':
			err = t.comment(line)
		default:
			err = t.job(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, maxTraceLine)
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	case limited.N <= 0:
		return nil, fmt.Errorf("line %d: the trace is larger than %d bytes", n, most)
	}
	slices.SortStableFunc(t.Jobs, func(a, b TraceJob) int { return int(a.Submit - b.Submit) })
	return t, nil
}

// comment keeps the first value of each label of the header.
func (t *Trace) comment(line string) error {
	label, value, ok := strings.Cut(strings.TrimLeft(line, "; \t"), ":")
	if !ok || strings.ContainsAny(label, " \t") {
		return nil
	}
	if _, known := t.Header[label]; known {
		return nil
	}
	if len(t.Header) >= maxHeader {
		return fmt.Errorf("the header has more than %d labels", maxHeader)
	}
	t.Header[label] = strings.TrimSpace(value)
	return nil
}

func (t *Trace) job(line string) error {
	f := strings.Fields(line)
	if len(f) != fields {
		return fmt.Errorf("%d fields, and the Standard Workload Format has %d", len(f), fields)
	}
	var err error
	number := func(field int, least, most float64) float64 {
		n, parse := strconv.ParseFloat(f[field], 64)
		switch {
		case err != nil:
		case parse != nil || math.IsNaN(n):
			err = fmt.Errorf("field %d (%s): %.40q is no number", field+1, fieldNames[field], f[field])
		case n < least || n > most:
			err = fmt.Errorf("field %d (%s): %s is not between %.0f and %.0f", field+1, fieldNames[field], f[field], least, most)
		}
		return n
	}
	submit, runtime := number(fieldSubmit, -1, maxSeconds), number(fieldRuntime, -1, maxSeconds)
	allocated, procs := number(fieldAllocated, -1, maxProcessors), number(fieldProcs, -1, maxProcessors)
	requested := number(fieldTime, -1, maxSeconds-1)
	id, user, status := number(fieldNumber, -1, 1<<53), number(fieldUser, -1, 1<<53), number(fieldStatus, -1, 5)
	if err != nil {
		return err
	}
	if procs <= 0 {
		procs = allocated
	}
	switch {
	case status >= 2 && status <= 4:
		t.Skipped.PartialRecords++
	case submit < 0:
		t.Skipped.UnknownSubmit++
	case runtime < 0:
		t.Skipped.UnknownRuntime++
	case procs <= 0:
		t.Skipped.UnknownProcessors++
	case len(t.Jobs) >= maxTraceJobs:
		return fmt.Errorf("more than %d jobs", maxTraceJobs)
	default:
		j := TraceJob{
			Number: int64(id), Submit: int64(submit * 1000), Runtime: int64(runtime * 1000),
			Processors: int64(math.Ceil(procs)), Requested: int64(max(0, math.Ceil(requested))), User: "unknown",
		}
		if user >= 0 {
			j.User = "u" + strconv.FormatInt(int64(user), 10)
		}
		t.Jobs = append(t.Jobs, j)
	}
	return nil
}
