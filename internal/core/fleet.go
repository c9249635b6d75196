package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core/allocate"
	"github.com/bargehq/barge/internal/core/heap"
)

// Fleet says how an environment gets instances: one by one, of the types that
// it allows, as many as its queues need. It is never changed, only replaced. An
// environment without one has a single host that is as large as maxvCpus.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html
type Fleet struct {
	Spot     bool     `json:"spot,omitempty"`     // its instances cost the Spot price and may be interrupted
	Types    []string `json:"types"`              // as given: sizes, families and bundles
	Strategy string   `json:"strategy,omitempty"` // allocationStrategy; empty means BEST_FIT
	// MinVCPU is kept whatever happens. DesiredVCPU, where not zero, is what
	// somebody has asked for by hand; both in thousandths.
	MinVCPU     int64 `json:"min,omitempty"`
	DesiredVCPU int64 `json:"desired,omitempty"`
	// BidPercent is how much of the on-demand price a Spot price may be; zero
	// means 100.
	BidPercent int32 `json:"bid,omitempty"`
	// DelayMinutes is how long an instance that has run jobs is kept when it is
	// idle: minScaleDownDelayMinutes; zero means the default.
	DelayMinutes int32 `json:"delay,omitempty"`
	// What happens to jobs on instances that an update replaces: they are
	// stopped at once, or after so many minutes; zero means 30.
	StopOnUpdate  bool  `json:"stop,omitempty"`
	UpdateMinutes int32 `json:"wait,omitempty"`
}

// FleetRow is the fleet of an environment as stored, with how it is doing.
type FleetRow struct {
	Environment int64
	Fleet       Fleet
	// Generation counts the configurations that instances had to be replaced
	// for. Those of an earlier one are being replaced.
	Generation int32
	Desired    int64         // thousandths of vCPUs that it should have now: desiredvCpus
	UpdatedAt  batch.Instant // while instances are being replaced, since when; else zero
	// TriedAt is when the first instance of this generation was launched, until
	// one has registered; else zero. Joined is that one has.
	TriedAt batch.Instant
	Joined  bool
	Invalid string // why the environment is INVALID; empty while it is not
	// Backoffs are the types that are not launched for a while, by name.
	Backoffs []Backoff
	// Measured are the types whose instances offer jobs something else than the
	// catalogue says.
	Measured []Measured
	Decided  int64 // how many decisions were made
}

// Measured is what an instance of a type has registered with.
type Measured struct {
	Type     string          `json:"type"`
	Capacity batch.Resources `json:"capacity"`
}

// Backoff is a type that could not be launched.
type Backoff struct {
	Type  string        `json:"type"`
	Kind  LaunchFailure `json:"kind"`
	Until batch.Instant `json:"until"`
}

// LaunchFailure says why an instance was not launched.
type LaunchFailure uint8

// The failures. The numbers are stored.
const (
	FailedOther LaunchFailure = 0
	NoCapacity  LaunchFailure = 1 // there is no capacity of the type now: InsufficientInstanceCapacity
	Unsupported LaunchFailure = 2 // the type is not offered here, or not as configured
)

// HostState is where a host is in its life.
type HostState uint8

// The states of hosts. Those of environments without a fleet are only ever up
// or lost. The numbers are stored.
const (
	HostUp          HostState = 0 // it has registered
	HostLaunching   HostState = 1 // it was asked for
	HostDraining    HostState = 2 // it takes no more work, and is terminated when it holds none
	HostTerminating HostState = 3 // its end was asked for; it holds nothing
	HostGone        HostState = 4 // it is lost; what it held has ended or is being ended
	HostTerminated  HostState = 5 // an instance that is no more; its row is kept for the jobs that ran there
)

// FleetPut writes a fleet. Its environment is written before.
type FleetPut struct{ Row FleetRow }

// FleetDrop removes the fleet of an environment that is deleted.
type FleetDrop struct{ Environment int64 }

// DecisionPut writes a decision over the one that is [DecisionsKept] older.
type DecisionPut struct{ Row Decision }

func (FleetPut) change()    {}
func (FleetDrop) change()   {}
func (DecisionPut) change() {}

// DecisionsKept is how many decisions of an environment are kept.
const DecisionsKept = 256

// Decision is what was decided about the instances of an environment at a
// moment: to launch or to terminate some of a type, and why.
type Decision struct {
	Environment int64
	Number      int64 // from 1
	At          batch.Instant
	Launched    int32 // how many were asked for
	Ended       int32 // how many were terminated
	Type        string
	Why         string
	Demand      int64 // thousandths of vCPUs that waiting jobs would use there
	Have        int64 // thousandths of vCPUs that it has after this
	Price       int64 // of one instance now, in millionths of a US dollar per hour; -1 if unknown
}

// Launch asks for an instance. It is repeated after a restart until HostSeen,
// LaunchFailed or HostLost answers, and makes at most one instance for a host.
type Launch struct {
	Environment int64
	Host        int64
	Type        string
	Spot        bool
	// Name is set where the instance has registered before: then the question
	// is whether it still is there, and HostSeen or HostLost the answer.
	Name string
}

// TerminateHost asks for the end of an instance, which may not have registered yet.
// It is repeated after a restart until HostLost answers.
type TerminateHost struct {
	Environment int64
	Host        int64
	Name        string // empty if it has not registered
}

