package batchsvc

import (
	"strings"
	"testing"
)

func TestExtensions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		on         place
		tags       map[string]string
		want       extensions
		wantRefuse string // empty: none
	}{
		{name: "no tags", on: onJob},
		{name: "other tags", on: onJob, tags: map[string]string{"team": "a", "barge": "x", "Barge:x": "y"}},
		{
			name: "token", on: onJob, tags: map[string]string{"barge:client-token": "run-1/step", "team": "a"},
			want: extensions{clientToken: "run-1/step"},
		},
		{
			name: "unknown", on: onJob, tags: map[string]string{"barge:clienttoken": "x"},
			wantRefuse: "Tag barge:clienttoken is unknown. Tags that start with barge: are settings of Barge; see docs/extensions.md.",
		},
		{
			name: "elsewhere", on: onQueue, tags: map[string]string{"barge:client-token": "x"},
			wantRefuse: "Tag barge:client-token has no meaning on a job queue; it is for a job.",
		},
		{
			name: "empty", on: onJob, tags: map[string]string{"barge:client-token": ""},
			wantRefuse: "Tag barge:client-token must be 1 to 64 printable ASCII characters without spaces.",
		},
		{
			name: "long", on: onJob, tags: map[string]string{"barge:client-token": strings.Repeat("x", 65)},
			wantRefuse: "Tag barge:client-token must be 1 to 64 printable ASCII characters without spaces.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got extensions
			err := got.read(c.on, c.tags)
			switch {
			case c.wantRefuse != "":
				if err == nil || err.Error() != c.wantRefuse {
					t.Errorf("error %v, want %q", err, c.wantRefuse)
				}
			case err != nil || got != c.want:
				t.Errorf("read %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// TestExtensionTable holds every row to the form that its users rely on.
func TestExtensionTable(t *testing.T) {
	t.Parallel()
	last := ""
	for _, e := range extensionTable() {
		switch {
		case !strings.HasPrefix(e.name, extensionPrefix) || e.name <= last:
			t.Errorf("%s: names have the prefix and are in order, after %q", e.name, last)
		case len(e.on) == 0 || e.values == "" || strings.HasSuffix(e.values, "."):
			t.Errorf("%s: places and values are wanted", e.name)
		case !strings.HasSuffix(e.meaning, ".") || strings.Count(e.meaning, ". ") > 0:
			t.Errorf("%s: its meaning is not one sentence: %s", e.name, e.meaning)
		case e.set(new(extensions), "\x00"):
			t.Errorf("%s takes the character NUL", e.name)
		}
		last = e.name
	}
}
