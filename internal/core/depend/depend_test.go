package depend

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
)

const size = 12 // of the arrays of these tests

// bits is a set, naively.
type bits [size]bool

func drawBits(t *rapid.T, label string) (b bits) {
	copy(b[:], rapid.SliceOfN(rapid.Bool(), size, size).Draw(t, label))
	return b
}

// set adds what is in b one by one, in a random order.
func (b bits) set(t *rapid.T) (s Set) {
	order := rapid.Permutation([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}).Draw(t, "order")
	for _, i := range order {
		if b[i] {
			s.Add(i)
		}
	}
	return s
}

// same says where a set differs from the naive one, or is not in its one form.
func same(t *rapid.T, what string, s Set, b bits) {
	var got bits
	for i := range s.All {
		got[i] = true
	}
	if got != b {
		t.Fatalf("%s is %v, want %v", what, s, b)
	}
	for i := 1; i < len(s); i++ {
		if s[i].From <= s[i-1].To {
			t.Fatalf("%s has spans that touch: %v", what, s)
		}
	}
	n := 0
	for i := range b {
		want := slices.Index(b[i:], true)
		if next, ok := s.Next(int32(i)); ok != (want >= 0) || ok && int(next) != i+want {
			t.Fatalf("the next of %v from %d on is %d, %t", s, i, next, ok)
		}
		if s.Has(int32(i)) != b[i] {
			t.Fatalf("%s is %v and has %d: %t", what, s, i, s.Has(int32(i)))
		}
		if b[i] {
			n++
		}
	}
	if int(s.Len()) != n {
		t.Fatalf("%s is %v and has %d elements, want %d", what, s, s.Len(), n)
	}
	least := slices.Index(b[:], true)
	if i, ok := s.Min(); ok != (least >= 0) || ok && int(i) != least {
		t.Fatalf("the least of %v is %d, %t", s, i, ok)
	}
	gap := slices.Index(b[:], false)
	if gap < 0 {
		gap = size
	}
	if int(s.Gap()) != gap {
		t.Fatalf("the gap of %v is %d, want %d", s, s.Gap(), gap)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawBits(t, "a"), drawBits(t, "b")
		a, b := x.set(t), y.set(t)
		same(t, "a", a, x)
		var or, and, less bits
		for i := range x {
			or[i], and[i], less[i] = x[i] || y[i], x[i] && y[i], x[i] && !y[i]
		}
		same(t, "a or b", Union(a, b), or)
		same(t, "a and b", Intersect(a, b), and)
		same(t, "a without b", Subtract(a, b), less)
		var behind bits
		copy(behind[1:], x[:])
		same(t, "behind a", a.Behind(size), behind)
		back, rest, err := ReadSet(append(a.Append(nil), 7))
		if err != nil || !slices.Equal(rest, []byte{7}) {
			t.Fatalf("reading %v back: %v, rest %v", a, err, rest)
		}
		same(t, "a read back", back, x)
		for i := range y {
			if y[i] {
				a.Remove(int32(i))
			}
		}
		same(t, "a after removing b", a, less)
	})
}

// target is a job that is depended on: how each of its children stands.
type target struct {
	ref      batch.JobRef
	nToN     bool
	children [size]Outcome
}

func (x *target) whole() Outcome {
	switch {
	case slices.Contains(x.children[:], Open):
		return Open
	case slices.Contains(x.children[:], Failed):
		return Failed
	}
	return Succeeded
}

func (x *target) with(o Outcome) (s Set) {
	for i, c := range x.children {
		if c == o {
			s.Add(int32(i))
		}
	}
	return s
}

// TestWaits compares sums over sets with a look at each child.
func TestWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		targets := make([]*target, rapid.IntRange(0, 4).Draw(t, "targets"))
		w := &Waits{Sequential: rapid.Bool().Draw(t, "sequential")}
		for n := range targets {
			x := &target{ref: batch.JobRef{ID: batch.JobID{byte(n)}}, nToN: rapid.Bool().Draw(t, "N_TO_N")}
			targets[n] = x
			w.Links = append(w.Links, Link{Job: x.ref, NToN: x.nToN})
		}
		t.Repeat(map[string]func(*rapid.T){
			"end": func(t *rapid.T) {
				if len(targets) == 0 {
					return
				}
				x := rapid.SampledFrom(targets).Draw(t, "target")
				for range rapid.IntRange(1, size).Draw(t, "times") {
					i := rapid.IntRange(0, size-1).Draw(t, "child")
					if x.children[i] == Open {
						x.children[i] = Outcome(1 + rapid.IntRange(0, 3).Draw(t, "outcome")/3)
					}
				}
				if x.whole() == Open {
					return
				}
				w.Close(x.ref, x.whole(), x.with(Failed))
				if w.Close(x.ref, Failed, Of(0, size)) {
					t.Fatal("a job has ended twice")
				}
			},
			"store": func(t *rapid.T) {
				back, err := Read(w.Append(nil))
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(w, back); d != "" {
					t.Fatalf("what was stored is read as another: %s", d)
				}
				w = back
			},
			"": func(t *rapid.T) { compare(t, w, targets) },
		})
	})
}

func compare(t *rapid.T, w *Waits, targets []*target) {
	var open, failed, perChild bool
	closed := true
	var met, lost, ended bits
	for i := range met {
		met[i], ended[i] = true, true
	}
	for _, x := range targets {
		closed = closed && x.whole() != Open
		if !x.nToN {
			open, failed = open || x.whole() == Open, failed || x.whole() == Failed
			continue
		}
		perChild = true
		for i, c := range x.children {
			met[i] = met[i] && c == Succeeded
			lost[i] = lost[i] || c == Failed
			ended[i] = ended[i] && c != Open
		}
	}
	gotOpen, gotFailed := w.Whole()
	if gotOpen != open || gotFailed != failed || w.Closed() != closed || w.PerChild() != (perChild || w.Sequential) {
		t.Fatalf("open %t, failed %t, closed %t, per child %t; want %t, %t, %t, %t",
			gotOpen, gotFailed, w.Closed(), w.PerChild(), open, failed, closed, perChild || w.Sequential)
	}
	gotMet, gotLost, gotEnded := w.Children(size, func(ref batch.JobRef) (succeeded, failed Set) {
		x := targets[ref.ID[0]]
		return x.with(Succeeded), x.with(Failed)
	})
	same(t, "met", gotMet, met)
	same(t, "lost", gotLost, lost)
	same(t, "closed", gotEnded, ended)
}

func FuzzRead(f *testing.F) {
	w := Waits{Links: []Link{{NToN: true, Outcome: Failed, Lost: Of(2, 5)}, {Job: batch.ChildRef(batch.JobID{1}, 3)}}, Ready: Of(7, 9)}
	f.Add(w.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := Read(b)
		if err != nil {
			return
		}
		back, err := Read(w.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, back); d != "" {
			t.Error(d)
		}
	})
}
