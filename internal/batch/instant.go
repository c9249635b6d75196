package batch

import "time"

// Instant is a moment in milliseconds since the Unix epoch, UTC. Zero means
// "not yet" wherever a moment is optional.
type Instant int64

// InstantOf converts a [time.Time], cutting below the millisecond.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time converts back to a [time.Time] in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns the instant d later, cutting d below the millisecond.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Sub returns the duration from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }
