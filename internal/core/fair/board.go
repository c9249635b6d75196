package fair

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/heap"
)

// Share is an active share of a queue: it has jobs, or had some not long ago.
type Share struct {
	Name  string
	Usage Usage
	// Left is when the last of its jobs left; zero while it has any.
	Left batch.Instant

	jobs    int
	used    int64 // by its jobs on hosts
	was     int64 // the same, since Usage.At
	mean    int64 // H
	steady  bool
	head    int64 // zero while none of its jobs wait
	changed bool  // it is among Board.changed
	group   *group

	place, idlePlace int32
}

// Used is what its jobs on hosts hold, in thousandths of vCPUs.
func (s *Share) Used() int64 { return s.used }

// Jobs is how many of its jobs have not ended.
func (s *Share) Jobs() int { return s.jobs }

// use is the share's use, lately and now.
func (s *Share) use() int64 { return s.used + s.mean }

// group are the shares with one entry of the policy.
type group struct {
	name   string
	factor int64
	prefix bool
	active int64
	line   heap.Heap[*Share] // those with a head, the lowest use first
	place  int32
}

func newGroup(factor int64, name string, prefix bool) *group {
	return &group{name: name, factor: factor, prefix: prefix, line: heap.New(
		func(a, b *Share) bool {
			return cmp.Or(cmp.Compare(a.use(), b.use()), cmp.Compare(a.head, b.head), strings.Compare(a.Name, b.Name)) < 0
		},
		func(s *Share) *int32 { return &s.place },
	)}
}

// weight is that of each share of the group.
func (g *group) weight() int64 {
	if g.prefix {
		return g.factor * g.active
	}
	return g.factor
}

// claim is what decides whose turn it is.
type claim struct {
	use, weight, head int64
	name              string
}

func (s *Share) claim() claim { return claim{s.use(), s.group.weight(), s.head, s.Name} }

// before reports whether a has the lower score; among equals, the earlier head.
func (a claim) before(b claim) bool {
	ah, al := bits.Mul64(uint64(a.use), uint64(a.weight))
	bh, bl := bits.Mul64(uint64(b.use), uint64(b.weight))
	return cmp.Or(cmp.Compare(ah, bh), cmp.Compare(al, bl), cmp.Compare(a.head, b.head), strings.Compare(a.name, b.name)) < 0
}

// Board is the shares of a queue. Make one with [New].
type Board struct {
	policy  Policy
	bucket  int64 // the one that H speaks of
	shares  map[string]*Share
	groups  groups
	order   heap.Heap[*group] // those with a line, by the first share of each
	idle    heap.Heap[*Share] // those without jobs, by Left
	changed []*Share          // whose Usage or Left has to follow, in the order of the changes

	base, limit int64 // the latest answer of policy.limit, for limited shares
	limited     int
}

// New returns a board without shares.
func New(p Policy) *Board {
	return &Board{
		policy: p, shares: make(map[string]*Share), groups: newGroups(&p),
		order: heap.New(
			func(a, b *group) bool {
				x, _ := a.line.Min()
				y, _ := b.line.Min()
				return x.claim().before(y.claim())
			},
			func(g *group) *int32 { return &g.place }),
		idle: heap.New(
			func(a, b *Share) bool {
				return cmp.Or(cmp.Compare(a.Left, b.Left), strings.Compare(a.Name, b.Name)) < 0
			},
			func(s *Share) *int32 { return &s.idlePlace }),
	}
}

// Len is the number of active shares.
func (b *Board) Len() int { return len(b.shares) }

// Active is how many of them are active at the given time.
func (b *Board) Active(now batch.Instant) int {
	n := len(b.shares)
	for s := range b.idle.Sorted {
		if now < s.Left+b.policy.window()+linger {
			break
		}
		if s.jobs == 0 {
			n--
		}
	}
	return n
}

// Shares are all shares by name.
func (b *Board) Shares() []*Share {
	list := slices.Collect(maps.Values(b.shares))
	slices.SortFunc(list, func(x, y *Share) int { return strings.Compare(x.Name, y.Name) })
	return list
}

// Add takes up a share that the board does not have, and that has no jobs yet.
func (b *Board) Add(s *Share) {
	b.shares[s.Name] = s
	if s.Left != 0 {
		b.idle.Push(s)
	}
	b.enter(s)
}

// Remove takes out a share that has no jobs.
func (b *Board) Remove(s *Share) {
	delete(b.shares, s.Name)
	b.idle.Remove(s)
	g := s.group
	s.head = 0
	b.fix(s)
	g.active--
	b.fixGroup(g)
}

// enter puts the share into its group.
func (b *Board) enter(s *Share) {
	s.group = b.groups.of(s.Name)
	s.group.active++
	s.mean, s.steady = s.Usage.mean(b.bucket, s.was, b.policy.width())
	b.fix(s)
}

// fix puts the share where it belongs.
func (b *Board) fix(s *Share) {
	s.group.line.Remove(s)
	if s.head != 0 {
		s.group.line.Push(s)
	}
	b.fixGroup(s.group)
}

