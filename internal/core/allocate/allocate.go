// Package allocate decides which instances a compute environment launches: from
// what waits, what is there or on its way, and what the types cost, to a list of
// launches and what is left without one, each with its reason.
//
// It owns AWS's allocation strategies, of which AWS tells what they prefer and
// not how they choose. Demand is by shape, not by job, so a million equal jobs
// are one [Demand] and take the time of one. Amounts are [batch.Resources],
// vCPUs in thousandths, prices in millionths of a US dollar per hour. There are
// no errors: what cannot be had is an [Unmet].
//
// The core calls it for one environment at a time; it keeps nothing, and equal
// requests get equal answers. What it promises, and the tests compare with the
// best of all plans:
//
//   - No launch goes beyond the headroom, but for the one instance by which
//     AWS's rule may: see [Request.Overshoots].
//   - What is left unmet with [AtLimit] fits no type that the strategy may
//     launch within what is left of the headroom.
//   - Where nothing binds, all that fits any type is served.
//   - Of demands of one shape, and the types that a strategy likes best, the
//     launches cost the least possible and the price of one instance of the
//     type that is cheapest per job more at most, and exactly the least where
//     one such instance has room for all. Several shapes cost at most what they
//     would one by one. BEST_FIT has one type for each shape: the one of which
//     enough cost the least.
//
// It does not know queues, jobs or time: who is backed off, and what Spot costs
// now, its caller says.
package allocate

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Strategy is one of AWS's allocation strategies.
//
// https://docs.aws.amazon.com/batch/latest/userguide/allocation-strategies.html
type Strategy uint8

// The strategies. The zero value is AWS's default.
const (
	BestFit Strategy = iota
	BestFitProgressive
	BestFitProgressiveOrdered
	SpotCapacityOptimized
	SpotPriceCapacityOptimized
	SpotCapacityOptimizedPrioritized
)

// Strategies are AWS's names of them, by Strategy.
var Strategies = [...]string{ //nolint:gochecknoglobals // a table that nothing writes
	"BEST_FIT", "BEST_FIT_PROGRESSIVE", "BEST_FIT_PROGRESSIVE_ORDERED",
	"SPOT_CAPACITY_OPTIMIZED", "SPOT_PRICE_CAPACITY_OPTIMIZED", "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
}

func (s Strategy) String() string { return Strategies[s] }

// StrategyOf returns the strategy of AWS's name; the empty name is the default.
func StrategyOf(name string) (Strategy, bool) {
	i := slices.Index(Strategies[:], name)
	return Strategy(max(0, i)), i >= 0 || name == ""
}

// UnknownPrice is the price of a type of which nobody knows it. Such a type is
// launched where no other will do.
const UnknownPrice = -1

// Candidate is a type that the environment may launch.
type Candidate struct {
	Name   string
	Usable batch.Resources // what jobs get of an instance
	VCPU   int64           // thousandths that count against the environment's limit; not zero
	Price  int64           // now; UnknownPrice if nobody knows
	Bid    int64           // the most that is paid; zero for whatever it costs
	Rank   int             // the place among the environment's instanceTypes of the entry that it is from
	// Score is how deep its pool is, the higher the better; Interruption how
	// often its instances are taken back, the lower the better.
	Score, Interruption uint8
	BackedOff           bool // there was no capacity lately
}

// Demand is a number of equal jobs that wait.
type Demand struct {
	Need  batch.Resources // of a job, or of each node of a multi-node parallel one, whatever node it is
	Count int64           // of jobs
	// Nodes is how many instances a multi-node parallel job has, all launched
	// of one type; zero for other jobs, which share instances.
	Nodes int64
}

// Room is a number of instances, ready or on their way, that have as much left.
type Room struct {
	Free  batch.Resources
	Count int64
	Idle  bool // nothing runs on them, and nothing else is meant to: nodes take those only
}

// Request is all that a decision is made from.
type Request struct {
	Strategy   Strategy
	Spot       bool
	Demand     []Demand // in the order in which it would be served, the first first
	Rooms      []Room   // in the order in which they are filled
	Candidates []Candidate
	Headroom   int64 // thousandths of vCPUs that may be launched; none or less for none
	Most       int64 // instances to launch at once
}

// Overshoots reports whether the environment may exceed its limit by one
// instance: AWS does, but for BEST_FIT of On-Demand instances.
func (r *Request) Overshoots() bool { return r.Strategy != BestFit || r.Spot }

// Launch is a number of equal instances to launch.
type Launch struct {
	Candidate int // in Request.Candidates
	Count     int64
	Demand    int   // in Request.Demand: what they are for, though others may share them
	Jobs      int64 // of that demand that they hold
	Price     int64 // of one; UnknownPrice if nobody knows
	Over      bool  // beyond the limit: the one instance by which that is allowed
}

// same reports whether the two differ in nothing but how many they are.
func (l Launch) same(o Launch) bool {
	return l.Candidate == o.Candidate && l.Demand == o.Demand && l.Over == o.Over
}

// Reason is why nothing is launched for a demand, or why not a type.
type Reason uint8

// The reasons.
const (
	// TooLarge: no type of the environment would ever hold it.
	TooLarge Reason = iota + 1
	// OverBid: of the types that would, all cost more than the bid now.
	OverBid
	// NoCapacity: of the types that would, those within the bid had no capacity
	// lately. With BEST_FIT it is the one type that fits best.
	NoCapacity
	// AtLimit: no more vCPUs may be launched.
	AtLimit
	// Later: as many have been launched as may be at once.
	Later
)

func (r Reason) String() string {
	return [...]string{"", "too large", "over the bid", "no capacity", "at the limit", "later"}[r]
}

