package process

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// runner is the parent of all attempts of a directory.
//
// One mutex guards its tables, held for moments and never while a process is
// made or a file of output written. Ownership by one goroutine instead would
// send every exit, every line's growth and every answer through one channel.
type runner struct {
	dir    string
	log    *slog.Logger
	linger time.Duration

	journal *journal
	rooms   *rooms
	cgroups *cgroups // nil where the system permits none
	maker   Maker    // nil where all are plain processes
	pens    *pens    // for what it makes
	null    *os.File

	birth sync.Mutex // held while a process is made and entered in byPid

	mu       sync.Mutex // guards what follows, and what attempt says
	attempts map[string]*attempt
	byPid    map[int]*attempt // until reaped
	helpers  map[int]chan<- syscall.WaitStatus
	strays   map[int]stray

	strayLimit int // how many strays there may be before old ones are looked for
	clients    map[*client]struct{}
	running    int // attempts that have not ended
	idle       *time.Timer
	closing    bool

	all sync.WaitGroup // attempts and requests
}

// RunRunner holds the attempts of a directory until ctx is cancelled, which
// kills them, or nothing runs and nobody has been connected for a while. It
// returns nil at once when another runner holds the directory. It is the main
// function of a process of its own: it waits for any child.
func RunRunner(ctx context.Context, o RunnerOptions) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Linger == 0 {
		o.Linger = 10 * time.Second
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if err = os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "runner.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open lock: %w", err)
	}
	defer func() { _ = lock.Close() }() // nothing is written to it
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil
		}
		return fmt.Errorf("lock: %w", err)
	}
	syscall.Umask(0o022) // what attempts inherit does not depend on who started us
	if err = keepDescriptors(); err != nil {
		return err
	}
	r := &runner{
		dir: dir, log: o.Log, linger: o.Linger,
		attempts: map[string]*attempt{},
		byPid:    map[int]*attempt{},
		helpers:  map[int]chan<- syscall.WaitStatus{},
		strays:   map[int]stray{},
		clients:  map[*client]struct{}{},
	}
	if r.null, err = os.Open(os.DevNull); err != nil {
		return err
	}
	defer func() { _ = r.null.Close() }() // only read
	if o.NewMaker != nil {
		if err = adoptOrphans(); err == nil {
			r.maker, err = o.NewMaker()
		}
		if err != nil {
			return err
		}
	}
	if err := r.recover(); err != nil {
		return err
	}
	return r.serve(ctx)
}

// keepDescriptors keeps what we were born with from attempts.
func keepDescriptors() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list descriptors: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// serve accepts drivers until it is time to go, then ends what runs.
func (r *runner) serve(ctx context.Context) error {
	l, err := listenAsRunner(r.dir)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	leave := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer leave()
	r.mu.Lock()
	r.idle = time.AfterFunc(r.linger, func() { r.leaveIfIdle(l) })
	r.mu.Unlock()
	reaped := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(reaped)
		r.reap(stop)
	}()
	for {
		conn, e := l.Accept()
		if e != nil {
			if !errors.Is(e, net.ErrClosed) {
				err = fmt.Errorf("accept: %w", e)
			}
			break
		}
		r.all.Go(func() { r.serveClient(conn) })
	}
	r.mu.Lock()
	r.closing = true
	r.idle.Stop()
	for c := range r.clients {
		_ = c.conn.Close()
	}
	for _, a := range r.attempts {
		a.kill()
		a.drop()
	}
	r.mu.Unlock()
	r.all.Wait()
	close(stop)
	<-reaped
	r.cgroups.close()
	if r.maker != nil {
		r.pens.close()
		r.maker.Close()
	}
	return errors.Join(err, r.journal.close())
}

func (r *runner) leaveIfIdle(l net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.clients) == 0 && r.running == 0 {
		_ = l.Close()
	}
}

// watchIdle sets the timer when the last client or attempt has gone. Ended
// attempts do not keep a runner: the next one finds them in the journal.
func (r *runner) watchIdle() {
	if len(r.clients) == 0 && r.running == 0 {
		r.idle.Reset(r.linger)
	}
}

// reap buries the dead whenever a child has died, all of them in one place. As
// long as a dead leader is not buried its process group is surely the
// attempt's, so this is where the rest of the group is killed.
//
// A thread that blocks in waitid would be simpler and dearer: while one is in a
// system call, the runtime looks 50,000 times a second whether it still is.
func (r *runner) reap(stop <-chan struct{}) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		for pid, stopped := anyDead(); pid != 0; pid, stopped = anyDead() {
			if stopped { // just made, see forkLimited
				r.birth.Lock()
				r.birth.Unlock() //nolint:staticcheck // the wait is all that is wanted
				continue
			}
			r.bury(pid)
		}
		select {
		case <-died:
		case <-stop:
			return
		}
	}
}

// bury reaps a dead child and passes its status on.
func (r *runner) bury(pid int) {
	a := r.dead(pid)
	if a == nil { // it died before it was entered, and no attempt may be entered now
		r.birth.Lock()
		defer r.birth.Unlock()
		a = r.dead(pid)
	}
	status, used, err := wait(pid)
	if err != nil {
		r.log.Error("cannot reap a process", "op", "reap", "pid", pid, "err", err)
	}
	d := death{status: status, at: batch.InstantOf(time.Now()), used: used}
	if a == nil {
		r.unclaimed(pid, d)
		return
	}
	r.lastWords(a, d)
}

