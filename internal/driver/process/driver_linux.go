package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

var _ driver.Driver = (*Driver)(nil)

var errClosed = errors.New("process driver is closed")

// Driver is the server's half: the current link to the runner, made anew when
// it breaks.
type Driver struct {
	dir     string
	cgroups bool
	closed  context.Context
	close   context.CancelCauseFunc
	turn    chan struct{} // of one: who holds the token may touch what follows
	launch  launcher
	now     *link
}

// Open connects to the runner of o.Dir, and starts it where there is none.
// Several drivers may be open on one directory.
func Open(ctx context.Context, o Options) (*Driver, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cgroups != "" && o.Cgroups != "auto" && o.Cgroups != "off" {
		return nil, fmt.Errorf("cgroups are auto or off, not %q", o.Cgroups)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	s := &Driver{
		dir: dir, cgroups: o.Cgroups != "off", turn: make(chan struct{}, 1),
		launch: launcher{dir: dir, command: o.RunnerCommand, log: o.Log},
	}
	s.closed, s.close = context.WithCancelCause(context.Background())
	s.turn <- struct{}{}
	if _, err := s.link(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// link returns a connection that worked a moment ago.
func (s *Driver) link(ctx context.Context) (*link, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.closed.Err() != nil {
		return nil, errClosed
	}
	if s.now != nil {
		select {
		case <-s.now.gone:
			s.now.close()
			s.now = nil
		default:
			return s.now, nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closed, cancel)()
	l, err := s.launch.reach(ctx)
	if err != nil {
		return nil, err
	}
	s.now = l
	return l, nil
}

// call asks the runner. A request whose connection broke is made again: doing
// things twice does them once.
func (s *Driver) call(ctx context.Context, q request) error {
	var err error
	for range 3 {
		l, e := s.link(ctx)
		if e != nil {
			return e
		}
		if err = l.call(ctx, q); !errors.Is(err, errGone) {
			return err
		}
	}
	return err
}

// Name is `process`.
func (s *Driver) Name() string { return "process" }

// Start implements [driver.Driver].
func (s *Driver) Start(ctx context.Context, spec driver.Spec) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := honours().Check("process", &spec)
	if err == nil {
		err = prepare(&spec)
	}
	if err != nil {
		return err
	}
	return s.call(ctx, request{Op: "start", Attempt: spec.Unit.String(), Start: &startRequest{
		Command: append(slices.Clone(spec.Entrypoint), spec.Command...), Env: spec.Env, User: spec.User, Ulimits: spec.Ulimits, Cgroups: s.cgroups,
		MilliVCPU: limited(spec.Resources.MilliVCPU), MemoryMiB: limited(spec.Resources.MemoryMiB), Processes: limited(spec.MaxProcesses),
	}})
}

// Make starts a unit whose processes the runner's [Maker] makes, and which is
// described to it by description, in JSON. In all else it is as Start.
func (s *Driver) Make(ctx context.Context, id batch.UnitID, description json.RawMessage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.call(ctx, request{Op: "start", Attempt: id.String(), Start: &startRequest{Make: description}})
}

// limited turns what no machine has into no limit, which is zero.
func limited(n int64) int64 {
	if n < 0 || n >= 1<<40 {
		return 0
	}
	return n
}

// await calls try with what is known of the attempt, again with every change,
// until it is done. A link that breaks in between changes nothing.
func (s *Driver) await(ctx context.Context, id batch.UnitID, try func(*link, *mirror) (done bool, err error)) error {
	for {
		l, err := s.link(ctx)
		if err != nil {
			return err
		}
		m := l.look(id)
		if m == nil {
			return driver.ErrUnknown
		}
		if done, err := try(l, m); done || err != nil {
			return err
		}
		select {
		case <-m.changed:
		case <-l.gone:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closed.Done():
			return errClosed
		}
	}
}

// Wait implements [driver.Driver].
func (s *Driver) Wait(ctx context.Context, id batch.UnitID) (exit driver.Exit, err error) {
	err = s.await(ctx, id, func(_ *link, m *mirror) (bool, error) {
		exit = driver.Exit{Code: m.Code, Reason: m.Reason, StartedAt: m.StartedAt, StoppedAt: m.StoppedAt, Usage: m.Usage}
		return m.Ended, nil
	})
	if err != nil {
		return driver.Exit{}, err
	}
	return exit, nil
}

// Output implements [driver.Driver]. A cursor is an offset in the output file.
func (s *Driver) Output(ctx context.Context, id batch.UnitID, cursor int64, emit func(driver.Line) error) error {
	var file *os.File
	defer func() {
		if file != nil {
			_ = file.Close()
		}
	}()
	cursor = max(cursor, 0)
	return s.await(ctx, id, func(l *link, m *mirror) (bool, error) {
		if m.Size > cursor {
			if file == nil {
				f, err := os.Open(outputPath(s.dir, id.Name()))
				if errors.Is(err, fs.ErrNotExist) && l.look(id) == nil {
					return false, driver.ErrUnknown // removed this moment
				}
				if err != nil {
					return false, fmt.Errorf("open output file: %w", err)
				}
				file = f
			}
			var err error
			cursor, err = readRecords(file, cursor, m.Size, func(line driver.Line) error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return emit(line)
			})
			if err != nil {
				return false, err
			}
		}
		if !m.Ended {
			l.out.put(frame(request{Op: "follow", Attempt: m.Attempt, Size: m.Size}))
		}
		return m.Ended, nil
	})
}

// Stop implements [driver.Driver].
func (s *Driver) Stop(ctx context.Context, id batch.UnitID, grace time.Duration) error {
	return s.call(ctx, request{Op: "stop", Attempt: id.String(), GraceMs: grace.Milliseconds()})
}

// Remove implements [driver.Driver].
func (s *Driver) Remove(ctx context.Context, id batch.UnitID) error {
	return s.call(ctx, request{Op: "remove", Attempt: id.String()})
}

// List implements [driver.Driver].
func (s *Driver) List(ctx context.Context) ([]batch.UnitID, error) {
	l, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	return l.list(), nil
}

// Close implements [driver.Driver]: the runner and its attempts go on.
func (s *Driver) Close() error {
	s.close(errClosed)
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.now != nil {
		s.now.close()
		s.now = nil
	}
	s.launch.reaped()
	return nil
}
