package fair

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/bargehq/barge/internal/batch"
)

// slots is how many buckets are kept: those of the window and the current one.
const slots = Buckets + 1

// Usage is what a share has used in the window before At.
type Usage struct {
	At    batch.Instant
	Width int64 // of the buckets, in milliseconds; zero while nothing has been used
	// Ring has thousandths of vCPUs times milliseconds by bucket: the bucket
	// with number n, which begins n widths after 1970, is at n modulo its length.
	Ring [slots]int64
}

// accrue adds what has been used since At, which was the same all the time, after
// it has cut the window anew if the buckets have got another width. A clock that
// was set back adds nothing until it has caught up.
func (u *Usage) accrue(now batch.Instant, milli, width int64) {
	u.rebin(width)
	if now <= u.At {
		return
	}
	from, to := int64(u.At), int64(now)
	u.At = now
	last := to / width
	for n := max(from/width+1, last-slots+1); n <= last; n++ {
		u.Ring[n%slots] = 0
	}
	if milli == 0 {
		return
	}
	for n := max(from/width, last-slots+1); n <= last; n++ {
		u.Ring[n%slots] += milli * (min(to, (n+1)*width) - max(from, n*width))
	}
}

// mean is H at the start of the given bucket, if milli has been in use since At.
// It is steady if H stays so for as long as that does.
func (u *Usage) mean(bucket, milli, width int64) (mean int64, steady bool) {
	if milli == 0 && u.Ring == ([slots]int64{}) {
		return 0, true // it has long used nothing
	}
	v := *u
	v.accrue(batch.Instant(bucket*width), milli, width)
	last := int64(v.At) / width
	steady = true
	var hi, lo uint64
	for age := range int64(Buckets) {
		var used int64
		if n := bucket - 1 - age; n >= 0 && n > last-slots {
			used = v.Ring[n%slots]
		}
		steady = steady && used == milli*width
		// The kernel in the middle of the bucket, in parts of 2 × Buckets.
		h, l := bits.Mul64(uint64(used), uint64(2*Buckets-1-2*age))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	// The parts add up to Buckets².
	q, _ := bits.Div64(hi, lo, uint64(Buckets*Buckets*width))
	return int64(q), steady
}

// rebin cuts the window anew. What a bucket holds counts as used evenly over it.
func (u *Usage) rebin(to int64) {
	from := u.Width
	if from == to {
		return
	}
	v := Usage{At: u.At, Width: to}
	if from == 0 {
		*u = v
		return
	}
	last, newest := int64(u.At)/from, int64(u.At)/to
	for n := max(0, last-slots+1); n <= last; n++ {
		used, start := u.Ring[n%slots], n*from
		if used == 0 {
			continue
		}
		end := min(start+from, int64(u.At))
		until := func(t int64) int64 { // of what was used, by then
			hi, lo := bits.Mul64(uint64(used), uint64(min(max(t, start), end)-start))
			q, _ := bits.Div64(hi, lo, uint64(end-start))
			return int64(q)
		}
		for k := max(start/to, newest-slots+1); k*to < end; k++ {
			v.Ring[k%slots] += until((k+1)*to) - until(k*to)
		}
	}
	*u = v
}

// Append writes the ring as varints, for a store.
func (u *Usage) Append(b []byte) []byte {
	for _, n := range u.Ring {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// Read reads what Append has written.
func (u *Usage) Read(b []byte) error {
	for i := range u.Ring {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return errors.New("the usage of a share is cut short")
		}
		u.Ring[i], b = int64(n), b[size:]
	}
	if len(b) > 0 {
		return errors.New("the usage of a share is too long")
	}
	return nil
}