// Unmet is a number of jobs for which nothing is there and nothing launched.
type Unmet struct {
	Demand int
	Count  int64
	Reason Reason
}

// Skip is a type that the decision passed over, whatever the demand: because of
// its price, or because there was no capacity.
type Skip struct {
	Candidate int
	Reason    Reason
}

// Decision is what is to be launched, and why not more.
type Decision struct {
	Launches []Launch
	Unmet    []Unmet
	Skipped  []Skip
	Placed   []int64 // by demand: its jobs for which the rooms have place already
	VCPU     int64   // thousandths, of all launches
}

// Decide answers a request. Its work is the number of distinct demands times
// that of rooms and types, and never depends on how many jobs there are.
func Decide(r Request) Decision {
	// What there is room for in any case is packed the better way, the largest
	// first; only where it is not, the order of the queues decides.
	order := make([]int, len(r.Demand))
	for i := range order {
		order[i] = i
	}
	best := slices.Clone(order)
	slices.SortStableFunc(best, func(a, b int) int { return larger(&r.Demand[a], &r.Demand[b]) })
	free := r
	free.Headroom = batch.Unlimited
	p := newPlan(&free)
	for _, i := range best {
		p.serve(i)
	}
	if p.d.VCPU > r.Headroom || p.full() {
		p = newPlan(&r)
		for _, i := range order {
			p.serve(i)
		}
	}
	slices.SortStableFunc(p.d.Unmet, func(a, b Unmet) int { return a.Demand - b.Demand })
	return p.d
}

// larger orders multi-node jobs, which need whole instances, before others, and
// those by what they need.
func larger(a, b *Demand) int {
	return cmp.Or(
		cmp.Compare(min(b.Nodes, 1), min(a.Nodes, 1)),
		cmp.Compare(b.Need.GPUs, a.Need.GPUs), cmp.Compare(b.Need.MilliVCPU, a.Need.MilliVCPU), cmp.Compare(b.Need.MemoryMiB, a.Need.MemoryMiB))
}

// plan is a decision that is being made.
type plan struct {
	*Request
	d        Decision
	rooms    []Room
	headroom int64
	left     int64 // instances that may still be launched
	skipped  []Reason
}

func newPlan(r *Request) *plan {
	p := &plan{Request: r, rooms: slices.Clone(r.Rooms), headroom: r.Headroom, left: r.Most, skipped: make([]Reason, len(r.Candidates))}
	p.d.Placed = make([]int64, len(r.Demand))
	for i := range r.Candidates {
		c := &r.Candidates[i]
		switch {
		case c.Bid > 0 && (c.Price > c.Bid || c.Price == UnknownPrice):
			p.skipped[i] = OverBid
		case c.BackedOff:
			p.skipped[i] = NoCapacity
		default:
			continue
		}
		p.d.Skipped = append(p.d.Skipped, Skip{Candidate: i, Reason: p.skipped[i]})
	}
	return p
}

// full reports whether the decision has as many launches as it may.
func (p *plan) full() bool { return p.left <= 0 }

// serve finds room for a demand, or launches it.
func (p *plan) serve(demand int) {
	d := &p.Demand[demand]
	n := d.Count
	if n <= 0 {
		return
	}
	if d.Nodes > 0 {
		p.nodes(demand)
		return
	}
	n -= p.fill(0, d.Need, n)
	p.d.Placed[demand] = d.Count - n
	for n > 0 {
		types := p.types(d.Need, p.headroom)
		if len(types) == 0 {
			break
		}
		if p.Strategy == BestFit {
			types = p.bestFit(types, n)
			if p.Candidates[types[0].candidate].BackedOff {
				p.unmet(demand, n, NoCapacity)
				return
			}
		}
		got := p.cheapest(types, demand, n)
		if got == 0 {
			break
		}
		n -= got
	}
	if n > 0 {
		n -= p.overshoot(demand, n)
	}
	if n > 0 {
		p.unmet(demand, n, p.why(d.Need))
	}
}

func (p *plan) unmet(demand int, n int64, why Reason) {
	p.d.Unmet = append(p.d.Unmet, Unmet{Demand: demand, Count: n, Reason: why})
}

// why says what is missing for a need that no type is launched for.
func (p *plan) why(need batch.Resources) Reason {
	why := TooLarge
	for i := range p.Candidates {
		if !need.Fits(p.Candidates[i].Usable) {
			continue
		}
		switch skipped := p.skipped[i]; {
		case skipped == 0 && p.full():
			return Later
		case skipped == 0:
			return AtLimit
		default:
			why = max(why, skipped)
		}
	}
	return why
}

// launch adds instances to the plan that hold so many jobs of a demand, and
// returns what is left of them to the rooms.
func (p *plan) launch(candidate int, count int64, demand int, jobs int64) {
	c := &p.Candidates[candidate]
	vcpu := count * c.VCPU
	l := Launch{Candidate: candidate, Count: count, Demand: demand, Jobs: jobs, Price: c.Price, Over: p.headroom < vcpu}
	if last := len(p.d.Launches) - 1; last >= 0 && p.d.Launches[last].same(l) {
		p.d.Launches[last].Count += count
		p.d.Launches[last].Jobs += jobs
	} else {
		p.d.Launches = append(p.d.Launches, l)
	}
	p.d.VCPU += vcpu
	p.left -= count
	if p.headroom != batch.Unlimited {
		p.headroom -= vcpu
	}
	if d := &p.Demand[demand]; d.Nodes == 0 {
		at := len(p.rooms)
		p.rooms = append(p.rooms, Room{Free: c.Usable, Count: count})
		p.fill(at, d.Need, jobs)
	}
}
