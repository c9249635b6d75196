package fair

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

const (
	// Buckets is into how many parts the window is cut.
	Buckets = 64
	// Even is the weight of a share that the policy does not name.
	Even = 10_000
	// minWindow is what AWS takes for a window of zero, in seconds.
	minWindow = 600
	// linger is how long after the window a share without jobs stays active. AWS
	// says "order minutes".
	linger = 60_000
)

// Policy is a fair-share policy.
type Policy struct {
	DecaySeconds int32    // the window; at least 600 are meant
	Reservation  int32    // in per cent, to the power of the number of active shares
	Weights      []Weight // of shares by name; others have Even
}

// Weight is an entry of a policy. A name that ends in * is a prefix: the shares
// that it covers have the weight together, so that each has it as many times as
// there are active ones.
type Weight struct {
	Share  string
	Factor int64 // in ten-thousandths; the lower, the more a share gets
}

// window is how long use counts.
func (p *Policy) window() batch.Instant {
	return batch.Instant(max(minWindow, p.DecaySeconds)) * 1000
}

// width is how long a bucket is.
func (p *Policy) width() int64 { return (int64(p.window()) + Buckets - 1) / Buckets }

// limit is how many of base vCPUs may be in use while n shares are active: all
// but base × (Reservation/100)^n, rounded up.
func (p *Policy) limit(base int64, n int) int64 {
	if n == 0 {
		return base
	}
	// Fixed point: hi is whole, lo is the fraction.
	hi, lo := uint64(base), uint64(0)
	for ; n > 0 && hi|lo != 0; n-- {
		over, low := bits.Mul64(lo, uint64(p.Reservation))
		whole := hi*uint64(p.Reservation) + over
		hi = whole / 100
		lo, _ = bits.Div64(whole%100, low, 100)
	}
	if lo != 0 {
		hi++
	}
	return base - int64(hi)
}

// groups are the shares by the entry of the policy that they have.
type groups struct {
	exact    map[string]*group
	prefixes []*group // by prefix; none is the beginning of another
	others   *group
}

func newGroups(p *Policy) groups {
	g := groups{exact: make(map[string]*group), others: newGroup(Even, "", false)}
	for _, w := range p.Weights {
		if prefix, ok := strings.CutSuffix(w.Share, "*"); ok {
			g.prefixes = append(g.prefixes, newGroup(w.Factor, prefix, true))
		} else {
			g.exact[w.Share] = newGroup(w.Factor, w.Share, false)
		}
	}
	slices.SortFunc(g.prefixes, func(a, b *group) int { return strings.Compare(a.name, b.name) })
	return g
}

func (g *groups) of(name string) *group {
	if exact := g.exact[name]; exact != nil {
		return exact
	}
	at, found := slices.BinarySearchFunc(g.prefixes, name, func(x *group, name string) int { return strings.Compare(x.name, name) })
	if found {
		return g.prefixes[at]
	}
	if at > 0 && strings.HasPrefix(name, g.prefixes[at-1].name) {
		return g.prefixes[at-1]
	}
	return g.others
}
