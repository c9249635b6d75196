package depend

import (
	"encoding/binary"
	"slices"
	"sort"
)

// Span is a run of indices, From included, To not.
type Span struct{ From, To int32 }

// Set is a set of indices: spans in order that neither touch nor overlap. The
// nil Set is empty.
type Set []Span

// Of returns the set of the indices from `from` to before `to`.
func Of(from, to int32) Set {
	if from >= to {
		return nil
	}
	return Set{{from, to}}
}

// after returns the place of the first span that ends behind i.
func (s Set) after(i int32) int {
	return sort.Search(len(s), func(n int) bool { return s[n].To > i })
}

// Has reports whether i is in the set.
func (s Set) Has(i int32) bool {
	n := s.after(i)
	return n < len(s) && s[n].From <= i
}

// Len is the number of indices.
func (s Set) Len() (n int32) {
	for _, span := range s {
		n += span.To - span.From
	}
	return n
}

// Min returns the least index.
func (s Set) Min() (i int32, ok bool) {
	if len(s) == 0 {
		return 0, false
	}
	return s[0].From, true
}

// Next returns the least index of at least i.
func (s Set) Next(i int32) (next int32, ok bool) {
	n := s.after(i)
	if n == len(s) {
		return 0, false
	}
	return max(i, s[n].From), true
}

// Behind returns the set of the indices below size that come right after one in
// the set.
func (s Set) Behind(size int32) Set {
	out := make(Set, 0, len(s))
	for _, span := range s {
		if span.From+1 < size {
			out = append(out, Span{span.From + 1, min(span.To+1, size)})
		}
	}
	return out
}

// Gap returns the least index that is not in the set.
func (s Set) Gap() int32 {
	if len(s) == 0 || s[0].From > 0 {
		return 0
	}
	return s[0].To
}

// Clone returns a copy.
func (s Set) Clone() Set { return slices.Clone(s) }

// All calls yield for every index in order.
func (s Set) All(yield func(int32) bool) {
	for _, span := range s {
		for i := span.From; i < span.To; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// Add puts i into the set.
func (s *Set) Add(i int32) {
	list := *s
	n := list.after(i)
	if n < len(list) && list[n].From <= i {
		return
	}
	left := n > 0 && list[n-1].To == i
	right := n < len(list) && list[n].From == i+1
	switch {
	case left && right:
		list[n-1].To = list[n].To
		*s = slices.Delete(list, n, n+1)
	case left:
		list[n-1].To++
	case right:
		list[n].From--
	default:
		*s = slices.Insert(list, n, Span{i, i + 1})
	}
}

// Remove takes i out of the set.
func (s *Set) Remove(i int32) {
	list := *s
	n := list.after(i)
	if n == len(list) || list[n].From > i {
		return
	}
	switch span := list[n]; {
	case span.From == i && span.To == i+1:
		*s = slices.Delete(list, n, n+1)
	case span.From == i:
		list[n].From++
	case span.To == i+1:
		list[n].To--
	default:
		list[n].To = i
		*s = slices.Insert(list, n+1, Span{i + 1, span.To})
	}
}

// Union returns what is in a or in b.
func Union(a, b Set) Set {
	return combine(a, b, func(inA, inB bool) bool { return inA || inB })
}

// Intersect returns what is in a and in b.
func Intersect(a, b Set) Set {
	return combine(a, b, func(inA, inB bool) bool { return inA && inB })
}

// Subtract returns what is in a and not in b.
func Subtract(a, b Set) Set {
	return combine(a, b, func(inA, inB bool) bool { return inA && !inB })
}

// combine walks along the edges of both sets, from one to the next.
func combine(a, b Set, in func(inA, inB bool) bool) (out Set) {
	inA, inB, inside := false, false, false
	for len(a) > 0 || len(b) > 0 {
		at := min(edge(a, inA), edge(b, inB))
		if len(a) > 0 && edge(a, inA) == at {
			if inA = !inA; !inA {
				a = a[1:]
			}
		}
		if len(b) > 0 && edge(b, inB) == at {
			if inB = !inB; !inB {
				b = b[1:]
			}
		}
		if now := in(inA, inB); now != inside {
			if inside = now; now {
				out = append(out, Span{From: at})
			} else {
				out[len(out)-1].To = at
			}
		}
	}
	return out
}

// edge is where the first span of the set begins or, seen from inside, ends.
func edge(s Set, inside bool) int32 {
	switch {
	case len(s) == 0:
		return 1<<31 - 1
	case inside:
		return s[0].To
	default:
		return s[0].From
	}
}

// Append encodes the set for storing: the number of spans, then the distances
// from edge to edge.
func (s Set) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	var last int32
	for _, span := range s {
		b = binary.AppendUvarint(b, uint64(span.From-last))
		b = binary.AppendUvarint(b, uint64(span.To-span.From))
		last = span.To
	}
	return b
}

// ReadSet reads a set that Append has written and returns the bytes behind it.
func ReadSet(b []byte) (s Set, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)) {
		return nil, nil, errShort
	}
	b = b[size:]
	var last int64
	for range n {
		gap, a := binary.Uvarint(b)
		if a <= 0 {
			return nil, nil, errShort
		}
		length, c := binary.Uvarint(b[a:])
		if c <= 0 || gap > 1<<31 || length > 1<<31 || last+int64(gap+length) >= 1<<31 {
			return nil, nil, errShort
		}
		b = b[a+c:]
		from := last + int64(gap)
		last = from + int64(length)
		s = append(s, Span{int32(from), int32(last)})
	}
	return s, b, nil
}
