package process

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// An output file is a sequence of records: the length of the text in four
// bytes, the moment in eight, the text. A cursor is the offset behind a record.
const recordHead = 12

func appendRecord(b []byte, at batch.Instant, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// splitter makes records of a stream. It holds at most one line of MaxLine.
type splitter struct{ partial []byte }

// feed appends the records that chunk completes to b.
func (s *splitter) feed(b []byte, at batch.Instant, chunk []byte) []byte {
	for len(chunk) > 0 {
		text, rest, complete := bytes.Cut(chunk, []byte{'\n'})
		chunk = rest
		for len(s.partial)+len(text) > driver.MaxLine {
			n := driver.MaxLine - len(s.partial)
			b = appendRecord(b, at, s.partial, text[:n])
			s.partial, text = s.partial[:0], text[n:]
		}
		if !complete {
			s.partial = append(s.partial, text...)
			break
		}
		b = appendRecord(b, at, s.partial, text)
		s.partial = s.partial[:0]
	}
	if len(s.partial) == 0 {
		s.partial = nil // most attempts wait long between lines
	}
	return b
}

// end appends the last line if it lacks its newline.
func (s *splitter) end(b []byte, at batch.Instant) []byte {
	if len(s.partial) > 0 {
		b = appendRecord(b, at, s.partial)
		s.partial = nil
	}
	return b
}

// readRecords calls emit for the records of f from offset to size and returns
// the offset behind the last one. A record that a killed runner left torn is
// not there.
func readRecords(f *os.File, offset, size int64, emit func(driver.Line) error) (int64, error) {
	buffer := int(min(64<<10, size-offset))
	r := bufio.NewReaderSize(io.NewSectionReader(f, offset, size-offset), buffer)
	var long []byte
	for offset < size {
		head, err := r.Peek(recordHead)
		if err != nil {
			return size, ignoreEOF(err)
		}
		n := int(binary.BigEndian.Uint32(head))
		at := batch.Instant(binary.BigEndian.Uint64(head[4:]))
		if n > driver.MaxLine {
			return offset, fmt.Errorf("output file holds no line at offset %d", offset)
		}
		var text []byte
		if recordHead+n <= r.Size() {
			if text, err = r.Peek(recordHead + n); err != nil {
				return size, ignoreEOF(err)
			}
			text = text[recordHead:]
		} else {
			if cap(long) < recordHead+n {
				long = make([]byte, recordHead+n)
			}
			text = long[:recordHead+n]
			if _, err = io.ReadFull(r, text); err != nil {
				return size, ignoreEOF(err)
			}
			text = text[recordHead:]
		}
		offset += int64(recordHead + n)
		if err := emit(driver.Line{At: at, Text: text, Cursor: offset}); err != nil {
			return offset, err
		}
		if recordHead+n <= r.Size() {
			_, _ = r.Discard(recordHead + n) // it was peeked
		}
	}
	return offset, nil
}

func ignoreEOF(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // io returns these two bare
		return nil
	}
	return err
}
