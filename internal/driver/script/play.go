package script

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// program is a command, understood.
type program struct {
	pull      time.Duration
	faults    int
	refusal   string
	loseReply bool
	steps     []step
}

// step is one thing that a playing attempt does: sleep, print, ignore SIGTERM,
// end; `hang` is a sleep without end.
type step struct {
	verb  string
	text  string        // of print; the reason of exit and vanish
	code  int32         // of exit
	sleep time.Duration // of sleep
}

// parse reads a command; what it cannot read is a StartError.
func parse(command []string) (program, error) {
	var p program
	for _, text := range command {
		verb, arg, _ := strings.Cut(text, " ")
		var err error
		switch verb {
		case "pull":
			p.pull, err = time.ParseDuration(arg)
		case "fault":
			p.faults, err = strconv.Atoi(arg)
		case "fail-to-start":
			p.refusal = arg
		case "lose-reply":
			p.loseReply = true
		case "print", "vanish":
			p.steps = append(p.steps, step{verb: verb, text: arg})
		case "ignore-term", "hang":
			p.steps = append(p.steps, step{verb: verb})
		case "sleep":
			s := step{verb: verb}
			s.sleep, err = time.ParseDuration(arg)
			p.steps = append(p.steps, s)
		case "exit":
			number, reason, _ := strings.Cut(arg, " ")
			var code int64
			code, err = strconv.ParseInt(number, 10, 32)
			p.steps = append(p.steps, step{verb: verb, code: int32(code), text: reason})
		default:
			return p, &driver.StartError{Reason: "CannotStartContainerError: no step is called " + strconv.Quote(verb)}
		}
		if err != nil {
			return p, &driver.StartError{Reason: "CannotStartContainerError: step " + strconv.Quote(text) + ": " + err.Error()}
		}
	}
	return p, nil
}

// attempt is one that has begun.
type attempt struct {
	term, killed     chan struct{} // closed by stop and kill
	ended            chan struct{} // closed behind exit
	exit             driver.Exit
	onTerm, onKilled sync.Once

	mu    sync.Mutex // guards what follows, for moments
	lines []driver.Line
	more  chan struct{} // closed and replaced at every line; nil after the end
}

func newAttempt() *attempt {
	return &attempt{
		term:   make(chan struct{}),
		killed: make(chan struct{}),
		ended:  make(chan struct{}),
		more:   make(chan struct{}),
		exit:   driver.Exit{StartedAt: batch.InstantOf(time.Now())},
	}
}

func (a *attempt) kill() { a.onKilled.Do(func() { close(a.killed) }) }

// stop sends SIGTERM, and SIGKILL after grace.
func (a *attempt) stop(grace time.Duration) {
	if grace <= 0 {
		a.kill()
		return
	}
	a.onTerm.Do(func() { close(a.term) })
	time.AfterFunc(grace, a.kill)
}

// play goes through the steps to the end of the attempt.
func (a *attempt) play(steps []step) {
	code, reason := a.run(steps)
	a.exit.Code, a.exit.Reason = code, reason
	a.exit.StoppedAt = batch.InstantOf(time.Now())
	a.mu.Lock()
	close(a.more)
	a.more = nil
	a.mu.Unlock()
	close(a.ended)
}

func (a *attempt) run(steps []step) (code *int32, reason string) {
	term := a.term
	exit := func(code int32) *int32 { return &code }
	for _, s := range steps {
		var pause <-chan time.Time
		switch s.verb {
		case "ignore-term":
			term = nil
			continue
		case "print":
			a.print(s.text)
			continue
		case "exit":
			return exit(s.code), s.text
		case "vanish":
			return nil, s.text
		case "sleep":
			timer := time.NewTimer(s.sleep)
			defer timer.Stop()
			pause = timer.C
		}
		select {
		case <-a.killed:
			return exit(137), ""
		case <-term:
			return exit(143), ""
		case <-pause:
		}
	}
	return exit(0), ""
}

func (a *attempt) print(text string) {
	line := driver.Line{At: batch.InstantOf(time.Now()), Text: []byte(text)}
	a.mu.Lock()
	defer a.mu.Unlock()
	line.Cursor = int64(len(a.lines)) + 1
	a.lines = append(a.lines, line)
	close(a.more)
	a.more = make(chan struct{})
}

// linesAfter returns the lines after cursor and what is closed when there are
// more; nil after the end.
func (a *attempt) linesAfter(cursor int64) ([]driver.Line, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cursor = max(0, min(cursor, int64(len(a.lines))))
	return a.lines[cursor:], a.more
}
