package fit

import (
	"cmp"
	"math"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Group is a number of equal needs.
type Group struct {
	Need  batch.Resources
	Count int32
}

// Share is how many of a group a host gets.
type Share struct {
	Host  *Host
	Group int
	Count int32
}

// SpreadFor is [Index.Spread] for a shape with these groups. It remembers that it
// has found none until something becomes free.
func (x *Index) SpreadFor(shape Shape, groups []Group) (shares []Share, ok bool) {
	if x.misses(shape) {
		return nil, false
	}
	if shares, ok = x.Spread(groups); !ok {
		x.miss(shape)
	}
	return shares, ok
}

// Spread finds room for all groups at once, several needs on one host where
// they fit, or says false. It charges nobody. The largest needs choose first,
// each time the host that [Index.Best] says: that is no optimal packing, but the
// same every time, and it looks at no more hosts than it uses.
func (x *Index) Spread(groups []Group) (shares []Share, ok bool) {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := groups[a].Need, groups[b].Need
		return cmp.Or(cmp.Compare(y.GPUs, x.GPUs), cmp.Compare(y.MilliVCPU, x.MilliVCPU), cmp.Compare(y.MemoryMiB, x.MemoryMiB))
	})
	ok = true
	for _, g := range order {
		need, left := groups[g].Need, groups[g].Count
		for left > 0 && ok {
			h := x.Best(need)
			if ok = h != nil; !ok {
				break
			}
			n := min(left, times(h.Free, need))
			left -= n
			x.move(h, h.Free.Sub(need.Times(n)))
			shares = append(shares, Share{Host: h, Group: g, Count: n})
		}
	}
	for _, s := range shares {
		x.move(s.Host, s.Host.Free.Add(groups[s.Group].Need.Times(s.Count)))
	}
	if !ok {
		return nil, false
	}
	return shares, true
}

// times is how often the need fits.
func times(free, need batch.Resources) int32 {
	n := int64(math.MaxInt32)
	for _, d := range [3][2]int64{{free.MilliVCPU, need.MilliVCPU}, {free.MemoryMiB, need.MemoryMiB}, {free.GPUs, need.GPUs}} {
		if d[1] > 0 {
			n = min(n, max(0, d[0])/d[1])
		}
	}
	return int32(n)
}
