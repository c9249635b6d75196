// Package fleet carries out what the core wants of hosts. A [Fleet] takes the
// core's effects and answers with reports: that a host is there, that it will
// not come, that it is about to go, that it is gone.
//
// Instances come from a [Provider]: [Local] ones are virtual and carved out of
// this machine, those of a [Command] are a program's of the user, [Scripted]
// ones are for tests. An instance has a name that follows from the installation
// and the core's key of the host. So whatever is asked again after a crash, of
// either side and at any moment, is about the same instance: none is made twice,
// none is forgotten. The core makes its row before the instance is asked for,
// and keeps it until the instance is known to be gone.
//
// An environment without instances of its own has one host, which is always
// there: as large as its maxvCpus, or the machine as it is (see [Machine]).
//
// A Fleet has one goroutine that owns all it knows, and one for each call of a
// provider that is under way. Its methods never block. What it knows is not
// stored: after a start the core asks for everything again.
//
// It decides nothing: how many instances, of which types and when is the core's.
package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Options configure a Fleet. All members but Interruptions are required.
type Options struct {
	// Owner is the installation's id: two of them name their instances differently.
	Owner string
	// Machine is what this machine has for jobs, as [Machine] tells. Every
	// environment sees all of its GPUs; whoever comes first has them.
	Machine   batch.Resources
	Providers map[string]Provider // by name
	// Environment tells of a compute environment.
	Environment func(ctx context.Context, id int64) (Environment, error)
	// Capacity is what jobs get of an instance type.
	Capacity func(instanceType string) batch.Resources
	// Tell takes a report and never blocks.
	Tell          func(core.Input)
	Interruptions Interruptions
	Log           *slog.Logger
}

// Environment is what a fleet has to know of a compute environment.
type Environment struct {
	Name      string
	Provider  string          // the name of its provider
	Resources json.RawMessage // its computeResources
}

// Fleet is all instances of an installation. Make one with [New].
type Fleet struct {
	o Options

	mu     sync.Mutex // guards the inbox
	inbox  []core.Effect
	signal chan struct{}

	// What calls of providers have come to is told by functions that run on the
	// goroutine of Run, which alone uses what follows.
	came      chan func()
	workers   sync.WaitGroup
	instances map[int64]*instance // by host
	polls     []*poll             // of providers whose instances end by themselves
	nextDraw  time.Time           // of interruptions
}

// phase is where an instance is in its life.
type phase uint8

const (
	asked  phase = iota // its launch is under way
	coming              // it is known to come
	up                  // it runs
	ending              // its end is under way
)

type instance struct {
	environment, host int64
	name              string
	spot              bool
	provider          Provider // nil while its environment is not known
	phase             phase
	cancel            func()          // ends the launch
	unwanted          bool            // its end was asked for while its launch was under way
	capacity          batch.Resources // once it is up
	notice            batch.Instant   // of its interruption, as told last
	since             int             // the number of the poll after which List has to have it
	missed            int             // how many polls in a row did not have it
}

// New returns a Fleet. Nothing happens before Run.
func New(o Options) *Fleet {
	f := &Fleet{o: o, signal: make(chan struct{}, 1), came: make(chan func()), instances: make(map[int64]*instance)}
	for _, name := range sortedNames(o.Providers) {
		if p := o.Providers[name]; p.Interval() > 0 {
			f.polls = append(f.polls, &poll{provider: p, strays: make(map[string]time.Time)})
		}
	}
	return f
}

// Scale answers at once with the host of an environment without instances.
func (f *Fleet) Scale(want core.Scale) {
	seen := core.HostSeen{
		Environment: want.Environment, Name: f.name("%d", want.Environment),
		Capacity: batch.Resources{MilliVCPU: want.VCPU, MemoryMiB: batch.Unlimited, GPUs: f.o.Machine.GPUs},
	}
	if want.Machine {
		seen.Capacity = f.o.Machine
	}
	f.o.Tell(seen)
}

