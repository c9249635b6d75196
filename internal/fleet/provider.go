package fleet

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Provider has instances: it makes one when it is asked to, tells which there
// are, and ends one. All three may be asked again after a crash of either side:
// an instance is known by its name, and doing a thing twice does it once.
//
// Calls come concurrently for different instances and one after the other for
// the same one. Errors that are no *Refusal are faults that pass: the same is
// asked again later. A call ends when its context does.
type Provider interface {
	// Launch makes the instance, unless it is there, and returns when it runs
	// or, where that takes long, when it is known to come: then List tells that
	// it runs. After a *Refusal there is no such instance, and none will come.
	//
	// An instance that has registered before (Order.Registered) is never made
	// anew: if there is none of that name any more, List does not have it.
	Launch(ctx context.Context, o Order) (Instance, error)

	// List returns all instances that there are of this installation, those
	// that are still to come too. One that it leaves out is gone.
	List(ctx context.Context) ([]Instance, error)

	// Terminate ends the instance with all that runs on it and returns when it
	// is on its way out and will not be in List again. One that there is not
	// is no error.
	Terminate(ctx context.Context, name string) error

	// Interval is how often List has to be asked lest an end goes unnoticed;
	// zero if instances only end by Terminate.
	Interval() time.Duration
}

// Order is what an instance is to be.
type Order struct {
	Name       string // i-0123456789abcdef0
	Registered bool   // it has been there before
	// Environment is the name of the compute environment, and Resources its
	// computeResources as DescribeComputeEnvironments has them.
	Environment string
	Resources   json.RawMessage
	Type        string // m5.large
	Spot        bool
	Capacity    batch.Resources // what jobs are to get of it
}

// Instance is one that a provider has.
type Instance struct {
	Name    string
	Running bool // else it is on its way
	// Capacity is what jobs get of it, where that is known to differ from what
	// was ordered; zero members are as ordered.
	Capacity batch.Resources
	// InterruptedAt is when it will be taken away, as was announced; zero if
	// that was not.
	InterruptedAt batch.Instant
}

// Refusal says that an instance was not made and will not be.
type Refusal struct {
	Kind RefusalKind
	Text string // for people
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// RefusalKind is what stands in the way of an instance.
type RefusalKind uint8

// The kinds.
const (
	Failed      RefusalKind = iota // for another reason
	NoCapacity                     // there is none of that type at the moment
	Unsupported                    // the type is not offered, or not as the environment wants it
)
