package core

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// costs tells what jobs have cost, and what the hours have, in millionths of a
// US dollar.
func (w *world) costs() string {
	var b strings.Builder
	jobs := slices.SortedFunc(maps.Values(w.rows.jobs), func(x, y JobRow) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, j := range jobs {
		if j.Cost != nil {
			fmt.Fprintf(&b, "%s: %d, on demand %d\n", w.name(j.Ref), j.Cost.NanoUSD/1000, j.Cost.OnDemand/1000)
		}
	}
	keys := slices.SortedFunc(maps.Keys(w.rows.costs), func(x, y CostKey) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Queue, y.Queue), cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Share, y.Share))
	})
	for _, k := range keys {
		row := w.rows.costs[k]
		fmt.Fprintf(&b, "hour %d queue %d environment %d share %q: %d attempts, %d, on demand %d\n",
			k.Hour, k.Queue, k.Environment, k.Share, row.Attempts, row.Cost.NanoUSD/1000, row.Cost.OnDemand/1000)
	}
	return b.String()
}

// describeCosts tells what the attempts cost that have ended.
func (w *world) describeCosts() string {
	var b strings.Builder
	for _, c := range w.out.Changes {
		if a, ok := c.(AttemptPut); ok && a.Row.Cost != nil {
			fmt.Fprintf(&b, "  attempt %d of row %d costs %d, on demand %d\n", a.Row.Number, a.Row.Job, a.Row.Cost.NanoUSD/1000, a.Row.Cost.OnDemand/1000)
		}
	}
	return b.String()
}
