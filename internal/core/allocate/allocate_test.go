package allocate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
)

// of is an amount of whole vCPUs, GiB and GPUs.
func of(vcpu, gib int64, gpus ...int64) batch.Resources {
	r := batch.Resources{MilliVCPU: vcpu * 1000, MemoryMiB: gib * 1024}
	for _, g := range gpus {
		r.GPUs += g
	}
	return r
}

// kind is a type with a price in thousandths of a US dollar per hour.
func kind(name string, size batch.Resources, price int64, with ...func(*Candidate)) Candidate {
	c := Candidate{Name: name, Usable: size, VCPU: size.MilliVCPU, Price: price * 1000, Score: 5, Interruption: 2}
	for _, set := range with {
		set(&c)
	}
	return c
}

func backedOff(c *Candidate) { c.BackedOff = true }
func unpriced(c *Candidate)  { c.Price = UnknownPrice }
func bid(price int64) func(*Candidate) {
	return func(c *Candidate) { c.Bid = price * 1000 }
}

func rank(n int) func(*Candidate) { return func(c *Candidate) { c.Rank = n } }
func pool(score, interruption uint8) func(*Candidate) {
	return func(c *Candidate) { c.Score, c.Interruption = score, interruption }
}

func waiting(need batch.Resources, count int64) Demand {
	return Demand{Need: need, Count: count}
}

// render prints a decision as a sentence.
func render(r *Request, d Decision) string {
	var s []string
	for _, l := range d.Launches {
		text := fmt.Sprintf("%d %s for %d of #%d", l.Count, r.Candidates[l.Candidate].Name, l.Jobs, l.Demand)
		if l.Over {
			text += " over the limit"
		}
		s = append(s, text)
	}
	for i, n := range d.Placed {
		if n > 0 {
			s = append(s, fmt.Sprintf("room for %d of #%d", n, i))
		}
	}
	for _, u := range d.Unmet {
		s = append(s, fmt.Sprintf("%d of #%d %v", u.Count, u.Demand, u.Reason))
	}
	for _, k := range d.Skipped {
		s = append(s, fmt.Sprintf("no %s: %v", r.Candidates[k.Candidate].Name, k.Reason))
	}
	return strings.Join(s, ", ")
}

const (
	progressive = BestFitProgressive
	plenty      = 1 << 40
)

