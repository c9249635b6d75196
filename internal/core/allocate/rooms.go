package allocate

import (
	"math"
	"math/bits"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// times is how often the need fits.
func times(free, need batch.Resources) int64 {
	n := int64(math.MaxInt32)
	for _, d := range [...][2]int64{{free.MilliVCPU, need.MilliVCPU}, {free.MemoryMiB, need.MemoryMiB}, {free.GPUs, need.GPUs}} {
		if d[1] > 0 {
			n = min(n, max(0, d[0])/d[1])
		}
	}
	return n
}

// less is what is left of free after so many needs.
func less(free, need batch.Resources, n int64) batch.Resources {
	return free.Sub(batch.Resources{MilliVCPU: n * need.MilliVCPU, MemoryMiB: n * need.MemoryMiB, GPUs: n * need.GPUs})
}

// compareProducts compares a×b with c×d, of which none is negative.
func compareProducts(a, b, c, d int64) int {
	xHigh, xLow := bits.Mul64(uint64(a), uint64(b))
	yHigh, yLow := bits.Mul64(uint64(c), uint64(d))
	switch {
	case xHigh != yHigh:
		return 1 - 2*btoi(xHigh < yHigh)
	case xLow != yLow:
		return 1 - 2*btoi(xLow < yLow)
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fill puts up to n jobs into the rooms from one on, and returns how many found
// a place.
func (p *plan) fill(from int, need batch.Resources, n int64) (placed int64) {
	for i := from; i < len(p.rooms) && placed < n; i++ {
		room := p.rooms[i]
		each := times(room.Free, need)
		if each == 0 || room.Count == 0 {
			continue
		}
		whole := min((n-placed)/each, room.Count)
		placed += whole * each
		parts := make([]Room, 0, 3)
		if whole > 0 {
			parts = append(parts, Room{Free: less(room.Free, need, each), Count: whole})
			room.Count -= whole
		}
		if rest := n - placed; room.Count > 0 && rest > 0 {
			parts = append(parts, Room{Free: less(room.Free, need, rest), Count: 1})
			placed += rest
			room.Count--
		}
		if room.Count > 0 {
			parts = append(parts, room)
		}
		if len(parts) == 1 {
			p.rooms[i] = parts[0]
		} else {
			p.rooms = slices.Replace(p.rooms, i, i+1, parts...)
			i += len(parts) - 1
		}
	}
	return placed
}
