package batch

import (
	"encoding/binary"
	"net/netip"
)

// What nodes of multi-node parallel jobs are addressed with.
const (
	// MaxNodes is AWS's limit of nodes in a job.
	MaxNodes = 1000
	// Networks is how many jobs can have a network at once. They are numbered
	// from 1 to this.
	Networks = 1 << (22 - networkBits)
	// NodeSpaceBits is the prefix length of the address space that all
	// networks share.
	NodeSpaceBits = 32 - 22

	networkBits = 10 // of a node within its network: MaxNodes, gateway, broadcast
)

// NetworkOf returns the numbered network within a space of NodeSpaceBits.
func NetworkOf(space netip.Prefix, number int32) netip.Prefix {
	return netip.PrefixFrom(at(space, uint32(number-1)<<networkBits), 32-networkBits)
}

// NodeAddress returns the address of a node in a numbered network. The network's
// first address is left to a gateway.
func NodeAddress(space netip.Prefix, number int32, index int) netip.Addr {
	return at(space, uint32(number-1)<<networkBits+2+uint32(index))
}

func at(space netip.Prefix, offset uint32) netip.Addr {
	base := space.Masked().Addr().As4()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(base[:])+offset)))
}
