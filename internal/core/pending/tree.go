package pending

import "fmt"

// A class is a treap: a search tree by the order of the items, and a heap by
// their weight, which is as good as random and the same every time.

func weight(seq int64) uint64 {
	w := uint64(seq) * 0x9e3779b97f4a7c15
	w ^= w >> 32
	return w * 0xd6e8feb86659fd93
}

func (l *Line[K, T]) heavier(a, b T) bool { return weight(l.kind.Seq(a)) > weight(l.kind.Seq(b)) }

// sum brings least up to date once the subtrees are.
func (l *Line[K, T]) sum(t T) {
	var none T
	n := l.kind.Node(t)
	n.least = l.kind.Length(t)
	if n.left != none {
		n.least = min(n.least, l.kind.Node(n.left).least)
	}
	if n.right != none {
		n.least = min(n.least, l.kind.Node(n.right).least)
	}
}

func (l *Line[K, T]) insert(t, item T) T {
	var none T
	if t == none || l.heavier(item, t) {
		n := l.kind.Node(item)
		n.left, n.right = l.split(t, item)
		l.sum(item)
		return item
	}
	n := l.kind.Node(t)
	n.least = min(n.least, l.kind.Length(item)) // without a look at the other subtree
	if l.kind.Less(item, t) {
		n.left = l.insert(n.left, item)
	} else {
		n.right = l.insert(n.right, item)
	}
	return t
}

// split divides a tree into what is before the item and what is behind it.
func (l *Line[K, T]) split(t, item T) (left, right T) {
	var none T
	if t == none {
		return none, none
	}
	n := l.kind.Node(t)
	if l.kind.Less(t, item) {
		n.right, right = l.split(n.right, item)
		left = t
	} else {
		left, n.left = l.split(n.left, item)
		right = t
	}
	l.sum(t)
	return left, right
}

func (l *Line[K, T]) remove(t, item T) T {
	n := l.kind.Node(t)
	switch {
	case t == item:
		t = l.join(n.left, n.right)
		*n = Node[T]{}
		return t
	case l.kind.Less(item, t):
		n.left = l.remove(n.left, item)
	default:
		n.right = l.remove(n.right, item)
	}
	l.sum(t)
	return t
}

func (l *Line[K, T]) join(a, b T) T {
	var none T
	switch {
	case a == none:
		return b
	case b == none:
		return a
	case l.heavier(a, b):
		n := l.kind.Node(a)
		n.right = l.join(n.right, b)
		l.sum(a)
		return a
	default:
		n := l.kind.Node(b)
		n.left = l.join(a, n.left)
		l.sum(b)
		return b
	}
}

func (l *Line[K, T]) leftmost(t T) T {
	var none T
	for t != none && l.kind.Node(t).left != none {
		t = l.kind.Node(t).left
	}
	return t
}

// Check recounts the line: for tests and simulation. shut says which classes
// should be.
func (l *Line[K, T]) Check(shut func(K) bool) error {
	var none T
	n, open := 0, 0
	for key, c := range l.classes {
		var last T
		var walk func(t T) (int32, error)
		walk = func(t T) (int32, error) {
			if t == none {
				return Endless, nil
			}
			node := l.kind.Node(t)
			least, err := walk(node.left)
			if err != nil {
				return 0, err
			}
			if last != none && !l.kind.Less(last, t) || l.kind.Class(t) != key {
				return 0, fmt.Errorf("an item of class %v is in a wrong place", key)
			}
			n, last = n+1, t
			right, err := walk(node.right)
			if least = min(least, right, l.kind.Length(t)); err == nil && least != node.least {
				err = fmt.Errorf("the shortest item of class %v has length %d, not %d", key, least, node.least)
			}
			return node.least, err
		}
		if _, err := walk(c.root); err != nil {
			return err
		}
		if c.first != l.leftmost(c.root) || c.first == none || c.shut == l.order.Has(c) || c.shut != shut(key) {
			return fmt.Errorf("class %v is not where it should be; shut: %t", key, c.shut)
		}
		if !c.shut {
			open++
		}
	}
	if n != l.n || open != l.order.Len() {
		return fmt.Errorf("%d items are counted, there are %d; %d classes are open, %d in the order", l.n, n, open, l.order.Len())
	}
	return nil
}