func TestDecide(t *testing.T) {
	t.Parallel()
	m := []Candidate{kind("m.large", of(2, 8), 100), kind("m.xlarge", of(4, 16), 200), kind("m.4xlarge", of(16, 64), 800)}
	families := []Candidate{kind("c.large", of(2, 4), 85, rank(1)), kind("m.large", of(2, 8), 100, rank(0)), kind("r.large", of(2, 16), 130, rank(2)), kind("r.xlarge", of(4, 32), 260, rank(2))}
	for _, tt := range []struct {
		name string
		r    Request
		want string
	}{
		{"nothing waits", Request{Strategy: progressive, Candidates: m, Headroom: plenty}, ""},
		{
			"one small job takes the smallest type that costs least",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 1)}},
			"1 m.large for 1 of #0",
		},
		{
			"many take few large ones, and small ones for the rest",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 37)}},
			"2 m.4xlarge for 32 of #0, 1 m.xlarge for 4 of #0, 1 m.large for 1 of #0",
		},
		{
			"memory decides what is cheapest",
			Request{Strategy: progressive, Candidates: families, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2), waiting(of(1, 8), 4), waiting(of(1, 4), 2)}},
			"1 r.xlarge for 4 of #1, 1 m.large for 2 of #2, 1 c.large for 2 of #0",
		},
		{
			"what large jobs leave holds small ones",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 3), waiting(of(13, 8), 1)}},
			"1 m.4xlarge for 1 of #1, room for 3 of #0",
		},
		{
			"rooms first",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Rooms: []Room{{Free: of(3, 3), Count: 2}}, Demand: []Demand{waiting(of(1, 1), 7)}},
			"1 m.large for 1 of #0, room for 6 of #0",
		},
		{
			"the limit holds, the first in order is served, and one instance is over it",
			Request{Strategy: progressive, Candidates: m, Headroom: 17_000, Demand: []Demand{waiting(of(4, 1), 4), waiting(of(16, 4), 4)}},
			"1 m.4xlarge for 4 of #0, 1 m.4xlarge for 1 of #1 over the limit, 3 of #1 at the limit",
		},
		{
			"BEST_FIT of On-Demand instances is never over it",
			Request{Strategy: BestFit, Candidates: m, Headroom: 17_000, Demand: []Demand{waiting(of(4, 1), 4), waiting(of(16, 4), 4)}},
			"1 m.4xlarge for 4 of #0, 4 of #1 at the limit",
		},
		{
			"BEST_FIT of Spot instances may be",
			Request{Strategy: BestFit, Spot: true, Candidates: m, Headroom: 1_000, Demand: []Demand{waiting(of(1, 1), 4)}},
			"1 m.large for 2 of #0 over the limit, 2 of #0 at the limit",
		},
		{
			"nothing at all beyond a limit that is reached",
			Request{Strategy: progressive, Candidates: m, Headroom: 0, Demand: []Demand{waiting(of(1, 1), 4)}},
			"4 of #0 at the limit",
		},
		{
			"and not below it, where it was lowered",
			Request{Strategy: progressive, Candidates: m, Headroom: -4_000, Demand: []Demand{waiting(of(1, 1), 4)}},
			"4 of #0 at the limit",
		},
		{
			"too large for all types",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Demand: []Demand{waiting(of(1, 65), 1), waiting(of(1, 1, 1), 2), waiting(of(2, 8), 1)}},
			"1 m.large for 1 of #2, 1 of #0 too large, 2 of #1 too large",
		},
		{
			"BEST_FIT has one type, and waits for it",
			Request{Strategy: BestFit, Candidates: []Candidate{m[0], kind("m.xlarge", of(4, 16), 190, backedOff), m[2]}, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 8), waiting(of(1, 7), 1)}},
			"1 m.large for 1 of #1, room for 1 of #0, 7 of #0 no capacity, no m.xlarge: no capacity",
		},
		{
			"BEST_FIT_PROGRESSIVE takes the next",
			Request{Strategy: progressive, Candidates: []Candidate{m[0], kind("m.xlarge", of(4, 16), 190, backedOff), m[2]}, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 6)}},
			"3 m.large for 6 of #0, no m.xlarge: no capacity",
		},
		{
			"no capacity anywhere",
			Request{Strategy: progressive, Candidates: []Candidate{kind("m.large", of(2, 8), 100, backedOff)}, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 6)}},
			"6 of #0 no capacity, no m.large: no capacity",
		},
		{
			"the order of the entries, whatever it costs",
			Request{Strategy: BestFitProgressiveOrdered, Candidates: families, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2), waiting(of(1, 12), 3)}},
			"1 r.xlarge for 2 of #1, 1 r.large for 1 of #1, room for 2 of #0",
		},
		{
			"the entry that comes first is without capacity",
			Request{Strategy: SpotCapacityOptimizedPrioritized, Spot: true, Candidates: []Candidate{families[0], kind("m.large", of(2, 8), 100, rank(0), backedOff), families[2]}, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2)}},
			"1 c.large for 2 of #0, no m.large: no capacity",
		},
		{
			"least often interrupted, then deepest, then cheapest",
			Request{Strategy: SpotCapacityOptimized, Spot: true, Candidates: []Candidate{
				kind("a.large", of(2, 8), 10, pool(10, 1)), kind("b.large", of(2, 8), 40, pool(8, 0)), kind("c.large", of(2, 8), 30, pool(8, 0)), kind("d.large", of(2, 8), 10, pool(7, 0)),
			}, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2)}},
			"1 c.large for 2 of #0",
		},
		{
			"the cheapest of the deep pools",
			Request{Strategy: SpotPriceCapacityOptimized, Spot: true, Candidates: []Candidate{
				kind("a.large", of(2, 8), 50, pool(9, 0)), kind("b.large", of(2, 8), 40, pool(7, 4)), kind("c.large", of(2, 8), 10, pool(6, 0)),
			}, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2)}},
			"1 b.large for 2 of #0",
		},
		{
			"over the bid",
			Request{Strategy: SpotPriceCapacityOptimized, Spot: true, Candidates: []Candidate{
				kind("a.large", of(2, 8), 50, bid(49)), kind("b.large", of(2, 8), 60, bid(60)), kind("c.8xlarge", of(32, 64), 60, bid(59)),
			}, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2), waiting(of(4, 1), 1)}},
			"1 b.large for 2 of #0, 1 of #1 over the bid, no a.large: over the bid, no c.8xlarge: over the bid",
		},
		{
			"a price that nobody knows is not below a bid, and is the last choice",
			Request{Strategy: progressive, Candidates: []Candidate{kind("a.large", of(2, 8), 0, unpriced), kind("b.large", of(2, 4), 900), kind("c.large", of(2, 8), 0, unpriced, bid(9))}, Headroom: plenty, Demand: []Demand{waiting(of(1, 2), 2), waiting(of(1, 8), 1)}},
			"1 a.large for 1 of #1, 1 b.large for 2 of #0, no c.large: over the bid",
		},
		{
			"GPUs for those that ask for them, or where nothing else would do",
			Request{Strategy: progressive, Candidates: []Candidate{kind("g.xlarge", of(4, 16, 1), 50), kind("m.large", of(2, 8), 100), kind("g.4xlarge", of(16, 64, 1), 150)}, Headroom: plenty, Demand: []Demand{waiting(of(1, 1), 5), waiting(of(1, 1, 1), 1), waiting(of(3, 1), 1)}},
			"1 g.xlarge for 1 of #1, 3 m.large for 5 of #0, room for 1 of #2",
		},
		{
			"as many as may be launched at once",
			Request{Strategy: progressive, Candidates: m[:1], Headroom: plenty, Most: 2, Demand: []Demand{waiting(of(1, 1), 5)}},
			"2 m.large for 4 of #0, 1 of #0 later",
		},
		{
			"nodes have instances of one type to themselves",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Rooms: []Room{{Free: of(16, 64), Count: 1, Idle: true}, {Free: of(8, 8), Count: 9}}, Demand: []Demand{waiting(of(1, 1), 1), {Need: of(3, 4), Count: 2, Nodes: 3}}},
			"5 m.xlarge for 2 of #1, room for 1 of #0",
		},
		{
			"nodes that idle instances hold",
			Request{Strategy: progressive, Candidates: m, Headroom: plenty, Rooms: []Room{{Free: of(16, 64), Count: 7, Idle: true}}, Demand: []Demand{{Need: of(3, 4), Count: 2, Nodes: 3}}},
			"room for 2 of #0",
		},
		{
			"all nodes or none",
			Request{Strategy: progressive, Candidates: m, Headroom: 8_000, Demand: []Demand{{Need: of(3, 4), Count: 1, Nodes: 4}}},
			"1 of #0 at the limit",
		},
		{
			"the last node may be over the limit",
			Request{Strategy: progressive, Candidates: m, Headroom: 9_000, Demand: []Demand{{Need: of(3, 4), Count: 2, Nodes: 3}}},
			"3 m.xlarge for 1 of #0 over the limit, 1 of #0 at the limit",
		},
		{
			"but not with BEST_FIT",
			Request{Strategy: BestFit, Candidates: m, Headroom: 9_000, Demand: []Demand{{Need: of(3, 4), Count: 2, Nodes: 3}}},
			"2 of #0 at the limit",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.r.Most == 0 {
				tt.r.Most = 1000
			}
			if diff := cmp.Diff(tt.want, render(&tt.r, Decide(tt.r))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStrategyOf(t *testing.T) {
	t.Parallel()
	for i, name := range Strategies {
		if s, ok := StrategyOf(name); !ok || s != Strategy(i) || s.String() != name {
			t.Errorf("%s is %v, %t", name, s, ok)
		}
	}
	if s, ok := StrategyOf(""); !ok || s != BestFit {
		t.Errorf("no strategy is %v, %t", s, ok)
	}
	if _, ok := StrategyOf("WORST_FIT"); ok {
		t.Error("WORST_FIT is a strategy")
	}
}
