package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

var errGone = errors.New("the connection to the runner broke")

// link is one connection to the runner, with a mirror of what the runner
// knows. It ends with the connection.
type link struct {
	conn net.Conn
	out  *outbox
	in   frames
	gone chan struct{} // closed when it has ended
	both sync.WaitGroup

	mu       sync.Mutex // guards what follows, for moments
	attempts map[batch.UnitID]*mirror
	calls    map[uint64]chan message // who waits for an answer; each of one
	seq      uint64
}

// mirror is what was last told about an attempt.
type mirror struct {
	state
	changed chan struct{} // closed and replaced with every change; closed for good with its removal
}

// connect greets the runner behind conn and waits for all it has to tell.
func connect(ctx context.Context, conn net.Conn) (*link, error) {
	l := &link{
		conn: conn, out: newOutbox(), in: frames{r: bufio.NewReaderSize(conn, 32<<10)},
		gone:     make(chan struct{}),
		attempts: map[batch.UnitID]*mirror{},
		calls:    map[uint64]chan message{},
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l.out.put(frame(request{Op: "hello", Version: version}))
	l.both.Go(func() {
		_ = l.out.run(conn, l.gone)
		_ = conn.Close()
	})
	err := l.greeting()
	if err != nil {
		_ = conn.Close()
		close(l.gone)
		l.both.Wait()
		return nil, err
	}
	l.both.Go(func() {
		for {
			var m message
			if l.in.next(&m) != nil {
				break
			}
			l.take(m)
		}
		_ = conn.Close()
		close(l.gone)
	})
	return l, nil
}

func (l *link) greeting() error {
	for {
		var m message
		if err := l.in.next(&m); err != nil {
			return fmt.Errorf("greet runner: %w", err)
		}
		if m.Version != 0 && m.Version != version {
			return fmt.Errorf("the runner speaks version %d and not %d; it goes away when its attempts have ended", m.Version, version)
		}
		if m.Ready {
			return nil
		}
		l.take(m)
	}
}

func (l *link) close() {
	_ = l.conn.Close()
	l.both.Wait()
}

func (l *link) take(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.State != nil {
		l.reflect(*m.State)
	}
	if call := l.calls[m.Seq]; call != nil {
		delete(l.calls, m.Seq)
		call <- m
	}
}

func (l *link) reflect(s state) {
	id, ok := batch.ParseUnitID(s.Attempt)
	if !ok {
		return
	}
	m := l.attempts[id]
	if m != nil {
		close(m.changed)
	}
	if s.Removed {
		delete(l.attempts, id)
		return
	}
	l.attempts[id] = &mirror{state: s, changed: make(chan struct{})}
}

// look returns the mirror of an attempt, nil if there is none.
func (l *link) look(id batch.UnitID) *mirror {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts[id]
}

func (l *link) list() []batch.UnitID {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]batch.UnitID, 0, len(l.attempts))
	for id := range l.attempts {
		ids = append(ids, id)
	}
	return ids
}

// lateAnswer is how long an answer is awaited after nobody wants it any more.
const lateAnswer = 5 * time.Second

// call asks the runner and waits for its answer, which takes moments. So it does
// when ctx has ended meanwhile: the runner does what it was asked anyway, and an
// attempt that runs must not be taken for one that never started.
func (l *link) call(ctx context.Context, q request) error {
	answer := make(chan message, 1)
	l.mu.Lock()
	l.seq++
	q.Seq = l.seq
	l.calls[q.Seq] = answer
	l.mu.Unlock()
	f := frame(q)
	if len(f) > maxFrame {
		return errors.New("request is too large for the runner")
	}
	l.out.put(f)
	select {
	case m := <-answer:
		return m.err()
	case <-l.gone:
		return errGone
	case <-ctx.Done():
	}
	late := time.NewTimer(lateAnswer)
	defer late.Stop()
	select {
	case m := <-answer:
		return m.err()
	case <-l.gone:
	case <-late.C:
		l.mu.Lock()
		delete(l.calls, q.Seq)
		l.mu.Unlock()
	}
	return ctx.Err()
}

// err is the runner's answer as an error.
func (m message) err() error {
	switch {
	case m.Refusal != "":
		return &driver.StartError{Reason: m.Refusal}
	case m.Unknown:
		return driver.ErrUnknown
	case m.Fault != "":
		return fmt.Errorf("runner: %s", m.Fault)
	}
	return nil
}

// launcher starts runners.
type launcher struct {
	dir     string
	command []string
	log     *slog.Logger
	pid     int // of the runner that we started last; zero when it is reaped
}

const (
	launchTime  = 15 * time.Second // for a runner to answer
	launchTries = 3
)

// reach connects to the directory's runner, and starts one where there is
// none. Nothing tells when a runner listens, so that much is tried.
func (n *launcher) reach(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, launchTime)
	defer cancel()
	tries := 0
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		conn, err := dialRunner(n.dir)
		if err == nil {
			var l *link
			if l, err = connect(ctx, conn); err == nil {
				return l, nil
			}
		}
		// One that was there when we dialled may have been about to go.
		if n.reaped() {
			if tries++; tries > launchTries {
				return nil, fmt.Errorf("the runner does not stay, see %s: %w", filepath.Join(n.dir, "runner.log"), err)
			}
			if failed := n.launch(); failed != nil {
				return nil, fmt.Errorf("start runner: %w", failed)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("reach runner: %w (%w)", ctx.Err(), err)
		}
	}
}

// reaped says whether no runner of ours is there, and reaps a dead one.
func (n *launcher) reaped() bool {
	if n.pid == 0 {
		return true
	}
	pid, err := syscall.Wait4(n.pid, nil, syscall.WNOHANG, nil)
	if pid == n.pid || err != nil {
		n.pid = 0
	}
	return n.pid == 0
}

// launch starts a runner that outlives us.
func (n *launcher) launch() error {
	if len(n.command) == 0 {
		return errors.New("no command is set")
	}
	logFile, err := os.OpenFile(filepath.Join(n.dir, "runner.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }() // the runner has its own
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }() // as above
	p, err := os.StartProcess(n.command[0], n.command, &os.ProcAttr{
		Dir: n.dir,
		// What the server has in its environment is its own affair.
		Env:   []string{"PATH=" + systemPath, "LANG=C.UTF-8"},
		Files: []*os.File{null, logFile, logFile},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	n.pid = p.Pid
	n.log.Debug("started a runner", "op", "launch", "dir", n.dir, "pid", n.pid)
	return p.Release()
}
