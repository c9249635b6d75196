package fair

import (
	"slices"

	"github.com/bargehq/barge/internal/core/heap"
)

// candidate is a share as it will be when some of its jobs have started.
type candidate struct {
	claim

	share *Share
	taken int
	milli int64 // what its next job needs
	place int32
}

// Front tells in which order jobs would start if there were room for all: it
// calls yield for the share whose turn it is and the number of the job among
// those of the share that wait, from zero, at most `most` times. next returns the
// head and the vCPUs of such a job, if there is one.
func (b *Board) Front(most int, next func(s *Share, job int) (head, milli int64, ok bool), yield func(s *Share, job int) bool) {
	line := heap.New(
		func(x, y *candidate) bool { return x.before(y.claim) },
		func(c *candidate) *int32 { return &c.place },
	)
	push := func(c *candidate) {
		if head, milli, ok := next(c.share, c.taken); ok {
			c.head, c.milli = head, milli
			line.Push(c)
		}
	}
	for _, s := range b.First(most) {
		push(&candidate{claim: s.claim(), share: s})
	}
	for ; most > 0; most-- {
		c, ok := line.Min()
		if !ok || !yield(c.share, c.taken) {
			return
		}
		line.Remove(c)
		c.taken++
		c.use += c.milli
		push(c)
	}
}

// First returns the first shares that wait, in the order of their turns, so many at
// most. No other has a turn within as many
// turns, for of these there is always one left that has had none.
func (b *Board) First(most int) []*Share {
	var shares []*Share
	groups := 0
	for g := range b.order.Sorted {
		if groups++; groups > most {
			break
		}
		n := 0
		for s := range g.line.Sorted {
			if n++; n > most {
				break
			}
			shares = append(shares, s)
		}
	}
	slices.SortFunc(shares, func(x, y *Share) int {
		if x.claim().before(y.claim()) {
			return -1
		}
		return 1
	})
	return shares[:min(most, len(shares))]
}
