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

// TestFairVectors: what shares get of a full queue, in the steady state and as
// more of them become active.
func TestFairVectors(t *testing.T) {
	for _, c := range []struct {
		name, policy, host string
		submits            []string
		want               []string // what `uses` says after each submit
	}{
		{
			"an eighth of the weight is eight times as much", "fair p weights=A:1,B:0.125", "host h vcpu=90 mem=99999",
			[]string{"submit a queue=q share=A size=100", "submit b queue=q share=B size=100"},
			[]string{"", "2 active, 2 in use: B 80 A 10\n"},
		},
		{
			"the shares of a prefix have its weight together", "fair p weights=U*:1", "host h vcpu=100 mem=99999",
			[]string{"submit a queue=q share=U1 size=200", "submit b queue=q share=U2 size=200", "submit c queue=q share=V size=200"},
			[]string{"", "", "3 active, 3 in use: V 50 U1 25 U2 25\n"},
		},
		{
			"a reservation for shares that are not active yet", "fair p reservation=50", "host h vcpu=200 mem=99999",
			[]string{"submit a queue=q share=A size=200", "submit b queue=q share=B size=200", "submit c queue=q share=C size=200"},
			[]string{"1 active, 1 in use: A 50\n", "2 active, 2 in use: A 50 B 25\n", "3 active, 3 in use: A 50 B 25 C 12\n"},
		},
		{
			"a job that is larger than what is not reserved", "fair p reservation=50", "host h vcpu=200 mem=99999",
			[]string{"submit a queue=q share=A vcpu=60", "submit b queue=q share=A vcpu=1"},
			[]string{"1 active, 1 in use: A 60\n", "1 active, 1 in use: A 60\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.run(t, "environment e vcpu=100")
			w.run(t, c.policy)
			w.run(t, "queue q on=e policy=p")
			reserved := strings.Contains(c.policy, "reservation")
			if reserved {
				w.run(t, c.host)
			}
			for i, submit := range c.submits {
				w.run(t, submit)
				if i == len(c.submits)-1 && !reserved {
					w.run(t, c.host)
				}
				if got := w.uses("q"); c.want[i] != "" && got != c.want[i] {
					t.Errorf("after %q: %s, want %s", submit, got, c.want[i])
				}
			}
		})
	}
}

// TestSteadyShares: in a queue that is always full, what shares get over time is in
// the proportion of their weights, whatever came first and however often the
// state is loaded anew.
func TestSteadyShares(t *testing.T) {
	w := newWorld(t)
	for _, line := range []string{
		"environment e vcpu=90", "fair p weights=A:1,B:0.125", "queue q on=e policy=p", "host h vcpu=90 mem=99999",
		"submit a queue=q share=A size=2000", "at 500", "submit b queue=q share=B size=2000",
	} {
		w.run(t, line)
	}
	sum := make(map[string]int64)
	code := int32(0)
	for round := range 1500 {
		w.now += 1000
		live := w.s.hosts[1].attempts()
		j := live[round*7%len(live)]
		w.step(t, AttemptEnded{Attempt: j.attemptID(), StartedAt: w.now, StoppedAt: w.now, ExitCode: &code})
		if round%500 == 250 {
			w.reload(t)
			w.run(t, "host h vcpu=90 mem=99999")
		}
		if round >= 1200 {
			shot, _ := w.s.Snapshot("q")
			for _, u := range shot.Uses {
				sum[u.Share] += u.MilliVCPU
			}
		}
	}
	if a, b := sum["A"], sum["B"]; b < 7*a || b > 9*a {
		t.Errorf("A got %d and B %d, want eight times as much", a, b)
	}
}
