package core

import (
	"fmt"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// why tells why a job waits.
func (w *world) why(ref batch.JobRef) string {
	x, ok := w.s.Why(ref)[ref]
	if !ok {
		return w.name(ref) + " does not wait\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", w.name(ref), x.Limit)
	if x.Since != 0 {
		fmt.Fprintf(&b, " since %d s", x.Since/1000)
	}
	if x.Until != 0 {
		fmt.Fprintf(&b, " until %d s", x.Until/1000)
	}
	for _, d := range x.DependsOn {
		fmt.Fprintf(&b, " %s", w.name(d))
	}
	if x.MaxRunning != 0 {
		fmt.Fprintf(&b, " %d of %d", x.Running, x.MaxRunning)
	}
	if x.Position != 0 {
		fmt.Fprintf(&b, " at %d", x.Position)
	}
	if x.Block != Unblocked {
		fmt.Fprintf(&b, " never %s", x.Block.Reason())
	}
	b.WriteByte('\n')
	if h := x.Head; h != nil {
		fmt.Fprintf(&b, "  head %s since %d s: %s", w.name(h.Job), h.Since/1000, h.Limit)
		if h.CancelAt != 0 {
			fmt.Fprintf(&b, ", ends at %d s", h.CancelAt/1000)
		}
		if h.StartAt != 0 {
			fmt.Fprintf(&b, ", starts at %d s in %s", h.StartAt/1000, h.StartIn)
		}
		for _, o := range h.Environments {
			fmt.Fprintf(&b, ", %s %s", o.Environment, o.Limit)
			if o.Needed != 0 {
				fmt.Fprintf(&b, " %d/%d/%d", o.Needed, o.Available, o.Total)
			}
		}
		for _, c := range h.Consumables {
			fmt.Fprintf(&b, ", %s %d/%d/%d there: %t", c.Need.Resource, c.Need.Quantity, c.Have.Available(), c.Have.Total, c.Exists)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
