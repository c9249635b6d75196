package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// slept is how long the machine has been suspended since it was started: what
// the monotonic clock of [time.Now] leaves out.
func slept() time.Duration {
	var all, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &all) != nil {
		return 0
	}
	// The two are read one after the other: less than that means nothing.
	return time.Duration(all.Nano() - awake.Nano()).Truncate(time.Second)
}
