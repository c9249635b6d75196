package main

import (
	"testing"
	"time"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
		back string
	}{
		{"30d", 720 * time.Hour, true, "30d"},
		{"forever", 0, true, "forever"},
		{"36h", 36 * time.Hour, true, "36h0m0s"},
		{"48h", 48 * time.Hour, true, "2d"},
		{"1h", time.Hour, true, "1h0m0s"},
		{"59m", 0, false, ""},
		{"0d", 0, false, ""},
		{"-1d", 0, false, ""},
		{"1.5d", 0, false, ""},
		{"30", 0, false, ""},
		{"99999999d", 0, false, ""},
		{"", 0, false, ""},
	} {
		var r retention
		err := r.Set(c.text)
		if (err == nil) != c.ok || c.ok && (time.Duration(r) != c.want || r.String() != c.back) {
			t.Errorf("%q: %v, printed %q, %v; want %v, printed %q", c.text, time.Duration(r), r.String(), err, c.want, c.back)
		}
	}
}
