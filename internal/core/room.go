package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// room is a number of instances that have as much left.
type room struct {
	free  batch.Resources
	count int64
}

// rooms are what the instances of a fleet have left. They are used up by what is
// meant to go there while one decision is made.
type rooms struct {
	up, launching []room
	counted       bool // the rooms that are up; there are many of them, and mostly they are full
}

// upRooms counts what is left on the instances that take any job.
func (s *State) upRooms(e *environment) (up []room) {
	at := make(map[batch.Resources]int)
	for _, h := range e.hosts.Hosts() {
		if h.Ready && (h.Free.MilliVCPU > 0 || h.Free.MemoryMiB > 0) {
			up = addRoom(up, at, h.Free)
		}
	}
	return up
}

// launchingRooms counts what those will have that have yet to register, for the
// first time or again.
func (s *State) launchingRooms(e *environment) (launching []room) {
	at := make(map[batch.Resources]int)
	for _, f := range e.hosts.Hosts() {
		if f.Ready || f.Free != f.Capacity {
			continue
		}
		if h := s.hosts[f.ID]; h.row.Gang == 0 && (h.row.State == HostLaunching || h.row.State == HostUp) {
			launching = addRoom(launching, at, f.Capacity)
		}
	}
	return launching
}

func addRoom(list []room, at map[batch.Resources]int, free batch.Resources) []room {
	i, ok := at[free]
	if !ok {
		i = len(list)
		at[free] = i
		list = append(list, room{free: free})
	}
	list[i].count++
	return list
}

// pack puts up to n equal jobs into the rooms and returns how many it has.
func pack(rooms *[]room, need batch.Resources, n int64) (packed int64) {
	var split []room
	for i := range *rooms {
		r := &(*rooms)[i]
		if packed == n {
			break
		}
		each := times(r.free, need)
		if each == 0 || r.count == 0 {
			continue
		}
		full := min((n-packed)/each, r.count)
		if rest := n - packed - full*each; full < r.count && rest > 0 {
			split = append(split, room{less(r.free, need, rest), 1})
			packed += rest
			r.count--
		}
		packed += full * each
		switch {
		case full == r.count:
			r.free = less(r.free, need, each)
		case full > 0:
			split = append(split, room{less(r.free, need, each), full})
			r.count -= full
		}
	}
	*rooms = slices.DeleteFunc(append(*rooms, split...), func(r room) bool { return r.count == 0 })
	return packed
}

// times is how often the need fits.
func times(free, need batch.Resources) int64 {
	n := int64(batch.Unlimited)
	for _, d := range [3][2]int64{{free.MilliVCPU, need.MilliVCPU}, {free.MemoryMiB, need.MemoryMiB}, {free.GPUs, need.GPUs}} {
		if d[1] > 0 {
			n = min(n, max(0, d[0])/d[1])
		}
	}
	return n
}

func less(free, need batch.Resources, n int64) batch.Resources {
	return free.Sub(batch.Resources{MilliVCPU: need.MilliVCPU * n, MemoryMiB: need.MemoryMiB * n, GPUs: need.GPUs * n})
}
