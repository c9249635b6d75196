package allocate

import (
	"fmt"
	"testing"
)

// BenchmarkDecide is one decision of each of 50 environments, with 10,000
// instances and 1,000,000 jobs in all: 20 shapes wait in each, 36 types (as many
// as "optimal" stands for) or 1,000 may be launched, and each of the instances
// has something else left.
func BenchmarkDecide(b *testing.B) {
	for _, types := range []int{36, 1000} {
		b.Run(fmt.Sprintf("environments=50/instances=10k/jobs=1M/types=%d", types), func(b *testing.B) {
			r := Request{Strategy: progressive, Headroom: 2_000_000, Most: 4096}
			for i := range int64(types) {
				vcpu := int64(2) << (i / 4 % 8)
				c := kind(fmt.Sprint("t", i), of(vcpu, vcpu*(2+i%3*3)), vcpu*(40+i%7))
				c.Usable.MemoryMiB -= 200 + i
				r.Candidates = append(r.Candidates, c)
			}
			for i := range int64(200) {
				r.Rooms = append(r.Rooms, Room{Free: of(i%5, i%11), Count: 1})
			}
			for i := range int64(20) {
				r.Demand = append(r.Demand, waiting(of(1+i%6, 1+i*2), 1000))
			}
			for b.Loop() {
				for range 50 {
					Decide(r)
				}
			}
		})
	}
}