func (b *Board) fixGroup(g *group) {
	b.order.Remove(g)
	if g.line.Len() > 0 {
		b.order.Push(g)
	}
}

func (b *Board) change(s *Share) {
	if !s.changed {
		s.changed = true
		b.changed = append(b.changed, s)
	}
}

// Count adds to the number of the share's jobs that have not ended.
func (b *Board) Count(s *Share, jobs int) {
	s.jobs += jobs
	if (s.jobs == 0) != (s.Left != 0) {
		b.change(s)
	}
}

// Use adds to what the share's jobs on hosts hold.
func (b *Board) Use(s *Share, milli int64) {
	s.used += milli
	b.change(s)
	b.fix(s)
}

// Resume says what the share's jobs hold, of a share that was stored.
func (b *Board) Resume(s *Share, milli int64) {
	s.used += milli
	s.was += milli
	b.fix(s)
}

// Resumed says that all has been told of the shares that were stored. Those whose
// last job has just left are noted.
func (b *Board) Resumed() {
	for _, s := range b.Shares() {
		if s.jobs == 0 && s.Left == 0 {
			b.change(s)
		}
	}
}

// Head says which of the share's jobs is first; zero is none.
func (b *Board) Head(s *Share, head int64) {
	if s.head != head {
		s.head = head
		b.fix(s)
	}
}

// Min returns the share whose turn it is.
func (b *Board) Min() (*Share, bool) {
	g, ok := b.order.Min()
	if !ok {
		return nil, false
	}
	return g.line.Min()
}

// Settle brings Usage and Left up to date where the share has changed since the
// last call, at the given time, and calls yield for each such share.
func (b *Board) Settle(now batch.Instant, yield func(*Share)) {
	for i, s := range b.changed {
		b.changed[i], s.changed = nil, false
		if b.shares[s.Name] != s {
			continue
		}
		s.Usage.accrue(now, s.was, b.policy.width())
		s.was = s.used
		if idle := s.jobs == 0; idle != (s.Left != 0) {
			b.idle.Remove(s)
			s.Left = 0
			if idle {
				s.Left = max(1, now)
				b.idle.Push(s)
			}
		}
		yield(s)
	}
	b.changed = b.changed[:0]
}

// Expired returns a share that is not active any more, for the caller to remove.
// It has no usage left that counts.
func (b *Board) Expired(now batch.Instant) (*Share, bool) {
	s, ok := b.idle.Min()
	if !ok || s.jobs > 0 || now < s.Left+b.policy.window()+linger {
		return nil, false
	}
	return s, true
}

// Roll brings H up to date, once what has changed is settled, and reports whether
// it has looked at it.
func (b *Board) Roll(now batch.Instant) bool {
	bucket := int64(now) / b.policy.width()
	if bucket <= b.bucket {
		return false
	}
	b.bucket = bucket
	b.regroup()
	return true
}

// Rolled reports whether Roll has ever been told a time.
func (b *Board) Rolled() bool { return b.bucket > 0 }

// regroup puts all shares into their groups afresh.
func (b *Board) regroup() {
	b.groups = newGroups(&b.policy)
	for {
		g, ok := b.order.Min()
		if !ok {
			break
		}
		b.order.Remove(g)
	}
	var waiting []*group
	for _, s := range b.shares { // in any order: what is first does not depend on it
		s.place = 0
		s.group = b.groups.of(s.Name)
		s.group.active++
		s.mean, s.steady = s.Usage.mean(b.bucket, s.was, b.policy.width())
		if s.head == 0 {
			continue
		}
		if s.group.line.Len() == 0 {
			waiting = append(waiting, s.group)
		}
		s.group.line.Push(s)
	}
	for _, g := range waiting {
		b.order.Push(g)
	}
}

// Next is when Roll has something to do that may change whose turn it is.
func (b *Board) Next() (at batch.Instant, ok bool) {
	waiting, steady := 0, true
	for g := range b.order.All {
		waiting += g.line.Len()
		for s := range g.line.All {
			if steady = steady && s.steady; !steady && waiting > 1 {
				return batch.Instant((b.bucket + 1) * b.policy.width()), true
			}
		}
	}
	return 0, false
}

// SetPolicy changes the policy, once what has changed is settled. What shares have
// used is cut anew, if it has to be, when more is added to it.
func (b *Board) SetPolicy(p Policy) {
	b.bucket = b.bucket * b.policy.width() / p.width()
	b.policy, b.limited = p, 0
	b.regroup()
}

// Allows reports whether a job that needs so much may start, of base vCPUs of
// which so many are in use: what is reserved for shares that are not active yet
// stays free. Where nothing is in use anything may start, for it would never
// otherwise.
func (b *Board) Allows(base, used, need int64) bool {
	if b.policy.Reservation == 0 || used == 0 {
		return true
	}
	if n := len(b.shares); b.limited != n || b.base != base {
		b.base, b.limited, b.limit = base, n, b.policy.limit(base, n)
	}
	return used+need <= b.limit
}
