package catalog

import "testing"

// BenchmarkBuiltin is the cost of the first use.
func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		types, err := parsePublished(published)
		if err != nil {
			b.Fatal(err)
		}
		newCatalog(types, publishedFargate())
	}
}
