package fleet

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Interruptions are those of Spot instances that are made here, to see how jobs
// take them. Which instances they hit follows from Seed, their names and the
// time: no generator has a state.
type Interruptions struct {
	// PerHour is how many of a million Spot instances are interrupted within
	// an hour.
	PerHour int64
	// Every so often, counted from midnight UTC, one Spot instance of each
	// environment is interrupted; never where it is zero.
	Every time.Duration
	// Notice is how long before its end an instance is told.
	Notice time.Duration
	Seed   uint64
}

// A draw happens once a minute.
const drawEvery = time.Minute

func (n Interruptions) some() bool { return n.PerHour > 0 || n.Every > 0 }

// roll is a number that is as good as a die.
func (n Interruptions) roll(name string, minute int64) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%s/%d", n.Seed, name, minute) // never fails
	x := h.Sum64()
	x ^= x >> 33 // the low bits of FNV alone are none
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// draw interrupts the instances whose minute has come, and returns when the next
// one does.
func (f *Fleet) draw(now time.Time) time.Duration {
	n := f.o.Interruptions
	if !n.some() {
		return drawEvery
	}
	if now.Before(f.nextDraw) {
		return f.nextDraw.Sub(now)
	}
	first := f.nextDraw.IsZero()
	f.nextDraw = now.Truncate(drawEvery).Add(drawEvery)
	if !first {
		f.drawAt(now)
	}
	return f.nextDraw.Sub(now)
}

func (f *Fleet) drawAt(now time.Time) {
	n := f.o.Interruptions
	minute := now.Unix() / 60
	every := max(int64(n.Every/time.Minute), 1)
	scheduled := n.Every > 0 && minute%every == 0
	chosen := make(map[int64]*instance) // by environment
	at := batch.InstantOf(now.Add(n.Notice))
	for _, host := range slices.Sorted(maps.Keys(f.instances)) {
		i := f.instances[host]
		if !i.spot || i.phase != up || i.notice != 0 {
			continue
		}
		roll := n.roll(i.name, minute)
		if roll%60_000_000 < uint64(n.PerHour) {
			f.interrupt(i, at)
		} else if other := chosen[i.environment]; scheduled && (other == nil || roll < n.roll(other.name, minute)) {
			chosen[i.environment] = i
		}
	}
	for _, id := range slices.Sorted(maps.Keys(chosen)) {
		f.interrupt(chosen[id], at)
	}
}
