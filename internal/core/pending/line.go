// Package pending keeps what waits in a queue, or in a share of one, in its
// order.
//
// Jobs that are alike in what they need, which is what their class says, get the
// same answer when somebody looks for room. So a [Line] keeps each class in a
// tree of its own, and a look at what may start beyond the first job costs the
// number of classes, however many jobs wait.
//
// The items are the core's jobs, which carry a [Node]; this package knows only
// their order, their class and how long each may run. All orders are total:
// nothing depends on chance.
package pending

import (
	"slices"
	"sort"

	"github.com/bargehq/barge/internal/core/heap"
)

// Node is what an item carries for the line that it is in: 24 bytes. The zero
// Node is in no line.
type Node[T any] struct {
	left, right T
	least       int32 // the shortest item of the tree below; zero in no line
}

// Kind says what the items of lines are.
type Kind[K comparable, T comparable] struct {
	Less   func(a, b T) bool
	Node   func(T) *Node[T]
	Class  func(T) K
	Seq    func(T) int64 // a number that no two items share, for balance
	Shut   func(T) bool  // whether its class is, when it is the first of it in a line; see [Line.Shut]
	Length func(T) int32 // how long it may run, in seconds from 1; [Endless] for as long as it likes
}

// Endless is the length of an item that may run for ever.
const Endless = 1<<31 - 1

// Line holds items, the least first. Make one with [New].
type Line[K comparable, T comparable] struct {
	kind    *Kind[K, T]
	classes map[K]*class[K, T]
	order   heap.Heap[*class[K, T]] // those that are open, by their first item
	n       int
	version uint64
	mark    T // see Mark
}

type class[K comparable, T comparable] struct {
	key   K
	root  T
	first T
	shut  bool
	place int32
}

// New returns an empty line.
func New[K comparable, T comparable](kind Kind[K, T]) Line[K, T] {
	return Line[K, T]{kind: &kind, order: heap.New(
		func(a, b *class[K, T]) bool { return kind.Less(a.first, b.first) },
		func(c *class[K, T]) *int32 { return &c.place },
	)}
}

// Len is the number of items.
func (l *Line[K, T]) Len() int { return l.n }

// Has reports whether the item is in the line, which is the only one that it may
// be in.
func (l *Line[K, T]) Has(item T) bool { return l.kind.Node(item).least > 0 }

// Min returns the first item that is not of a shut class.
func (l *Line[K, T]) Min() (item T, ok bool) {
	c, ok := l.order.Min()
	if !ok {
		return item, false
	}
	return c.first, true
}

// Version changes with every change of the line that Mark does not except.
func (l *Line[K, T]) Version() uint64 { return l.version }

// Mark says that who watches Version has no use for what is behind this item of
// the line: until the next change of Version, what is pushed there does not
// change it.
func (l *Line[K, T]) Mark(item T) { l.mark = item }

// Touch says that an item has changed in a way that Version has to tell, though
// not its place in the order.
func (l *Line[K, T]) Touch() {
	var none T
	l.version++
	l.mark = none
}

// Push adds an item that is in no line.
func (l *Line[K, T]) Push(item T) {
	var none T
	if l.mark == none || !l.kind.Less(l.mark, item) {
		l.Touch()
	}
	key := l.kind.Class(item)
	c := l.classes[key]
	if c == nil {
		if l.classes == nil {
			l.classes = make(map[K]*class[K, T])
		}
		c = &class[K, T]{key: key, shut: l.kind.Shut(item)}
		l.classes[key] = c
	}
	l.n++
	l.kind.Node(item).least = l.kind.Length(item)
	c.root = l.insert(c.root, item)
	if c.first == none || l.kind.Less(item, c.first) {
		l.order.Remove(c)
		c.first = item
		l.enter(c)
	}
}

// Remove takes the item out; an item that is in no line is left alone.
func (l *Line[K, T]) Remove(item T) {
	if !l.Has(item) {
		return
	}
	var none T
	l.Touch()
	l.n--
	c := l.classes[l.kind.Class(item)]
	c.root = l.remove(c.root, item)
	if c.first != item {
		return
	}
	l.order.Remove(c)
	if c.first = l.leftmost(c.root); c.first == none {
		delete(l.classes, c.key)
		return
	}
	l.enter(c)
}

func (l *Line[K, T]) enter(c *class[K, T]) {
	if !c.shut {
		l.order.Push(c)
	}
}

// Shut says whether the items of those classes are passed over. It looks at all
// classes.
func (l *Line[K, T]) Shut(which func(K) bool, shut bool) {
	for key, c := range l.classes { // in any order
		if c.shut == shut || !which(key) {
			continue
		}
		l.Touch()
		c.shut = shut
		l.order.Remove(c)
		l.enter(c)
	}
}

// Classes calls yield for the classes with items that are not shut, in the order
// of the first item of each. Yield must not change the line.
func (l *Line[K, T]) Classes(yield func(key K, first T) bool) {
	for c := range l.order.Sorted {
		if !yield(c.key, c.first) {
			return
		}
	}
}

// First returns the first item of a class that is no longer than that.
func (l *Line[K, T]) First(key K, most int32) (item T, ok bool) {
	c := l.classes[key]
	if c == nil || c.shut {
		return item, false
	}
	var none T
	for t := c.root; t != none; {
		n := l.kind.Node(t)
		switch {
		case n.least > most:
			return none, false
		case n.left != none && l.kind.Node(n.left).least <= most:
			t = n.left
		case l.kind.Length(t) <= most:
			return t, true
		default:
			t = n.right
		}
	}
	return none, false
}

// Next returns the item of the same class that comes after this one, which is in
// the line.
func (l *Line[K, T]) Next(item T) (next T, ok bool) {
	var none T
	for t := l.classes[l.kind.Class(item)].root; t != none; {
		if l.kind.Less(item, t) {
			next, ok = t, true
			t = l.kind.Node(t).left
		} else {
			t = l.kind.Node(t).right
		}
	}
	return next, ok
}

// Sorted calls yield for the items in their order, without those of classes that
// are shut. The first k cost what k items cost, and the classes that they are
// of.
func (l *Line[K, T]) Sorted(yield func(T) bool) {
	var next []T // one of each class that has been come to, the least last
	add := func(item T) {
		at := sort.Search(len(next), func(k int) bool { return l.kind.Less(next[k], item) })
		next = slices.Insert(next, at, item)
	}
	until := func(end T, whole bool) bool {
		for len(next) > 0 && (whole || l.kind.Less(next[len(next)-1], end)) {
			item := next[len(next)-1]
			next = next[:len(next)-1]
			if !yield(item) {
				return false
			}
			if after, ok := l.Next(item); ok {
				add(after)
			}
		}
		return true
	}
	for c := range l.order.Sorted {
		if !until(c.first, false) {
			return
		}
		add(c.first)
	}
	var none T
	until(none, true)
}
