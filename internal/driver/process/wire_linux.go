package process

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// Driver and runner may come from different releases: the runner of the old
// one goes on while its attempts do. So messages only ever gain members; what
// cannot be done that way raises the version.
const version = 1

// Frames are a length of four bytes and JSON.
const (
	maxFrame  = 8 << 20
	maxOutbox = 64 << 20 // a peer that reads so little is dropped
)

// request goes from the driver to the runner.
type request struct {
	Seq     uint64        `json:"seq,omitempty"` // comes back in the answer
	Op      string        `json:"op"`            // hello, start, stop, remove, follow
	Version int           `json:"version,omitempty"`
	Attempt string        `json:"attempt,omitempty"`
	Start   *startRequest `json:"start,omitempty"`
	GraceMs int64         `json:"graceMs,omitempty"`
	Size    int64         `json:"size,omitempty"` // follow: tell when there is more output than that
}

// startRequest is what the runner needs of a Spec.
type startRequest struct {
	Make      json.RawMessage `json:"make,omitempty"` // for the Maker, and nothing else is set
	Command   []string        `json:"command,omitempty"`
	Env       []driver.Var    `json:"env,omitempty"`
	User      string          `json:"user,omitempty"`
	Ulimits   []driver.Ulimit `json:"ulimits,omitempty"`
	MilliVCPU int64           `json:"milliVCPU,omitempty"`
	MemoryMiB int64           `json:"memoryMiB,omitempty"`
	Processes int64           `json:"processes,omitempty"`
	Cgroups   bool            `json:"cgroups,omitempty"`
}

// message goes from the runner to the driver: an answer, a state, or both
// parts of the greeting (version first, ready behind the last state).
type message struct {
	Seq     uint64 `json:"seq,omitempty"`
	Refusal string `json:"refusal,omitempty"` // the reason of a StartError
	Fault   string `json:"fault,omitempty"`
	Unknown bool   `json:"unknown,omitempty"`

	State *state `json:"state,omitempty"`

	Version int  `json:"version,omitempty"`
	Ready   bool `json:"ready,omitempty"`
}

// state is all that is known about an attempt.
type state struct {
	Attempt   string        `json:"attempt"`
	Size      int64         `json:"size,omitempty"` // of the output file, in bytes
	Removed   bool          `json:"removed,omitempty"`
	Ended     bool          `json:"ended,omitempty"`
	Code      *int32        `json:"code,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	StartedAt batch.Instant `json:"startedAt,omitempty"`
	StoppedAt batch.Instant `json:"stoppedAt,omitempty"`
	Usage     *batch.Usage  `json:"usage,omitempty"`
}

// frame encodes v. Our own types always marshal.
func frame(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
}

// frames reads one peer's frames.
type frames struct {
	r   *bufio.Reader
	buf []byte
}

func (f *frames) next(v any) error {
	var head [4]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > maxFrame {
		return fmt.Errorf("frame of %d bytes", n)
	}
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	if _, err := io.ReadFull(f.r, f.buf[:n]); err != nil {
		return err
	}
	return json.Unmarshal(f.buf[:n], v)
}

// outbox queues frames for one peer, so that nobody who has something to say
// waits for it, and several frames leave in one write.
type outbox struct {
	mu     sync.Mutex // guards queue, for moments
	queue  []byte
	signal chan struct{} // of one
}

func newOutbox() *outbox { return &outbox{signal: make(chan struct{}, 1)} }

func (o *outbox) put(frame []byte) {
	o.mu.Lock()
	o.queue = append(o.queue, frame...)
	o.mu.Unlock()
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

// run writes until it fails or done is closed.
func (o *outbox) run(w io.Writer, done <-chan struct{}) error {
	var spare []byte
	for {
		select {
		case <-o.signal:
		case <-done:
			return nil
		}
		o.mu.Lock()
		full := o.queue
		o.queue = spare[:0]
		o.mu.Unlock()
		if len(full) > maxOutbox {
			return errors.New("peer does not read")
		}
		if _, err := w.Write(full); err != nil {
			return err
		}
		if spare = full; cap(spare) > 64<<10 {
			spare = nil
		}
	}
}

// throughSocket calls f with the address of dir's socket. Addresses have room
// for 107 bytes, so a long path goes through a descriptor of the directory.
func throughSocket(dir string, f func(address string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // only read
	return f(filepath.Join("/proc/self/fd", strconv.Itoa(int(d.Fd())), "runner.sock"))
}

func dialRunner(dir string) (conn net.Conn, err error) {
	err = throughSocket(dir, func(address string) error {
		conn, err = net.Dial("unix", address)
		return err
	})
	return conn, err
}

// listenAsRunner replaces the socket of an earlier runner; the lock is held.
func listenAsRunner(dir string) (l *net.UnixListener, err error) {
	err = throughSocket(dir, func(address string) error {
		if err = os.Remove(address); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false) // the descriptor in the address is closed by then
		return os.Chmod(address, 0o600)
	})
	return l, err
}
