package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

var machine = batch.Resources{MilliVCPU: 4000, MemoryMiB: 8000, GPUs: 2}

// bench is a Fleet whose reports are kept.
type bench struct {
	*Fleet
	mu   sync.Mutex
	told []core.Input
}

// newBench returns a Fleet of one provider, called p, that runs until the test or
// the context ends.
func newBench(ctx context.Context, t *testing.T, p Provider, n Interruptions) *bench {
	t.Helper()
	b := new(bench)
	b.Fleet = New(Options{
		Owner: "me", Machine: machine, Providers: map[string]Provider{"p": p}, Interruptions: n, Log: slog.New(slog.DiscardHandler),
		Environment: func(_ context.Context, id int64) (Environment, error) {
			if id == 9 {
				return Environment{Name: "nine", Provider: "none"}, nil
			}
			return Environment{Name: fmt.Sprintf("e%d", id), Provider: "p", Resources: json.RawMessage(`{}`)}, nil
		},
		Capacity: func(string) batch.Resources { return batch.Resources{MilliVCPU: 2000, MemoryMiB: 7953} },
		Tell: func(in core.Input) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, in)
		},
	})
	go func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return b
}

// heard returns the reports since the last call, as text.
func (b *bench) heard() (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, in := range b.told {
		switch in := in.(type) {
		case core.HostSeen:
			lines = append(lines, fmt.Sprintf("seen %d", in.Host))
		case core.HostLost:
			lines = append(lines, fmt.Sprintf("lost %d", in.Host))
		case core.LaunchFailed:
			lines = append(lines, fmt.Sprintf("failed %d kind %d", in.Host, in.Kind))
		case core.HostNotice:
			lines = append(lines, fmt.Sprintf("notice %d", in.Host))
		default:
			lines = append(lines, fmt.Sprintf("%T", in))
		}
	}
	b.told = nil
	slices.Sort(lines)
	return lines
}

func (b *bench) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := b.heard(); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	ask := func(owner string, want core.Scale) (seen core.HostSeen) {
		f := New(Options{Owner: owner, Machine: machine, Tell: func(in core.Input) { seen = in.(core.HostSeen) }})
		f.Scale(want)
		return seen
	}
	want := core.Scale{Environment: 7, VCPU: 256_000}
	a := ask("a", want)
	if a != ask("a", want) {
		t.Error("an instance has another name after a restart")
	}
	if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(a.Name) {
		t.Errorf("%q is no instance id", a.Name)
	}
	if a.Name == ask("b", want).Name || a.Name == ask("a", core.Scale{Environment: 8}).Name {
		t.Error("two instances have one name")
	}
	if a.Capacity != (batch.Resources{MilliVCPU: 256_000, MemoryMiB: batch.Unlimited, GPUs: 2}) {
		t.Errorf("capacity is %v", a.Capacity)
	}
	want.Machine = true
	if got := ask("a", want).Capacity; got != machine {
		t.Errorf("capacity of the machine is %v", got)
	}
}

func TestMachine(t *testing.T) {
	t.Parallel()
	got, err := Machine()
	if err != nil || got.MilliVCPU < 1000 || got.MemoryMiB < 1 {
		t.Errorf("this machine has %v, %v", got, err)
	}
	if n, err := memTotal("MemFree: 1 kB\nMemTotal:       16384 kB\n"); n != 16384<<10 || err != nil {
		t.Errorf("MemTotal is %d, %v", n, err)
	}
	for _, bad := range []string{"", "MemTotal: lots\n"} {
		if _, err := memTotal(bad); err == nil {
			t.Errorf("%q has a MemTotal", bad)
		}
	}
}

func TestLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), t, new(Local), Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		b.expect(t, "a launch", "seen 1")
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		b.expect(t, "the same again", "seen 1")
		b.Terminate(core.TerminateHost{Environment: 1, Host: 1})
		b.expect(t, "its end", "lost 1")
		b.Terminate(core.TerminateHost{Environment: 1, Host: 2})
		b.expect(t, "the end of one of before a restart", "lost 2")
		b.Launch(core.Launch{Environment: 9, Host: 3, Type: "m5.large"})
		b.expect(t, "a provider that there is not", "failed 3 kind 2")
	})
}

// An instance that boots is ended, and nothing of it stays.
func TestEndWhileBooting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Local{Boot: time.Hour}
		b := newBench(t.Context(), t, l, Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		time.Sleep(time.Minute)
		b.expect(t, "after a minute")
		b.Terminate(core.TerminateHost{Environment: 1, Host: 1})
		b.expect(t, "its end", "lost 1")
		time.Sleep(2 * time.Hour)
		b.expect(t, "long after")
		if names := listed(t, l); len(names) > 0 {
			t.Errorf("there are still %v", names)
		}
	})
}

func TestRefusalsAndFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewScripted(Script{FaultOneIn: 1, Capacity: map[string]int{"m5.large": 1}, BootMin: time.Minute, BootMax: time.Minute})
		b := newBench(t.Context(), t, p, Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		time.Sleep(30 * time.Second)
		b.expect(t, "asked again after a fault, it boots")
		b.Launch(core.Launch{Environment: 1, Host: 2, Type: "m5.large"})
		time.Sleep(time.Minute)
		b.expect(t, "there is no more of the type", "failed 2 kind 1", "seen 1")
	})
}

// Instances that vanish, or whose interruption is announced.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewScripted(Script{InterruptOneIn: 1, Life: time.Hour, Notice: 2 * time.Minute})
		b := newBench(t.Context(), t, p, Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		b.Launch(core.Launch{Environment: 1, Host: 2, Type: "m5.large", Spot: true})
		b.expect(t, "two launches", "seen 1", "seen 2")
		p.Vanish(b.name("host/%d", 1))
		time.Sleep(10 * time.Second)
		b.expect(t, "one has vanished", "lost 1")
		time.Sleep(time.Hour - time.Minute)
		b.expect(t, "the other is told", "notice 2")
		time.Sleep(2 * time.Minute)
		b.expect(t, "and goes", "lost 2")
	})
}

// After a restart the core asks for what it knows: an instance that is there is
// seen, one that went meanwhile is lost, and of the one whose launch was under
// way there is one.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewScripted(Script{})
		ctx, stop := context.WithCancel(t.Context())
		b := newBench(ctx, t, p, Interruptions{})
		for host := range int64(3) {
			b.Launch(core.Launch{Environment: 1, Host: host + 1, Type: "m5.large"})
		}
		b.expect(t, "three launches", "seen 1", "seen 2", "seen 3")
		stop()
		synctest.Wait()
		p.Vanish(b.name("host/%d", 2))
		b = newBench(t.Context(), t, p, Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large", Name: b.name("host/%d", 1)})
		b.Launch(core.Launch{Environment: 1, Host: 2, Type: "m5.large", Name: b.name("host/%d", 2)})
		b.Launch(core.Launch{Environment: 1, Host: 3, Type: "m5.large"}) // its report was lost
		time.Sleep(10 * time.Second)
		b.expect(t, "after the restart", "lost 2", "seen 1", "seen 3")
		if names := listed(t, p); len(names) != 2 {
			t.Errorf("there are %v", names)
		}
	})
}

// Instances that nobody asks for are terminated, but not at once.
func TestStrays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewScripted(Script{})
		if _, err := p.Launch(t.Context(), order(1, "m5.large")); err != nil {
			t.Fatal(err)
		}
		b := newBench(t.Context(), t, p, Interruptions{})
		time.Sleep(9 * time.Minute)
		if len(listed(t, p)) != 1 {
			t.Error("it is terminated before the core can have asked for it")
		}
		time.Sleep(12 * time.Minute)
		if names := listed(t, p); len(names) != 0 {
			t.Errorf("there are still %v", names)
		}
		b.expect(t, "nobody is told")
	})
}

// deaf fails every call.
type deaf struct{ Provider }

func (deaf) List(context.Context) ([]Instance, error) { return nil, errors.New("no answer") }

func (deaf) Terminate(context.Context, string) error { return errors.New("no answer") }

// What does not answer says nothing about its instances.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), t, deaf{NewScripted(Script{})}, Interruptions{})
		b.Launch(core.Launch{Environment: 1, Host: 1, Type: "m5.large"})
		time.Sleep(time.Hour)
		b.expect(t, "an hour without a list", "seen 1")
		b.Terminate(core.TerminateHost{Environment: 1, Host: 1})
		time.Sleep(time.Hour)
		b.expect(t, "an end that does not come")
	})
}

func TestInterruptions(t *testing.T) {
	t.Parallel()
	run := func(n Interruptions, spot bool) (notices []string) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t.Context(), t, new(Local), n)
			for host := range int64(100) {
				b.Launch(core.Launch{Environment: host%2 + 1, Host: host + 1, Type: "m5.large", Spot: spot})
			}
			synctest.Wait()
			b.heard()
			time.Sleep(time.Hour)
			synctest.Wait()
			notices = b.heard()
		})
		return notices
	}
	half := Interruptions{PerHour: 500_000, Notice: 2 * time.Minute, Seed: 1}
	if n := len(run(half, true)); n < 25 || n > 55 { // 39 expected: some would be hit twice
		t.Errorf("%d of 100 were interrupted within an hour, of which half should be", n)
	}
	if !slices.Equal(run(half, true), run(half, true)) {
		t.Error("the same seed hits others")
	}
	if n := run(half, false); len(n) > 0 {
		t.Errorf("instances that are not Spot are interrupted: %v", n)
	}
	if n := len(run(Interruptions{Every: 15 * time.Minute}, true)); n != 8 {
		t.Errorf("%d were interrupted in an hour, want one of two environments every 15 minutes", n)
	}
	if text := strings.Join(run(Interruptions{}, true), ""); text != "" {
		t.Errorf("without a wish: %s", text)
	}
}