// lastWords tells an attempt how its first process ended.
func (r *runner) lastWords(a *attempt, d death) {
	_ = a.pipe.SetReadDeadline(time.Now().Add(drainTime)) // fails when it is at its end
	a.died <- d
}

// dead returns the attempt whose first process has died, and kills its group.
func (r *runner) dead(pid int) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.byPid[pid]
	if a != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		a.pid = 0
		delete(r.byPid, pid)
	}
	return a
}

// recover takes over what an earlier runner has left in the directory.
func (r *runner) recover() error {
	scope, err := scopeOf(r.dir)
	if err != nil {
		return fmt.Errorf("identify directory: %w", err)
	}
	j, before, err := openJournal(r.dir, scope)
	if err != nil {
		return err
	}
	r.journal = j
	orphans := map[string]bool{} // their marks
	var lost []record
	used := map[int]bool{}
	for _, rec := range j.live {
		used[rec.Work] = true
		if rec.Ended {
			continue
		}
		lost = append(lost, rec)
		if before == scope {
			orphans[mark(rec.Task, r.dir)] = true
			if rec.Pid > 0 && killOrphan(rec) {
				r.log.Warn("killed an attempt whose runner is gone", "attempt", rec.Attempt)
			}
		}
	}
	found := killMarked(orphans)
	sum := sha256.Sum256([]byte(r.dir))
	name := "barge-" + hex.EncodeToString(sum[:6])
	if r.maker == nil {
		r.cgroups = openCgroups(name, r.log)
	} else if r.pens, err = openPens(name, r.log); err == nil {
		err = r.maker.Sweep()
	}
	if err != nil {
		return err
	}
	for _, rec := range lost {
		rec.Ended, rec.StoppedAt = true, batch.InstantOf(time.Now())
		if rec.Pid == 0 && !found[mark(rec.Task, r.dir)] {
			rec.StartedAt = 0
		}
		if err = r.journal.put(rec); err != nil {
			return err
		}
	}
	if err = os.Mkdir(filepath.Join(r.dir, "output"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for key, rec := range j.live {
		r.attempts[key] = r.restore(rec)
	}
	if r.rooms, err = openRooms(filepath.Join(r.dir, "work"), used); err != nil {
		return fmt.Errorf("open working directories: %w", err)
	}
	return r.dropOutputs()
}

// dropOutputs removes output files that belong to no attempt.
func (r *runner) dropOutputs() error {
	known := map[string]bool{}
	for _, a := range r.attempts {
		known[a.rec.Task] = true
	}
	entries, err := os.ReadDir(filepath.Join(r.dir, "output"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.Remove(filepath.Join(r.dir, "output", e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// client is one connected driver.
type client struct {
	conn net.Conn
	out  *outbox
}

func (c *client) send(m message) { c.out.put(frame(m)) }

// serveClient reads requests until the driver goes away. Those that may block
// get a goroutine each; a driver waits for the answer before it asks for more
// about the same attempt.
func (r *runner) serveClient(conn net.Conn) {
	c := &client{conn: conn, out: newOutbox()}
	done := make(chan struct{})
	r.all.Go(func() {
		_ = c.out.run(conn, done)
		_ = conn.Close()
	})
	defer func() {
		_ = conn.Close()
		close(done)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.clients, c)
		for _, a := range r.attempts {
			delete(a.followers, c)
		}
		if !r.closing {
			r.watchIdle()
		}
	}()
	in := frames{r: bufio.NewReaderSize(conn, 32<<10)}
	for {
		var q request
		if in.next(&q) != nil {
			return
		}
		switch q.Op {
		case "hello":
			if !r.greet(c) {
				return
			}
		case "start":
			r.all.Go(func() { c.send(answer(q, r.start(q.Attempt, q.Start))) })
		case "stop":
			r.all.Go(func() { c.send(answer(q, r.stop(q.Attempt, time.Duration(q.GraceMs)*time.Millisecond))) })
		case "remove":
			r.all.Go(func() { c.send(answer(q, r.remove(q.Attempt))) })
		case "follow":
			r.follow(c, q.Attempt, q.Size)
		default:
			c.send(message{Seq: q.Seq, Fault: "the runner knows no " + q.Op})
		}
	}
}

func answer(q request, err error) message {
	m := message{Seq: q.Seq}
	var refused *driver.StartError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		m.Refusal = refused.Reason
	case errors.Is(err, driver.ErrUnknown):
		m.Unknown = true
	default:
		m.Fault = err.Error()
	}
	return m
}

// greet tells a driver all there is and everything that changes from then on.
func (r *runner) greet(c *client) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.clients[c] = struct{}{}
	c.send(message{Version: version})
	for _, a := range r.attempts {
		if a.begun {
			c.send(message{State: a.state()})
		}
	}
	c.send(message{Ready: true})
	return true
}

// tell sends an attempt's state to all drivers; r.mu is held.
func (r *runner) tell(s *state) {
	f := frame(message{State: s})
	for c := range r.clients {
		c.out.put(f)
	}
}
