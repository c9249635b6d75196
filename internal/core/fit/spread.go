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

// Spread finds room for all groups at once, several needs on one host where
// they fit, or says false. It charges nobody. The largest needs choose first,
// and hosts are filled in their order: that is no optimal packing, but the same
// every time, and its cost is the number of groups times the number of hosts.
func Spread(hosts []*Host, groups []Group) (shares []Share, ok bool) {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := groups[a].Need, groups[b].Need
		return cmp.Or(cmp.Compare(y.GPUs, x.GPUs), cmp.Compare(y.MilliVCPU, x.MilliVCPU), cmp.Compare(y.MemoryMiB, x.MemoryMiB))
	})
	free := make([]batch.Resources, len(hosts))
	for i, h := range hosts {
		if h.Ready {
			free[i] = h.Free
		}
	}
	for _, g := range order {
		need, left := groups[g].Need, groups[g].Count
		for i := 0; i < len(hosts) && left > 0; i++ {
			if !hosts[i].Ready {
				continue
			}
			n := min(left, times(free[i], need))
			if n == 0 {
				continue
			}
			for range n {
				free[i] = free[i].Sub(need)
			}
			left -= n
			shares = append(shares, Share{Host: hosts[i], Group: g, Count: n})
		}
		if left > 0 {
			return nil, false
		}
	}
	return shares, true
}

// Holds reports whether the hosts, ready or not, would hold the group if they
// were empty.
func Holds(hosts []*Host, g Group) bool {
	left := g.Count
	for i := 0; i < len(hosts) && left > 0; i++ {
		left -= min(left, times(hosts[i].Capacity, g.Need))
	}
	return left == 0
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
