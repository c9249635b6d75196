package pending

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type item struct {
	seq    int64
	rank   int
	class  string
	length int32
	node   Node[*item]
}

func kindOf(shut map[string]bool) Kind[string, *item] {
	return Kind[string, *item]{
		Less:   func(a, b *item) bool { return compare(a, b) < 0 },
		Node:   func(i *item) *Node[*item] { return &i.node },
		Class:  func(i *item) string { return i.class },
		Seq:    func(i *item) int64 { return i.seq },
		Length: func(i *item) int32 { return i.length },
		Shut:   func(i *item) bool { return shut[i.class] },
	}
}

func compare(a, b *item) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.seq, b.seq)) }

// TestLine compares a line with a sorted list.
func TestLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shut := make(map[string]bool)
		l := New(kindOf(shut))
		var all []*item
		last := int64(0)
		classes := rapid.SampledFrom([]string{"a", "b", "c"})
		open := func(keep func(*item) bool) []*item {
			list := slices.DeleteFunc(slices.Clone(all), func(i *item) bool { return shut[i.class] || !keep(i) })
			slices.SortFunc(list, compare)
			return list
		}
		first := func(list []*item) *item {
			if len(list) == 0 {
				return nil
			}
			return list[0]
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				last++
				i := &item{
					seq: last, rank: rapid.IntRange(0, 1).Draw(t, "rank"), class: classes.Draw(t, "class"),
					length: rapid.Int32Range(1, 4).Draw(t, "length"),
				}
				if i.length == 4 {
					i.length = Endless
				}
				all = append(all, i)
				l.Push(i)
			},
			"remove": func(t *rapid.T) {
				if len(all) == 0 {
					t.Skip("nothing waits")
				}
				n := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				l.Remove(all[n])
				if l.Has(all[n]) {
					t.Fatal("what was removed is there")
				}
				all = slices.Delete(all, n, n+1)
			},
			"shut": func(t *rapid.T) {
				class := classes.Draw(t, "class")
				shut[class] = rapid.Bool().Draw(t, "shut")
				l.Shut(func(c string) bool { return c == class }, shut[class])
			},
			"": func(t *rapid.T) {
				if err := l.Check(func(class string) bool { return shut[class] }); err != nil {
					t.Fatal(err)
				}
				if got := slices.Collect(l.Sorted); !slices.Equal(got, open(func(*item) bool { return true })) {
					t.Fatalf("the order is %v", got)
				}
				if got, _ := l.Min(); got != first(open(func(*item) bool { return true })) {
					t.Fatalf("the first is %v", got)
				}
				class, most := classes.Draw(t, "class"), rapid.Int32Range(0, 4).Draw(t, "most")
				want := first(open(func(i *item) bool { return i.class == class && i.length <= most }))
				if got, ok := l.First(class, most); got != want || ok != (want != nil) {
					t.Fatalf("the first of class %s that is no longer than %d is %v, not %v", class, most, got, want)
				}
			},
		})
	})
}

// TestMark: what is pushed behind the mark changes nothing for who watches.
func TestMark(t *testing.T) {
	t.Parallel()
	l := New(kindOf(nil))
	first, second := &item{seq: 1, length: 1}, &item{seq: 3, length: 1}
	l.Push(first)
	l.Push(second)
	l.Mark(second)
	was := l.Version()
	l.Push(&item{seq: 4, length: 1})
	if l.Version() != was {
		t.Error("a push behind the mark was told")
	}
	l.Push(&item{seq: 2, length: 1})
	if l.Version() == was {
		t.Error("a push before the mark was not told")
	}
}

// BenchmarkLine pushes to the end of a long line and takes from its front.
func BenchmarkLine(b *testing.B) {
	l := New(kindOf(nil))
	items := make([]item, 1<<20)
	classes := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i := range items {
		items[i] = item{seq: int64(i), class: classes[i%len(classes)], length: 1}
		l.Push(&items[i])
	}
	last := int64(len(items))
	b.ReportAllocs()
	for b.Loop() {
		i, _ := l.Min()
		l.Remove(i)
		last++
		i.seq = last
		l.Push(i)
	}
}
