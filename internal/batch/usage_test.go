package batch_test

import (
	"encoding/json"
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

func TestSumUsage(t *testing.T) {
	t.Parallel()
	n := func(n int64) *int64 { return &n }
	a := &batch.Usage{CPU: n(1), PeakMemory: n(2), ReadBytes: n(3), WriteBytes: n(4)}
	b := &batch.Usage{CPU: n(10), PeakMemory: n(20), WriteBytes: n(40)}
	for _, c := range []struct {
		of   []*batch.Usage
		want string
	}{
		{nil, `null`},
		{[]*batch.Usage{nil, nil}, `null`},
		{[]*batch.Usage{nil, a}, `{"cpu":1,"peakMemory":2,"readBytes":3,"writeBytes":4}`},
		{[]*batch.Usage{a, nil, b}, `{"cpu":11,"peakMemory":22,"writeBytes":44}`},
	} {
		if got, err := json.Marshal(batch.SumUsage(c.of)); err != nil || string(got) != c.want {
			t.Errorf("the sum is %s (%v), want %s", got, err, c.want)
		}
	}
}
