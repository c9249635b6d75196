package engine

import (
	"log/slog"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/fault"
)

// clock is the time by which the state goes: the wall clock's, as long as that
// is not set. When it is, by hours perhaps, the attempts that run must neither
// be over their time at once nor go on for those hours; so this clock goes at
// seven to nine eighths of its speed until the two agree again. A deadline is
// thereby late or early by an eighth at most, and no time is before an earlier
// one. A start takes the wall clock as it is.
//
// What a machine has slept is no jump: that time has passed.
//
// The mutex is there because hosts ask for the time of a report.
type clock struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time     // of the reading before, for how much time has passed
	idle time.Duration // what the machine had slept when it was last asked, see [slept]
	wall time.Time     // what the wall clock has said, without what only the process knows
	at   time.Time     // what this one has said
}

// now is the time.
func (c *clock) now() batch.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	wall := now.Round(0).Add(fault.Skew()) // Round takes the monotonic reading away
	if c.at.IsZero() {
		c.at, c.idle = wall, slept()
	} else {
		passed := max(0, now.Sub(c.last))
		if wall.Sub(c.wall)-passed > time.Second { // only then it may have slept, which is dear to ask
			idle := slept()
			passed += max(0, idle-c.idle)
			c.idle = idle
		}
		if jump := wall.Sub(c.wall) - passed; c.log != nil && jump.Abs() > time.Minute {
			c.log.Warn("the clock was set; times follow it by and by, timeouts do not", "dur", jump)
		}
		c.at = follow(c.at, wall, passed)
	}
	c.last, c.wall = now, wall
	return batch.InstantOf(c.at)
}

// follow returns what a clock says that said at, when so much time has passed
// and the wall clock says wall.
func follow(at, wall time.Time, passed time.Duration) time.Time {
	return at.Add(min(max(wall.Sub(at), passed-passed/8), passed+passed/8))
}
