package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// measureStore commits jobs in groups, and in turn inserts plain rows of the same
// size into a table without an index, in groups of the same size.
func measureStore(ctx context.Context, b *bench) (*table, error) {
	var jobs, rows figures
	for i := range b.rounds {
		r, err := insertGroups(ctx, filepath.Join(b.work, fmt.Sprintf("store-%d.db", i)), b.length)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
		if r, err = b.commitGroups(ctx); err != nil {
			return nil, err
		}
		jobs = append(jobs, r)
	}
	t := &table{head: []string{fmt.Sprintf("in groups of %d, each with a sync", groupSize), "/s"}}
	t.row("new jobs, committed by the store", jobs.spread(count))
	t.row("rows inserted into a table of SQLite", rows.spread(count))
	ratio := jobs.over(rows)
	t.row("the one by the other", ratio.spread(percent))
	b.keep(fmt.Sprintf("store: jobs / plain rows, in groups of %d", groupSize), ratio, false)
	t.note("Medians of %d rounds (least–most), in turns. A job is two rows and six entries of indexes.", b.rounds)
	return t, nil
}

// commitGroups runs the store's own benchmark and returns the jobs per second.
func (b *bench) commitGroups(ctx context.Context) (float64, error) {
	out, err := goBench(ctx, "./internal/store/sqlite", fmt.Sprintf("^BenchmarkSubmit$/^round=%d$", groupSize), b.length.String(), 1)
	if err != nil {
		return 0, err
	}
	for _, l := range out {
		if n := l.units["jobs/s"]; n > 0 {
			return n, nil
		}
	}
	return 0, errors.New("the store's benchmark told no jobs/s")
}

// benchLine is one line of `go test -bench`: a benchmark and its figures by unit.
type benchLine struct {
	name  string
	units map[string]float64
}

// goBench runs benchmarks of one of our packages, each so many times.
func goBench(ctx context.Context, pkg, pattern, length string, times int) (lines []benchLine, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", length, "-cpu", "1", "-count", strconv.Itoa(times), pkg)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w: %s", err, bytes.TrimSpace(out))
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		l := benchLine{strings.TrimPrefix(f[0], "Benchmark"), make(map[string]float64)}
		for i := 2; i+1 < len(f); i += 2 {
			if l.units[f[i+1]], err = strconv.ParseFloat(f[i], 64); err != nil {
				return nil, fmt.Errorf("go test printed %q", line)
			}
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("go test printed no benchmark: %s", bytes.TrimSpace(out))
	}
	return lines, nil
}
