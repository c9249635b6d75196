//go:build !linux

package engine

import "time"

// slept is not known here: what a machine sleeps is a jump of its clock.
func slept() time.Duration { return 0 }
