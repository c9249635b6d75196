package simulate

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestChart: what is drawn is XML, the same every time, inside of its frame, with a
// line for each policy.
func TestChart(t *testing.T) {
	t.Parallel()
	trace := hpc2n(t)
	var results []*Result
	for _, p := range policies {
		r := mustRun(t, scenarioOf(t, trace, 240).With(p))
		r.Policy = string(p)
		results = append(results, r)
	}
	for _, some := range [][]*Result{nil, {{Policy: "nothing"}}, results[:1], results} {
		var a, b strings.Builder
		if err := errors.Join(Chart(&a, "jobs & <users>", some), Chart(&b, "jobs & <users>", some)); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() {
			t.Error("two charts of the same differ")
		}
		lines, texts := 0, ""
		d := xml.NewDecoder(strings.NewReader(a.String()))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, a.String())
			}
			switch token := token.(type) {
			case xml.StartElement:
				if token.Name.Local == "polyline" {
					lines++
				}
			case xml.CharData:
				texts += string(token)
			}
		}
		if lines != 3*len(some) || !strings.Contains(texts, "jobs & <users>") || strings.Contains(a.String(), "NaN") || strings.Contains(a.String(), "Inf") {
			t.Errorf("%d results have %d lines in\n%s", len(some), lines, a.String())
		}
		for _, r := range some {
			if !strings.Contains(texts, r.Policy) {
				t.Errorf("%s is not named", r.Policy)
			}
		}
	}
}
