package wire_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/awsapi/wire"
)

// The standard library reads every string as it was, invalid parts replaced.
func TestAppendString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
			rapid.SliceOf(rapid.ByteRange(' ', '~')),
		).Draw(t, "text"))
		b := wire.AppendString([]byte("x"), s)
		if !utf8.Valid(b) {
			t.Fatalf("%q was written as invalid UTF-8: %q", s, b)
		}
		var got string
		if err := json.Unmarshal(b[1:], &got); err != nil || b[0] != 'x' {
			t.Fatalf("%q was written as %s: %v", s, b, err)
		}
		if utf8.ValidString(s) && got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func TestAppendFloat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		f    float64
		want string
	}{
		{0, "0"},
		{0.1, "0.1"},
		{-2, "-2"},
		{1e21, "1e+21"},
		{1e20, "100000000000000000000"},
		{1e-7, "1e-7"},
		{math.NaN(), "null"},
		{math.Inf(-1), "null"},
	} {
		if got := string(wire.AppendFloat(nil, tt.f)); got != tt.want {
			t.Errorf("%v was written as %s, want %s", tt.f, got, tt.want)
		}
	}
}

func TestAppendCollections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ got, want string }{
		{string(wire.AppendTexts([]byte("x"), []string{})), `x[]`},
		{string(wire.AppendTexts(nil, []string{"", "a\n"})), `["","a\n"]`},
		{string(wire.AppendTextMap([]byte("x"), nil)), `x{}`},
		{string(wire.AppendTextMap(nil, map[string]string{"b": "1", "a": "", `"`: "2"})), `{"\"":"2","a":"","b":"1"}`},
	} {
		if tt.got != tt.want {
			t.Errorf("written %s, want %s", tt.got, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s, want string
		ok      bool
	}{
		{"json-file", "json-file", true},
		{"JSON-File", "json-file", true},
		{"EC2", "EC2", true},
		{"ec2", "EC2", true},
		{"\u212aUBE", "\u212aUBE", false}, // the Kelvin sign folds into a k
		{"", "", false},
		{"EC2 ", "EC2 ", false},
	} {
		s := tt.s
		if p := wire.Match(&s, "json-file", "EC2", "KUBE"); (p == nil) != tt.ok || s != tt.want {
			t.Errorf("%q became %q with the problem %v, want %q", tt.s, s, p, tt.want)
		}
	}
}

// Of several wrong entries the first by name is reported, so that equal
// requests get equal answers.
func TestEntries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("v", 11)
	for range 20 {
		p := wire.Entries(map[string]string{"a": "", "d": long, "c": long, "b": "v", "": "v", "eeeeee": "v"}, 0, 5, 0, 10)
		if p == nil || p.In("tags").Error() != "tags.c must have at most 10 characters, not 11" {
			t.Fatalf("got %v, want the problem of c", p)
		}
	}
	if p := wire.Entries(map[string]string{"é": "ééé"}, 1, 1, 3, 3); p != nil {
		t.Errorf("characters were not counted: %v", p)
	}
}

// document reads an object of lists of integers, to see paths.
type document struct{ sum int64 }

func (v *document) ReadJSON(d *wire.Decoder) {
	for d.Object(); d.More(); {
		d.Name()
		for d.Array(); d.More(); d.Element() {
			if n := d.Int64(); n != nil {
				v.sum += *n
			}
		}
		d.Close()
	}
	d.Close()
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ data, want string }{
		{`{"a":[1,2],"b":[],"c":[9007199254740993]}`, ""},
		{`{"a":[1,2.5]}`, "a[1] must be an integer, not 2.5"},
		{`{"a":[1,2],"b":[3,"x"]}`, "b[1] must be an integer, not a string"},
		{`{"a":["x"]}`, "a[0] must be an integer, not a string"},
		{`{"a":[9223372036854775808]}`, "a[0] must be an integer between -9223372036854775808 and 9223372036854775807"},
		{`{"a~/b.c":[true]}`, "a~/b.c[0] must be an integer, not a boolean"},
		{`{"a":[1`, "the request body is not valid JSON: it ends too early"},
		{`{"a":[1 2]}`, "the request body is not valid JSON: invalid character '2' after array element (expecting ',' or ']') at byte 8"},
	} {
		p := wire.Decode([]byte(tt.data), new(document))
		if p == nil && tt.want != "" || p != nil && p.Error() != tt.want {
			t.Errorf("%s gave %v, want %q", tt.data, p, tt.want)
		}
	}
}
