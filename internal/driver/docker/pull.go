package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/driver"
)

// pullIdle is how long the engine may report no progress. Unpacking a large
// layer takes minutes without a word.
const pullIdle = 10 * time.Minute

// pull is one pull under way. err may be read once done is closed.
type pull struct {
	done chan struct{}
	err  error
}

// wanted is what is pulled, and as whom: somebody else's refusal says nothing.
type wanted struct {
	image string
	as    driver.Credentials
}

// pull fetches an image, once for all attempts that wait for it. It goes on when
// they have given up, because the next attempt will want the image too.
func (d *Driver) pull(ctx context.Context, image string, as *driver.Credentials) error {
	want := wanted{image: image}
	if as != nil {
		want.as = *as
	}
	d.mu.Lock()
	p, busy := d.pulls[want]
	if !busy {
		p = &pull{done: make(chan struct{})}
		d.pulls[want] = p
	}
	d.mu.Unlock()
	if !busy {
		finish := func(err error) {
			d.mu.Lock()
			delete(d.pulls, want)
			d.mu.Unlock()
			p.err = err
			close(p.done)
		}
		if err := d.background(ctx, func(ctx context.Context) { finish(d.fetch(ctx, image, as)) }); err != nil {
			finish(err)
		}
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch pulls an image and passes on what the engine or the registry says
// against it. The engine tries the network again by itself, so its no is final.
func (d *Driver) fetch(ctx context.Context, image string, as *driver.Credentials) error {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil { // an image id that the engine does not have
		return refusal("CannotPullContainerError", err)
	}
	auth, err := d.credentials(ctx, reference.Domain(ref), as)
	if err != nil {
		d.log.Warn("pull without credentials", "image", image, "err", err)
	}

	idle := errors.New("no progress for " + pullIdle.String())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(pullIdle, func() { cancel(idle) })
	defer timer.Stop()

	began := time.Now()
	err = d.follow(ctx, image, auth, func() { timer.Reset(pullIdle) })
	var refused *driver.StartError
	switch {
	case err == nil:
		d.log.Info("image pulled", "image", image, "dur", time.Since(began))
		return nil
	case errors.As(err, &refused):
		return err
	case errors.Is(context.Cause(ctx), idle):
		return refusal("CannotPullContainerError", idle)
	default:
		return fmt.Errorf("pull image: %w", err)
	}
}

// follow asks for the image and reads the progress to its end.
func (d *Driver) follow(ctx context.Context, image, auth string, progress func()) error {
	stream, err := d.api.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		if ctx.Err() != nil || client.IsErrConnectionFailed(err) {
			return err
		}
		return refusal("CannotPullContainerError", err)
	}
	for message, err := range stream.JSONMessages(ctx) {
		var said *jsonstream.Error
		switch {
		case errors.As(err, &said):
			return refusal("CannotPullContainerError", said)
		case err != nil:
			return err
		case message.Error != nil:
			return refusal("CannotPullContainerError", message.Error)
		}
		progress()
	}
	return ctx.Err()
}
