package heap

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type item struct {
	key   int
	place int32
}

// TestAgainstSlice keeps a heap beside a plain list of the same items.
func TestAgainstSlice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := New(func(a, b *item) bool { return a.key < b.key }, func(i *item) *int32 { return &i.place })
		var model, watched []*item
		var version uint64
		first := func(k int) (items []*item) {
			for i := range h.Sorted {
				if len(items) == k {
					break
				}
				items = append(items, i)
			}
			return items
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				i := &item{key: rapid.IntRange(0, 20).Draw(t, "key")}
				h.Push(i)
				model = append(model, i)
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip()
				}
				at := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				h.Remove(model[at])
				if h.Has(model[at]) {
					t.Fatal("an item that was removed is still in the heap")
				}
				h.Remove(model[at]) // once more does nothing
				model = slices.Delete(model, at, at+1)
			},
			"watch": func(t *rapid.T) {
				k := rapid.IntRange(1, 5).Draw(t, "watched")
				if watched = first(k); len(watched) < k {
					watched = nil
					t.Skip()
				}
				h.Mark(watched[k-1])
				version = h.Version()
			},
			"": func(t *rapid.T) {
				if k := len(watched); k > 0 && h.Version() == version && !slices.Equal(first(k), watched) {
					t.Fatalf("the first %d items have changed, and the version is the same", k)
				}
				if h.Len() != len(model) {
					t.Fatalf("the heap has %d items, not %d", h.Len(), len(model))
				}
				least, ok := h.Min()
				if ok != (len(model) > 0) {
					t.Fatalf("Min of %d items: %t", len(model), ok)
				}
				sorted := slices.Clone(model)
				slices.SortFunc(sorted, func(a, b *item) int { return a.key - b.key })
				most := rapid.IntRange(0, 25).Draw(t, "first")
				k := 0
				for i := range h.Sorted {
					if k == most {
						break
					}
					if i.key != sorted[k].key {
						t.Fatalf("item %d in order is %d, want %d", k, i.key, sorted[k].key)
					}
					k++
				}
				if k != min(most, len(model)) {
					t.Fatalf("Sorted gives %d items of %d", k, len(model))
				}
				n := 0
				for i := range h.All {
					n++
					if !h.Has(i) {
						t.Fatal("an item does not know that it is in the heap")
					}
				}
				if n != len(model) {
					t.Fatalf("All gives %d items of %d", n, len(model))
				}
				for _, i := range model {
					if i.key < least.key {
						t.Fatalf("Min is %d, and %d is in the heap", least.key, i.key)
					}
				}
			},
		})
	})
}
