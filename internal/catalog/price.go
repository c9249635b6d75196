package catalog

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// SpotPrice is what Spot instances of a type cost from a time on, in millionths
// of a US dollar per hour.
type SpotPrice struct {
	From    batch.Instant
	PerHour int64
}

// defaultSpotPercent is the Spot price of which nothing is known, as a part of
// the on-demand price.
const defaultSpotPercent = 35

// OnDemand is the price per hour in millionths of a US dollar; false if nobody
// knows.
func (t *Type) OnDemand() (perHour int64, ok bool) { return t.onDemand.perHour, t.onDemand.known }

// SpotAt is the price per hour of a Spot instance at a time, in millionths of a
// US dollar: that of the series, and before it and without one 35 % of the
// on-demand price. It is false if nobody knows, or the type is not offered as
// Spot.
func (t *Type) SpotAt(now batch.Instant) (perHour int64, ok bool) {
	if !t.Spot {
		return 0, false
	}
	if i := t.step(now); i >= 0 {
		return t.spot[i].PerHour, true
	}
	return t.onDemand.perHour * defaultSpotPercent / 100, t.onDemand.known
}

// NextSpot is when the Spot price changes after a time; false if never.
func (t *Type) NextSpot(now batch.Instant) (at batch.Instant, ok bool) {
	if i := t.step(now) + 1; t.Spot && i < len(t.spot) {
		return t.spot[i].From, true
	}
	return 0, false
}

// step is the place in the series of the price at a time, or -1 before it.
func (t *Type) step(now batch.Instant) int {
	low, high := 0, len(t.spot)
	for low < high {
		if mid := (low + high) / 2; t.spot[mid].From <= now {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// Cost is what an instance costs from one time to another, in billionths of a
// US dollar, by the millisecond and rounded down; a Spot instance costs what
// the price was while it ran. It is false if nobody knows.
func (t *Type) Cost(spot bool, from, to batch.Instant) (nanoUSD int64, ok bool) {
	if !spot {
		return Over(t.onDemand.perHour, to-from), t.onDemand.known
	}
	for from < to {
		perHour, known := t.SpotAt(from)
		if !known {
			return 0, false
		}
		until := to
		if next, changes := t.NextSpot(from); changes {
			until = min(to, next)
		}
		nanoUSD += Over(perHour, until-from)
		from = until
	}
	return nanoUSD, true
}

// Over is what a price in millionths per hour makes of a time, in billionths,
// rounded down. It is nothing of no time.
func Over(perHour int64, time batch.Instant) int64 {
	const millisPerHour = 3_600_000
	return Portion(perHour, max(0, int64(time))*1000, millisPerHour)
}

// Portion is amount × part / whole, rounded down, without overflow on the way.
// None may be negative. What is too large for the answer is the largest.
func Portion(amount, part, whole int64) int64 {
	high, low := bits.Mul64(uint64(amount), uint64(part))
	if high >= uint64(whole) {
		return batch.Unlimited
	}
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return int64(min(quotient, batch.Unlimited))
}

// maxUSD is the highest price per hour that a file may name.
const maxUSD = 1_000_000

// parseUSD reads dollars, such as 0.0255, as millionths of one, exactly.
func parseUSD(text string) (int64, error) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 6 {
		if strings.Trim(part[6:], "0") != "" {
			return 0, fmt.Errorf("%s has more than six digits behind the point", text)
		}
		part = part[:6]
	}
	digits := whole + part + strings.Repeat("0", 6-len(part))
	if whole == "" || len(digits) > 18 || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no price in US dollars, such as 0.0255", text)
	}
	var n int64
	for _, d := range digits {
		n = n*10 + int64(d-'0')
	}
	if n > maxUSD*1_000_000 {
		return 0, errors.New("a price is at most a million US dollars per hour")
	}
	return n, nil
}
