package batch_test

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

func TestUnitID(t *testing.T) {
	t.Parallel()
	attempt := batch.AttemptID{Job: batch.ChildRef(batch.JobID{7}, 4), Number: 3}
	names := map[string]bool{}
	for n := range 12 {
		u := attempt.Unit(n)
		got, ok := batch.ParseUnitID(u.String())
		if !ok || got != u {
			t.Errorf("%s reads as %s, %t", u, got, ok)
		}
		names[u.Name()] = true
	}
	if len(names) != 12 || !names[attempt.TaskID()] || attempt.Unit(0).String() != attempt.String() {
		t.Errorf("twelve units are called %v", names)
	}
	for _, bad := range []string{"", "x", attempt.String() + ".", attempt.String() + ".0", attempt.String() + ".01", attempt.String() + ".1.2", attempt.String() + ".256", attempt.String() + ".-1"} {
		if u, ok := batch.ParseUnitID(bad); ok {
			t.Errorf("%q reads as %s", bad, u)
		}
	}
}
