package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// maxReason is the length of a container reason in characters in AWS Batch.
const maxReason = 255

// Start creates and starts the attempt's container, and pulls its image first
// where the engine has none of that name. Between the two calls the container
// exists without having run; that is what a server that died there leaves
// behind, and the next Start takes it up.
func (d *Driver) Start(ctx context.Context, spec driver.Spec) error {
	done, err := d.claim(ctx, spec.Unit)
	if err != nil {
		return err
	}
	defer done()

	if err = d.engine.honours.Check("docker", &spec); err != nil {
		return err
	}
	// ECS pulls before it creates, so a bad name is a fault of pulling there.
	if _, err = reference.ParseAnyReference(spec.Image); err != nil {
		return refusal("CannotPullContainerError", err)
	}
	err = d.launch(ctx, spec)
	var absent *absentImage
	if !errors.As(err, &absent) {
		return err
	}
	if err = d.pull(ctx, spec.Image, spec.Registry); err != nil {
		return err
	}
	if err = d.launch(ctx, spec); errors.As(err, &absent) {
		return refusal("CannotCreateContainerError", absent.answer)
	}
	return err
}

// absentImage is a create's error when the engine lacks the image.
type absentImage struct{ answer error }

func (e *absentImage) Error() string { return "create container: " + e.answer.Error() }

// claim lets one Start of an attempt run at a time: two could both find a
// container that has never run, and the second would run it again.
func (d *Driver) claim(ctx context.Context, id batch.UnitID) (done func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.mu.Lock()
		other, busy := d.starting[id]
		if !busy {
			mine := make(chan struct{})
			d.starting[id] = mine
			d.mu.Unlock()
			return func() {
				d.mu.Lock()
				delete(d.starting, id)
				d.mu.Unlock()
				close(mine)
			}, nil
		}
		d.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
		}
	}
}

// launch creates and starts the container, and removes it again when that turns
// out to be impossible.
func (d *Driver) launch(ctx context.Context, spec driver.Spec) error {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.makeNetwork(ctx, &spec); err != nil {
		return err
	}
	created, err := d.create(ctx, spec)
	if err != nil {
		return err
	}
	if !created {
		var runnable bool
		if runnable, err = d.neverRan(ctx, spec.Unit); !runnable {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = d.run(ctx, spec.Unit)
	var refused *driver.StartError
	if errors.As(err, &refused) {
		d.log.Debug("container does not start", "attempt", spec.Unit, "err", err)
		if failed := d.Remove(context.WithoutCancel(ctx), spec.Unit); failed != nil {
			return fmt.Errorf("after %q: %w", refused.Reason, failed)
		}
	}
	return err
}

// create says false when the attempt has a container already.
func (d *Driver) create(ctx context.Context, spec driver.Spec) (created bool, err error) {
	ctx, cancel := outlive(ctx)
	defer cancel()
	options := client.ContainerCreateOptions{
		Name:       containerName(spec.Unit),
		Config:     d.config(spec),
		HostConfig: d.hostConfig(spec),

		NetworkingConfig: endpoint(&spec),
	}
	if n := spec.Resources.GPUs; n > 0 {
		d.gpuTurn.Lock()
		defer d.gpuTurn.Unlock()
		var ids []string
		if ids, err = d.freeGPUs(ctx, int(n)); err != nil {
			// The attempt may have its GPUs already, and a container with them.
			if _, found := d.inspect(ctx, spec.Unit); found == nil {
				return false, nil
			}
			return false, err
		}
		pin(ids, &options)
	}
	_, err = d.api.ContainerCreate(ctx, options)
	if limited := options.HostConfig.StorageOpt; limited != nil && err != nil && !cerrdefs.IsConflict(err) && !cerrdefs.IsNotFound(err) {
		// Few engines can limit the disk, and none says so before.
		options.HostConfig.StorageOpt = nil
		if _, again := d.api.ContainerCreate(ctx, options); again == nil {
			d.noQuota.Store(true)
			err = nil
		}
	}
	switch {
	case err == nil:
		return true, nil
	case cerrdefs.IsConflict(err):
		return false, nil
	case cerrdefs.IsNotFound(err):
		return false, &absentImage{err}
	case cerrdefs.IsInvalidArgument(err), cerrdefs.IsPermissionDenied(err):
		return false, refusal("CannotCreateContainerError", err)
	}
	if cerrdefs.IsInternal(err) && d.podman() { // which is what it says for a conflict, and for every fault of the job
		if _, found := d.inspect(ctx, spec.Unit); found == nil {
			return false, nil
		}
		return false, refusal("CannotCreateContainerError", err)
	}
	return false, fmt.Errorf("create container: %w", err)
}

// neverRan says whether the attempt's existing container still has to be started.
func (d *Driver) neverRan(ctx context.Context, id batch.UnitID) (bool, error) {
	c, err := d.inspect(ctx, id)
	if errors.Is(err, driver.ErrUnknown) {
		return false, errors.New("start container: somebody has just removed it")
	}
	if err != nil {
		return false, err
	}
	if owner := c.Config.Labels[ownerLabel]; owner != d.opt.Owner {
		return false, &driver.StartError{Reason: fmt.Sprintf(
			"CannotCreateContainerError: the container %s belongs to somebody else", containerName(id))}
	}
	return c.State.Status == container.StateCreated, nil
}

// run starts a container that has never run. Docker answers with an internal
// error both when the fault is its own and for some faults of the job, such as
// an unknown user or a missing GPU runtime; what happens twice while the engine
// answers is taken for the job's.
func (d *Driver) run(ctx context.Context, id batch.UnitID) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	var again retry
	for try := 1; ; try++ {
		_, err := d.api.ContainerStart(ctx, containerName(id), client.ContainerStartOptions{})
		switch {
		case err == nil:
			return nil
		case cerrdefs.IsInvalidArgument(err), cerrdefs.IsNotFound(err), cerrdefs.IsPermissionDenied(err),
			cerrdefs.IsInternal(err) && try == 2:
			return refusal("CannotStartContainerError", err)
		case !cerrdefs.IsInternal(err):
			return fmt.Errorf("start container: %w", err)
		}
		if err := again.pause(ctx); err != nil {
			return err
		}
		if runnable, err := d.neverRan(ctx, id); !runnable {
			return err // it did start
		}
	}
}

// refusal words a final error as ECS does. The client has already put
// `Error response from daemon: ` before what the engine said.
func refusal(name string, err error) *driver.StartError {
	reason := []rune(name + ": " + err.Error())
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return &driver.StartError{Reason: string(reason)}
}

// outlive returns a context for one call that changes something. It goes on for
// some seconds after ctx has ended: the engine finishes the call anyway, and
// hearing its answer is better than not knowing what it did.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	const longer = 5 * time.Second
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(longer)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-call.Done():
		}
	})
	return call, func() {
		stop()
		cancel()
	}
}
