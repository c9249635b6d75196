package docker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// recordSize is where Docker's log copier cuts a line; every piece but the last
// has this size in bytes.
const recordSize = 16 << 10

// logReader turns the engine's log stream into lines.
//
// The stream is a sequence of frames: one byte for the stream, three zeros, a
// big-endian length, and that many bytes, which are a time, a space and one
// record. A record is a line with its end, or a piece of a line without one.
// Pieces of standard output and of standard error may alternate, so each has
// its own half-finished line. Lines are numbered as they are completed, which
// gives the same numbers each time the same log is read.
type logReader struct {
	in   *bufio.Reader
	emit func(driver.Line) error
	// cursor is the last line handed over. Lines up to it are left out.
	cursor *int64
	n      int64 // lines completed in this reading
	// bareEnds: the last piece of a long line has no line end either (Docker's
	// `local` log before version 23) and is known by being short.
	bareEnds bool
	streams  [2]halfLine
}

// halfLine is the beginning of a line, at most driver.MaxLine bytes.
type halfLine struct {
	open bool
	at   batch.Instant
	text []byte
}

// emitError marks what the caller's emit returned.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }

func newLogReader(in io.Reader, cursor *int64, emit func(driver.Line) error) *logReader {
	return &logReader{in: bufio.NewReaderSize(in, 2*recordSize), emit: emit, cursor: cursor}
}

// read reads to the end of the stream. Half-finished lines stay.
func (r *logReader) read() error {
	for {
		header, err := r.in.Peek(8)
		if errors.Is(err, io.EOF) && len(header) == 0 {
			return nil
		}
		if err != nil {
			return inside(err)
		}
		stream, size := stdcopy.StdType(header[0]), int(binary.BigEndian.Uint32(header[4:]))
		_, _ = r.in.Discard(8) // cannot fail after Peek
		switch stream {
		case stdcopy.Stdout:
			err = r.record(&r.streams[0], size)
		case stdcopy.Stderr:
			err = r.record(&r.streams[1], size)
		case stdcopy.Systemerr:
			text, _ := r.in.Peek(min(size, 1<<10))
			err = fmt.Errorf("the engine says %q", bytes.TrimSpace(text))
		default:
			err = fmt.Errorf("unknown stream %d", stream)
		}
		if err != nil {
			return err
		}
	}
}

// record reads the content of one frame.
func (r *logReader) record(half *halfLine, size int) error {
	const longestTime = 64
	head, err := r.in.Peek(min(size, longestTime))
	if err != nil {
		return inside(err)
	}
	space := bytes.IndexByte(head, ' ')
	if space < 0 {
		return errors.New("a record without a time")
	}
	t, err := time.Parse(time.RFC3339Nano, string(head[:space]))
	if err != nil {
		return err
	}
	_, _ = r.in.Discard(space + 1)
	size -= space + 1
	short := size < recordSize
	for size > 0 {
		chunk, err := r.in.Peek(min(size, r.in.Size()))
		if err != nil {
			return inside(err)
		}
		if err := r.add(half, batch.InstantOf(t), chunk); err != nil {
			return err
		}
		_, _ = r.in.Discard(len(chunk))
		size -= len(chunk)
	}
	if r.bareEnds && short && half.open {
		return r.end(half, nil)
	}
	return nil
}

// add appends bytes to a half-finished line and hands over what that completes.
func (r *logReader) add(half *halfLine, at batch.Instant, chunk []byte) error {
	for len(chunk) > 0 {
		if !half.open {
			half.open, half.at = true, at
		}
		text, rest, ended := bytes.Cut(chunk, []byte{'\n'})
		for len(half.text)+len(text) > driver.MaxLine {
			n := driver.MaxLine - len(half.text)
			half.text = append(half.text, text[:n]...)
			text = text[n:]
			if err := r.line(half.at, half.text); err != nil {
				return err
			}
			half.text = half.text[:0]
		}
		if !ended {
			half.text = append(half.text, text...)
			return nil
		}
		if err := r.end(half, text); err != nil {
			return err
		}
		chunk = rest
	}
	return nil
}

// end completes a line with its last bytes.
func (r *logReader) end(half *halfLine, last []byte) error {
	text := last // most lines come in one record and need no copy
	if len(half.text) > 0 {
		half.text = append(half.text, last...)
		text = half.text
	}
	at := half.at
	half.open, half.text = false, half.text[:0]
	return r.line(at, text)
}

// flush hands over last lines without an end. It is for a log that is complete.
func (r *logReader) flush() error {
	for i := range r.streams {
		if half := &r.streams[i]; half.open {
			if err := r.end(half, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *logReader) line(at batch.Instant, text []byte) error {
	r.n++
	if r.n <= *r.cursor {
		return nil
	}
	if err := r.emit(driver.Line{At: at, Text: text, Cursor: r.n}); err != nil {
		return &emitError{err}
	}
	*r.cursor = r.n
	return nil
}

// inside is the error of a stream that ends within a frame.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
