// Package quota says which share of a queue may take how much, and whom to stop
// for it: the rules of AWS Batch's quota shares.
//
// It owns nothing but arithmetic. A [Share] has limits, by capacity unit, and what
// its jobs use. What shares do not use of their limits is idle; shares that lend
// let others have it, shares that borrow may go over their limits by it. Units are
// names (`ml.m5.large`, `vCPU`), amounts whole numbers of whatever the caller
// counts them in.
//
// The core calls it for each job at the head of a share; queues have at most 20
// shares. A decision costs a pass over them. Nothing here knows jobs or hosts.
//
// AWS documents the strategies and not the algorithm.
//
// https://docs.aws.amazon.com/batch/latest/userguide/quota-shares.html
package quota

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Amount is so much of a capacity unit.
type Amount struct {
	Unit string `json:"unit"`
	N    int64  `json:"n"`
}

// Amounts are amounts of several units, none of them twice, sorted by unit.
type Amounts []Amount

// Of sorts amounts.
func Of(list ...Amount) Amounts {
	slices.SortFunc(list, func(a, b Amount) int { return strings.Compare(a.Unit, b.Unit) })
	return list
}

// Get returns how much there is of a unit, and whether it is named.
func (a Amounts) Get(unit string) (n int64, ok bool) {
	for _, x := range a {
		if x.Unit == unit {
			return x.N, true
		}
	}
	return 0, false
}

// Add adds b, times so often. What becomes zero is left out.
func (a Amounts) Add(b Amounts, times int64) Amounts {
	for _, x := range b {
		i, found := slices.BinarySearchFunc(a, x.Unit, func(y Amount, unit string) int { return strings.Compare(y.Unit, unit) })
		if !found {
			a = slices.Insert(a, i, Amount{Unit: x.Unit})
		}
		if a[i].N += x.N * times; a[i].N == 0 {
			a = slices.Delete(a, i, i+1)
		}
	}
	return a
}

// Strategy is what happens to what a share does not use. The numbers are stored.
type Strategy uint8

// The strategies.
const (
	Reserve       Strategy = iota // it stays idle
	Lend                          // others may have it
	LendAndBorrow                 // others may have it, and the share may have theirs
)

// Unlimited as a borrow limit is none.
const Unlimited = -1

// Rules are the settings of a share.
type Rules struct {
	Limits   Amounts  `json:"limits"` // what it may use without borrowing
	Strategy Strategy `json:"strategy"`
	Borrow   int32    `json:"borrow"`  // percent of each limit that it may have on top, or Unlimited
	InShare  bool     `json:"inShare"` // its jobs stop each other by priority
}

// Share is a share as it stands.
type Share struct {
	Rules

	Used Amounts // by its jobs
	// Claim is what its first job is entitled to and waits for: nobody borrows it.
	Claim Amounts
}

// Board is the shares of a queue, and what they share.
type Board struct {
	Shares []*Share
	// Closed: of a unit that a share has no limit for it may use nothing. Else
	// it may use any amount.
	Closed bool
	// Total is what there is for all shares together, of each unit named. Of
	// others nothing is known.
	Total Amounts
}

// Limit is what the share may use of a unit without borrowing; math.MaxInt64 if
// that is not limited.
func (b *Board) Limit(s *Share, unit string) int64 {
	n, ok := s.Limits.Get(unit)
	if !ok && !b.Closed {
		return math.MaxInt64
	}
	return n
}

// Within reports whether the share may use so much more without borrowing.
func (b *Board) Within(s *Share, need Amounts) bool {
	for _, x := range need {
		used, _ := s.Used.Get(x.Unit)
		if x.N > b.Limit(s, x.Unit)-used {
			return false
		}
	}
	return true
}

// Over is how much the share uses beyond its limit.
func (b *Board) Over(s *Share, unit string) int64 {
	used, _ := s.Used.Get(unit)
	return max(0, used-b.Limit(s, unit))
}