// name makes the id of an instance, the same after every restart.
func (f *Fleet) name(format string, key int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/"+format, f.o.Owner, key))
	return "i-" + hex.EncodeToString(sum[:])[:17]
}

// Launch asks for an instance.
func (f *Fleet) Launch(e core.Launch) { f.take(e) }

// Terminate ends an instance.
func (f *Fleet) Terminate(e core.TerminateHost) { f.take(e) }

func (f *Fleet) take(e core.Effect) {
	f.mu.Lock()
	f.inbox = append(f.inbox, e)
	f.mu.Unlock()
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

// Run carries out effects until ctx ends and returns when no call is under way.
// Instances go on.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer f.workers.Wait()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.signal:
			f.mu.Lock()
			taken := f.inbox
			f.inbox = nil
			f.mu.Unlock()
			for _, e := range taken {
				switch e := e.(type) {
				case core.Launch:
					f.launch(ctx, e)
				case core.TerminateHost:
					f.terminate(ctx, e)
				}
			}
		case then := <-f.came:
			then()
		case <-timer.C:
		}
		now := time.Now()
		timer.Reset(min(f.draw(now), f.poll(ctx, now)))
	}
}

// work runs a call of a provider, and after it what it returns, on the goroutine
// of Run. One that returns nothing was ended by ctx.
func (f *Fleet) work(ctx context.Context, call func() (then func())) {
	f.workers.Go(func() {
		then := call()
		if then == nil {
			return
		}
		select {
		case f.came <- then:
		case <-ctx.Done():
		}
	})
}

func (f *Fleet) launch(ctx context.Context, e core.Launch) {
	if i := f.instances[e.Host]; i != nil {
		if i.phase == up {
			f.seen(i)
		}
		return // or its answer is on its way
	}
	name := e.Name
	if name == "" {
		name = f.name("host/%d", e.Host)
	}
	call, cancel := context.WithCancel(ctx)
	i := &instance{environment: e.Environment, host: e.Host, name: name, spot: e.Spot, cancel: cancel}
	f.instances[e.Host] = i
	order := Order{Name: name, Registered: e.Name != "", Type: e.Type, Spot: e.Spot, Capacity: f.o.Capacity(e.Type)}
	f.work(ctx, func() func() {
		provider, made, err := f.make(call, e.Environment, order)
		if ctx.Err() != nil {
			return nil
		}
		return func() { f.launched(ctx, i, order, provider, made, err) }
	})
}

// make asks until the instance is made, is refused, or ctx ends.
func (f *Fleet) make(ctx context.Context, environment int64, o Order) (provider Provider, made Instance, err error) {
	var env Environment
	for pause := new(pause); ; {
		if env, err = f.o.Environment(ctx, environment); err == nil {
			o.Environment, o.Resources = env.Name, env.Resources
			if provider = f.o.Providers[env.Provider]; provider == nil {
				err = fmt.Errorf("barge serve was not told by --provider what the provider %s is", env.Provider)
				if !o.Registered {
					return nil, made, &Refusal{Unsupported, err.Error()}
				}
			} else {
				made, err = provider.Launch(ctx, o)
			}
		}
		var refused *Refusal
		if err == nil || errors.As(err, &refused) || ctx.Err() != nil {
			return provider, made, err
		}
		f.o.Log.Warn("an instance was not launched; trying again", "instance", o.Name, "env", env.Name, "err", err)
		if !pause.wait(ctx) {
			return provider, made, err
		}
	}
}

