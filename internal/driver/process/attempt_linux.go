package process

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// attempt is one that the runner holds.
type attempt struct {
	r *runner

	// Guarded by the runner's mutex.
	rec       record
	begun     bool             // its process was made; until then only start knows it
	pid       int              // while there is something to signal
	size      int64            // of the output file
	followers map[*client]bool // who wants to know when it grows
	killer    *time.Timer      // SIGKILL after a grace
	deadline  time.Time        // when that is

	// Set before it begins.
	pipe *os.File // its output, reading end
	lane *lane    // nil if it is not limited
	made *Made    // by the Maker; nil if it is a plain process
	pen  *pen     // of what was made

	tried    chan struct{} // closed when start has succeeded or failed
	startErr error         // how; read behind tried
	died     chan death    // of one
	over     chan struct{} // closed when it has ended
	dropped  chan struct{} // closed when nobody wants its output any more
	dropping sync.Once
	removal  sync.Once
}

// death is the end of an attempt's first process.
type death struct {
	status syscall.WaitStatus
	at     batch.Instant
	used   *batch.Usage
}

func (r *runner) newAttempt(rec record) *attempt {
	return &attempt{
		r: r, rec: rec,
		followers: map[*client]bool{},
		tried:     make(chan struct{}),
		died:      make(chan death, 1),
		over:      make(chan struct{}),
		dropped:   make(chan struct{}),
	}
}

// restore makes an attempt that ended under an earlier runner.
func (r *runner) restore(rec record) *attempt {
	a := r.newAttempt(rec)
	a.begun = true
	if st, err := os.Stat(a.outputPath()); err == nil {
		a.size = st.Size()
	}
	close(a.tried)
	close(a.over)
	return a
}

func (a *attempt) outputPath() string { return outputPath(a.r.dir, a.rec.Task) }

func outputPath(dir, task string) string { return filepath.Join(dir, "output", task) }

// state says what a driver may know; the runner's mutex is held.
func (a *attempt) state() *state {
	return &state{
		Attempt: a.rec.Attempt, Size: a.size, Ended: a.rec.Ended,
		Code: a.rec.Code, Reason: a.rec.Reason, StartedAt: a.rec.StartedAt, StoppedAt: a.rec.StoppedAt, Usage: a.rec.Usage,
	}
}

// start runs an attempt, unless it is known.
func (r *runner) start(key string, q *startRequest) error {
	id, ok := batch.ParseUnitID(key)
	if !ok || q == nil {
		return errors.New("start without an attempt")
	}
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		return errors.New("the runner is going away")
	}
	if a := r.attempts[key]; a != nil {
		r.mu.Unlock()
		<-a.tried
		return a.startErr
	}
	a := r.newAttempt(record{Attempt: key, Task: id.Name()})
	r.attempts[key] = a
	r.running++
	r.mu.Unlock()

	if q.Make != nil {
		a.startErr = a.make(q)
	} else {
		a.startErr = a.begin(q)
	}
	r.mu.Lock()
	if a.startErr != nil {
		delete(r.attempts, key)
		r.running--
		r.watchIdle()
	} else {
		r.tell(a.state())
		r.all.Go(a.collect)
	}
	r.mu.Unlock()
	close(a.tried)
	return a.startErr
}

// begin makes the process and everything around it.
func (a *attempt) begin(q *startRequest) (err error) {
	r := a.r
	if len(q.Command) == 0 {
		return cannotStart("no command specified, and a plain process has no image with one of its own")
	}
	user, err := lookupUser(q.User)
	if err != nil {
		return err
	}
	rec := a.rec
	if rec.Work, err = r.rooms.take(user); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.rooms.leave(rec.Work)
		}
	}()
	work := r.rooms.path(rec.Work)
	env := environment(mark(rec.Task, r.dir), work, q.Env)
	file, err := executable(q.Command[0], work, env)
	if err != nil {
		return err
	}
	if q.Cgroups && r.cgroups != nil && (q.MemoryMiB > 0 || q.MilliVCPU > 0 || q.Processes > 0) {
		if a.lane, err = r.cgroups.take(limits{q.MemoryMiB, q.MilliVCPU, q.Processes}); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil && a.lane != nil {
			a.lane.release()
		}
	}()
	// On record before it exists: no runner to come may take it for new.
	rec.StartedAt, rec.After = batch.InstantOf(time.Now()), sinceBoot()
	if err = r.journal.put(rec); err == nil {
		err = a.fork(file, work, q, env, user, &rec)
	}
	if err != nil {
		// Whether or not this can be written, the journal no longer counts it.
		_ = r.journal.put(record{Attempt: rec.Attempt, Removed: true})
		return err
	}
	if e := r.journal.put(rec); e != nil {
		r.log.Warn("cannot record a process", "op", "start", "attempt", rec.Attempt, "err", e)
	}
	return nil
}

