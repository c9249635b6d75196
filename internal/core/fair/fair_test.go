package fair

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"pgregory.net/rapid"
)

// event is that a share's use of vCPUs has changed.
type event struct {
	at    int64
	milli int64 // from then on
}

// model keeps the whole history and knows nothing of heaps and rings.
type model struct {
	policy Policy
	now    int64
	bucket int64
	shares map[string]*modelShare
}

type modelShare struct {
	events []event
	jobs   int
	left   int64
	head   int64
}

func (s *modelShare) milli() int64 {
	if len(s.events) == 0 {
		return 0
	}
	return s.events[len(s.events)-1].milli
}

// used is the integral of the use from one time to another.
func (s *modelShare) used(from, to int64) (sum int64) {
	for i, e := range s.events {
		until := to
		if i+1 < len(s.events) {
			until = min(to, s.events[i+1].at)
		}
		sum += e.milli * max(0, until-max(from, e.at))
	}
	return sum
}

// mean is H at the start of the current bucket: each bucket with the kernel in
// its middle, over half the window.
func (m *model) mean(s *modelShare) int64 {
	width := m.policy.width()
	sum := new(big.Rat)
	for age := int64(0); age < Buckets && age < m.bucket; age++ {
		n := m.bucket - 1 - age
		kernel := new(big.Rat).Sub(big.NewRat(1, 1), big.NewRat(2*age+1, 2*Buckets))
		sum.Add(sum, kernel.Mul(kernel, new(big.Rat).SetInt64(s.used(n*width, (n+1)*width))))
	}
	sum.Quo(sum, big.NewRat(width*Buckets, 2))
	return new(big.Int).Quo(sum.Num(), sum.Denom()).Int64()
}

func (m *model) weight(name string) int64 {
	for _, w := range m.policy.Weights {
		prefix, ok := strings.CutSuffix(w.Share, "*")
		switch {
		case w.Share == name:
			return w.Factor
		case ok && strings.HasPrefix(name, prefix):
			n := int64(0)
			for other := range m.shares {
				if strings.HasPrefix(other, prefix) {
					n++
				}
			}
			return w.Factor * n
		}
	}
	return Even
}

// first is the share with the lowest score, and why.
func (m *model) first() (best string) {
	var low *big.Int
	for name, s := range m.shares {
		if s.head == 0 {
			continue
		}
		score := big.NewInt(s.milli() + m.mean(s))
		score.Mul(score, big.NewInt(m.weight(name)))
		order := 1
		if low != nil {
			order = low.Cmp(score)
			if b := m.shares[best]; order == 0 && (s.head < b.head || s.head == b.head && name < best) {
				order = 1
			}
		}
		if order > 0 {
			low, best = score, name
		}
	}
	return best
}

