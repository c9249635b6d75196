package batchsvc

import (
	"strings"
	"testing"
	"time"

	"github.com/bargehq/barge/internal/core/retry"
)

const badBackoff = "Tag barge:retry-backoff must be a duration such as 10s, 10s*2 or 10s*2..5m, of at most 24h."

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
		{
			name: "all that a job may have", on: onJob,
			tags: map[string]string{"barge:max-running": "7", "barge:retry-backoff": "1.5s*3..1h", "barge:stop-timeout": "86400"},
			want: extensions{maxRunning: 7, backoff: retry.Backoff{First: 1500, Factor: 3, Most: 3_600_000}, stopTimeout: 24 * time.Hour},
		},
		{
			name: "of a definition", on: onDefinition, tags: map[string]string{"barge:retry-backoff": "10s"},
			want: extensions{backoff: retry.Backoff{First: 10_000}},
		},
		{
			name: "limited", on: onDefinition, tags: map[string]string{"barge:retry-backoff": "10s..20s"},
			want: extensions{backoff: retry.Backoff{First: 10_000, Most: 20_000}},
		},
		{name: "none at all", on: onJob, tags: map[string]string{"barge:max-running": "0"}, wantRefuse: "Tag barge:max-running must be a number from 1 to 1000000."},
		{name: "too many", on: onJob, tags: map[string]string{"barge:max-running": "1000001"}, wantRefuse: "Tag barge:max-running must be a number from 1 to 1000000."},
		{name: "a plus", on: onJob, tags: map[string]string{"barge:max-running": "+1"}, wantRefuse: "Tag barge:max-running must be a number from 1 to 1000000."},
		{name: "too long", on: onJob, tags: map[string]string{"barge:stop-timeout": "86401"}, wantRefuse: "Tag barge:stop-timeout must be a number of seconds from 1 to 86400."},
		{name: "a unit", on: onJob, tags: map[string]string{"barge:stop-timeout": "30s"}, wantRefuse: "Tag barge:stop-timeout must be a number of seconds from 1 to 86400."},
		{name: "no unit", on: onJob, tags: map[string]string{"barge:retry-backoff": "10"}, wantRefuse: badBackoff},
		{name: "more than a day", on: onJob, tags: map[string]string{"barge:retry-backoff": "25h"}, wantRefuse: badBackoff},
		{name: "less than nothing", on: onJob, tags: map[string]string{"barge:retry-backoff": "-1s"}, wantRefuse: badBackoff},
		{name: "no factor", on: onJob, tags: map[string]string{"barge:retry-backoff": "1s*"}, wantRefuse: badBackoff},
		{name: "no limit", on: onJob, tags: map[string]string{"barge:retry-backoff": "1s*2.."}, wantRefuse: badBackoff},
		{name: "a machine", on: onEnvironment, tags: map[string]string{"barge:capacity": "host"}, want: extensions{capacity: "host"}},
		{name: "a number", on: onEnvironment, tags: map[string]string{"barge:capacity": "4"}, wantRefuse: "Tag barge:capacity must be host or unlimited."},
		{name: "a queue", on: onQueue, tags: map[string]string{"barge:retry-backoff": "1s"}, wantRefuse: "Tag barge:retry-backoff has no meaning on a job queue; it is for a job or job definition."},
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
