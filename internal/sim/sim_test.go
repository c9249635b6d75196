package sim

import (
	"flag"
	"fmt"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 0, "run this seed only")
	seeds = flag.Int("seeds", 60, "how many seeds to run")
	turns = flag.Int("turns", 1500, "turns of a run before its faults cease")
)

// TestSeeds runs many small worlds. A failure prints how to run its seed again.
// A world has one goroutine, so the race detector, which makes it ten times
// slower, learns nothing after a few: -short runs ten at most.
func TestSeeds(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*seeds)
	if testing.Short() {
		last = min(last, 10)
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprintf("seed=%d", n), func(t *testing.T) {
			t.Parallel()
			stats, err := Run(Options{Seed: n, Turns: *turns})
			if err != nil {
				t.Fatalf("%v\nagain: go test ./internal/sim -run TestSeeds -seed=%d -turns=%d", err, n, *turns)
			}
			if stats.Jobs == 0 || stats.Attempts == 0 || stats.Priced == 0 || stats.Rounds == 0 || stats.Events == 0 {
				t.Errorf("nothing happened: %+v", stats)
			}
			if *seed != 0 {
				t.Logf("%+v", stats)
			}
		})
	}
}

// TestSame runs a seed twice: the same must come out.
func TestSame(t *testing.T) {
	t.Parallel()
	for n := uint64(1); n <= 5; n++ {
		a, errA := Run(Options{Seed: n, Turns: 500})
		b, errB := Run(Options{Seed: n, Turns: 500})
		if a != b || (errA == nil) != (errB == nil) {
			t.Errorf("seed %d gave %+v (%v), then %+v (%v)", n, a, errA, b, errB)
		}
	}
}
