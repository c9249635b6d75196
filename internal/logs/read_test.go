package logs

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

// TestReadsMatchAModel compares pages and searches with the plain lists that
// they stand for, over streams whose times jump about.
func TestReadsMatchAModel(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		group := fmt.Sprintf("group-%d", run)
		type line struct {
			at, sort batch.Instant
			stream   string
			text     string
		}
		model := make(map[string][]line)
		names := []string{"a/1", "a/2", "b/1"}
		for _, name := range names {
			write(t, s, group, name)
		}
		for i := range rapid.IntRange(0, 12).Draw(rt, "writes") {
			name := rapid.SampledFrom(names).Draw(rt, "stream")
			var events []Event
			for j := range rapid.IntRange(1, 6).Draw(rt, "lines") {
				at := batch.Instant(rapid.IntRange(1, 60).Draw(rt, "at") * 1000)
				events = append(events, Event{At: at, Message: fmt.Sprintf("%d-%d", i, j)})
				last := batch.Instant(0)
				if n := len(model[name]); n > 0 {
					last = model[name][n-1].sort
				}
				model[name] = append(model[name], line{at, max(last, at), name, fmt.Sprintf("%d-%d", i, j)})
			}
			write(t, s, group, name, events...)
		}
		from := batch.Instant(rapid.IntRange(0, 61).Draw(rt, "from") * 1000)
		to := batch.Instant(rapid.IntRange(0, 61).Draw(rt, "to") * 1000)
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		within := func(l line) bool { return l.sort >= from && (to == 0 || l.sort < to) }

		for _, name := range names {
			var want []string
			for _, l := range model[name] {
				if within(l) {
					want = append(want, l.text)
				}
			}
			var forward, backward []string
			q := EventQuery{Group: group, Stream: name, From: from, To: to, Limit: limit}
			for {
				p, err := s.Events(t.Context(), q)
				if err != nil {
					rt.Fatal(err)
				}
				if len(p.Events) == 0 {
					break
				}
				forward = append(forward, messages(p.Events)...)
				q.Start = p.After
			}
			q.Start, q.Backward = End, true
			for {
				p, err := s.Events(t.Context(), q)
				if err != nil {
					rt.Fatal(err)
				}
				if len(p.Events) == 0 {
					break
				}
				backward = append(messages(p.Events), backward...)
				q.Start = p.Before
			}
			if diff := cmp.Diff(want, forward); diff != "" {
				rt.Fatalf("reading %s forward (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(want, backward); diff != "" {
				rt.Fatalf("reading %s backward (-want +got):\n%s", name, diff)
			}
		}

		for _, q := range []SearchQuery{{}, {Prefix: "a/"}, {Streams: []string{"b/1", "a/2", "b/1"}}} {
			var hits []line
			for _, name := range names { // in the order of their ids
				for _, l := range model[name] {
					if within(l) && strings.HasPrefix(name, q.Prefix) && (q.Streams == nil || slices.Contains(q.Streams, name)) && l.text[0] != '3' {
						hits = append(hits, l)
					}
				}
			}
			sort.SliceStable(hits, func(i, j int) bool { return hits[i].sort < hits[j].sort })
			var want, got []string
			for _, l := range hits {
				want = append(want, l.stream+" "+l.text)
			}
			q.Group, q.From, q.To, q.Limit = group, from, to, limit
			q.Match = func(m string) bool { return m[0] != '3' }
			ids := make(map[string]bool)
			for {
				found, mark, err := s.Search(t.Context(), q)
				if err != nil {
					rt.Fatal(err)
				}
				for _, f := range found {
					got = append(got, f.Stream+" "+f.Message)
					if ids[f.ID] || len(f.ID) != 56 {
						rt.Fatalf("event id %s is no new one of 56 digits", f.ID)
					}
					ids[f.ID] = true
				}
				if mark == nil {
					break
				}
				q.After = mark
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("search prefix %q streams %q (-want +got):\n%s", q.Prefix, q.Streams, diff)
			}
		}
	})
}

func TestAPageIsBounded(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	big := strings.Repeat("x", 200<<10)
	var events []Event
	for i := range 12 {
		events = append(events, Event{At: batch.Instant(i), Message: big})
	}
	write(t, s, "g", "s", events...)
	p, err := s.Events(t.Context(), EventQuery{Group: "g", Stream: "s"})
	if err != nil || len(p.Events) != 5 {
		t.Errorf("a page has %d events of 200 KiB, %v; want 5", len(p.Events), err)
	}
	found, mark, err := s.Search(t.Context(), SearchQuery{Group: "g"})
	if err != nil || len(found) != 5 || mark == nil {
		t.Errorf("a search has %d events of 200 KiB, %v, %v; want 5 and a mark", len(found), mark, err)
	}
	write(t, s, "g", "many", lines(0, PageEvents+5)...)
	if p, err = s.Events(t.Context(), EventQuery{Group: "g", Stream: "many"}); err != nil || len(p.Events) != PageEvents {
		t.Errorf("a page has %d events, %v; want %d", len(p.Events), err, PageEvents)
	}
	if got := all(t, s, "g", "many"); len(got) != PageEvents+5 {
		t.Errorf("all pages have %d events, want %d", len(got), PageEvents+5)
	}
}

func TestFollowingSeesWhatComesLater(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	write(t, s, "g", "s")
	q := EventQuery{Group: "g", Stream: "s", From: 5}
	for i := range 3 {
		p, err := s.Events(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) != 0 {
			t.Fatalf("round %d: unexpected %v", i, p.Events)
		}
		q.Start = p.After
		write(t, s, "g", "s", Event{At: batch.Instant(10 + i), Message: "x"})
		if p, err = s.Events(t.Context(), q); err != nil || len(p.Events) != 1 {
			t.Fatalf("round %d: %d events, %v; want the new one", i, len(p.Events), err)
		}
		q.Start = p.After
	}
}

