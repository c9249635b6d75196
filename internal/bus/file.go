package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// File returns a sink that appends a line for each event to a file, which is
// made if need be, readable by its owner only. The file may be moved away at any
// time; the next events begin a new one.
//
// A line is whole or not there: what a crash or a full disk has left of one is
// cut off before the next is written.
func File(path string) (Sink, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Sink{}, err
	}
	s := Sink{Name: "file " + path, Deliver: func(_ context.Context, events [][]byte) (int, error) {
		if err := appendLines(path, events); err != nil {
			return 0, err
		}
		return len(events), nil
	}}
	return s, appendLines(path, nil) // to say at once what is wrong
}

func appendLines(path string, lines [][]byte) (err error) {
	// Without blocking, so that a pipe with no reader is no trap.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	end, err := wholeLines(f, info.Size())
	if err != nil {
		return err
	}
	if end < info.Size() {
		if err = f.Truncate(end); err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		return nil
	}
	text := append(bytes.Join(lines, []byte{'\n'}), '\n')
	if _, err = f.WriteAt(text, end); err != nil {
		return err
	}
	if err = f.Sync(); err != nil || end > 0 {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// wholeLines returns where the last line of a file of that size ends.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 4096)
	for end := size; end > 0; {
		start := max(0, end-int64(len(buf)))
		n, err := f.ReadAt(buf[:end-start], start)
		if err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}
