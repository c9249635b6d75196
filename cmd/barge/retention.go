package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// retention is how long something is kept. Zero is for ever.
type retention time.Duration

const (
	day     = 24 * time.Hour
	forever = "forever"
	// leastKept leaves clients that poll the time to see how a job has ended.
	leastKept = time.Hour
)

// String prints the form that Set reads.
func (r *retention) String() string {
	switch d := time.Duration(*r); {
	case d == 0:
		return forever
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	default:
		return d.String()
	}
}

// Set reads `forever`, days as in `30d`, or a duration as in `36h`.
func (r *retention) Set(text string) error {
	if text == forever {
		*r = 0
		return nil
	}
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 15); err == nil {
			d = time.Duration(n) * day
		}
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil {
		return fmt.Errorf("want a time with its unit, such as 30d or 36h, or %s", forever)
	}
	if d < leastKept {
		return fmt.Errorf("want at least %s, or clients do not see how their jobs end", leastKept)
	}
	*r = retention(d)
	return nil
}

// Type names the kind of value in the help.
func (r *retention) Type() string { return "duration" }
