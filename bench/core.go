package main

import (
	"context"
	"time"
)

const corePackage = "./internal/core"

// measureCore runs the Go benchmarks of the scheduler's core: no disk, no HTTP.
// The baseline has what submitting a job and a job's whole life cost, in turns of
// a loop that only computes.
func measureCore(ctx context.Context, b *bench) (*table, error) {
	lines, err := goBench(ctx, corePackage, ".", "500ms", 1)
	if err != nil {
		return nil, err
	}
	t := &table{head: []string{"benchmark", "time", "per second", "allocated", "held"}}
	for _, l := range lines {
		ns, held := l.units["ns/op"], ""
		if n, ok := l.units["B/job"]; ok {
			held = count(n) + " B per job"
			b.keep("core: bytes held for a job, "+l.name, figures{n}, true)
		}
		t.row(l.name, duration(ns), count(1e9/ns), count(l.units["B/op"])+" B", held)
	}
	costs := make(map[string]figures)
	for range b.rounds {
		turn := spin(300 * time.Millisecond)
		lines, err := goBench(ctx, corePackage, "^BenchmarkSubmit$|^BenchmarkLife$/^queued=0$", "300ms", 1)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			costs[l.name] = append(costs[l.name], l.units["ns/op"]/turn)
		}
	}
	for name, f := range costs {
		b.keep("core: "+name+", in turns of a loop", f, true)
	}
	t.note("One goroutine, one processor.")
	return t, nil
}

// spin returns how many nanoseconds a turn of a loop takes: xorshift, which waits
// for nothing but the processor.
func spin(length time.Duration) float64 {
	const turns = 1 << 20
	x, n, began := uint64(88172645463325252), 0, time.Now()
	for time.Since(began) < length {
		for range turns {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		n += turns
	}
	if x == 0 { // which it never is; the compiler does not know
		return 0
	}
	return float64(time.Since(began)) / float64(n)
}

func duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return short(ns/1e9) + " s"
	case ns >= 1e6:
		return short(ns/1e6) + " ms"
	case ns >= 1e3:
		return short(ns/1e3) + " µs"
	default:
		return short(ns) + " ns"
	}
}
