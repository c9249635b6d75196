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
		var model []*item
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
			"": func(t *rapid.T) {
				if h.Len() != len(model) {
					t.Fatalf("the heap has %d items, not %d", h.Len(), len(model))
				}
				least, ok := h.Min()
				if ok != (len(model) > 0) {
					t.Fatalf("Min of %d items: %t", len(model), ok)
				}
				sorted := slices.Clone(model)
				slices.SortFunc(sorted, func(a, b *item) int { return a.key - b.key })
				first := rapid.IntRange(0, 25).Draw(t, "first")
				k := 0
				for i := range h.Sorted {
					if k == first {
						break
					}
					if i.key != sorted[k].key {
						t.Fatalf("item %d in order is %d, want %d", k, i.key, sorted[k].key)
					}
					k++
				}
				if k != min(first, len(model)) {
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
