package allocate

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

// draw makes a small request.
func draw(t *rapid.T) Request {
	n := func(from, to int64, what string) int64 { return rapid.Int64Range(from, to).Draw(t, what) }
	size := func(most int64, what string) batch.Resources {
		gpus := max(0, n(-4, 2, what+" GPUs"))
		return of(n(1, most, what+" vCPUs"), n(1, most*2, what+" GiB"), gpus)
	}
	r := Request{
		Strategy: Strategy(n(0, int64(len(Strategies))-1, "strategy")), Spot: rapid.Bool().Draw(t, "spot"),
		Headroom: n(-1, 40, "headroom") * 1000, Most: n(0, 20, "most"),
	}
	if rapid.Bool().Draw(t, "unbound") {
		r.Headroom, r.Most = plenty, plenty
	}
	for i := range n(1, 5, "types") {
		c := kind(fmt.Sprint("t", i), size(12, "type"), n(0, 60, "price"), rank(int(n(0, 2, "rank"))), pool(uint8(n(0, 10, "score")), uint8(n(0, 4, "interruption"))))
		c.BackedOff = n(0, 5, "backed off") == 0
		if n(0, 5, "unpriced") == 0 {
			c.Price = UnknownPrice
		}
		if n(0, 3, "bids") == 0 {
			c.Bid = n(1, 60, "bid") * 1000
		}
		r.Candidates = append(r.Candidates, c)
	}
	for range n(0, 2, "rooms") {
		r.Rooms = append(r.Rooms, Room{Free: size(6, "room"), Count: n(0, 3, "room count"), Idle: rapid.Bool().Draw(t, "idle")})
	}
	for range n(0, 4, "demands") {
		d := waiting(size(8, "need"), n(0, 9, "count"))
		if n(0, 4, "multi-node") == 0 {
			d.Nodes = n(1, 4, "nodes")
		}
		r.Demand = append(r.Demand, d)
	}
	return r
}

// TestPromises holds decisions against what the package promises of all
// requests.
func TestPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		d := Decide(r)
		if diff := cmp.Diff(d, Decide(r)); diff != "" {
			t.Fatalf("the same question, another answer: %s", diff)
		}
		var vcpu, count, largest int64
		held := make([]int64, len(r.Demand))
		over := false
		for _, l := range d.Launches {
			c := r.Candidates[l.Candidate]
			vcpu += l.Count * c.VCPU
			count += l.Count
			largest = max(largest, c.VCPU)
			held[l.Demand] += l.Jobs
			over = over || l.Over
			need := r.Demand[l.Demand].Need
			switch {
			case l.Count < 1 || l.Jobs < 1:
				t.Fatalf("%d instances of %s for %d jobs", l.Count, c.Name, l.Jobs)
			case !need.Fits(c.Usable):
				t.Fatalf("%v does not fit on %s", need, c.Name)
			case c.BackedOff || c.Bid > 0 && (c.Price > c.Bid || c.Price == UnknownPrice):
				t.Fatalf("%s may not be launched", c.Name)
			}
		}
		switch {
		case vcpu != d.VCPU:
			t.Fatalf("launches have %d vCPUs, and %d are said", vcpu, d.VCPU)
		case vcpu > 0 && r.Headroom <= 0:
			t.Fatal("something is launched at the limit")
		case vcpu > max(0, r.Headroom) && !r.Overshoots():
			t.Fatalf("%d vCPUs are launched of %d", vcpu, r.Headroom)
		case vcpu > max(0, r.Headroom) && (vcpu-largest >= r.Headroom || !over):
			t.Fatalf("%d vCPUs are launched of %d, and the limit is passed by more than one instance", vcpu, r.Headroom)
		case count > r.Most && (len(d.Launches) != 1 || d.Launches[0].Jobs != 1 || r.Demand[d.Launches[0].Demand].Nodes <= r.Most):
			t.Fatalf("%d instances at once", count)
		}
		unmet := make([]int64, len(r.Demand))
		for _, u := range d.Unmet {
			unmet[u.Demand] += u.Count
			checkReason(t, r, d, u, count)
		}
		for i, demand := range r.Demand {
			if got := d.Placed[i] + held[i] + unmet[i]; got != demand.Count || d.Placed[i] < 0 {
				t.Fatalf("of %d jobs of #%d %d have room, %d are launched for, %d are left", demand.Count, i, d.Placed[i], held[i], unmet[i])
			}
		}
		checkPacking(t, r, d)
	})
}

