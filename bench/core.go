package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// measureCore runs the Go benchmarks of the scheduler's core: no disk, no HTTP.
func measureCore(ctx context.Context, b *bench) (*table, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "500ms", "-cpu", "1",
		"github.com/bargehq/barge/internal/core")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w: %s", err, bytes.TrimSpace(out))
	}
	t := &table{head: []string{"benchmark", "time", "per second", "allocated", "held"}}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		units := make(map[string]float64)
		for i := 2; i+1 < len(f); i += 2 {
			if units[f[i+1]], err = strconv.ParseFloat(f[i], 64); err != nil {
				return nil, fmt.Errorf("go test printed %q", line)
			}
		}
		ns, held := units["ns/op"], ""
		if n, ok := units["B/job"]; ok {
			held = count(n) + " B per job"
		}
		t.row(strings.TrimPrefix(f[0], "Benchmark"), duration(ns), count(1e9/ns), count(units["B/op"])+" B", held)
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("go test printed no benchmark: %s", bytes.TrimSpace(out))
	}
	t.note("One goroutine, one processor.")
	return t, nil
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
