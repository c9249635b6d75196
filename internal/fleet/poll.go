package fleet

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bargehq/barge/internal/core"
)

// poll is the regular look at which instances of a provider there are: their
// heartbeat. One that two looks in a row do not have is gone. A provider that
// does not answer says nothing about its instances.
type poll struct {
	provider Provider
	number   int // of looks that have begun
	under    bool
	next     time.Time
	strays   map[string]time.Time // instances that nobody knows here, by when they were seen first
	looked   time.Time            // for strays, when nothing else made it look
}

// A stray is terminated after a while that is long enough for the core to ask
// for all that it knows of, after a start. There is one only where the database
// is not the one that launched it.
const strayFor = 10 * time.Minute

// mostMissed is how many looks in a row do not have an instance that is gone:
// lists of clouds may be behind for a moment.
const mostMissed = 2

func sortedNames(m map[string]Provider) []string { return slices.Sorted(maps.Keys(m)) }

// pollSoon makes the next look at the provider's instances due.
func (f *Fleet) pollSoon(p Provider) {
	for _, x := range f.polls {
		if x.provider == p {
			x.next = time.Time{}
		}
	}
}

// poll begins the looks that are due and returns when the next one is.
func (f *Fleet) poll(ctx context.Context, now time.Time) time.Duration {
	wait := time.Minute
	for _, p := range f.polls {
		if p.under {
			continue
		}
		if now.Before(p.next) {
			wait = min(wait, p.next.Sub(now))
			continue
		}
		p.next = now.Add(p.provider.Interval())
		wait = min(wait, p.provider.Interval())
		if !f.any(p.provider) && now.Before(p.looked.Add(strayFor)) {
			continue
		}
		p.under, p.looked = true, now
		p.number++
		f.work(ctx, func() func() {
			list, err := p.provider.List(ctx)
			return func() {
				p.under = false
				if err != nil {
					if ctx.Err() == nil {
						f.o.Log.Warn("instances were not listed; trying again", "err", err)
					}
					return
				}
				f.look(ctx, p, list)
			}
		})
	}
	return wait
}

// any reports whether the provider has an instance that may end by itself.
func (f *Fleet) any(p Provider) bool {
	for _, i := range f.instances {
		if i.provider == p && (i.phase == coming || i.phase == up) {
			return true
		}
	}
	return false
}

// look compares what a provider has with what it should have.
func (f *Fleet) look(ctx context.Context, p *poll, list []Instance) {
	there := make(map[string]Instance, len(list))
	for _, told := range list {
		there[told.Name] = told
	}
	known := make(map[string]bool, len(f.instances))
	for _, host := range slices.Sorted(maps.Keys(f.instances)) {
		i := f.instances[host]
		known[i.name] = true
		if i.provider != p.provider || i.phase != coming && i.phase != up || i.since > p.number {
			continue
		}
		if told, ok := there[i.name]; ok {
			f.heard(i, told)
			continue
		}
		if i.missed++; i.missed >= mostMissed {
			delete(f.instances, host)
			f.o.Tell(core.HostLost{Environment: i.environment, Host: i.host, Name: i.name})
		}
	}
	f.strays(ctx, p, list, known)
}

// strays terminates instances of this installation that nobody asks for.
func (f *Fleet) strays(ctx context.Context, p *poll, list []Instance, known map[string]bool) {
	now, before := time.Now(), p.strays
	p.strays = make(map[string]time.Time)
	for _, told := range list {
		if known[told.Name] {
			continue
		}
		first, seen := before[told.Name]
		if !seen {
			first = now
		}
		p.strays[told.Name] = first
		if now.Sub(first) < strayFor {
			continue
		}
		delete(p.strays, told.Name)
		f.o.Log.Warn("an instance that nobody has asked for is terminated", "instance", told.Name)
		f.work(ctx, func() func() {
			if err := p.provider.Terminate(ctx, told.Name); err != nil && ctx.Err() == nil {
				f.o.Log.Warn("an instance that nobody has asked for was not terminated", "instance", told.Name, "err", err)
			}
			return nil
		})
	}
}
