package batch

import (
	"net/netip"
	"testing"
)

func TestNodeAddresses(t *testing.T) {
	t.Parallel()
	space := netip.MustParsePrefix("127.64.0.0/10")
	seen := make(map[netip.Addr]bool)
	for _, number := range []int32{1, 2, Networks - 1, Networks} {
		network := NetworkOf(space, number)
		for _, index := range []int{0, 1, MaxNodes - 1} {
			a := NodeAddress(space, number, index)
			if !network.Contains(a) || !space.Contains(a) || a == network.Addr() || a == network.Addr().Next() || seen[a] {
				t.Errorf("node %d of network %d (%s) is at %s", index, number, network, a)
			}
			if next := a.Next(); !network.Contains(next) {
				t.Errorf("node %d of network %d has the broadcast address %s", index, number, a)
			}
			seen[a] = true
		}
	}
	if got := NetworkOf(space, Networks); got.String() != "127.127.252.0/22" {
		t.Errorf("the last network is %s", got)
	}
}