func (m *model) limit(base int64) int64 {
	n := big.NewInt(int64(len(m.shares)))
	kept := new(big.Int).Exp(big.NewInt(int64(m.policy.Reservation)), n, nil)
	kept.Mul(kept, big.NewInt(base))
	whole, rest := new(big.Int).QuoRem(kept, new(big.Int).Exp(big.NewInt(100), n, nil), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return base - whole.Int64()
}

var policies = []Policy{
	{},
	{DecaySeconds: 1, Reservation: 50},
	{DecaySeconds: 604_800, Weights: []Weight{{"a", 1}, {"b*", 9_999_999}}},
	{Reservation: 25, Weights: []Weight{{"b*", 10_000}, {"a1", 1_250}, {"c", 20_000}}},
	{DecaySeconds: 601, Reservation: 99, Weights: []Weight{{"a*", 5_000}, {"b1", 7}, {"b2*", 70}}},
}

// TestBoard compares a board with a model that recomputes everything from the
// history: whose turn it is, who is active, what is reserved. At any time the board
// may be stored and resumed.
func TestBoard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "a1", "a2", "b", "b1", "b2", "b22", "c", "c*"}
		p := rapid.SampledFrom(policies).Draw(t, "policy")
		start := rapid.Int64Range(0, 1_800_000_000_000).Draw(t, "start")
		m := &model{policy: p, now: start, shares: make(map[string]*modelShare)}
		b := New(p)
		shares := make(map[string]*Share)
		seq := int64(0)
		settle := func() {
			b.Settle(batch.Instant(m.now), func(*Share) {})
			for s, ok := b.Expired(batch.Instant(m.now)); ok; s, ok = b.Expired(batch.Instant(m.now)) {
				b.Remove(s)
				delete(shares, s.Name)
			}
			for name, s := range m.shares {
				if s.jobs > 0 {
					s.left = 0
				} else if s.left == 0 {
					s.left = max(1, m.now)
				}
				if s.left != 0 && m.now >= s.left+int64(m.policy.window())+linger {
					delete(m.shares, name)
				}
			}
			b.Roll(batch.Instant(m.now))
			m.bucket = max(m.bucket, m.now/m.policy.width())
		}
		some := func(t *rapid.T) (string, *Share, *modelShare) {
			name := rapid.SampledFrom(names).Draw(t, "share")
			if shares[name] == nil {
				shares[name], m.shares[name] = &Share{Name: name}, &modelShare{}
				b.Add(shares[name])
				b.Count(shares[name], 1)
				m.shares[name].jobs = 1
			}
			return name, shares[name], m.shares[name]
		}
		t.Repeat(map[string]func(*rapid.T){
			"jobs": func(t *rapid.T) {
				_, s, w := some(t)
				n := rapid.IntRange(-w.jobs, 3).Draw(t, "jobs")
				b.Count(s, n)
				w.jobs += n
			},
			"use": func(t *rapid.T) {
				_, s, w := some(t)
				milli := rapid.SampledFrom([]int64{0, 1, 250, 1000, 4000, 1_000_000, 1 << 36}).Draw(t, "vcpu")
				b.Use(s, milli-w.milli())
				if n := len(w.events); n > 0 && w.events[n-1].at == m.now {
					w.events = w.events[:n-1]
				}
				w.events = append(w.events, event{m.now, milli})
			},
			"head": func(t *rapid.T) {
				_, s, w := some(t)
				seq++
				w.head = rapid.SampledFrom([]int64{0, seq, 1}).Draw(t, "head")
				b.Head(s, w.head)
			},
			"pass": func(t *rapid.T) {
				settle()
				m.now += rapid.SampledFrom([]int64{1, 9_375, 30_000, 700_000, 10_000_000, 700_000_000}).Draw(t, "time")
				settle()
			},
			"policy": func(t *rapid.T) {
				settle()
				to := rapid.SampledFrom(policies).Draw(t, "policy")
				if to.width() != m.policy.width() {
					t.Skip("what a new cut does is another test's")
				}
				m.policy = to
				b.SetPolicy(to)
			},
			"restart": func(t *rapid.T) {
				settle()
				b = New(m.policy)
				for name, old := range shares {
					s := &Share{Name: name, Left: old.Left}
					s.Usage.At, s.Usage.Width = old.Usage.At, old.Usage.Width
					if err := s.Usage.Read(old.Usage.Append(nil)); err != nil {
						t.Fatal(err)
					}
					b.Add(s)
					b.Resume(s, old.Used())
					b.Count(s, old.Jobs())
					b.Head(s, old.head)
					shares[name] = s
				}
				b.Resumed()
				settle()
			},
			"": func(t *rapid.T) {
				settle()
				has := make(map[string][3]int64)
				for name, w := range m.shares {
					has[name] = [3]int64{int64(w.jobs), w.milli(), w.head}
					if got, want := shares[name].mean, m.mean(w); got != want {
						t.Fatalf("share %s has used %d lately, want %d", name, got, want)
					}
				}
				b.Check(has, t.Fatalf)
				got := ""
				if s, ok := b.Min(); ok {
					got = s.Name
				}
				if want := m.first(); got != want {
					t.Fatalf("it is the turn of %q, want %q", got, want)
				}
				if len(m.shares) > 0 {
					for _, base := range []int64{1, 100_000, 999_999_999} {
						limit := m.limit(base)
						if off := m.policy.Reservation > 0 && (!b.Allows(base, 1, limit-1) && limit > 1 || b.Allows(base, 1, limit)); off {
							t.Fatalf("of %d with %d shares and %d %% another limit than %d", base, len(m.shares), m.policy.Reservation, limit)
						}
					}
				}
			},
		})
	})
}

