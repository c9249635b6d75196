package allocate

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// option is a type for one demand.
type option struct {
	candidate int
	slots     int64 // jobs that one instance holds
	vcpu      int64
	price     int64 // for comparing
}

// dearPerVCPU is what a type whose price nobody knows is taken to cost, per
// thousandth of a vCPU, when types are compared: more than any that is known.
const dearPerVCPU = 1_000_000

// types returns the types that the strategy likes best of those that hold the
// need and have no more vCPUs than so many. BEST_FIT considers those without
// capacity too: it waits for the best.
func (p *plan) types(need batch.Resources, within int64) []option {
	return p.liked(p.within(need, within, p.Strategy == BestFit))
}

// within returns the types that hold the need and have no more vCPUs than so
// many, those that are backed off only if asked for.
func (p *plan) within(need batch.Resources, within int64, backedOff bool) []option {
	if p.full() {
		return nil
	}
	var list []option
	for i, why := range p.skipped {
		if why == OverBid || why == NoCapacity && !backedOff || p.Candidates[i].VCPU > within {
			continue
		}
		if slots := times(p.Candidates[i].Usable, need); slots > 0 {
			list = append(list, p.option(i, slots))
		}
	}
	return p.withoutGPUs(list, need)
}

func (p *plan) option(i int, slots int64) option {
	c := &p.Candidates[i]
	o := option{candidate: i, slots: slots, vcpu: c.VCPU, price: c.Price}
	if o.price == UnknownPrice {
		o.price = c.VCPU * dearPerVCPU
	}
	return o
}

// withoutGPUs leaves types with GPUs out for jobs that need none, unless all of
// the environment's types that would hold the job have some.
func (p *plan) withoutGPUs(list []option, need batch.Resources) []option {
	if need.GPUs > 0 || !slices.ContainsFunc(p.Candidates, func(c Candidate) bool { return c.Usable.GPUs == 0 && need.Fits(c.Usable) }) {
		return list
	}
	return slices.DeleteFunc(list, func(o option) bool { return p.Candidates[o.candidate].Usable.GPUs > 0 })
}

// liked leaves the types that come first for the strategy; what they cost
// decides among them.
func (p *plan) liked(list []option) []option {
	if len(list) == 0 {
		return nil
	}
	deepest := uint8(0)
	for _, o := range list {
		deepest = max(deepest, p.Candidates[o.candidate].Score)
	}
	place := func(o option) [2]int {
		c := &p.Candidates[o.candidate]
		switch p.Strategy {
		case SpotCapacityOptimized:
			return [2]int{int(c.Interruption), -int(c.Score)}
		case SpotPriceCapacityOptimized:
			if c.Score+2 >= deepest {
				return [2]int{}
			}
			return [2]int{1, -int(c.Score)}
		case BestFitProgressiveOrdered, SpotCapacityOptimizedPrioritized:
			return [2]int{c.Rank, 0}
		default:
			return [2]int{}
		}
	}
	before := func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
	first := place(slices.MinFunc(list, func(a, b option) int { return before(place(a), place(b)) }))
	return slices.DeleteFunc(list, func(o option) bool { return place(o) != first })
}

// bestFit leaves the one type of which enough for n jobs cost the least.
func (p *plan) bestFit(list []option, n int64) []option {
	return []option{slices.MinFunc(list, func(a, b option) int {
		x, y := (n+a.slots-1)/a.slots, (n+b.slots-1)/b.slots
		return cmp.Or(
			compareProducts(x, a.price, y, b.price), compareProducts(x, a.vcpu, y, b.vcpu), cmp.Compare(x, y),
			cmp.Compare(a.candidate, b.candidate))
	})}
}

