package fit

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// maxWalk bounds how many ends [Index.Earliest] looks at.
const maxWalk = 8192

// Spot is room on a host that is wanted at some time.
type Spot struct {
	Host *Host
	Need batch.Resources // what is wanted
	Free batch.Resources // what will be free then besides, if nothing more starts
}

// Earliest is the time, not before `from`, at which all groups find room on ready
// hosts if everything runs until its latest end and nothing else starts, and where.
// It is not known if that takes the end of something that may run for ever, or more
// ends than one cares to look at.
func (x *Index) Earliest(groups []Group, from batch.Instant) (at batch.Instant, spots []Spot, ok bool) {
	if len(x.list) == 1 && x.list[0].Ready {
		return x.earliestOnOne(groups, from)
	}
	x.look++
	room := make([]int64, len(groups)) // how often the need of each group fits, all hosts together
	single := len(groups) == 1 && groups[0].Count == 1
	if single {
		if x.Best(groups[0].Need) != nil {
			room[0] = 1
		}
	} else {
		for _, h := range x.list {
			for i, g := range groups {
				if h.Ready {
					room[i] += int64(times(h.Free, g.Need))
				}
			}
		}
	}
	enough := func() bool {
		for i, g := range groups {
			if room[i] < int64(g.Count) {
				return false
			}
		}
		return true
	}
	var credited []*Host
	credit := func(hold *Hold) (touched bool) {
		h := hold.Host
		if !h.Ready {
			return false
		}
		if h.looked != x.look {
			h.looked, h.then = x.look, h.Free
			credited = append(credited, h)
		}
		was := h.then
		h.then = h.then.Add(hold.Need)
		for i, g := range groups {
			room[i] += int64(times(h.then, g.Need)) - int64(times(was, g.Need))
		}
		return true
	}
	at = from
	walked, tries, wait := 0, 0, 0
	try := func() bool {
		if wait--; wait >= 0 || !enough() {
			return false
		}
		if spots = x.spotsThen(groups, credited); spots == nil {
			tries++
			wait = tries // what fits one by one does not fit at once: no need to try at each end
			return false
		}
		return true
	}
	found := try()
	x.holds.inOrder(func(hold *Hold) bool {
		if walked++; walked > maxWalk || found && hold.Until > at {
			return false
		}
		if !credit(hold) || found {
			return true
		}
		if found = try(); found {
			at = max(at, hold.Until)
		}
		return true
	})
	if !found {
		return 0, nil, false
	}
	for i := range spots { // with all that ends until then
		s := &spots[i]
		s.Free = s.Host.Free
		if s.Host.looked == x.look {
			s.Free = s.Host.then
		}
		s.Free = s.Free.Sub(s.Need)
	}
	return at, spots, true
}

// earliestOnOne is Earliest where there is one host, however many it holds.
func (x *Index) earliestOnOne(groups []Group, from batch.Instant) (at batch.Instant, spots []Spot, ok bool) {
	h := x.list[0]
	var need batch.Resources
	for _, g := range groups {
		need = need.Add(g.Need.Times(g.Count))
	}
	short := need.Sub(h.Free)
	if at, ok = x.When(short); !ok {
		return 0, nil, false
	}
	at = max(at, from)
	return at, []Spot{{Host: h, Need: need, Free: h.Free.Add(x.Over(at)).Sub(need)}}, true
}

// spotsThen spreads the groups over the hosts as they are once the ends that have
// been looked at have come.
func (x *Index) spotsThen(groups []Group, credited []*Host) []Spot {
	now := make([]batch.Resources, len(credited))
	for i, h := range credited {
		now[i] = h.Free
		x.move(h, h.then)
	}
	shares, ok := x.Spread(groups)
	for i, h := range credited {
		x.move(h, now[i])
	}
	if !ok {
		return nil
	}
	spots := make([]Spot, 0, len(shares))
	for _, s := range shares {
		need := groups[s.Group].Need.Times(s.Count)
		if i := slices.IndexFunc(spots, func(o Spot) bool { return o.Host == s.Host }); i >= 0 {
			spots[i].Need = spots[i].Need.Add(need)
			continue
		}
		spots = append(spots, Spot{Host: s.Host, Need: need})
	}
	return spots
}

// Roomiest is where to keep room for the groups if nobody knows when there will be
// enough: on the ready hosts that have most free and could hold them if they were
// empty. What is kept there is what they need; nothing else is free. It is nil if
// there are not enough such hosts.
func (x *Index) Roomiest(groups []Group) (spots []Spot) {
	left := make([]int64, len(groups))
	missing := len(groups)
	for i, g := range groups {
		left[i] = int64(g.Count)
	}
	x.ready.roomiest(func(h *Host) bool {
		room, s := h.Capacity, Spot{Host: h}
		for i, g := range groups {
			n := min(left[i], int64(times(room, g.Need)))
			if n == 0 {
				continue
			}
			need := g.Need.Times(int32(n))
			room, s.Need = room.Sub(need), s.Need.Add(need)
			if left[i] -= n; left[i] == 0 {
				missing--
			}
		}
		if s.Need != (batch.Resources{}) {
			spots = append(spots, s)
		}
		return missing > 0
	})
	if missing > 0 {
		return nil
	}
	return spots
}

// roomiest calls yield for the hosts, those with most free first.
func (h *Host) roomiest(yield func(*Host) bool) bool {
	return h == nil || h.right.roomiest(yield) && yield(h) && h.left.roomiest(yield)
}

// BestWhere is [Index.Best] among the hosts that allow says, of those that have
// room the first so many.
func (x *Index) BestWhere(need batch.Resources, allow func(*Host) bool) *Host {
	looks := maxLooks
	return x.ready.bestWhere(need, &looks, allow)
}

// maxLooks bounds for how many hosts BestWhere asks. It is more than a gang has
// nodes.
const maxLooks = 1024

func (h *Host) bestWhere(need batch.Resources, looks *int, allow func(*Host) bool) *Host {
	for h != nil && need.Fits(h.most) && *looks > 0 {
		if found := h.left.bestWhere(need, looks, allow); found != nil {
			return found
		}
		if need.Fits(h.Free) && *looks > 0 {
			if *looks--; allow(h) {
				return h
			}
		}
		h = h.right
	}
	return nil
}
