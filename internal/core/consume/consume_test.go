package consume

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	var l Ledger
	both := []Need{{"licence", 2}, {"token", 1}}
	if l.Fits(both) {
		t.Error("what does not exist can be taken")
	}
	l.Open("licence", 3, false)
	l.Open("token", 1, true)
	if !l.Fits(both) {
		t.Error("what is there cannot be taken")
	}
	l.Take(both)
	for _, c := range []struct {
		need Need
		want bool
	}{
		{Need{"licence", 1}, true}, {Need{"licence", 2}, false}, {Need{"token", 1}, false}, {Need{"token", 0}, true}, {Need{"other", 0}, false},
	} {
		if got := l.Fits([]Need{c.need}); got != c.want {
			t.Errorf("%v fits: %t", c.need, got)
		}
	}
	l.Give(both)
	for name, want := range map[string]Amounts{"licence": {3, 0}, "token": {0, 0}} {
		if got, ok := l.Amounts(name); got != want || !ok {
			t.Errorf("after use, %s is %+v, %t; want %+v", name, got, ok, want)
		}
	}
}

func TestTotalBelowUse(t *testing.T) {
	t.Parallel()
	var l Ledger
	l.Open("r", 5, true)
	l.Take([]Need{{"r", 4}})
	l.SetTotal("r", 1)
	if a, _ := l.Amounts("r"); a.Available() != 0 {
		t.Errorf("%d are available of 1, 4 in use", a.Available())
	}
	l.Give([]Need{{"r", 4}})
	if a, _ := l.Amounts("r"); a != (Amounts{}) {
		t.Errorf("all is spent, and %+v are left", a)
	}
}

func TestDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	var l Ledger
	l.Open("r", 2, false)
	l.Take([]Need{{"r", 2}})
	l.Close("r")
	if _, ok := l.Amounts("r"); ok || l.Fits([]Need{{"r", 0}}) {
		t.Error("a deleted resource is there")
	}
	l.Open("r", 3, false)
	if l.Fits([]Need{{"r", 2}}) || !l.Fits([]Need{{"r", 1}}) {
		t.Error("the units held of the former resource do not count")
	}
	l.Close("r")
	l.Give([]Need{{"r", 2}})
	if len(l.accounts) != 0 {
		t.Errorf("accounts are left of nothing: %v", l.accounts)
	}
}

// TestNaive compares with a list of what is held: what is in use is always its
// sum, and nothing is sold twice.
func TestNaive(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		var l Ledger
		var held [][]Need
		name := rapid.SampledFrom(names)
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				if n := name.Draw(t, "name"); !exists(&l, n) {
					l.Open(n, rapid.Int64Range(0, 6).Draw(t, "total"), rapid.Bool().Draw(t, "spent"))
				}
			},
			"set": func(t *rapid.T) {
				if n := name.Draw(t, "name"); exists(&l, n) {
					l.SetTotal(n, rapid.Int64Range(0, 6).Draw(t, "total"))
				}
			},
			"close": func(t *rapid.T) { l.Close(name.Draw(t, "name")) },
			"take": func(t *rapid.T) {
				var needs []Need
				for _, n := range names {
					if rapid.Bool().Draw(t, n) {
						needs = append(needs, Need{n, rapid.Int64Range(0, 3).Draw(t, "quantity")})
					}
				}
				if !l.Fits(needs) {
					return
				}
				l.Take(needs)
				held = append(held, needs)
				for _, n := range needs {
					if a, _ := l.Amounts(n.Resource); n.Quantity > 0 && a.InUse > a.Total {
						t.Fatalf("%s is oversold: %+v", n.Resource, a)
					}
				}
			},
			"give": func(t *rapid.T) {
				if len(held) == 0 {
					return
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				l.Give(held[i])
				held = append(held[:i], held[i+1:]...)
			},
			"": func(t *rapid.T) {
				want, got := make(map[string]int64), make(map[string]int64)
				for _, needs := range held {
					for _, n := range needs {
						if n.Quantity > 0 {
							want[n.Resource] += n.Quantity
						}
					}
				}
				for n, units := range l.Held {
					got[n] = units
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("what is in use is not what is held (-held +in use):\n%s", d)
				}
			},
		})
	})
}

func exists(l *Ledger, name string) bool {
	_, ok := l.Amounts(name)
	return ok
}
