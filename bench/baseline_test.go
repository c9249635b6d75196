package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestMoved(t *testing.T) {
	t.Parallel()
	r := func(least, median, most float64, cost bool) ratio { return ratio{median, least, most, cost} }
	for _, c := range []struct {
		name    string
		was, is ratio
		want    string
	}{
		{"the same", r(0.4, 0.5, 0.6, false), r(0.4, 0.5, 0.6, false), ""},
		{"rounds overlap", r(0.4, 0.5, 0.6, false), r(0.55, 0.9, 1, false), ""},
		{"about the same", r(100, 100, 100, true), r(103, 103, 103, true), ""},
		{"faster", r(0.4, 0.5, 0.6, false), r(0.7, 0.75, 0.8, false), "better by 50 %"},
		{"slower", r(0.4, 0.5, 0.6, false), r(0.1, 0.25, 0.3, false), "WORSE by 50 %"},
		{"larger", r(300, 300, 300, true), r(330, 330, 330, true), "WORSE by 10 %"},
		{"smaller", r(300, 300, 300, true), r(270, 270, 270, true), "better by 10 %"},
	} {
		if got := c.is.moved(c.was); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{baseline: filepath.Join(t.TempDir(), "baseline.json"), rebase: true}}
	b.keep("a / b", figures{4, 5, 6}.over(figures{10, 10, 10}), false)
	b.keep("memory", figures{300}, true)
	if err := b.compare(nil, "today"); err != nil {
		t.Fatal(err)
	}
	b.rebase = false
	b.keep("a / b", figures{1, 2, 3}.over(figures{10, 10, 10}), false)
	b.keep("c / d", figures{1}, false)
	var out bytes.Buffer
	if err := b.compare(&out, "tomorrow"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.50 (0.40–0.60)", "0.20 (0.10–0.30)", "WORSE by 60 %", "new", "1 others", "today"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "memory") {
		t.Errorf("what has not moved is listed:\n%s", out.String())
	}
}
