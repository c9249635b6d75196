package fit

import (
	"math"

	"github.com/bargehq/barge/internal/batch"
)

// Never is the end of what nobody knows the end of.
const Never batch.Instant = math.MaxInt64

// Hold is what an attempt holds on a host. It is changed by the index only.
type Hold struct {
	Host  *Host
	Need  batch.Resources
	Until batch.Instant // when it is over at the latest, or Never
	Seq   int64         // no two holds of an index share it

	left, right *Hold           // of a tree, see Index.holds
	sum         batch.Resources // what the tree below needs
}

// Take charges a host with a need that fits, until that time at the latest.
func (x *Index) Take(h *Host, need batch.Resources, until batch.Instant, seq int64) *Hold {
	x.move(h, h.Free.Sub(need))
	hold := &Hold{Host: h, Need: need, Until: Never, Seq: seq}
	x.Until(hold, until)
	return hold
}

// Give returns what was taken.
func (x *Index) Give(hold *Hold) {
	x.Until(hold, Never)
	x.move(hold.Host, hold.Host.Free.Add(hold.Need))
	x.freed++
}

// Until says that a hold ends at another time.
func (x *Index) Until(hold *Hold, at batch.Instant) {
	if hold.Until != Never {
		x.holds = x.holds.remove(hold)
	}
	hold.Until = at
	if at != Never {
		x.holds = x.holds.insert(hold)
	}
}

// Over is what is given back by that time at the latest.
func (x *Index) Over(at batch.Instant) (sum batch.Resources) {
	for h := x.holds; h != nil; {
		if h.Until > at {
			h = h.left
			continue
		}
		sum = sum.Add(h.Need)
		if h.left != nil {
			sum = sum.Add(h.left.sum)
		}
		h = h.right
	}
	return sum
}

// When is the time by which that much is given back at the latest; false if it
// is not known to be.
func (x *Index) When(much batch.Resources) (at batch.Instant, ok bool) {
	for _, amount := range []func(batch.Resources) int64{
		func(r batch.Resources) int64 { return r.MilliVCPU },
		func(r batch.Resources) int64 { return r.MemoryMiB },
		func(r batch.Resources) int64 { return r.GPUs },
	} {
		left := amount(much)
		if left <= 0 {
			continue
		}
		h := x.holds
		if h == nil || amount(h.sum) < left {
			return 0, false
		}
		for {
			var before int64
			if h.left != nil {
				before = amount(h.left.sum)
			}
			if before >= left {
				h = h.left
				continue
			}
			if left -= before + amount(h.Need); left <= 0 {
				break
			}
			h = h.right
		}
		at = max(at, h.Until)
	}
	return at, true
}

// inOrder calls yield for the holds whose end is known, the first to end first.
func (h *Hold) inOrder(yield func(*Hold) bool) bool {
	return h == nil || h.left.inOrder(yield) && yield(h) && h.right.inOrder(yield)
}

func (h *Hold) before(o *Hold) bool {
	return h.Until < o.Until || h.Until == o.Until && h.Seq < o.Seq
}

func (h *Hold) add() {
	h.sum = h.Need
	if h.left != nil {
		h.sum = h.sum.Add(h.left.sum)
	}
	if h.right != nil {
		h.sum = h.sum.Add(h.right.sum)
	}
}

func (h *Hold) insert(n *Hold) *Hold {
	switch {
	case h == nil || weight(n.Seq) > weight(h.Seq):
		n.left, n.right = h.split(n)
		h = n
	case n.before(h):
		h.left = h.left.insert(n)
	default:
		h.right = h.right.insert(n)
	}
	h.add()
	return h
}

func (h *Hold) split(n *Hold) (left, right *Hold) {
	switch {
	case h == nil:
		return nil, nil
	case h.before(n):
		h.right, right = h.right.split(n)
		left = h
	default:
		left, h.left = h.left.split(n)
		right = h
	}
	h.add()
	return left, right
}

func (h *Hold) remove(n *Hold) *Hold {
	switch {
	case h == n:
		h = merge(n.left, n.right)
		n.left, n.right = nil, nil
		return h
	case n.before(h):
		h.left = h.left.remove(n)
	default:
		h.right = h.right.remove(n)
	}
	h.add()
	return h
}

func merge(a, b *Hold) *Hold {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case weight(a.Seq) > weight(b.Seq):
		a.right = merge(a.right, b)
		a.add()
		return a
	default:
		b.left = merge(a, b.left)
		b.add()
		return b
	}
}
