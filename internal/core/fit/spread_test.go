package fit

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

// TestSpread: what Spread gives out is what was asked for, fits, and is nothing
// where one need alone fits nowhere.
func TestSpread(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amounts := func(most int64, what string) batch.Resources {
			return batch.Resources{
				MilliVCPU: rapid.Int64Range(1, most).Draw(t, what), MemoryMiB: rapid.Int64Range(0, most).Draw(t, what), GPUs: rapid.Int64Range(0, 1).Draw(t, what),
			}
		}
		var x Index
		for id := range rapid.Int64Range(0, 5).Draw(t, "hosts") {
			r := amounts(12, "host")
			x.Add(&Host{ID: id + 1, Capacity: r, Free: r, Ready: rapid.IntRange(0, 3).Draw(t, "ready") > 0})
		}
		var groups []Group
		for range rapid.IntRange(1, 3).Draw(t, "groups") {
			groups = append(groups, Group{Need: amounts(4, "need"), Count: rapid.Int32Range(1, 4).Draw(t, "count")})
		}
		shares, ok := x.Spread(groups)
		again, _ := x.Spread(groups)
		if len(again) != len(shares) {
			t.Fatalf("the same question gave %v, then %v", shares, again)
		}
		if err := x.Check(); err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if ok && !x.Holds(g) {
				t.Fatalf("%v has room, and the empty hosts would not hold it", g)
			}
		}
		if !ok {
			if len(groups) == 1 {
				room := int32(0)
				for _, h := range x.Hosts() {
					for h.Ready && groups[0].Need.Fits(h.Free) {
						x.Take(h, groups[0].Need, Never, 1)
						room++
					}
				}
				if room >= groups[0].Count {
					t.Fatalf("%v fits and was refused", groups[0])
				}
			}
			return
		}
		given := make([]int32, len(groups))
		for _, s := range shares {
			for range s.Count {
				if !s.Host.Ready || !groups[s.Group].Need.Fits(s.Host.Free) {
					t.Fatalf("host %d is given more than it has", s.Host.ID)
				}
				x.Take(s.Host, groups[s.Group].Need, Never, 1)
			}
			given[s.Group] += s.Count
		}
		for i, g := range groups {
			if given[i] != g.Count {
				t.Fatalf("group %d got room for %d of %d", i, given[i], g.Count)
			}
		}
	})
}
