package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/core/fair"
)

// fairPolicyOf reads decay= and reservation= and `a:0.5,b*:2` forms of weights.
func fairPolicyOf(t *testing.T, args map[string]string) *fair.Policy {
	t.Helper()
	p := &fair.Policy{}
	if args["decay"] != "" {
		p.DecaySeconds = int32(mustInt(t, args["decay"]))
	}
	if args["reservation"] != "" {
		p.Reservation = int32(mustInt(t, args["reservation"]))
	}
	for part := range strings.SplitSeq(args["weights"], ",") {
		if share, weight, ok := strings.Cut(part, ":"); ok {
			whole, fraction, _ := strings.Cut(weight, ".")
			factor := mustInt(t, whole)*fair.Even + mustInt(t, (fraction + "0000")[:4])
			p.Weights = append(p.Weights, fair.Weight{Share: share, Factor: int64(factor)})
		}
	}
	return p
}

func fairJobOf(t *testing.T, args map[string]string) *FairJob {
	t.Helper()
	if args["share"] == "" {
		return nil
	}
	return &FairJob{Share: args["share"], Priority: int32(mustInt(t, cmp.Or(args["priority"], "0"))), MaxShares: mustInt(t, cmp.Or(args["most"], "500"))}
}

// uses tells how many shares of a queue are active, how many use anything, and
// what.
func (w *world) uses(queue string) string {
	shot, ok := w.s.Snapshot(queue)
	if !ok {
		return "no such queue\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d active, %d in use:", len(w.s.queueNames[queue].fairShares()), shot.Using)
	for _, u := range shot.Uses {
		fmt.Fprintf(&b, " %s %d", u.Share, u.MilliVCPU/1000)
	}
	return b.String() + "\n"
}

func (r *rows) loadShares(l *Loader) error {
	rows := make([]FairShareRow, 0, len(r.shares))
	for _, row := range r.shares {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b FairShareRow) int { return cmp.Compare(a.ID, b.ID) })
	for _, row := range rows {
		if err := l.FairShare(row); err != nil {
			return err
		}
	}
	return nil
}
