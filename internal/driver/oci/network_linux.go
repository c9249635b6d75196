package oci

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// gangs are the networks of multi-node jobs. Each is a network namespace with a
// bridge, held by a descriptor of the runner alone; each node has a namespace of
// its own, with one end of a cable whose other end is in the bridge. So nodes use
// the same ports. A node's namespace stays when the node has ended, and refuses
// what the others send, as a machine does; all of it goes with the last node, or
// with the runner.
type gangs struct {
	mu  sync.Mutex // held while a network is made or a node connected: milliseconds
	all map[batch.AttemptID]*gang
}

// gang is one network.
type gang struct {
	id     batch.AttemptID
	space  netns.NsHandle
	handle *netlink.Handle // to it
	bridge int             // index
	nodes  int             // that have not left
	cables int             // there ever were
	places map[netip.Addr]foothold
}

// foothold is what an address leads to.
type foothold struct {
	space netns.NsHandle
	cable netlink.Link
}

// node is a unit's place in its network. The zero value is that of a unit without one.
type node struct {
	all   *gangs
	gang  *gang
	space netns.NsHandle // the gang's
}

// join connects a unit, and makes the network for the first one.
func (g *gangs) join(s *driver.Spec) (*node, error) {
	if s.Network == nil {
		return &node{}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id := s.Unit.Attempt.Whole()
	one := g.all[id]
	if one == nil {
		var err error
		if one, err = newGang(id); err != nil {
			return nil, fmt.Errorf("make a network: %w", err)
		}
		if g.all == nil {
			g.all = make(map[batch.AttemptID]*gang)
		}
		g.all[id] = one
	}
	one.nodes++
	n := &node{all: g, gang: one, space: netns.None()}
	var err error
	if n.space, err = one.connect(s.Network); err != nil {
		g.release(one)
		return nil, fmt.Errorf("connect a node: %w", err)
	}
	return n, nil
}

// file names the unit's namespace for a runtime; empty for the machine's.
func (n *node) file() string {
	if n.gang == nil {
		return ""
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(n.space))
}

// leave is called when the unit has ended.
func (n *node) leave() {
	if n.gang != nil {
		n.all.mu.Lock()
		defer n.all.mu.Unlock()
		n.all.release(n.gang)
	}
}

// release drops the network with its last node; g.mu is held.
func (g *gangs) release(one *gang) {
	if one.nodes--; one.nodes == 0 {
		delete(g.all, one.id)
		one.close()
	}
}

func (g *gangs) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, one := range g.all {
		delete(g.all, id)
		one.close()
	}
}

func newGang(id batch.AttemptID) (g *gang, err error) {
	g = &gang{id: id, places: map[netip.Addr]foothold{}}
	if g.space, err = newNamespace(); err != nil {
		return nil, err
	}
	if g.handle, err = netlink.NewHandleAt(g.space, unix.NETLINK_ROUTE); err != nil {
		return nil, errors.Join(err, g.space.Close())
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	bridge.Name = "nodes"
	if err = g.handle.LinkAdd(bridge); err == nil {
		g.bridge = bridge.Attrs().Index
		err = g.handle.LinkSetUp(bridge)
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *gang) close() {
	g.handle.Close()
	for _, p := range g.places {
		_ = p.space.Close() // as below
	}
	_ = g.space.Close() // nothing is written to it
}

// connect makes a namespace with an address in the network. One that an earlier
// attempt of the node had at this address goes.
func (g *gang) connect(at *driver.Network) (space netns.NsHandle, err error) {
	if old, again := g.places[at.Address]; again {
		delete(g.places, at.Address)
		if err = errors.Join(g.handle.LinkDel(old.cable), old.space.Close()); err != nil {
			return netns.None(), err
		}
	}
	if space, err = newNamespace(); err != nil {
		return space, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, space.Close())
		}
	}()
	g.cables++
	cable := netlink.NewVeth(netlink.NewLinkAttrs())
	cable.Name, cable.PeerName, cable.PeerNamespace = "node"+strconv.Itoa(g.cables), "eth0", netlink.NsFd(space)
	cable.MasterIndex = g.bridge
	if err = g.handle.LinkAdd(cable); err != nil {
		return space, err
	}
	if err = g.handle.LinkSetUp(cable); err != nil {
		return space, err
	}
	inside, err := netlink.NewHandleAt(space, unix.NETLINK_ROUTE)
	if err != nil {
		return space, err
	}
	defer inside.Close()
	own, err := inside.LinkByName("eth0")
	if err != nil {
		return space, err
	}
	address, err := netlink.ParseAddr(fmt.Sprintf("%s/%d", at.Address, at.Subnet.Bits()))
	if err != nil {
		return space, err
	}
	if err = inside.AddrAdd(own, address); err != nil {
		return space, err
	}
	loopback, err := inside.LinkByName("lo")
	if err != nil {
		return space, err
	}
	if err = errors.Join(inside.LinkSetUp(own), inside.LinkSetUp(loopback)); err == nil {
		g.places[at.Address] = foothold{space, cable}
	}
	return space, err
}

// newNamespace makes a network namespace that lives as long as the descriptor.
func newNamespace() (netns.NsHandle, error) {
	type made struct {
		space netns.NsHandle
		err   error
	}
	done := make(chan made)
	onThread(func() {
		err := unix.Unshare(unix.CLONE_NEWNET)
		space := netns.None()
		if err == nil {
			space, err = netns.GetFromPath("/proc/thread-self/ns/net")
		}
		done <- made{space, err}
	})
	m := <-done
	return m.space, m.err
}
