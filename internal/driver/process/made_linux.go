package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/batch"
)

// What a [Maker] makes is the child of a child: a container runtime, which ends
// when the container runs. The runner then becomes the parent, as it asks the
// kernel to be that of all its orphans.

// strayTime is how long the end of a process that nobody knows yet is kept. It
// may be that of a container which was shorter than its runtime.
const strayTime = time.Minute

// stray is the end of an unknown process.
type stray struct {
	death
	seen time.Time
}

// adoptOrphans makes the runner the parent of its orphans.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	return nil
}

// run forks a child that is no attempt and waits for its end.
func (r *runner) run(fork func() (int, error)) (syscall.WaitStatus, error) {
	ended := make(chan syscall.WaitStatus, 1)
	r.birth.Lock()
	pid, err := fork()
	if err == nil {
		r.mu.Lock()
		r.helpers[pid] = ended
		r.mu.Unlock()
	}
	r.birth.Unlock()
	if err != nil {
		return 0, err
	}
	return <-ended, nil
}

// unclaimed takes the end of a process that is no attempt's, as far as is known.
func (r *runner) unclaimed(pid int, d death) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended := r.helpers[pid]; ended != nil {
		delete(r.helpers, pid)
		ended <- d.status
		return
	}
	if r.maker == nil {
		return
	}
	now := time.Now()
	if len(r.strays) >= r.strayLimit {
		for old, s := range r.strays {
			if now.Sub(s.seen) > strayTime {
				delete(r.strays, old)
			}
		}
		r.strayLimit = max(64, 2*len(r.strays))
	}
	r.strays[pid] = stray{d, now}
}

// make has the Maker make the attempt's process.
func (a *attempt) make(q *startRequest) (err error) {
	r := a.r
	if r.maker == nil {
		return errors.New("this runner starts plain processes only")
	}
	read, write, err := outputPipe()
	if err != nil {
		return err
	}
	defer func() {
		_ = syscall.Close(write)
		if err != nil {
			_ = read.Close()
		}
	}()
	rec := a.rec
	// On record before it exists, as in begin.
	rec.StartedAt, rec.After = batch.InstantOf(time.Now()), sinceBoot()
	if err = r.journal.put(rec); err != nil {
		return err
	}
	a.pen = r.pens.next()
	made, err := r.maker.Make(Making{Task: rec.Task, Description: q.Make, Output: write, Cgroup: a.pen.path, Run: r.run})
	if err != nil {
		a.pen.remove()
		_ = r.journal.put(record{Attempt: rec.Attempt, Removed: true}) // as in begin
		return err
	}
	rec.StartedAt = batch.InstantOf(time.Now())
	rec.Pid, rec.Before = made.Pid, sinceBoot()
	a.pipe, a.made = read, &made
	r.birth.Lock() // or it could be buried as somebody unknown meanwhile
	r.mu.Lock()
	a.rec, a.begun = rec, true
	early, dead := r.strays[made.Pid]
	if dead {
		delete(r.strays, made.Pid)
	} else {
		a.pid = made.Pid
		r.byPid[made.Pid] = a
		if r.closing {
			a.kill()
		}
	}
	r.mu.Unlock()
	r.birth.Unlock()
	if dead {
		r.lastWords(a, early.death)
	}
	if e := r.journal.put(rec); e != nil {
		r.log.Warn("cannot record a process", "op", "start", "attempt", rec.Attempt, "err", e)
	}
	return nil
}

// outputPipe returns the two ends of what an attempt prints to.
func outputPipe() (read *os.File, write int, err error) {
	var ends [2]int
	if err = syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, 0, fmt.Errorf("make pipe: %w", err)
	}
	if err = syscall.SetNonblock(ends[0], true); err != nil { // for the poller; ours is the only reading end
		_, _ = syscall.Close(ends[0]), syscall.Close(ends[1])
		return nil, 0, fmt.Errorf("make pipe: %w", err)
	}
	return os.NewFile(uintptr(ends[0]), "output"), ends[1], nil
}
