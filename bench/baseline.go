package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// ratio is a figure that carries from one machine to another, or from one day to
// another: of two things that were measured in turns, or of memory.
type ratio struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	// Cost: less is better.
	Cost bool `json:"cost,omitempty"`
}

// baseline is the file that is committed: what the ratios were when somebody last
// looked at them and was content.
type baseline struct {
	Made   string           `json:"made"` // when and on what
	Ratios map[string]ratio `json:"ratios"`
}

// few is how much of a median counts as nothing, however little rounds differ.
const few = 0.05

// keep notes a ratio of this run, one figure for each round.
func (b *bench) keep(name string, f figures, cost bool) {
	if len(f) == 0 {
		return
	}
	if b.ratios == nil {
		b.ratios = make(map[string]ratio)
	}
	b.ratios[name] = ratio{Median: f.median(), Least: slices.Min(f), Most: slices.Max(f), Cost: cost}
}

// over divides round by round.
func (f figures) over(by figures) (all figures) {
	for i := range min(len(f), len(by)) {
		if by[i] > 0 {
			all = append(all, f[i]/by[i])
		}
	}
	return all
}

// moved says how a ratio differs from what it was; empty if the rounds of the two
// overlap, or the medians are about the same.
func (r ratio) moved(was ratio) string {
	change := r.Median/was.Median - 1
	if r.Least <= was.Most && was.Least <= r.Most || change < few && change > -few {
		return ""
	}
	if (change > 0) != r.Cost {
		return fmt.Sprintf("better by %s", percent(max(change, -change)))
	}
	return fmt.Sprintf("WORSE by %s", percent(max(change, -change)))
}

func (r ratio) String() string {
	return fmt.Sprintf("%s (%s–%s)", short(r.Median), short(r.Least), short(r.Most))
}

// compare prints what has moved against the baseline, or makes this run's figures
// the baseline of what it has measured.
func (b *bench) compare(out io.Writer, stamp string) error {
	if b.baseline == "" || len(b.ratios) == 0 {
		return nil
	}
	was := baseline{}
	text, err := os.ReadFile(b.baseline)
	if err == nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", b.baseline, err)
	}
	if b.rebase {
		if was.Ratios == nil {
			was.Ratios = make(map[string]ratio)
		}
		maps.Copy(was.Ratios, b.ratios)
		was.Made = stamp
		if text, err = json.MarshalIndent(was, "", "  "); err != nil {
			return err
		}
		return os.WriteFile(b.baseline, append(text, '\n'), 0o644)
	}
	t := &table{head: []string{"against " + b.baseline, "was", "is", ""}}
	same := 0
	for _, name := range slices.Sorted(maps.Keys(b.ratios)) {
		before, known := was.Ratios[name]
		switch how := b.ratios[name].moved(before); {
		case !known:
			t.row(name, "", b.ratios[name].String(), "new")
		case how == "":
			same++
		default:
			t.row(name, before.String(), b.ratios[name].String(), how)
		}
	}
	t.note("%d others have not moved: the rounds overlap, or the medians differ by less than %s. The baseline is of %s.", same, percent(few), was.Made)
	_, err = fmt.Fprintln(out, t.markdown())
	return err
}
