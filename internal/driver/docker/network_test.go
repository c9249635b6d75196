package docker

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

func hasNetwork(t *testing.T, d *Driver, id batch.AttemptID) bool {
	t.Helper()
	_, err := d.api.NetworkInspect(t.Context(), networkName(id), client.NetworkInspectOptions{})
	if err != nil && !cerrdefs.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

func onNode(spec driver.Spec, job batch.JobID, number int32, index int) driver.Spec {
	space := netip.MustParsePrefix("10.192.0.0/10")
	spec.Unit = batch.AttemptID{Job: batch.NodeRef(job, index), Number: 1}.Unit(0)
	spec.Network = &driver.Network{Subnet: batch.NetworkOf(space, number), Address: batch.NodeAddress(space, number, index)}
	return spec
}

// TestNetworkLife: a network is there from the first node to the last.
func TestNetworkLife(t *testing.T) {
	t.Parallel()
	needEngine(t)
	opt := newOptions(t)
	d := open(t, opt)
	job := newAttempt().Attempt.Job.ID
	a := onNode(newSpec(t, d, "exec sleep 60"), job, 4010, 0)
	b := onNode(newSpec(t, d, "exec sleep 60"), job, 4010, 1)
	start(t, d, a)
	start(t, d, b)
	if !hasNetwork(t, d, a.Unit.Attempt) {
		t.Fatal("two nodes run and have no network")
	}
	remove := func(spec driver.Spec) {
		t.Helper()
		if err := d.Remove(t.Context(), spec.Unit); err != nil {
			t.Fatal(err)
		}
	}
	remove(a)
	if !hasNetwork(t, d, a.Unit.Attempt) {
		t.Error("the network went with the first node that was removed")
	}
	remove(b)
	if hasNetwork(t, d, a.Unit.Attempt) {
		t.Error("the network is left when all nodes have been removed")
	}
}

// TestNetworkLeftBehind: what a server leaves that dies at the wrong moment goes
// when the next one opens the driver, but not what is in use.
func TestNetworkLeftBehind(t *testing.T) {
	t.Parallel()
	needEngine(t)
	opt := newOptions(t)
	d := open(t, opt)
	used := onNode(newSpec(t, d, "exec sleep 60"), newAttempt().Attempt.Job.ID, 4011, 0)
	start(t, d, used)
	t.Cleanup(func() { _ = d.Remove(t.Context(), used.Unit) })
	left := onNode(newSpec(t, d, "exit 0"), newAttempt().Attempt.Job.ID, 4012, 0)
	if err := d.makeNetwork(t.Context(), &left); err != nil {
		t.Fatal(err)
	}
	open(t, opt)
	if hasNetwork(t, d, left.Unit.Attempt) || !hasNetwork(t, d, used.Unit.Attempt) {
		t.Errorf("after a start the unused network is there: %t, the used one: %t", hasNetwork(t, d, left.Unit.Attempt), hasNetwork(t, d, used.Unit.Attempt))
	}
	// It is made again for a node that is still to start.
	start(t, d, left)
	wantCode(t, d, left.Unit, 0)
	if err := d.Remove(t.Context(), left.Unit); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), used.Unit); err != nil {
		t.Fatal(err)
	}
}

// TestNetworkTaken: a job whose addresses somebody else has fails with a reason.
func TestNetworkTaken(t *testing.T) {
	t.Parallel()
	needEngine(t)
	d, other := open(t, newOptions(t)), open(t, newOptions(t))
	first := onNode(newSpec(t, other, "exec sleep 60"), newAttempt().Attempt.Job.ID, 4013, 0)
	start(t, other, first)
	second := onNode(newSpec(t, d, "exit 0"), newAttempt().Attempt.Job.ID, 4013, 0)
	reason := wantRefused(t, d, second, "CannotCreateContainerError: the network of the job's nodes: ")
	if !slices.ContainsFunc([]string{"overlap", "already used"}, func(s string) bool { return strings.Contains(reason, s) }) {
		t.Errorf("the reason is %q", reason)
	}
	if err := other.Remove(t.Context(), first.Unit); err != nil {
		t.Fatal(err)
	}
}