// fork makes the process and enters it where it is found when it dies.
func (a *attempt) fork(file, work string, q *startRequest, env []string, user *identity, rec *record) error {
	r := a.r
	read, end, err := outputPipe()
	if err != nil {
		return err
	}
	a.pipe = read
	write := uintptr(end)
	attr := &syscall.ProcAttr{
		Dir: work, Env: env, Files: []uintptr{r.null.Fd(), write, write},
		Sys: &syscall.SysProcAttr{Setsid: true},
	}
	if user != nil {
		attr.Sys.Credential = user.credential()
	}
	r.birth.Lock()
	pid, err := forkLimited(q.Ulimits, attr, func() (int, error) { return a.lane.fork(file, q.Command, attr) })
	if err == nil {
		rec.Pid, rec.Before = pid, sinceBoot()
		r.mu.Lock()
		a.rec, a.pid, a.begun = *rec, pid, true
		r.byPid[pid] = a
		if r.closing {
			a.kill()
		}
		r.mu.Unlock()
	}
	r.birth.Unlock()
	_ = syscall.Close(end)
	if err != nil {
		_ = a.pipe.Close()
		return startFault(q.Command[0], err)
	}
	return nil
}

// find returns an attempt that has begun, waiting for one that is just being
// started; nil if there is none.
func (r *runner) find(key string) *attempt {
	r.mu.Lock()
	a := r.attempts[key]
	r.mu.Unlock()
	if a != nil {
		if <-a.tried; a.startErr == nil {
			return a
		}
	}
	return nil
}

// stop sends SIGTERM, and SIGKILL after grace. The earliest grace counts.
func (r *runner) stop(key string, grace time.Duration) error {
	a := r.find(key)
	if a == nil {
		return driver.ErrUnknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.pid == 0 {
		return nil
	}
	if grace <= 0 {
		a.kill()
		return nil
	}
	if a.made != nil {
		_ = syscall.Kill(a.pid, a.made.StopSignal) // what becomes of the others is its affair
	} else {
		_ = syscall.Kill(-a.pid, syscall.SIGTERM) // it is not reaped, so it is there
	}
	deadline := time.Now().Add(grace)
	switch {
	case a.killer == nil:
		a.deadline = deadline
		a.killer = time.AfterFunc(grace, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			a.kill()
		})
	case deadline.Before(a.deadline):
		a.deadline = deadline
		a.killer.Reset(grace)
	}
	return nil
}

// kill ends all processes of the attempt; the runner's mutex is held.
func (a *attempt) kill() {
	if a.pid == 0 {
		return
	}
	_ = syscall.Kill(-a.pid, syscall.SIGKILL) // it is not reaped, so it is there
	if a.lane != nil {
		a.lane.kill()
	}
	if a.made != nil {
		a.pen.kill()
	}
}

func (a *attempt) drop() { a.dropping.Do(func() { close(a.dropped) }) }

// remove forgets an attempt with all it has, and kills it first.
func (r *runner) remove(key string) error {
	a := r.find(key)
	if a == nil {
		return nil
	}
	r.mu.Lock()
	a.kill()
	r.mu.Unlock()
	a.drop()
	<-a.over
	var err error
	a.removal.Do(func() {
		// Off the record first: files without a record are removed at the next start.
		err = r.journal.put(record{Attempt: key, Removed: true})
		if a.size > 0 {
			err = errors.Join(err, os.Remove(a.outputPath()))
		}
		if a.rec.Work > 0 { // a container has none
			r.rooms.leave(a.rec.Work)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.attempts, key)
		r.tell(&state{Attempt: key, Removed: true})
	})
	return err
}

// follow sends the attempt's state as soon as there is more output than size.
func (r *runner) follow(c *client, key string, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.attempts[key]
	switch {
	case a == nil: // its removal was told
	case a.size > size || a.rec.Ended:
		c.send(message{State: a.state()})
	default:
		a.followers[c] = true
	}
}
