package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// Wait holds one connection to the engine per call. When the connection breaks
// or the engine goes away it asks again until ctx ends. A container that was
// created and never started counts as ended without a code.
func (d *Driver) Wait(ctx context.Context, id batch.UnitID) (driver.Exit, error) {
	defer d.watch(ctx, id)()
	var again retry
	for {
		err := d.awaitEnd(ctx, id)
		if err == nil {
			var c container.InspectResponse
			if c, err = d.inspect(ctx, id); err == nil && !c.State.Running && !c.State.Restarting {
				exit := exitOf(c.State)
				exit.Usage = d.used(id)
				return exit, nil
			}
		}
		if ctx.Err() != nil {
			return driver.Exit{}, ctx.Err()
		}
		if errors.Is(err, driver.ErrUnknown) {
			return driver.Exit{}, err
		}
		d.log.Debug("wait for a container again", "attempt", id, "err", err)
		if err := again.pause(ctx); err != nil {
			return driver.Exit{}, err
		}
	}
}

// awaitEnd returns nil when the container does not run.
func (d *Driver) awaitEnd(ctx context.Context, id batch.UnitID) error {
	waiting := d.api.ContainerWait(ctx, containerName(id), client.ContainerWaitOptions{
		Condition: container.WaitConditionNotRunning,
	})
	// One of the two always comes, also when ctx ends, and the client's
	// goroutine must be rid of its result.
	select {
	case ended := <-waiting.Result:
		if ended.Error != nil {
			return fmt.Errorf("wait for container: %s", ended.Error.Message)
		}
		return nil
	case err := <-waiting.Error:
		if cerrdefs.IsNotFound(err) {
			return driver.ErrUnknown
		}
		return fmt.Errorf("wait for container: %w", err)
	}
}

// exitOf translates the state of a container that does not run.
func exitOf(s *container.State) driver.Exit {
	exit := driver.Exit{StartedAt: instant(s.StartedAt), StoppedAt: instant(s.FinishedAt)}
	switch {
	case s.Status == container.StateCreated || exit.StartedAt == 0:
		if s.Error != "" {
			exit.Reason = refusal("CannotStartContainerError", errors.New("Error response from daemon: "+s.Error)).Reason
		}
		return exit
	case s.OOMKilled:
		// As the ECS agent does, also when the process killed was not the
		// first one and the code is the program's own.
		exit.Reason = "OutOfMemoryError: Container killed due to memory usage"
	case s.Error != "":
		exit.Reason = refusal("ContainerRuntimeError", errors.New(s.Error)).Reason
	}
	code := int32(s.ExitCode)
	exit.Code = &code
	return exit
}

// instant reads the engine's times, which are far in the past for "not yet".
func instant(s string) batch.Instant {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Unix() <= 0 {
		return 0
	}
	return batch.InstantOf(t)
}
