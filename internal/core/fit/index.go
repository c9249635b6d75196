package fit

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Index is the hosts of an environment, in an order in which room for a need is
// found in logarithmic time. The zero value is empty. What its hosts have free,
// and whether they are ready, is changed by its methods only.
type Index struct {
	list   []*Host // by id
	ready  *Host   // the root of those that are, in the order of before
	kinds  []kind
	holds  *Hold            // the root of those that end, the first to end first
	look   uint64           // the number of the latest Earliest
	freed  uint64           // how often something has become free
	missed map[Shape]uint64 // at which of these nothing fitted
}

// kind is the hosts of one capacity. There are as few of them as types of
// instances.
type kind struct {
	capacity     batch.Resources
	hosts, ready int
}

// Hosts are all hosts by id, for reading.
func (x *Index) Hosts() []*Host { return x.list }

// Len is the number of hosts.
func (x *Index) Len() int { return len(x.list) }

// Ready is the number of hosts that take work.
func (x *Index) Ready() (n int) {
	for _, k := range x.kinds {
		n += k.ready
	}
	return n
}

// Add takes up a host, ready or not.
func (x *Index) Add(h *Host) {
	at, _ := slices.BinarySearchFunc(x.list, h, byID)
	x.list = slices.Insert(x.list, at, h)
	x.enter(h)
}

// Remove takes out a host, whatever it holds.
func (x *Index) Remove(h *Host) {
	if at, ok := slices.BinarySearchFunc(x.list, h, byID); ok {
		x.list = slices.Delete(x.list, at, at+1)
		x.leave(h)
	}
}

// SetReady says whether the host takes work: one that is being launched or
// drained, or that is lost, does not.
func (x *Index) SetReady(h *Host, ready bool) {
	if h.Ready != ready {
		x.leave(h)
		h.Ready = ready
		x.enter(h)
	}
}

// Resize says what the host has now, and what is free of it.
func (x *Index) Resize(h *Host, capacity, free batch.Resources) {
	x.leave(h)
	h.Capacity, h.Free = capacity, free
	x.enter(h)
}

// Best returns the ready host where the need fits best, or nil. Where it fits
// without GPUs it goes to a host that has none, else to one with the fewest GPUs
// free; among those to the one with the fewest vCPUs, then the least memory, then
// the lowest id. So large jobs keep room.
func (x *Index) Best(need batch.Resources) *Host { return x.ready.best(need) }

// BestFor is [Index.Best] for a shape that needs one host. It remembers that it
// has found none until something becomes free.
func (x *Index) BestFor(shape Shape, need batch.Resources) *Host {
	if x.misses(shape) {
		return nil
	}
	h := x.Best(need)
	if h == nil {
		x.miss(shape)
	}
	return h
}

func (x *Index) misses(shape Shape) bool {
	at, ok := x.missed[shape]
	return ok && at == x.freed
}

func (x *Index) miss(shape Shape) {
	if x.missed == nil {
		x.missed = make(map[Shape]uint64)
	}
	x.missed[shape] = x.freed
}

// Freed changes whenever something has become free, or a host ready.
func (x *Index) Freed() uint64 { return x.freed }

// Most is the most of each amount that is free on a ready host, and that one has.
func (x *Index) Most() (free, capacity batch.Resources) {
	if x.ready != nil {
		free = x.ready.most
	}
	for _, k := range x.kinds {
		if k.ready > 0 {
			capacity = capacity.Max(k.capacity)
		}
	}
	return free, capacity
}

// Holds reports whether the hosts, ready or not, would hold the group if they
// were empty.
func (x *Index) Holds(g Group) bool {
	left := int64(g.Count)
	for _, k := range x.kinds {
		left -= int64(times(k.capacity, g.Need)) * int64(k.hosts)
	}
	return left <= 0
}

func (x *Index) enter(h *Host) {
	x.count(h, 1)
	if h.Ready {
		x.ready = x.ready.insert(h)
		x.freed++
	}
}

