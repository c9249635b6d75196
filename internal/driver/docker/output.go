package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// maxLogFailures is how often in a row reading the log may fail while the engine
// answers. A damaged log file fails for ever.
const maxLogFailures = 5

// Output reads the container's log. A cursor is the number of the line, counting
// from 1, so continuing means reading the log again from the start and leaving
// out what came before. The engine's times could only shorten that, not replace
// it: they repeat, differ in order between the two streams, and jump with the
// clock. The engine reads from the start for every request anyway.
//
// A log is followed while the container runs, and then read once more, because
// engines are known to drop the end of a followed log. So each line costs the
// engine two reads for an attempt that was followed, one for an attempt that
// had ended, and one more for each time that a connection broke.
//
// Podman loses lines in the middle when it follows a log that grows quickly, and
// then no number is right. Its logs are read again and again instead, for at
// most a tenth of the time.
//
// A slow emit holds back the engine's reading, not the process: the engine
// keeps the rest on its disk.
func (d *Driver) Output(ctx context.Context, id batch.UnitID, cursor int64, emit func(driver.Line) error) error {
	defer d.watch(ctx, id)()
	var (
		again    retry
		failures int
	)
	for {
		before, began := cursor, time.Now()
		ended, err := d.readOutput(ctx, id, &cursor, emit)
		var refused *emitError
		switch {
		case errors.As(err, &refused):
			return refused.err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, driver.ErrUnknown), err == nil && ended:
			return err
		}
		if cursor > before {
			again, failures = retry{}, 0
		}
		if err != nil && !client.IsErrConnectionFailed(err) {
			if failures++; failures == maxLogFailures {
				return err
			}
			d.log.Debug("read output again", "attempt", id, "err", err)
		}
		if err == nil && d.podman() && d.nextLook(ctx, id, time.Since(began)) == nil {
			continue
		}
		if err := again.pause(ctx); err != nil {
			return err
		}
	}
}

// nextLook waits until the log is worth another reading: half a second to a
// minute, by how long the last one took, or until the attempt has ended.
func (d *Driver) nextLook(ctx context.Context, id batch.UnitID, took time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, min(max(9*took, time.Second/2), time.Minute))
	defer cancel()
	if err := d.awaitEnd(ctx, id); ctx.Err() == nil {
		return err
	}
	return nil
}

// podman tells the engine by its lack of Docker's own kind of log.
func (d *Driver) podman() bool { return d.engine.logConfig.Type != "local" }

// readOutput reads the log once and says whether that was all of it.
func (d *Driver) readOutput(ctx context.Context, id batch.UnitID, cursor *int64, emit func(driver.Line) error) (ended bool, err error) {
	c, err := d.inspect(ctx, id)
	if err != nil {
		return false, err
	}
	ended = !c.State.Running && !c.State.Restarting
	log, err := d.api.ContainerLogs(ctx, containerName(id), client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: !ended && !d.podman(),
	})
	if cerrdefs.IsNotFound(err) {
		return false, driver.ErrUnknown
	}
	if err != nil {
		return false, fmt.Errorf("read output: %w", err)
	}
	defer func() { _ = log.Close() }() // it was only read
	r := newLogReader(log, cursor, emit)
	r.bareEnds = c.HostConfig.LogConfig.Type == "local"
	if err := r.read(); err != nil {
		return false, fmt.Errorf("read output: %w", err)
	}
	if !ended {
		return false, nil
	}
	return true, r.flush()
}
