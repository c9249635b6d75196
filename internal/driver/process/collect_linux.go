package process

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

const (
	// drainTime is how long the output may go on after the first process has
	// died and its group was killed; then somebody has left the group.
	drainTime = 200 * time.Millisecond
	// giveUpTime is how long it may go on after those were killed as well.
	giveUpTime = 5 * time.Second
	// pipeRest is the most that is read after that: more than a pipe holds.
	pipeRest = 1 << 20

	oomReason = "OutOfMemoryError: Container killed due to memory usage"
)

// blocks are the buffers for reading. An attempt that is silent holds none.
//
//nolint:gochecknoglobals // it caches memory, not state
var blocks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// collect reads the output to its end and then settles the attempt. It is the
// attempt's one goroutine.
func (a *attempt) collect() {
	w := writer{a: a}
	w.readAll()
	_ = a.pipe.Close()
	w.close()

	d := <-a.died
	code := exitCode(d.status)
	reason, used := "", d.used
	if a.lane != nil {
		if a.lane.outOfMemory() && code != 0 {
			reason = oomReason
		}
		used = orElse(a.lane.meter.end(), used)
		a.lane.release()
	}
	if a.made != nil {
		a.pen.kill() // of containers that share the machine's process ids
		outOfMemory, all := a.pen.end()
		if outOfMemory && code != 0 {
			reason = oomReason
		}
		used = orElse(all, nil)
		a.pen.remove()
		a.made.Done()
	}
	r := a.r
	r.mu.Lock()
	rec := a.rec
	r.mu.Unlock()
	rec.Ended, rec.Code, rec.Reason, rec.StoppedAt, rec.Usage = true, &code, reason, d.at, used
	if err := r.journal.put(rec); err != nil {
		r.log.Warn("cannot record an exit yet", "op", "collect", "attempt", rec.Attempt, "err", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a.rec = rec
	if a.killer != nil {
		a.killer.Stop()
	}
	clear(a.followers)
	r.tell(a.state())
	r.running--
	if !r.closing {
		r.watchIdle()
	}
	close(a.over)
}

// writer turns what an attempt prints into its output file.
type writer struct {
	a       *attempt
	split   splitter
	file    *os.File
	size    int64
	records []byte
}

// readAll reads until the output ends, or until it is clear that it never
// will.
func (w *writer) readAll() {
	var err error
	for round := 0; round < 2; round++ {
		for err = nil; err == nil; {
			_, err = w.read(true)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if round == 0 {
			w.killEscaped()
			_ = w.a.pipe.SetReadDeadline(time.Now().Add(giveUpTime))
			continue
		}
		w.a.r.log.Warn("output goes on after the end, and the rest is dropped", "op", "collect", "attempt", w.a.rec.Attempt)
		_ = w.a.pipe.SetReadDeadline(time.Time{})
		for rest, n := pipeRest, 0; rest > 0; rest -= n {
			if n, err = w.read(false); n == 0 || err != nil {
				break
			}
		}
	}
	w.records = w.split.end(w.records, batch.InstantOf(time.Now()))
	w.flush()
}

// killEscaped kills those who have left the process group.
func (w *writer) killEscaped() {
	if w.a.lane != nil {
		w.a.lane.kill()
	}
	if w.a.made != nil {
		w.a.pen.kill()
		return
	}
	killMarked(map[string]bool{mark(w.a.rec.Task, w.a.r.dir): true})
}

var errEnd = errors.New("end of output")

// read takes one block, or nothing where there is none and wait is false.
func (w *writer) read(wait bool) (n int, err error) {
	raw, err := w.a.pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	var (
		block *[32 << 10]byte
		errno error
	)
	err = raw.Read(func(fd uintptr) bool {
		block = blocks.Get().(*[32 << 10]byte)
		for {
			n, errno = syscall.Read(int(fd), block[:])
			if errno != syscall.EINTR {
				break
			}
		}
		if errno == syscall.EAGAIN {
			n, errno = 0, nil
			blocks.Put(block)
			block = nil
			return !wait
		}
		return true
	})
	if block == nil {
		return 0, err
	}
	defer blocks.Put(block)
	if err == nil {
		err = errno
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errEnd
	}
	w.records = w.split.feed(w.records, batch.InstantOf(time.Now()), block[:n])
	w.flush()
	return n, nil
}

// flush writes the records out. While it cannot, as when the disk is full, it
// tries again and reads nothing, so that the attempt comes to wait on its pipe.
func (w *writer) flush() {
	rest := w.records
	for pause := 50 * time.Millisecond; len(rest) > 0; pause = min(2*pause, time.Second) {
		n, err := w.write(rest)
		rest, w.size = rest[n:], w.size+int64(n)
		if err == nil {
			break
		}
		if pause == 50*time.Millisecond {
			w.a.r.log.Error("cannot write output, and the attempt waits", "op", "collect", "attempt", w.a.rec.Attempt, "err", err)
		}
		select {
		case <-time.After(pause):
		case <-w.a.dropped:
			rest = nil
		}
	}
	if w.records = w.records[:0]; cap(w.records) > 64<<10 {
		w.records = nil
	}
	w.a.grown(w.size)
}

func (w *writer) write(b []byte) (n int, err error) {
	if w.file == nil {
		w.file, err = os.OpenFile(w.a.outputPath(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, fmt.Errorf("make output file: %w", err)
		}
	}
	return w.file.WriteAt(b, w.size)
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Close() // nothing is buffered
	}
}

// grown publishes the size of the output.
func (a *attempt) grown(size int64) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if size == a.size {
		return
	}
	a.size = size
	if len(a.followers) > 0 {
		f := frame(message{State: a.state()})
		for c := range a.followers {
			c.out.put(f)
		}
		clear(a.followers)
	}
}
