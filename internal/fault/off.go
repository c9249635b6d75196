//go:build !torture

package fault

import "time"

// On says whether the program was built to be ended.
const On = false

// Point is a moment with a name. It does nothing.
func Point(string) {}

// Skew is how far off the clock is.
func Skew() time.Duration { return 0 }
