package quota

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawBoard draws two to four shares of one unit, with what they use.
func drawBoard(t *rapid.T) *Board {
	b := &Board{Closed: true}
	for range rapid.IntRange(2, 4).Draw(t, "shares") {
		s := &Share{Rules: Rules{
			Limits: Of(Amount{"u", rapid.Int64Range(0, 6).Draw(t, "limit")}), Strategy: Strategy(rapid.IntRange(0, 2).Draw(t, "strategy")),
			Borrow: rapid.SampledFrom([]int32{Unlimited, 0, 50, 100, 200}).Draw(t, "borrow"),
		}}
		b.Shares = append(b.Shares, s)
	}
	return b
}

// TestAdmission starts and ends jobs by the rules, and compares with what the
// rules promise, counted anew: a share that may not borrow is within its limits,
// one that borrows within its borrow limit, and all that is borrowed is what
// lenders do not use.
func TestAdmission(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBoard(t)
		total := int64(0)
		for _, s := range b.Shares {
			n, _ := s.Limits.Get("u")
			total += n
		}
		b.Total = Of(Amount{"u", total})
		type running struct {
			share *Share
			n     int64
		}
		var jobs []running
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(jobs) > 0 && rapid.IntRange(0, 3).Draw(t, "end") == 0 {
				i := rapid.IntRange(0, len(jobs)-1).Draw(t, "job")
				jobs[i].share.Used = jobs[i].share.Used.Add(Of(Amount{"u", jobs[i].n}), -1)
				jobs = slices.Delete(jobs, i, i+1)
				continue
			}
			s := rapid.SampledFrom(b.Shares).Draw(t, "share")
			n := rapid.Int64Range(1, 4).Draw(t, "n")
			need := Of(Amount{"u", n})
			free := total
			for _, j := range jobs {
				free -= j.n
			}
			within := b.Within(s, need) && n <= free
			if !within && (b.Within(s, need) || !b.Borrows(s, need)) {
				continue
			}
			if !within && b.Never(s, need) != Fits {
				t.Fatalf("a job of %d starts in a share that can never run it: %d", n, b.Never(s, need))
			}
			s.Used = s.Used.Add(need, 1)
			jobs = append(jobs, running{s, n})

			var used, borrowed, reserved int64
			for _, o := range b.Shares {
				var sum int64
				for _, j := range jobs {
					if j.share == o {
						sum += j.n
					}
				}
				if got, _ := o.Used.Get("u"); got != sum {
					t.Fatalf("a share counts %d, its jobs use %d", got, sum)
				}
				limit, _ := o.Limits.Get("u")
				used += sum
				switch {
				case sum > limit && o.Strategy != LendAndBorrow:
					t.Fatalf("a share uses %d of %d and may not borrow", sum, limit)
				case sum > limit && o.Borrow != Unlimited && sum > limit+limit*int64(o.Borrow)/100:
					t.Fatalf("a share uses %d of %d and may borrow %d%%", sum, limit, o.Borrow)
				case sum > limit:
					borrowed += sum - limit
				case o.Strategy == Reserve:
					reserved += limit - sum
				}
			}
			if used > total {
				t.Fatalf("%d of %d are used", used, total)
			}
			if !within && (borrowed > total-(used-borrowed)-reserved || used+reserved > total) {
				t.Fatalf("a job borrows what is reserved: %d borrowed, %d used, %d reserved of %d", borrowed, used, reserved, total)
			}
		}
	})
}

// TestChoose compares with a look at all choices: what is chosen is enough, could
// not spare anybody, takes only from who is over its limits, and where one alone is
// enough and exact, frees nothing beyond what lacks. Nothing is chosen only if all
// together are not enough.
func TestChoose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lack := Vector{rapid.Int64Range(1, 8).Draw(t, "lack"), rapid.Int64Range(0, 4).Draw(t, "memory")}
		over := []Vector{{rapid.Int64Range(0, 6).Draw(t, "over a")}, {rapid.Int64Range(0, 6).Draw(t, "over b")}}
		n := rapid.IntRange(0, 7).Draw(t, "candidates")
		all := make([]Candidate, n)
		for i := range all {
			all[i] = Candidate{
				Frees:    Vector{rapid.Int64Range(0, 5).Draw(t, "frees"), rapid.Int64Range(0, 4).Draw(t, "memory")},
				Priority: rapid.Int32Range(0, 3).Draw(t, "priority"), Lost: rapid.Int64Range(0, 3).Draw(t, "lost"), Seq: int64(i),
				Group: rapid.IntRange(-1, 1).Draw(t, "group"),
			}
		}
		choice, ok := Choose(lack, Vector{8, 4, 1}, all, over)
		again, _ := Choose(lack, Vector{8, 4, 1}, all, over)
		if !slices.Equal(choice.Picks, again.Picks) {
			t.Fatalf("the same question has two answers: %v, %v", choice.Picks, again.Picks)
		}
		sum := func(picks []int) (v Vector) {
			for _, i := range picks {
				for u := range v {
					v[u] += all[i].Frees[u]
				}
			}
			return v
		}
		if !ok {
			var free []int // those whom no limit protects
			for i, c := range all {
				if c.Group < 0 {
					free = append(free, i)
				}
			}
			if covers(sum(free), lack) {
				t.Fatalf("nobody is chosen, and %v would be enough", free)
			}
			return
		}
		if !covers(sum(choice.Picks), lack) {
			t.Fatalf("%v free %v, %v lacks", choice.Picks, sum(choice.Picks), lack)
		}
		for k, i := range choice.Picks {
			rest := slices.Delete(slices.Clone(choice.Picks), k, k+1)
			if covers(sum(rest), lack) {
				t.Fatalf("%d need not be stopped: %v are enough", i, rest)
			}
			if g := all[i].Group; g >= 0 && over[g] == (Vector{}) {
				t.Fatalf("%d is of a share that uses no more than its limits", i)
			}
		}
		for i, c := range all {
			if c.Group < 0 && c.Frees == lack && choice.Excess > 0 {
				t.Fatalf("%v are chosen, and %d alone is exact", choice.Picks, i)
			}
		}
	})
}

func TestNever(t *testing.T) {
	t.Parallel()
	four := Of(Amount{"u", 4})
	b := &Board{Closed: true, Shares: []*Share{
		{Rules: Rules{Limits: four, Strategy: LendAndBorrow, Borrow: 200}},
		{Rules: Rules{Limits: four, Strategy: LendAndBorrow, Borrow: 200}},
		{Rules: Rules{Limits: four, Strategy: Reserve}},
	}}
	for _, c := range []struct {
		share int
		n     int64
		want  Verdict
	}{{0, 8, Fits}, {0, 9, OverPool}, {0, 13, OverBorrowing}, {2, 4, Fits}, {2, 5, OverLimits}} {
		if got := b.Never(b.Shares[c.share], Of(Amount{"u", c.n})); got != c.want {
			t.Errorf("a job of %d in share %d: %d, want %d", c.n, c.share, got, c.want)
		}
	}
}
