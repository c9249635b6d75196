package host

import (
	"context"
	"errors"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/fault"
)

// supervise is the life of an attempt.
func (s *Supervisor) supervise(ctx context.Context, a *attempt) {
	defer s.forget(a)
	var job Job
	err := s.retry(ctx, a, "load", func() (err error) {
		job, err = s.o.Load(ctx, a.id)
		return err
	})
	if err != nil {
		return // shutting down
	}
	t := newTask(s, a, job)
	end, ok := End{StatusReason: job.Refused}, true
	if job.Refused == "" {
		end, ok = s.carry(ctx, t)
	}
	if !ok {
		return
	}
	durable := make(chan struct{})
	fault.Point("ended.report")
	s.o.Ended(a.id, end, func() { close(durable) })
	select {
	case <-durable:
	case <-ctx.Done():
		return // the driver still has it; the next start reports it again
	}
	fault.Point("remove.before")
	for _, u := range t.units {
		_ = s.retry(ctx, a, "remove", func() error { return s.o.Driver.Remove(ctx, u.id) })
		fault.Point("remove.after")
	}
	if job.Files != nil {
		_ = s.retry(ctx, a, "discard files", job.Files.Discard)
	}
}

// carry runs the task, between what is to be done about its files. It says false
// when ctx ended first.
func (s *Supervisor) carry(ctx context.Context, t *task) (End, bool) {
	files := t.job.Files
	if files == nil {
		return t.run(ctx)
	}
	var end End
	if !t.a.ran {
		s.o.Starting(t.a.id)
		err := s.retry(ctx, t.a, "prepare files", files.Prepare)
		var start *driver.StartError
		switch {
		case errors.As(err, &start):
			return End{Exit: driver.Exit{Reason: cut(start.Reason)}, StatusReason: start.Reason}, true
		case err != nil:
			return end, false
		}
	}
	end, ok := t.run(ctx)
	if !ok {
		return end, false
	}
	if s.retry(ctx, t.a, "finish files", func() error { return files.Finish(&end.Exit, &end.StatusReason) }) != nil {
		return end, false
	}
	return end, true
}

// end rolls the ends of the containers up into the attempt's, as ECS does: the
// job has succeeded if all essential containers have exited with zero. AWS does
// not say whose code stands for a job that failed; it is that of the essential
// container that failed first.
func (t *task) end() End {
	var end End
	var cause *unit
	used := make([]*batch.Usage, 0, len(t.units))
	for _, u := range t.units {
		used = append(used, u.exit.Usage)
		if len(t.units) > 1 {
			end.Containers = append(end.Containers, u.exit)
		}
		end.StartedAt = max(end.StartedAt, u.exit.StartedAt)
		end.StoppedAt = max(end.StoppedAt, u.exit.StoppedAt)
		if u.c.Essential && u.failed() && (cause == nil || u.before(cause)) {
			cause = u
		}
	}
	end.StatusReason, end.Usage = reasonExited, batch.SumUsage(used)
	if cause == nil {
		end.Code = new(int32)
		return end
	}
	end.Code, end.Reason = cause.exit.Code, cause.exit.Reason
	switch cause.how {
	case lost:
		end.StatusReason = "Host EC2 (instance " + t.job.Instance + ") terminated."
	case refused:
		end.StatusReason = reasonStartFailed
	case givenUp:
		if end.StartedAt == 0 {
			end.StatusReason = reasonStartFailed
		}
	case exited:
	}
	return end
}

func (u *unit) failed() bool { return u.exit.Code == nil || *u.exit.Code != 0 }

// before orders failures by their claim to be the cause: what was lost, then
// what could not start, then what exited in the order of time, then what was
// never started because the task had ended.
func (u *unit) before(v *unit) bool {
	if u.how != v.how {
		return u.how < v.how
	}
	return u.exit.StoppedAt < v.exit.StoppedAt
}

// cut keeps a container's reason within AWS's 255 characters.
func cut(reason string) string {
	if r := []rune(reason); len(r) > 255 {
		return string(r[:255])
	}
	return reason
}

// how a unit came to its end, by what says most about the attempt.
type how uint8

const (
	lost    how = iota // the driver does not know any more
	refused            // could not be started
	exited
	givenUp // was not started, because the task had ended by then
)

// settle records the end of a unit that ran.
func (u *unit) settle(exit driver.Exit) {
	u.exit, u.how = exit, exited
	u.exit.Reason = cut(exit.Reason)
	if exit.Code == nil && exit.Reason == "" {
		u.how = lost
	}
}
