// Package fleet answers the core's wish for hosts. Its one provider, [Local],
// carves virtual instances out of this machine: each compute environment gets
// one, as large as the environment may become.
//
// The instance has as many vCPUs as the environment's maxvCpus and memory
// without limit, whatever the machine has: any template runs on a laptop. The
// vCPUs of a job are a share and not a cap, so the machine is shared out in
// proportion when more is asked than it has. The host of an environment that is
// of the machine itself (barge:capacity) has what the machine really has.
//
// It owns nothing and starts nothing. Its instances have the same name after
// every restart, by which the core finds its attempts again.
package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Local provides virtual instances on this machine.
type Local struct {
	// Owner is the installation's id: two of them name their instances differently.
	Owner string
	// Machine is what this machine has for jobs, as [Machine] tells. Every
	// environment sees all of its GPUs; whoever comes first has them.
	Machine batch.Resources
}

// Scale returns the host that satisfies the wish.
func (l Local) Scale(want core.Scale) core.HostSeen {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", l.Owner, want.Environment))
	seen := core.HostSeen{
		Environment: want.Environment,
		Name:        "i-" + hex.EncodeToString(sum[:])[:17],
		Capacity:    batch.Resources{MilliVCPU: want.VCPU, MemoryMiB: batch.Unlimited, GPUs: l.Machine.GPUs},
	}
	if want.Machine {
		seen.Capacity = l.Machine
	}
	return seen
}
