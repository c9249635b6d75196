package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// TestFollow: the clock is the wall clock's while that goes on steadily, and is
// neither set back nor set forward when that is.
func TestFollow(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{
		"none": 0, "a second forward": time.Second, "hours forward": 3 * time.Hour, "hours back": -3 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := time.Unix(1_800_000_000, 0)
			at, step := wall, 100*time.Millisecond
			wall = wall.Add(jump)
			agree := 0
			for n := 1; n <= 24*3600*12; n++ {
				before := at
				wall = wall.Add(step)
				at = follow(at, wall, step)
				if went := at.Sub(before); went < step*7/8 || went > step*9/8 {
					t.Fatalf("in %v it went on by %v", step, went)
				}
				if at.Equal(wall) {
					agree = n
					break
				}
			}
			most := int(jump.Abs()*8/step) + 1
			if agree == 0 || agree > most {
				t.Errorf("after a jump of %v it agrees after %d steps of %v, want %d at most", jump, agree, step, most)
			}
		})
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		for range 100 {
			if got, want := c.now(), batch.InstantOf(time.Now()); got != want {
				t.Fatalf("the clock says %d at %d", got, want)
			}
			time.Sleep(1234567 * time.Microsecond)
		}
	})
}