// TestFront: the order told beforehand is the one in which turns come.
func TestFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(rapid.SampledFrom(policies).Draw(t, "policy"))
		jobs := make(map[*Share][]int64) // vCPUs; a job's head is its place and share
		at := make(map[*Share]int)
		for i := range rapid.IntRange(1, 30).Draw(t, "shares") {
			s := &Share{Name: fmt.Sprintf("%c%d", 'a'+i%3, i)}
			b.Add(s)
			jobs[s] = rapid.SliceOfN(rapid.Int64Range(1, 5), 1, 9).Draw(t, "jobs")
			b.Count(s, len(jobs[s]))
			b.Use(s, rapid.Int64Range(0, 9).Draw(t, "use"))
			b.Head(s, 1)
		}
		next := func(s *Share, job int) (head, milli int64, ok bool) {
			if job >= len(jobs[s]) {
				return 0, 0, false
			}
			return int64(job + 1), jobs[s][job], true
		}
		type turn struct {
			share *Share
			job   int
		}
		var told []turn
		most := rapid.IntRange(1, 40).Draw(t, "most")
		b.Front(most, next, func(s *Share, job int) bool {
			told = append(told, turn{s, job})
			return true
		})
		for i := range most {
			s, ok := b.Min()
			if !ok {
				if i != len(told) {
					t.Fatalf("%d turns were told and %d came", len(told), i)
				}
				return
			}
			if i >= len(told) || told[i] != (turn{s, at[s]}) {
				t.Fatalf("turn %d is another than was told", i)
			}
			b.Use(s, jobs[s][at[s]])
			at[s]++
			head, _, _ := next(s, at[s])
			b.Head(s, head)
		}
	})
}

// TestRebin: a window that is cut anew keeps what it covers, and steady use is
// steady use whatever the window.
func TestRebin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(1, 20_000).Draw(t, "from")
		to := rapid.Int64Range(1, 20_000).Draw(t, "to")
		at := rapid.Int64Range(1, 10_000_000).Draw(t, "at")
		var u Usage
		u.accrue(batch.Instant(rapid.Int64Range(0, at).Draw(t, "idle")), 0, from)
		u.accrue(batch.Instant(at), rapid.Int64Range(0, 100_000).Draw(t, "vcpu"), from)
		sum := func(u Usage) (sum int64) {
			for _, n := range u.Ring {
				sum += n
			}
			return sum
		}
		before := sum(u)
		u.rebin(to)
		if got := sum(u); got > before || to > from && got != before {
			t.Fatalf("%d has become %d", before, got)
		}
	})
	u := Usage{At: 1}
	u.accrue(2_000_000, 3_000, 9_375)
	for _, width := range []int64{9_374, 700, 9} {
		u.rebin(width)
		if got, _ := u.mean(2_000_000/width, 3_000, width); got < 2_990 || got > 3_000 {
			t.Errorf("3 vCPUs all the time are %d thousandths in buckets of %d ms", got, width)
		}
		u = Usage{At: 1}
		u.accrue(2_000_000, 3_000, 9_375)
	}
}

// TestRatio: the examples of AWS.
func TestRatio(t *testing.T) {
	for _, c := range []struct {
		reservation int32
		shares      int
		want        int64
	}{{50, 1, 50_000}, {50, 2, 75_000}, {50, 3, 87_500}, {25, 1, 75_000}, {25, 2, 93_750}, {0, 1, 100_000}, {50, 0, 100_000}, {99, 10_000, 100_000}} {
		p := Policy{Reservation: c.reservation}
		if got := p.limit(100_000, c.shares); got != c.want {
			t.Errorf("%d %% with %d shares leave %d of 100,000, want %d", c.reservation, c.shares, got, c.want)
		}
	}
}

func TestReadUsage(t *testing.T) {
	var u Usage
	full := u.Append(nil)
	for _, b := range [][]byte{nil, full[1:], append(full, 0)} {
		if u.Read(b) == nil {
			t.Errorf("%d bytes were read as a ring", len(b))
		}
	}
}

// BenchmarkTurns starts jobs of 10,000 shares by turns, and rolls.
func BenchmarkTurns(b *testing.B) {
	board := New(Policy{Weights: []Weight{{"s1*", 20_000}, {"s2*", 5_000}}})
	for i := range 10_000 {
		s := &Share{Name: fmt.Sprintf("s%d", i)}
		board.Add(s)
		board.Count(s, 1)
		board.Head(s, int64(i+1))
	}
	b.Run("start", func(b *testing.B) {
		seq := int64(10_001)
		for b.Loop() {
			s, _ := board.Min()
			board.Use(s, 1000)
			seq++
			board.Head(s, seq)
		}
	})
	b.Run("roll", func(b *testing.B) {
		now := batch.Instant(1_700_000_000_000)
		board.Settle(now, func(*Share) {})
		for b.Loop() {
			now += 9_375
			board.Roll(now)
		}
	})
}
