package batch

import (
	"fmt"
	"strings"
)

// Cost is what something has cost, in billionths of a US dollar. It is never
// changed where it is pointed to, only replaced; nil stands for a cost that
// nobody knows.
type Cost struct {
	NanoUSD int64
	// OnDemand is what the same would have cost at on-demand prices: as much,
	// unless it ran on Spot capacity.
	OnDemand int64
}

// Plus returns the sum. What is not known adds nothing.
func (c *Cost) Plus(o *Cost) *Cost {
	switch {
	case o == nil:
		return c
	case c == nil:
		return o
	}
	return &Cost{NanoUSD: add(c.NanoUSD, o.NanoUSD), OnDemand: add(c.OnDemand, o.OnDemand)}
}

// USD writes billionths of a US dollar in dollars, exactly: 0.0255.
func USD(nano int64) string {
	sign := ""
	if nano < 0 {
		sign, nano = "-", -nano
	}
	text := fmt.Sprintf("%s%d.%09d", sign, nano/1_000_000_000, nano%1_000_000_000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
