package fleet

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// Script says how the instances of a [Scripted] provider behave. What happens by
// chance follows from Seed and the instance's name: the same every time.
type Script struct {
	Seed uint64
	// Boot is how long an instance takes to run, between the two.
	BootMin, BootMax time.Duration
	// Of so many launches one fails: in passing, so that it is asked for
	// again, or for good. Zero is none.
	FaultOneIn, RefuseOneIn uint64
	// Capacity is how many instances of a type there may be at once; of types
	// that are not in it any number.
	Capacity map[string]int
	// Unsupported are the types that are not offered.
	Unsupported []string
	// Of so many instances one vanishes, or is interrupted after a notice of
	// Notice, when it is Life old. Zero is none.
	VanishOneIn, InterruptOneIn uint64
	Life, Notice                time.Duration
}

// Scripted is a provider whose instances are in memory and do as they are told,
// for tests and simulation. It uses the time of package time.
type Scripted struct {
	script Script

	mu        sync.Mutex // guards the rest
	instances map[string]*scripted
	faults    map[string]bool // launches that have failed in passing
}

type scripted struct {
	of     string    // its type
	runs   time.Time // from when on
	warned time.Time // zero for never; when List begins to tell of its interruption
	gone   time.Time // zero for never
}

// NewScripted returns a provider without instances.
func NewScripted(s Script) *Scripted {
	return &Scripted{script: s, instances: make(map[string]*scripted), faults: make(map[string]bool)}
}

// chance is a number that follows from the seed, the name and what it is for.
func (p *Scripted) chance(name, what string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%s/%s", p.script.Seed, name, what) // never fails
	x := h.Sum64()
	x ^= x >> 33 // the low bits of FNV alone are no good draw
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

func (p *Scripted) hits(name, what string, oneIn uint64) bool {
	return oneIn > 0 && p.chance(name, what)%oneIn == 0
}

// Launch implements [Provider].
func (p *Scripted) Launch(_ context.Context, o Order) (Instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.sweep(now)
	if i := p.instances[o.Name]; i != nil {
		return i.tell(o.Name, now), nil
	}
	if o.Registered {
		return Instance{Name: o.Name}, nil // List does not have it
	}
	if p.hits(o.Name, "fault", p.script.FaultOneIn) && !p.faults[o.Name] {
		p.faults[o.Name] = true
		return Instance{}, fmt.Errorf("instance %s: a fault that the script asks for", o.Name)
	}
	if slices.Contains(p.script.Unsupported, o.Type) {
		return Instance{}, &Refusal{Unsupported, "The requested configuration is currently not supported: " + o.Type}
	}
	if p.hits(o.Name, "refuse", p.script.RefuseOneIn) {
		return Instance{}, &Refusal{Failed, "The script refuses instance " + o.Name}
	}
	if most, limited := p.script.Capacity[o.Type]; limited {
		n := 0
		for _, i := range p.instances {
			if i.of == o.Type {
				n++
			}
		}
		if n >= most {
			return Instance{}, &Refusal{NoCapacity, "Insufficient capacity of " + o.Type}
		}
	}
	i := &scripted{of: o.Type, runs: now.Add(p.script.BootMin)}
	if spread := p.script.BootMax - p.script.BootMin; spread > 0 {
		i.runs = i.runs.Add(time.Duration(p.chance(o.Name, "boot") % uint64(spread)))
	}
	switch {
	case p.hits(o.Name, "vanish", p.script.VanishOneIn):
		i.gone = i.runs.Add(p.script.Life)
	case o.Spot && p.hits(o.Name, "interrupt", p.script.InterruptOneIn):
		i.gone = i.runs.Add(p.script.Life)
		i.warned = i.gone.Add(-p.script.Notice)
	}
	p.instances[o.Name] = i
	return i.tell(o.Name, now), nil
}

func (i *scripted) tell(name string, now time.Time) Instance {
	t := Instance{Name: name, Running: !now.Before(i.runs)}
	if !i.warned.IsZero() && !now.Before(i.warned) {
		t.InterruptedAt = batch.InstantOf(i.gone)
	}
	return t
}

// sweep removes the instances that have gone by themselves.
func (p *Scripted) sweep(now time.Time) {
	for name, i := range p.instances {
		if !i.gone.IsZero() && !now.Before(i.gone) {
			delete(p.instances, name)
		}
	}
}

// List implements [Provider].
func (p *Scripted) List(context.Context) ([]Instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.sweep(now)
	var list []Instance
	for name, i := range p.instances {
		list = append(list, i.tell(name, now))
	}
	slices.SortFunc(list, byName)
	return list, nil
}

// Terminate implements [Provider].
func (p *Scripted) Terminate(_ context.Context, name string) error { p.Vanish(name); return nil }

// Vanish takes an instance away without a word, as a machine dies.
func (p *Scripted) Vanish(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.instances, name)
}

// Interval implements [Provider].
func (p *Scripted) Interval() time.Duration { return time.Second }
