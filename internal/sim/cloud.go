package sim

import (
	"fmt"

	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/engine"
)

// cloud has the instances of fleets. It outlives the server, as the machine does.
type cloud struct {
	w         *World
	instances map[int64]*instance // by host
}

// instance is what became of a Launch.
type instance struct {
	core.Launch
	up, gone bool
	failed   *core.LaunchFailed
	taken    bool // it was lost, or is interrupted, without having been asked to end
}

// name is what the instance registers as.
func (i *instance) name() string { return fmt.Sprintf("i-%d", i.Host) }

func (i *instance) seen() core.HostSeen {
	return core.HostSeen{Environment: i.Environment, Host: i.Host, Name: i.name(), Capacity: catalog.Builtin().Type(i.Type).Usable()}
}

func (i *instance) lost() core.HostLost {
	return core.HostLost{Environment: i.Environment, Host: i.Host}
}

// launch makes an instance, late or never, or says what became of it.
func (c *cloud) launch(e core.Launch) {
	m := &c.w.machine
	i := c.instances[e.Host]
	switch {
	case i == nil && e.Name != "":
		c.w.bad("host %d was %s and was never launched", e.Host, e.Name)
	case i != nil && i.failed != nil:
		m.soon(1000, func() { m.report(*i.failed, nil) })
	case i != nil && i.gone:
		m.soon(1000, func() { m.report(i.lost(), nil) })
	case i != nil && i.up:
		m.soon(1000, func() { c.register(i) })
	case i != nil: // it boots, or will never come
	case c.w.chance(6):
		i = &instance{Launch: e, failed: &core.LaunchFailed{Environment: e.Environment, Host: e.Host, Kind: core.LaunchFailure(c.w.rng.IntN(3))}}
		c.instances[e.Host] = i
		m.soon(20_000, func() { m.report(*i.failed, nil) })
	case c.w.chance(30):
		c.instances[e.Host] = &instance{Launch: e}
	default:
		i = &instance{Launch: e}
		c.instances[e.Host] = i
		c.w.stats.Instances++
		c.w.after(c.w.rng.Int64N(60_000), func() {
			if i.gone {
				return
			}
			i.up = true
			c.register(i)
			c.endanger(i)
		})
	}
}

// register says that the instance is there, if there is a server to hear it.
func (c *cloud) register(i *instance) {
	if c.w.rounds != nil && !i.gone {
		c.w.machine.report(i.seen(), nil)
	}
}

// endanger has some instances lost some time, and others interrupted.
func (c *cloud) endanger(i *instance) {
	w := c.w
	switch {
	case w.chance(6):
		w.after(w.rng.Int64N(400_000), func() {
			if w.calm || i.gone {
				return
			}
			i.taken = true
			w.stats.Losses++
			c.end(i)
		})
	case w.chance(4):
		w.after(w.rng.Int64N(400_000), func() {
			if w.calm || i.gone || w.rounds == nil {
				return
			}
			i.taken = true
			w.stats.Interrupted++
			w.machine.report(core.HostNotice{Environment: i.Environment, Host: i.Host, At: w.now + 120_000}, nil)
			w.after(120_000, func() { c.end(i) })
		})
	}
}

// end takes an instance away, with what runs on it.
func (c *cloud) end(i *instance) {
	m := &c.w.machine
	if i.gone {
		return
	}
	i.gone = true
	m.kill(func(p *process) bool { return p.host == i.Host })
	if c.w.rounds != nil {
		m.report(i.lost(), nil)
	}
}

// terminate ends an instance because it was asked to. It holds nothing then.
func (c *cloud) terminate(e core.TerminateHost) {
	m := &c.w.machine
	i := c.instances[e.Host]
	if i == nil { // it was asked for in a round that was lost
		c.w.inbox = append(c.w.inbox, engine.Call{Input: core.HostLost{Environment: e.Environment, Host: e.Host}, Report: true})
		return
	}
	for id, p := range m.attempts {
		if p.host == e.Host && !p.ended && !i.taken {
			c.w.bad("instance %d is terminated while %s runs on it", e.Host, id)
		}
	}
	m.soon(3000, func() {
		if i.gone {
			m.report(i.lost(), nil)
			return
		}
		c.end(i)
	})
}

// there reports whether a host takes and tells of attempts: it is no instance, or
// one that is up.
func (c *cloud) there(host int64) bool {
	i := c.instances[host]
	return i == nil || i.up && !i.gone
}

// fleets are environments of instances, and a queue on them.
func (c *clients) setUpFleets() {
	c.insist(core.CreateEnvironment{Name: "fleet", Enabled: true, MaxVCPU: 16_000, Fleet: &core.Fleet{
		Types: []string{"m5.large", "m5.xlarge", "c5.xlarge"}, Strategy: "BEST_FIT_PROGRESSIVE", MinVCPU: 2000,
	}})
	c.insist(core.CreateEnvironment{Name: "spot", Enabled: true, MaxVCPU: 8000, Fleet: &core.Fleet{
		Types: []string{"m5", "r5"}, Strategy: "SPOT_CAPACITY_OPTIMIZED", Spot: true, DelayMinutes: 20,
	}})
	c.insist(core.CreateQueue{Name: "q3", Enabled: true, Priority: 5, Environments: []string{"fleet", "spot"}, TimeLimits: timeLimits()})
}

// changeFleet updates an environment of instances.
func (c *clients) changeFleet() {
	rng := c.w.rng
	in := core.UpdateEnvironment{
		Name: "fleet", Enabled: rng.IntN(4) > 0, MaxVCPU: []int64{4000, 16_000}[rng.IntN(2)], Replace: rng.IntN(2) == 0,
		Fleet: &core.Fleet{Types: []string{"m5.large", "c5"}, Strategy: "BEST_FIT_PROGRESSIVE", MinVCPU: rng.Int64N(3) * 2000, StopOnUpdate: rng.IntN(2) == 0, UpdateMinutes: 1},
	}
	c.send(in, nil)
}

// openFleets has the environments take jobs again.
func (c *clients) openFleets() {
	c.send(core.UpdateEnvironment{Name: "fleet", Enabled: true, MaxVCPU: 16_000, Fleet: &core.Fleet{Types: []string{"m5.large", "m5.xlarge"}, Strategy: "BEST_FIT_PROGRESSIVE"}}, nil)
	c.send(core.UpdateEnvironment{Name: "spot", Enabled: true, MaxVCPU: 8000}, nil)
}
