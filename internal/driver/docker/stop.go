package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// Stop has the engine send the signals, SIGTERM (or what the image names as its
// stop signal) and after grace, in whole seconds, SIGKILL. Once it has the
// request the engine goes on with that by itself, so Stop returns then, and a
// server that dies during the grace changes nothing.
//
// Docker 23.0.0 to 23.0.6 and 24.0.0 to 24.0.2 cut the grace short when the
// server closes the connection in the meantime.
func (d *Driver) Stop(ctx context.Context, id batch.UnitID, grace time.Duration) error {
	c, err := d.inspect(ctx, id)
	if err != nil || !c.State.Running {
		return err
	}
	deadline := time.Now().Add(grace)
	sent := make(chan struct{})
	err = d.background(ctx, func(ctx context.Context) {
		signalled := sync.OnceFunc(func() { close(sent) })
		defer signalled()
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { signalled() },
		})
		d.stop(ctx, id, deadline)
	})
	if err != nil {
		return err
	}
	select {
	case <-sent:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop repeats the request, with what is left of the grace, when the engine
// goes away over it.
func (d *Driver) stop(ctx context.Context, id batch.UnitID, deadline time.Time) {
	var again retry
	for {
		left := seconds(time.Until(deadline))
		_, err := d.api.ContainerStop(ctx, containerName(id), client.ContainerStopOptions{Timeout: &left})
		if err == nil || cerrdefs.IsNotFound(err) || ctx.Err() != nil {
			return
		}
		d.log.Warn("stop a container again", "attempt", id, "err", err)
		if again.pause(ctx) != nil {
			return
		}
	}
}

// Remove kills what still runs. The container's own volumes go with it, and the
// volumes and the network of the attempt with the last container that has them.
func (d *Driver) Remove(ctx context.Context, id batch.UnitID) error {
	defer d.forget(id)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := d.inspect(ctx, id)
	if err != nil && !errors.Is(err, driver.ErrUnknown) {
		return err
	}
	if err == nil {
		if err = d.removeContainer(ctx, id); err != nil {
			return err
		}
		if err = d.removeNetwork(ctx, id.Attempt); err != nil {
			return err
		}
		if !slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool { return m.Type == mount.TypeVolume }) {
			return nil
		}
	}
	return d.removeVolumes(ctx, id.Attempt)
}

// removeVolumes removes the volumes of an attempt that no container has.
func (d *Driver) removeVolumes(ctx context.Context, id batch.AttemptID) error {
	volumes, err := d.api.VolumeList(ctx, client.VolumeListOptions{
		Filters: make(client.Filters).Add("label", attemptLabel+"="+id.String()),
	})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		if v.Labels[ownerLabel] != d.opt.Owner || v.Labels[attemptLabel] != id.String() {
			continue
		}
		_, err := d.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
			return fmt.Errorf("remove volume: %w", err)
		}
	}
	return nil
}

func (d *Driver) removeContainer(ctx context.Context, id batch.UnitID) error {
	var again retry
	for {
		_, err := d.api.ContainerRemove(ctx, containerName(id), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		switch {
		case err == nil || cerrdefs.IsNotFound(err):
			return nil
		case !cerrdefs.IsConflict(err): // somebody else is removing it
			return fmt.Errorf("remove container: %w", err)
		}
		if err := again.pause(ctx); err != nil {
			return err
		}
	}
}
