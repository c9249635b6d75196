package quota

import (
	"cmp"
	"slices"
)

// Units is how many units a choice is about at most.
const Units = 3

// Vector is amounts of the units of a choice, in an order of the caller's.
type Vector [Units]int64

// Candidate is a job that could be stopped.
type Candidate struct {
	Frees    Vector // by its end
	Priority int32
	Lost     int64 // how much of its work would be lost, in any measure
	Seq      int64 // grows with the time of submission
	// Group is the share that it belongs to, an index into what Choose is told;
	// negative if it may be stopped whatever its share uses.
	Group int
}

// maxCandidates bounds what a choice looks at.
const maxCandidates = 512

// Choice is whom to stop.
type Choice struct {
	Picks []int // of the candidates
	// What the choice is judged by, in this order, less is better: what is freed
	// beyond what lacks, in millionths of the scale; how many are stopped; the
	// highest priority among them; how much of their work is lost.
	Excess   int64
	Priority int32
	Lost     int64
}

// Better reports whether the choice is better than another.
func (c Choice) Better(d Choice) bool {
	return cmp.Or(cmp.Compare(c.Excess, d.Excess), cmp.Compare(len(c.Picks), len(d.Picks)),
		cmp.Compare(c.Priority, d.Priority), cmp.Compare(c.Lost, d.Lost)) < 0
}

// Choose says which candidates to stop so that what lacks is freed, or false if
// all of them are not enough. scale is what amounts of a unit are measured by
// where they are added to those of others; it is not zero where something lacks.
// over is by how much each group is over its limits: only who is has to give, and
// only jobs that use some of that.
//
// The best choice is looked for greedily, from two sides: by what fits best into
// what still lacks, and by what covers most of it. None that is chosen could be
// spared. Of equals those are stopped that have a lower priority, then those that
// lose less work, then the newest.
func Choose(lack, scale Vector, candidates []Candidate, over []Vector) (Choice, bool) {
	c := chooser{lack: lack, scale: scale, all: candidates, over: over}
	for i := range candidates {
		c.order = append(c.order, i)
	}
	slices.SortFunc(c.order, c.prefer)
	c.order = c.order[:min(len(c.order), maxCandidates)]
	snug, ok := c.greedy(true)
	if !ok {
		return Choice{}, false
	}
	if few, _ := c.greedy(false); few.Better(snug) {
		return few, true
	}
	return snug, true
}

type chooser struct {
	lack, scale Vector
	all         []Candidate
	over        []Vector
	order       []int // the candidates, who is best stopped first
}

// prefer orders candidates by who is to be stopped rather.
func (c *chooser) prefer(i, j int) int {
	a, b := &c.all[i], &c.all[j]
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Lost, b.Lost), cmp.Compare(b.Seq, a.Seq))
}

// greedy takes one candidate after the other until nothing lacks.
func (c *chooser) greedy(snug bool) (Choice, bool) {
	rest := c.lack
	over := slices.Clone(c.over)
	taken := make(map[int]bool)
	var chosen []int
	for rest != (Vector{}) {
		best := -1
		var bestGain, bestExcess int64
		for _, i := range c.order {
			x := &c.all[i]
			if taken[i] || !helps(x, rest, over) {
				continue
			}
			gain, excess := c.weigh(x.Frees, rest)
			enough := covers(x.Frees, rest)
			better := best < 0
			if !better {
				was := covers(c.all[best].Frees, rest)
				switch {
				case snug && (excess == 0) != (bestExcess == 0):
					better = excess == 0
				case snug && excess == 0:
					better = gain > bestGain
				case snug:
					better = excess < bestExcess
				case enough != was:
					better = enough
				case enough:
					better = excess < bestExcess
				default:
					better = gain > bestGain
				}
			}
			if better {
				best, bestGain, bestExcess = i, gain, excess
			}
		}
		if best < 0 {
			return Choice{}, false
		}
		taken[best] = true
		chosen = append(chosen, best)
		x := &c.all[best]
		for u := range rest {
			rest[u] = max(0, rest[u]-x.Frees[u])
			if x.Group >= 0 {
				over[x.Group][u] -= x.Frees[u]
			}
		}
	}
	return c.judge(c.spare(chosen)), true
}

// helps reports whether the candidate frees something that lacks, and uses
// something that its group has too much of.
func helps(x *Candidate, rest Vector, over []Vector) bool {
	frees, owes := false, x.Group < 0
	for u := range rest {
		frees = frees || rest[u] > 0 && x.Frees[u] > 0
		owes = owes || x.Frees[u] > 0 && over[x.Group][u] > 0
	}
	return frees && owes
}

func covers(frees, rest Vector) bool {
	for u := range rest {
		if frees[u] < rest[u] {
			return false
		}
	}
	return true
}

// weigh says how much a candidate frees of what lacks, and how much beyond that,
// each unit in millionths of its scale.
func (c *chooser) weigh(frees, rest Vector) (gain, excess int64) {
	for u := range rest {
		if c.lack[u] > 0 {
			gain += part(min(frees[u], rest[u]), c.scale[u])
			excess += part(max(0, frees[u]-rest[u]), c.scale[u])
		}
	}
	return gain, excess
}

func part(n, of int64) int64 {
	const most = 1 << 40
	if n > most {
		n = most
	}
	return n * 1_000_000 / of
}

// spare leaves out who need not be stopped, the least preferable first.
func (c *chooser) spare(chosen []int) []int {
	slices.SortFunc(chosen, c.prefer)
	for i := len(chosen) - 1; i >= 0; i-- {
		without := slices.Delete(slices.Clone(chosen), i, i+1)
		if covers(c.sum(without), c.lack) {
			chosen = without
		}
	}
	return chosen
}

func (c *chooser) sum(chosen []int) (v Vector) {
	for _, i := range chosen {
		for u := range v {
			v[u] += c.all[i].Frees[u]
		}
	}
	return v
}

func (c *chooser) judge(picks []int) Choice {
	choice := Choice{Picks: picks}
	_, choice.Excess = c.weigh(c.sum(picks), c.lack)
	for _, i := range picks {
		choice.Priority = max(choice.Priority, c.all[i].Priority)
		choice.Lost += c.all[i].Lost
	}
	return choice
}