func TestListsOfStreams(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	for i, name := range []string{"b", "a", "ab", "c"} {
		write(t, s, "g", name, Event{At: batch.Instant(100 - i), Message: "x"}, Event{At: batch.Instant(200 - i), Message: "y"})
	}
	write(t, s, "g", "empty")
	tests := []struct {
		q    StreamQuery
		want string
	}{
		{StreamQuery{}, "a ab b c empty"},
		{StreamQuery{Descending: true}, "empty c b ab a"},
		{StreamQuery{Prefix: "a"}, "a ab"},
		{StreamQuery{ByTime: true}, "empty c ab a b"},
		{StreamQuery{ByTime: true, Descending: true}, "b a ab c empty"},
	}
	for _, test := range tests {
		for limit := 1; limit <= 5; limit++ {
			q := test.q
			q.Group, q.Limit = "g", limit
			var got []string
			for {
				streams, mark, err := s.Streams(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, st := range streams {
					got = append(got, st.Name)
					if st.Name == "a" && (st.FirstEvent != 99 || st.LastEvent != 199 || st.Ingested == 0) {
						t.Errorf("stream a is %+v", st)
					}
				}
				if mark == nil {
					break
				}
				q.After = mark
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", q, diff)
			}
		}
	}
	if _, _, err := s.Streams(t.Context(), StreamQuery{Group: "none", Limit: 1}); !isNotFound(err) {
		t.Errorf("streams of no group: %v, want NotFound", err)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	for _, name := range []string{"/x/one", "/x/two", "other"} {
		for _, want := range []bool{true, false} {
			if created, err := s.CreateGroup(t.Context(), name, 0); err != nil || created != want {
				t.Errorf("create %s: %v, %v; want %v", name, created, err, want)
			}
		}
	}
	if err := s.SetRetention(t.Context(), "other", 7); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRetention(t.Context(), "none", 7); !isNotFound(err) {
		t.Errorf("retention of no group: %v, want NotFound", err)
	}
	list := func(q GroupQuery) string {
		groups, err := s.Groups(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range groups {
			names = append(names, g.Name)
		}
		return strings.Join(names, " ")
	}
	for want, q := range map[string]GroupQuery{
		DefaultGroup + " /x/one /x/two other": {Limit: 50},
		"/x/one /x/two":                       {Limit: 50, Prefix: "/x/"},
		"/x/two":                              {Limit: 50, Prefix: "/x/", After: "/x/one"},
		"other":                               {Limit: 50, Contains: "the"},
		DefaultGroup:                          {Limit: 1},
	} {
		if got := list(q); got != want {
			t.Errorf("groups %+v: %q, want %q", q, got, want)
		}
	}
	g, err := s.Group(t.Context(), "other")
	if err != nil || g.RetentionDays != 7 || g.StoredBytes != 0 {
		t.Errorf("group other is %+v, %v", g, err)
	}
	write(t, s, "other", "s", lines(1, 10)...)
	if g, err = s.Group(t.Context(), "other"); err != nil || g.StoredBytes == 0 {
		t.Errorf("group other is %+v, %v; want stored bytes", g, err)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	s := running(t, Options{})
	const day = 24 * 3600 * 1000
	now := batch.Instant(math.MaxInt32) * 1_000_000 // far ahead of the streams' creation
	for i := range 450 {
		write(t, s, "g", fmt.Sprintf("old-%d", i), Event{At: now - 2*day, Message: "x"})
	}
	write(t, s, "g", "mixed", Event{At: now - 3*day, Message: "a"}, Event{At: now - 2*day, Message: "b"}, Event{At: now - day/2, Message: "c"})
	write(t, s, "g", "empty")
	w, err := s.Stream(t.Context(), "g", "quiet")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err = w.Append(t.Context(), now-2*day, []byte("q"), 42); err != nil {
		t.Fatal(err)
	}
	if err = w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err = s.Expire(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := all(t, s, "g", "mixed"); len(got) != 3 {
		t.Errorf("events went from a group without retention: %q is left", got)
	}
	if err = s.SetRetention(t.Context(), "g", 1); err != nil {
		t.Fatal(err)
	}
	if err = s.Expire(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	streams, _, err := s.Streams(t.Context(), StreamQuery{Group: "g", Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	if len(streams) != 2 || streams[0].Name != "mixed" || streams[1].Name != "quiet" {
		t.Errorf("left are %+v, want mixed and quiet", streams)
	}
	if got := all(t, s, "g", "mixed"); len(got) != 1 || got[0] != "c" {
		t.Errorf("left of mixed is %q, want c", got)
	}
	if got := all(t, s, "g", "quiet"); len(got) != 0 {
		t.Errorf("left of quiet is %q, want nothing", got)
	}
	if w.Cursor() != 42 {
		t.Errorf("cursor of quiet is %d, want 42", w.Cursor())
	}
	if err = w.Append(t.Context(), now, []byte("r"), 43); err != nil {
		t.Fatal(err)
	}
	if err = w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := all(t, s, "g", "quiet"); len(got) != 1 || got[0] != "r" {
		t.Errorf("quiet holds %q, want r", got)
	}
	g, err := s.Group(t.Context(), "g")
	if err != nil || g.StoredBytes <= 0 || g.StoredBytes > 20 {
		t.Errorf("group is %+v, %v; want the few bytes of two events", g, err)
	}
}
