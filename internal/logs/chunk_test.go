package logs

import (
	"testing"
	"unicode/utf8"
)

// FuzzReader reads chunks that the disk has damaged.
func FuzzReader(f *testing.F) {
	c := chunk{first: 5, last: 5, previous: 5}
	c.add(7, []byte("hello"))
	c.add(6, []byte("world"))
	f.Add(c.data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReader(1, 5, data)
		for r.next() {
		}
		if r.ended == (r.err != nil) {
			t.Errorf("reading ended %v with error %v", r.ended, r.err)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\xffb"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := clean(text)
		if len(got) == 0 || !utf8.Valid(got) {
			t.Errorf("%q became %q", text, got)
		}
		if valid := utf8.Valid(text); valid && len(text) > 0 && string(got) != string(text) {
			t.Errorf("valid %q became %q", text, got)
		}
	})
}