// cheapest launches instances of the types for up to n jobs and returns for how
// many: of the type that is cheapest per job as many as the jobs fill, or the
// headroom allows, and for the rest the combination that costs least.
func (p *plan) cheapest(list []option, demand int, n int64) (jobs int64) {
	slices.SortFunc(list, func(a, b option) int {
		return cmp.Or(
			compareProducts(a.price, b.slots, b.price, a.slots), compareProducts(a.vcpu, b.slots, b.vcpu, a.slots),
			cmp.Compare(b.slots, a.slots), cmp.Compare(a.candidate, b.candidate))
	})
	best := list[0]
	if whole := min(n/best.slots, p.headroom/best.vcpu, p.left); whole > 0 {
		jobs = whole * best.slots
		p.launch(best.candidate, whole, demand, jobs)
		return jobs
	}
	rest := min(n, best.slots)
	cover, vcpu, count := covering(list, rest)
	if vcpu > p.headroom || count > p.left {
		// Not all of it can be had: the instance that holds most of it.
		o := slices.MaxFunc(list, func(a, b option) int {
			return cmp.Or(cmp.Compare(min(a.slots, rest), min(b.slots, rest)), cmp.Compare(b.price, a.price), cmp.Compare(b.candidate, a.candidate))
		})
		jobs = min(o.slots, rest)
		p.launch(o.candidate, 1, demand, jobs)
		return jobs
	}
	for _, take := range cover {
		held := min(take.count*take.slots, rest-jobs)
		p.launch(take.candidate, take.count, demand, held)
		jobs += held
	}
	return jobs
}

// taken is a number of instances of a type.
type taken struct {
	option
	count int64
}

// mostCovered bounds the work of covering. Beyond it one type alone covers.
const mostCovered = 1024

// covering returns the instances that hold n jobs for the least money and, among
// those, the fewest vCPUs, then the fewest instances; and how many vCPUs and
// instances they are.
func covering(list []option, n int64) (cover []taken, vcpu, count int64) {
	list = frontier(list)
	if n > mostCovered {
		o := slices.MinFunc(list, func(a, b option) int {
			return compareProducts((n+a.slots-1)/a.slots, a.price, (n+b.slots-1)/b.slots, b.price)
		})
		count = (n + o.slots - 1) / o.slots
		return []taken{{o, count}}, count * o.vcpu, count
	}
	type cell struct{ price, vcpu, count int64 }
	best := make([]cell, n+1) // best[i] holds i jobs
	with := make([]int, n+1)  // and its last instance is of list[with[i]]
	for i := int64(1); i <= n; i++ {
		for t, o := range list {
			rest := best[max(0, i-o.slots)]
			c := cell{rest.price + o.price, rest.vcpu + o.vcpu, rest.count + 1}
			if t == 0 || cmp.Or(cmp.Compare(c.price, best[i].price), cmp.Compare(c.vcpu, best[i].vcpu), cmp.Compare(c.count, best[i].count)) < 0 {
				best[i], with[i] = c, t
			}
		}
	}
	for i := n; i > 0; i -= list[with[i]].slots {
		o := list[with[i]]
		at := slices.IndexFunc(cover, func(t taken) bool { return t.candidate == o.candidate })
		if at < 0 {
			at, cover = len(cover), append(cover, taken{option: o})
		}
		cover[at].count++
	}
	return cover, best[n].vcpu, best[n].count
}

// frontier leaves out the types of which another holds as many jobs for no more
// money and vCPUs. The list is in the order of preference.
func frontier(list []option) []option {
	var kept []option
	for _, o := range list {
		if !slices.ContainsFunc(kept, func(k option) bool { return k.slots >= o.slots && k.price <= o.price && k.vcpu <= o.vcpu }) {
			kept = append(kept, o)
		}
	}
	return kept
}

// overshoot launches the one instance beyond the headroom that AWS's rule
// allows, the smallest that will do, and returns how many jobs it holds.
func (p *plan) overshoot(demand int, n int64) (jobs int64) {
	if !p.Overshoots() || p.headroom <= 0 || p.full() {
		return 0
	}
	list := p.within(p.Demand[demand].Need, batch.Unlimited, false)
	if len(list) == 0 {
		return 0
	}
	o := p.smallest(list)
	jobs = min(n, o.slots)
	p.launch(o.candidate, 1, demand, jobs)
	return jobs
}

func (p *plan) smallest(list []option) option {
	return slices.MinFunc(list, func(a, b option) int {
		return cmp.Or(cmp.Compare(a.vcpu, b.vcpu), cmp.Compare(a.price, b.price), cmp.Compare(a.candidate, b.candidate))
	})
}
