package docker

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// The nodes of a multi-node job share a network of the engine, made by the first
// node that starts and removed with the last that is removed. It is found by its
// name, so a restarted server needs to remember nothing.

// networkName is the same for all nodes of a job's attempt.
func networkName(id batch.AttemptID) string { return containerName(id.Whole().Unit(0)) }

// makeNetwork makes the unit's network, unless it is there. Networks of one name
// can exist twice, but not two of one subnet.
func (d *Driver) makeNetwork(ctx context.Context, spec *driver.Spec) error {
	if spec.Network == nil {
		return nil
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	name, whole := networkName(spec.Unit.Attempt), spec.Unit.Attempt.Whole()
	found, err := d.api.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	switch {
	case err == nil && found.Network.Labels[ownerLabel] != d.opt.Owner:
		return &driver.StartError{Reason: "CannotCreateContainerError: the network " + name + " belongs to somebody else"}
	case err == nil:
		return nil
	case !cerrdefs.IsNotFound(err):
		return fmt.Errorf("inspect network: %w", err)
	}
	_, err = d.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: spec.Network.Subnet}}},
		Labels: map[string]string{ownerLabel: d.opt.Owner, attemptLabel: whole.String()},
	})
	switch {
	case err == nil, cerrdefs.IsConflict(err):
		return nil
	case cerrdefs.IsPermissionDenied(err), cerrdefs.IsInvalidArgument(err):
		// Another network has these addresses. Another attempt gets others.
		return refusal("CannotCreateContainerError: the network of the job's nodes", err)
	}
	return fmt.Errorf("create network: %w", err)
}

// endpoint connects a unit to its network at its address.
func endpoint(spec *driver.Spec) *network.NetworkingConfig {
	if spec.Network == nil {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
		networkName(spec.Unit.Attempt): {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: spec.Network.Address}},
	}}
}

// removeNetwork removes the network of a node's attempt unless other nodes use it.
func (d *Driver) removeNetwork(ctx context.Context, id batch.AttemptID) error {
	if _, node := id.Job.Node(); !node {
		return nil
	}
	return d.dropNetwork(ctx, networkName(id))
}

func (d *Driver) dropNetwork(ctx context.Context, name string) error {
	_, err := d.api.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
	if err == nil || cerrdefs.IsNotFound(err) || cerrdefs.IsPermissionDenied(err) || cerrdefs.IsConflict(err) {
		return nil // gone, or in use
	}
	return fmt.Errorf("remove network: %w", err)
}

// sweepNetworks removes the networks that nobody uses: a server died between
// the removal of the last node and theirs. One that an attempt still needs is
// made again when its next node starts.
func (d *Driver) sweepNetworks(ctx context.Context) error {
	found, err := d.api.NetworkList(ctx, client.NetworkListOptions{
		Filters: make(client.Filters).Add("label", ownerLabel+"="+d.opt.Owner),
	})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, n := range found.Items {
		if n.Labels[ownerLabel] != d.opt.Owner {
			continue // an engine that ignores filters
		}
		if err := d.dropNetwork(ctx, n.ID); err != nil {
			return err
		}
	}
	return nil
}
