package fit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

// naive is the best host by looking at all of them.
func naive(x *Index, need batch.Resources) *Host {
	hosts := slices.DeleteFunc(slices.Clone(x.Hosts()), func(h *Host) bool { return !h.Ready || !need.Fits(h.Free) })
	if len(hosts) == 0 {
		return nil
	}
	return slices.MinFunc(hosts, func(a, b *Host) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
}

// TestIndex: whatever happens to the hosts, the index finds what a look at all of
// them finds, and remembers nothing that is not so any more.
func TestIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var x Index
		var shapes Shapes
		amounts := func(what string) batch.Resources {
			r := batch.Resources{
				MilliVCPU: rapid.Int64Range(0, 6).Draw(t, what), MemoryMiB: rapid.Int64Range(0, 6).Draw(t, what), GPUs: rapid.Int64Range(0, 2).Draw(t, what),
			}
			if r.MemoryMiB == 6 {
				r.MemoryMiB = batch.Unlimited
			}
			return r
		}
		var held []*Hold
		last := int64(0)
		some := func() *Host {
			if x.Len() == 0 {
				t.Skip("no hosts")
			}
			return rapid.SampledFrom(x.Hosts()).Draw(t, "host")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				last++
				r := amounts("capacity")
				x.Add(&Host{ID: last, Capacity: r, Free: r, Ready: rapid.Bool().Draw(t, "ready")})
			},
			"remove": func(*rapid.T) {
				h := some()
				x.Remove(h)
				held = slices.DeleteFunc(held, func(o *Hold) bool {
					if o.Host == h {
						x.Until(o, Never)
					}
					return o.Host == h
				})
			},
			"ready": func(t *rapid.T) { x.SetReady(some(), rapid.Bool().Draw(t, "ready")) },
			"resize": func(*rapid.T) {
				h := some()
				if more := amounts("more"); h.Free.MemoryMiB != batch.Unlimited && more.MemoryMiB != batch.Unlimited {
					x.Resize(h, h.Capacity.Add(more), h.Free.Add(more))
				}
			},
			"take": func(*rapid.T) {
				need := amounts("need")
				need.MemoryMiB = min(need.MemoryMiB, 6)
				shape := shapes.Of(need)
				want := naive(&x, need)
				if got := x.BestFor(shape, need); got != want {
					t.Fatalf("%v goes to %+v, not %+v", need, got, want)
				}
				if want != nil {
					last++
					until := batch.Instant(rapid.Int64Range(1, 9).Draw(t, "until"))
					if until == 9 {
						until = Never
					}
					held = append(held, x.Take(want, need, until, last))
				}
			},
			"give": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing is held")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				x.Give(held[i])
				held = slices.Delete(held, i, i+1)
			},
			"later": func(t *rapid.T) {
				if len(held) > 0 {
					x.Until(rapid.SampledFrom(held).Draw(t, "which"), batch.Instant(rapid.Int64Range(1, 9).Draw(t, "until")))
				}
			},
			"earliest": func(t *rapid.T) {
				groups := []Group{{amounts("need"), rapid.Int32Range(1, 3).Draw(t, "count")}}
				groups[0].Need.MemoryMiB = min(groups[0].Need.MemoryMiB, 6)
				checkEarliest(t, &x, held, groups, batch.Instant(rapid.Int64Range(1, 9).Draw(t, "from")))
			},
			"": func(t *rapid.T) {
				if err := x.Check(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// checkEarliest finds the earliest time by letting one end after the other come.
func checkEarliest(t *rapid.T, x *Index, held []*Hold, groups []Group, from batch.Instant) {
	then := func(at batch.Instant) *Index {
		var y Index
		for _, h := range x.Hosts() {
			free := h.Free
			for _, o := range held {
				if o.Host == h && o.Until <= at {
					free = free.Add(o.Need)
				}
			}
			y.Add(&Host{ID: h.ID, Capacity: h.Capacity, Free: free, Ready: h.Ready})
		}
		return &y
	}
	var want batch.Instant
	for at := from; at <= 9 && want == 0; at++ {
		if _, ok := then(at).Spread(groups); ok {
			want = at
		}
	}
	at, spots, ok := x.Earliest(groups, from)
	if ok != (want > 0) || at != want {
		t.Fatalf("%v has room at %d (%t), not at %d", groups, at, ok, want)
	}
	y, sum := then(at), batch.Resources{}
	for _, s := range spots {
		i := slices.IndexFunc(y.Hosts(), func(h *Host) bool { return h.ID == s.Host.ID })
		if h := y.Hosts()[i]; !h.Ready || !s.Need.Fits(h.Free) || s.Free != h.Free.Sub(s.Need) {
			t.Fatalf("of host %d, which has %v free at %d, %v is wanted and %v left", h.ID, h.Free, at, s.Need, s.Free)
		}
		sum = sum.Add(s.Need)
	}
	if ok && sum != groups[0].Need.Times(groups[0].Count) {
		t.Fatalf("%v is given %v", groups, sum)
	}
}

// TestBest: jobs without GPUs keep off hosts with GPUs, and small jobs keep off
// hosts with much room.
func TestBest(t *testing.T) {
	t.Parallel()
	var x Index
	for id, r := range []batch.Resources{
		{MilliVCPU: 2000, MemoryMiB: 100, GPUs: 4},
		{MilliVCPU: 8000, MemoryMiB: 100},
		{MilliVCPU: 4000, MemoryMiB: 100},
		{MilliVCPU: 9000, MemoryMiB: 100, GPUs: 1},
	} {
		x.Add(&Host{ID: int64(id + 1), Capacity: r, Free: r, Ready: true})
	}
	for _, tt := range []struct {
		need batch.Resources
		want int64
	}{
		{batch.Resources{MilliVCPU: 1000}, 3},
		{batch.Resources{MilliVCPU: 5000}, 2},
		{batch.Resources{MilliVCPU: 9000}, 4},
		{batch.Resources{MilliVCPU: 1000, GPUs: 1}, 4},
		{batch.Resources{MilliVCPU: 1000, GPUs: 2}, 1},
	} {
		if h := x.Best(tt.need); h == nil || h.ID != tt.want {
			t.Errorf("%v goes to %+v, not to host %d", tt.need, h, tt.want)
		}
	}
}

// BenchmarkIndex takes room on the best of many hosts and gives it back.
func BenchmarkIndex(b *testing.B) {
	var x Index
	const hosts = 10_000
	for id := range int64(hosts) {
		r := batch.Resources{MilliVCPU: 64_000, MemoryMiB: 256 << 10}
		x.Add(&Host{ID: id + 1, Capacity: r, Free: r, Ready: true})
	}
	var ring [hosts * 8]*Hold
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		need := batch.Resources{MilliVCPU: int64(1+i%4) * 1000, MemoryMiB: 4096}
		if at := &ring[i%len(ring)]; *at != nil {
			x.Give(*at)
		}
		ring[i%len(ring)] = x.Take(x.Best(need), need, batch.Instant(i), int64(i))
		i++
	}
}
