// Package heap is a binary heap whose items know their place, so that any of
// them can be removed in logarithmic time. The core keeps two kinds: the
// runnable jobs of a queue, and the deadlines.
//
// An item's place is kept in the item itself, in an int32 that the heap owns
// while the item is in it: zero means "in no heap". Ties must be broken by the
// order given, which has to be total: the core's results depend on it.
package heap

import (
	"slices"
	"sort"
)

// Heap holds items, the least first. The zero value is not usable; see [New].
type Heap[T any] struct {
	items   []T
	version uint64
	mark    T // see Mark
	marked  bool
	less    func(a, b T) bool
	place   func(T) *int32
}

// New returns an empty heap ordered by less. place returns where in the item
// its place is kept.
func New[T any](less func(a, b T) bool, place func(T) *int32) Heap[T] {
	return Heap[T]{less: less, place: place}
}

// Len is the number of items.
func (h *Heap[T]) Len() int { return len(h.items) }

// Min returns the least item.
func (h *Heap[T]) Min() (item T, ok bool) {
	if len(h.items) == 0 {
		return item, false
	}
	return h.items[0], true
}

// Version changes with every change of the heap that Mark does not except.
func (h *Heap[T]) Version() uint64 { return h.version }

// Mark says that who watches Version has no use for what is behind this item of
// the heap: until the next change of Version, what is pushed there does not
// change it.
func (h *Heap[T]) Mark(item T) { h.mark, h.marked = item, true }

// Touch says that an item has changed in a way that Version has to tell, though
// not its place in the order.
func (h *Heap[T]) Touch() {
	var zero T
	h.version++
	h.mark, h.marked = zero, false
}

// Has reports whether the item is in the heap.
func (h *Heap[T]) Has(item T) bool { return *h.place(item) > 0 }

// Push adds an item that is in no heap.
func (h *Heap[T]) Push(item T) {
	if !h.marked || !h.less(h.mark, item) {
		h.Touch()
	}
	h.items = append(h.items, item)
	*h.place(item) = int32(len(h.items))
	h.up(len(h.items) - 1)
}

// Remove takes the item out; an item that is in no heap is left alone.
func (h *Heap[T]) Remove(item T) {
	i := int(*h.place(item)) - 1
	if i < 0 {
		return
	}
	h.Touch()
	*h.place(item) = 0
	last := len(h.items) - 1
	moved := h.items[last]
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	if i == last {
		return
	}
	h.items[i] = moved
	*h.place(moved) = int32(i + 1)
	h.up(i)
	h.down(int(*h.place(moved)) - 1)
}

// All calls yield for every item, in no order that means anything.
func (h *Heap[T]) All(yield func(T) bool) {
	for _, item := range h.items {
		if !yield(item) {
			return
		}
	}
}

// Sorted calls yield for the items in their order, the least first, and leaves
// the heap as it is. The first k items cost what k items cost, however many
// there are.
func (h *Heap[T]) Sorted(yield func(T) bool) {
	if len(h.items) == 0 {
		return
	}
	// What may come next: children of what was given out, the least last.
	next := []int{0}
	add := func(i int) {
		if i >= len(h.items) {
			return
		}
		at := sort.Search(len(next), func(k int) bool { return h.less(h.items[next[k]], h.items[i]) })
		next = slices.Insert(next, at, i)
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		if !yield(h.items[i]) {
			return
		}
		add(2*i + 1)
		add(2*i + 2)
	}
}

func (h *Heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.items[i], h.items[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *Heap[T]) down(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h.items) && h.less(h.items[child], h.items[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *Heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.place(h.items[i]) = int32(i + 1)
	*h.place(h.items[j]) = int32(j + 1)
}