// launched goes on when the launch of an instance has come to an end.
func (f *Fleet) launched(ctx context.Context, i *instance, o Order, p Provider, made Instance, err error) {
	i.cancel()
	i.provider = p
	var refused *Refusal
	switch {
	case errors.As(err, &refused) && !i.unwanted:
		delete(f.instances, i.host)
		f.o.Tell(core.LaunchFailed{Environment: i.environment, Host: i.host, Kind: failures[refused.Kind], Text: refused.Text})
	case i.unwanted:
		f.end(ctx, i) // it may be there, whatever the launch has come to
	case err == nil:
		i.phase, i.capacity = coming, o.Capacity
		for _, p := range f.polls {
			if p.provider == i.provider {
				i.since = p.number + 1
			}
		}
		f.heard(i, made)
		if o.Registered && i.phase == coming {
			f.pollSoon(i.provider)
		}
	}
}

var failures = map[RefusalKind]core.LaunchFailure{ //nolint:gochecknoglobals // a table that nothing writes
	Failed: core.FailedOther, NoCapacity: core.NoCapacity, Unsupported: core.Unsupported,
}

// heard takes what a provider tells of an instance.
func (f *Fleet) heard(i *instance, told Instance) {
	i.missed = 0
	if told.Running && i.phase == coming {
		i.phase = up
		if c := told.Capacity; c.MilliVCPU > 0 {
			i.capacity.MilliVCPU = c.MilliVCPU
		}
		if c := told.Capacity; c.MemoryMiB > 0 {
			i.capacity.MemoryMiB = c.MemoryMiB
		}
		if c := told.Capacity; c.GPUs > 0 {
			i.capacity.GPUs = c.GPUs
		}
		f.seen(i)
	}
	if at := told.InterruptedAt; at != 0 && at != i.notice && i.phase == up {
		f.interrupt(i, at)
	}
}

func (f *Fleet) seen(i *instance) {
	f.o.Tell(core.HostSeen{Environment: i.environment, Host: i.host, Name: i.name, Capacity: i.capacity})
}

func (f *Fleet) interrupt(i *instance, at batch.Instant) {
	i.notice = at
	f.o.Tell(core.HostNotice{Environment: i.environment, Host: i.host, At: at})
}

func (f *Fleet) terminate(ctx context.Context, e core.TerminateHost) {
	i := f.instances[e.Host]
	if i == nil { // of before a restart
		i = &instance{environment: e.Environment, host: e.Host, name: e.Name, phase: up, cancel: func() {}}
		if i.name == "" {
			i.name = f.name("host/%d", e.Host)
		}
		f.instances[e.Host] = i
	}
	switch i.phase {
	case asked:
		i.unwanted = true
		i.cancel()
	case coming, up:
		f.end(ctx, i)
	case ending:
	}
}

// end ends an instance, for as long as it takes.
func (f *Fleet) end(ctx context.Context, i *instance) {
	i.phase = ending
	provider := i.provider
	f.work(ctx, func() func() {
		for pause := new(pause); ; {
			err := f.endOnce(ctx, i.environment, provider, i.name)
			if err == nil {
				return func() {
					delete(f.instances, i.host)
					f.o.Tell(core.HostLost{Environment: i.environment, Host: i.host, Name: i.name})
				}
			}
			if ctx.Err() != nil {
				return nil
			}
			f.o.Log.Warn("an instance was not terminated; trying again", "instance", i.name, "err", err)
			if !pause.wait(ctx) {
				return nil
			}
		}
	})
}

func (f *Fleet) endOnce(ctx context.Context, environment int64, p Provider, name string) error {
	if p == nil {
		env, err := f.o.Environment(ctx, environment)
		if err != nil {
			return err
		}
		if p = f.o.Providers[env.Provider]; p == nil {
			return fmt.Errorf("barge serve was not told by --provider what the provider %s is", env.Provider)
		}
	}
	return p.Terminate(ctx, name)
}

// pause grows between attempts of one call, from a second to a minute.
type pause time.Duration

// wait reports whether it has waited, and not been ended by ctx.
func (p *pause) wait(ctx context.Context) bool {
	*p = min(max(2**p, pause(time.Second)), pause(time.Minute))
	timer := time.NewTimer(time.Duration(*p))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