// checkReason: why a demand is unmet is true.
func checkReason(t *rapid.T, r Request, d Decision, u Unmet, launched int64) {
	demand := r.Demand[u.Demand]
	left := r.Headroom - d.VCPU
	for _, c := range r.Candidates {
		if !demand.Need.Fits(c.Usable) {
			continue
		}
		overBid := c.Bid > 0 && (c.Price > c.Bid || c.Price == UnknownPrice)
		switch {
		case u.Reason == TooLarge:
			t.Fatalf("#%d is too large and fits %s", u.Demand, c.Name)
		case u.Reason == OverBid && !overBid:
			t.Fatalf("all are over the bid for #%d, but not %s", u.Demand, c.Name)
		case u.Reason == NoCapacity && r.Strategy != BestFit && !overBid && !c.BackedOff:
			t.Fatalf("there is no capacity for #%d, but of %s", u.Demand, c.Name)
		case u.Reason == AtLimit && demand.Nodes == 0 && !overBid && !c.BackedOff && c.VCPU <= left && (c.Usable.GPUs == 0 || demand.Need.GPUs > 0):
			t.Fatalf("#%d is at the limit, and %d of the headroom are left for %s", u.Demand, left, c.Name)
		}
	}
	if u.Reason == Later && launched < r.Most && demand.Nodes == 0 {
		t.Fatalf("#%d comes later after %d of %d", u.Demand, launched, r.Most)
	}
}

// checkPacking: each launch has room for the jobs that it is for, and launches
// and rooms together have as much as all that they are said to hold.
func checkPacking(t *rapid.T, r Request, d Decision) {
	var total, room batch.Resources
	for _, h := range r.Rooms {
		for range h.Count {
			room = room.Add(h.Free)
		}
	}
	for _, l := range d.Launches {
		c, demand := r.Candidates[l.Candidate], r.Demand[l.Demand]
		if demand.Nodes > 0 {
			continue
		}
		if l.Jobs > l.Count*slots(c, demand) {
			t.Fatalf("%d %s are to hold %d of %v", l.Count, c.Name, l.Jobs, demand)
		}
		for range l.Count {
			room = room.Add(c.Usable)
		}
		for range l.Jobs {
			total = total.Add(demand.Need)
		}
	}
	for i, n := range d.Placed {
		for range n * (1 - min(1, r.Demand[i].Nodes)) {
			total = total.Add(r.Demand[i].Need)
		}
	}
	if !total.Fits(room) {
		t.Fatalf("instances with %v are to hold %v", room, total)
	}
}

// TestCheapest compares what launches cost with the best of all plans: for one
// shape exactly, or within one instance of the type that is cheapest per job;
// for several no more than each alone.
func TestCheapest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		r.Strategy, r.Headroom, r.Most, r.Rooms = progressive, plenty, plenty, nil
		for i := range r.Candidates {
			c := &r.Candidates[i]
			c.BackedOff, c.Bid, c.Usable.GPUs, c.Price = false, 0, 0, max(c.Price, 1)
		}
		for i := range r.Demand {
			r.Demand[i].Nodes, r.Demand[i].Need.GPUs = 0, 0
		}
		alone := int64(0)
		for _, demand := range r.Demand {
			least, best := optimum(r.Candidates, demand)
			one := Request{Strategy: progressive, Candidates: r.Candidates, Headroom: plenty, Most: plenty, Demand: []Demand{demand}}
			cost := costOf(&one, Decide(one))
			switch {
			case cost > least+best.Price:
				t.Fatalf("%v costs %d, and the best plan %d", demand, cost, least)
			case cost > least && slots(best, demand) >= demand.Count:
				t.Fatalf("%v costs %d, the best plan %d, and one %s would do", demand, cost, least, best.Name)
			}
			alone += cost
		}
		if cost := costOf(&r, Decide(r)); cost > alone {
			t.Fatalf("all cost %d together, and %d one by one", cost, alone)
		}
	})
}

func costOf(r *Request, d Decision) (sum int64) {
	for _, l := range d.Launches {
		sum += l.Count * r.Candidates[l.Candidate].Price
	}
	return sum
}

func slots(c Candidate, d Demand) (n int64) {
	free := c.Usable
	for d.Need.Fits(free) {
		free = free.Sub(d.Need)
		n++
	}
	return n
}

// optimum is the least that instances for the demand cost, found by trying, and
// the type that costs least per job.
func optimum(types []Candidate, d Demand) (least int64, best Candidate) {
	most := int64(0)
	for _, c := range types {
		n := slots(c, d)
		if n == 0 {
			continue
		}
		if s := slots(best, d); s == 0 || most == 0 || c.Price*s < best.Price*n {
			best, most = c, n
		}
	}
	if most == 0 {
		return 0, Candidate{}
	}
	var try func(i int, left, cost int64)
	least = 1 << 60
	try = func(i int, left, cost int64) {
		switch {
		case left <= 0:
			least = min(least, cost)
		case i == len(types) || cost >= least:
		default:
			n := slots(types[i], d)
			try(i+1, left, cost)
			if n > 0 {
				try(i, left-n, cost+types[i].Price)
			}
		}
	}
	try(0, d.Count, 0)
	return least, best
}