// Left is what is left of the limit.
func (b *Board) Left(s *Share, unit string) int64 {
	used, _ := s.Used.Get(unit)
	return max(0, b.Limit(s, unit)-used)
}

// Most is the most that a share may ever use of a unit: its limit, and where it
// borrows what its borrow limit allows.
func (b *Board) Most(s *Share, unit string) int64 {
	limit := b.Limit(s, unit)
	switch {
	case limit == math.MaxInt64 || s.Strategy != LendAndBorrow:
		return limit
	case s.Borrow == Unlimited:
		return math.MaxInt64
	}
	if high, low := bits.Mul64(uint64(limit), uint64(s.Borrow)); high == 0 && low/100 < math.MaxInt64-uint64(limit) {
		return limit + int64(low/100)
	}
	return math.MaxInt64
}

// Borrowable is the most that others could ever lend to the share.
func (b *Board) Borrowable(s *Share, unit string) (n int64) {
	for _, o := range b.Shares {
		if o != s && o.Strategy != Reserve {
			if limit := b.Limit(o, unit); limit < math.MaxInt64 {
				n += limit
			}
		}
	}
	return n
}

// Lendable is what shares do not use and others may have, less what is lent
// already and what the first jobs of others wait for. It may be negative, when
// limits were lowered or who lent has taken back.
func (b *Board) Lendable(s *Share, unit string) (n int64) {
	for _, o := range b.Shares {
		limit := b.Limit(o, unit)
		if limit == math.MaxInt64 {
			continue
		}
		claim := int64(0)
		if o != s {
			claim, _ = o.Claim.Get(unit)
		}
		if o.Strategy != Reserve {
			n += b.Left(o, unit) - claim
		}
		n -= b.Over(o, unit)
	}
	return n
}

// Spare is what is left of the total beside what is used, what shares keep for
// themselves, and what the first jobs of others wait for; math.MaxInt64 if nothing
// is known of the unit.
func (b *Board) Spare(s *Share, unit string) int64 {
	total, ok := b.Total.Get(unit)
	if !ok {
		return math.MaxInt64
	}
	for _, o := range b.Shares {
		used, _ := o.Used.Get(unit)
		total -= used
		switch {
		case o == s:
		case o.Strategy == Reserve && b.Limit(o, unit) < math.MaxInt64:
			total -= b.Left(o, unit)
		default:
			claim, _ := o.Claim.Get(unit)
			total -= claim
		}
	}
	return total
}

// Borrows reports whether the share may use so much more by borrowing what it has
// no limit for.
func (b *Board) Borrows(s *Share, need Amounts) bool {
	if s.Strategy != LendAndBorrow {
		return false
	}
	for _, x := range need {
		used, _ := s.Used.Get(x.Unit)
		if x.N > b.Most(s, x.Unit)-used {
			return false
		}
		if more := x.N - b.Left(s, x.Unit); more > 0 {
			// What is left of its own limit it uses first, so it lends that no more.
			if more > b.Lendable(s, x.Unit)-b.Left(s, x.Unit) || x.N > b.Spare(s, x.Unit) {
				return false
			}
		}
	}
	return true
}

// Verdict is whether a share could ever run a job.
type Verdict uint8

// The verdicts.
const (
	Fits          Verdict = iota
	OverLimits            // it needs more than the share's limits
	OverBorrowing         // and more than it may borrow on top
	OverPool              // and more than all others have to lend
)

// Never says whether a job can ever run in the share, and if not, why.
func (b *Board) Never(s *Share, need Amounts) Verdict {
	for _, x := range need {
		limit := b.Limit(s, x.Unit)
		switch {
		case x.N <= limit:
		case s.Strategy != LendAndBorrow:
			return OverLimits
		case x.N > b.Most(s, x.Unit):
			return OverBorrowing
		case x.N-limit > b.Borrowable(s, x.Unit):
			return OverPool
		}
	}
	return Fits
}