func (x *Index) leave(h *Host) {
	x.count(h, -1)
	if h.Ready {
		x.ready = x.ready.remove(h)
	}
}

func (x *Index) count(h *Host, n int) {
	at := slices.IndexFunc(x.kinds, func(k kind) bool { return k.capacity == h.Capacity })
	if at < 0 {
		at = len(x.kinds)
		x.kinds = append(x.kinds, kind{capacity: h.Capacity})
	}
	k := &x.kinds[at]
	k.hosts += n
	if h.Ready {
		k.ready += n
	}
	if k.hosts == 0 {
		x.kinds = slices.Delete(x.kinds, at, at+1)
	}
}

func (x *Index) move(h *Host, free batch.Resources) {
	if !h.Ready {
		h.Free = free
		return
	}
	x.ready = x.ready.remove(h)
	h.Free = free
	x.ready = x.ready.insert(h)
}

func byID(a, b *Host) int { return cmp.Compare(a.ID, b.ID) }

// before is the order of the ready hosts: the first that has room is the best.
func before(a, b *Host) bool {
	if x, y := a.Capacity.GPUs > 0, b.Capacity.GPUs > 0; x != y {
		return y
	}
	return cmp.Or(cmp.Compare(a.Free.GPUs, b.Free.GPUs), cmp.Compare(a.Free.MilliVCPU, b.Free.MilliVCPU),
		cmp.Compare(a.Free.MemoryMiB, b.Free.MemoryMiB), cmp.Compare(a.ID, b.ID)) < 0
}

// The ready hosts are a treap: a search tree by before, and a heap by weight, which
// is as good as random and the same every time.

// weight spreads numbers.
func weight(id int64) uint64 {
	w := uint64(id) * 0x9e3779b97f4a7c15
	w ^= w >> 32
	return w * 0xd6e8feb86659fd93
}

// best is the first host of the tree with room. Of hosts with equally many GPUs
// free, all behind the first with enough vCPUs have enough, so that the most
// memory of any subtree there says whether to look into it: one search costs the
// depth of the tree for each number of free GPUs that there is.
func (h *Host) best(need batch.Resources) *Host {
	for h != nil && need.Fits(h.most) {
		if found := h.left.best(need); found != nil {
			return found
		}
		if need.Fits(h.Free) {
			return h
		}
		h = h.right
	}
	return nil
}

// sum brings most up to date once the subtrees are.
func (h *Host) sum() {
	h.most = h.Free
	if h.left != nil {
		h.most = h.most.Max(h.left.most)
	}
	if h.right != nil {
		h.most = h.most.Max(h.right.most)
	}
}

func (h *Host) insert(n *Host) *Host {
	switch {
	case h == nil || weight(n.ID) > weight(h.ID):
		n.left, n.right = h.split(n)
		h = n
	case before(n, h):
		h.left = h.left.insert(n)
	default:
		h.right = h.right.insert(n)
	}
	h.sum()
	return h
}

// split divides a tree into what is before n and what is not.
func (h *Host) split(n *Host) (left, right *Host) {
	switch {
	case h == nil:
		return nil, nil
	case before(h, n):
		h.right, right = h.right.split(n)
		left = h
	default:
		left, h.left = h.left.split(n)
		right = h
	}
	h.sum()
	return left, right
}

func (h *Host) remove(n *Host) *Host {
	switch {
	case h == n:
		h = join(n.left, n.right)
		n.left, n.right = nil, nil
		return h
	case before(n, h):
		h.left = h.left.remove(n)
	default:
		h.right = h.right.remove(n)
	}
	h.sum()
	return h
}

func join(a, b *Host) *Host {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case weight(a.ID) > weight(b.ID):
		a.right = join(a.right, b)
		a.sum()
		return a
	default:
		b.left = join(a, b.left)
		b.sum()
		return b
	}
}