func (Launch) effect()        {}
func (TerminateHost) effect() {}

// LaunchFailed answers a Launch: there will be no such instance.
type LaunchFailed struct {
	Environment int64
	Host        int64
	Kind        LaunchFailure
	Text        string // for people
}

// HostNotice says that an instance will be interrupted: it is gone at the given
// time, with what it holds. Where there is no such host, or it is known to go
// earlier, it does nothing.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
type HostNotice struct {
	Environment int64
	Host        int64  // or zero, and then
	Name        string // is its name
	At          batch.Instant
}

func (LaunchFailed) input() {}
func (HostNotice) input()   {}

// fleet is what the core keeps of a FleetRow.
type fleet struct {
	row   FleetRow
	types []fleetType
	// Thousandths of vCPUs of the instances that are launching or up, and how
	// many of those are launching.
	have      int64
	launching int
	draining  int64            // thousandths of vCPUs of those that drain
	idle      heap.Heap[*host] // those that are up and hold nothing, the longest idle first
	touched   []*host          // whose jobs have changed since settleHosts

	idleDue    batch.Instant // when an idle instance may have to go; zero for never
	idleConfig uint64        // State.config when that was found
	priceDue   batch.Instant // when Spot prices are to be looked at again; zero for never
	stuckUntil batch.Instant // when minvCpus may be tried again
	endedAt    batch.Instant // when an instance was last terminated because it was idle
	holdUntil  batch.Instant // before when none is, since the last one was missed soon
}

// fleetType is a type that the fleet may have, and the place of the entry of its
// instanceTypes that it is from.
type fleetType struct {
	*catalog.Type
	rank int
}

func (s *State) newFleet(row FleetRow) *fleet {
	s.fleets++
	f := &fleet{row: row, idle: heap.New(
		func(a, b *host) bool {
			if a.idleSince != b.idleSince {
				return a.idleSince < b.idleSince
			}
			return a.ID < b.ID
		},
		func(h *host) *int32 { return &h.idlePlace })}
	s.resolve(f)
	return f
}

// resolve finds the types that the fleet's entries stand for. Entries that the
// catalogue does not know any more stand for none.
func (s *State) resolve(f *fleet) {
	f.types, f.priceDue = nil, 1
	seen := make(map[string]bool)
	for rank, entry := range f.row.Fleet.Types {
		types, err := s.types().Resolve([]string{entry})
		if err != nil {
			continue
		}
		for _, t := range types {
			if !seen[t.Name] && t.VCPUs > 0 {
				seen[t.Name] = true
				f.types = append(f.types, fleetType{t, rank})
			}
		}
	}
}

// usable is what jobs get of an instance of the type.
func (f *fleet) usable(t *catalog.Type) batch.Resources {
	for _, m := range f.row.Measured {
		if m.Type == t.Name {
			return m.Capacity
		}
	}
	return t.Usable()
}

// measure notes what an instance of the type has registered with.
func (f *fleet) measure(name string, capacity batch.Resources) {
	if t := f.named(name); t == nil || f.usable(t) == capacity {
		return
	}
	others := slices.DeleteFunc(slices.Clone(f.row.Measured), func(m Measured) bool { return m.Type == name })
	f.row.Measured = append(others, Measured{name, capacity})
}

// price is what an instance of the type costs now, in millionths of a US dollar
// per hour.
func (f *fleet) price(t *catalog.Type, now batch.Instant) int64 {
	price, ok := t.OnDemand()
	if f.row.Fleet.Spot {
		price, ok = t.SpotAt(now)
	}
	if !ok {
		return allocate.UnknownPrice
	}
	return price
}

// named is the type of that name; nil if the fleet may not have it.
func (f *fleet) named(name string) *catalog.Type {
	for _, t := range f.types {
		if t.Name == name {
			return t.Type
		}
	}
	return nil
}

// usableOf is what jobs get of an instance of the type of that name.
func (f *fleet) usableOf(name string) (usable batch.Resources) {
	if t := f.named(name); t != nil {
		usable = f.usable(t)
	}
	return usable
}

// priceOf is the price of the type of that name.
func (f *fleet) priceOf(name string, now batch.Instant) int64 {
	if t := f.named(name); t != nil {
		return f.price(t, now)
	}
	return allocate.UnknownPrice
}

// bid is the most that the fleet pays for an instance of the type; zero for
// whatever it costs.
func (f *fleet) bid(t *catalog.Type) int64 {
	price, ok := t.OnDemand()
	if !f.row.Fleet.Spot || !ok {
		return 0
	}
	percent := int64(f.row.Fleet.BidPercent)
	if percent == 0 {
		percent = 100
	}
	return max(1, catalog.Portion(price, percent, 100))
}

// nextPrice is when a Spot price of the fleet's types changes.
func (f *fleet) nextPrice(now batch.Instant) (at batch.Instant, ok bool) {
	for _, t := range f.types {
		if next, some := t.NextSpot(now); some && f.row.Fleet.Spot && (!ok || next < at) {
			at, ok = next, true
		}
	}
	return at, ok
}

func (e *environment) putFleet(out *Output) {
	row := e.fleet.row
	out.Changes = append(out.Changes, FleetPut{row})
}
