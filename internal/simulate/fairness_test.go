package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
)

// crowd draws shares that have jobs of their own kind each, on a machine that they
// cannot all have at once. Saturated ones have all their jobs from the beginning.
func crowd(t *rapid.T, saturated bool) Scenario {
	size := rapid.Int64Range(8, 24).Draw(t, "vcpus")
	s := Scenario{
		Environments: []Environment{{Name: "machine", Capacity: batch.Resources{MilliVCPU: size * 1000, MemoryMiB: batch.Unlimited}}},
		Queues:       []Queue{{Name: "q", Environments: []string{"machine"}, Fair: &fair.Policy{}}},
	}
	shares := rapid.IntRange(2, 5).Draw(t, "shares")
	// Each has the machine's work for so long.
	work := rapid.Int64Range(150, 400).Draw(t, "work")
	for n := range shares {
		width := rapid.Int64Range(1, max(1, size/8)).Draw(t, "width")
		length := rapid.Int64Range(8, 30).Draw(t, "length")
		from, every := rapid.Int64Range(0, 900).Draw(t, "from"), rapid.Int64Range(1, 10).Draw(t, "every")
		for i, left := int64(0), work*size; left > 0; i++ {
			j := Job{
				Name: fmt.Sprintf("%d-%d", n, i), Share: fmt.Sprintf("s%d", n), Runtime: (length + (i*7+int64(n))%length) * 1000,
				Needs: batch.Resources{MilliVCPU: width * 1000, MemoryMiB: 1}, Attempts: 1,
			}
			if !saturated {
				j.Submit = (from + every*i) * 1000
			}
			left -= width * j.Runtime / 1000
			s.Jobs = append(s.Jobs, j)
		}
	}
	slices.SortStableFunc(s.Jobs, func(a, b Job) int { return cmp.Compare(a.Submit, b.Submit) })
	return s
}

// TestJain: shares with equal weights get equally much while all have jobs waiting.
func TestJain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := crowd(t, true)
		r, err := Run(s)
		if err != nil {
			t.Fatal(err)
		}
		if r.Jain < 0.98 {
			t.Errorf("Jain's index is %v", r.Jain)
		}
		// Without fair shares who comes first has all.
		if r, err = Run(s.With(Strict)); err != nil {
			t.Fatal(err)
		}
		if r.Jain > 0.9 {
			t.Errorf("Jain's index is %v in the order of submission", r.Jain)
		}
	})
}

// TestBound: no job waits for more than twice the bound that its share gives it.
func TestBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, err := Run(crowd(t, false))
		if err != nil {
			t.Fatal(err)
		}
		if r.WaitByBound > 2 {
			t.Errorf("a job waits %v times its bound", r.WaitByBound)
		}
	})
	workloads(t, func(t *testing.T, s Scenario, _ int64) {
		r := mustRun(t, s.With(FairShare))
		if r.WaitByBound > 2 {
			t.Errorf("a job waits %v times its bound", r.WaitByBound)
		}
	})
}
