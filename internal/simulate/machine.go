package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
)

const (
	// reasonExit is AWS's word for how attempts end.
	reasonExit = "Essential container in task exited"
	// notice is how long before its end a Spot instance is told, in milliseconds.
	notice = 120_000
	// refusal is how long it takes to hear that there is no capacity.
	refusal = 1000
)

// machine runs attempts on hosts: one for each environment without a fleet, and
// the instances of the others. Environments have the ids 1, 2, 3 in their order.
type machine struct {
	r     *run
	types *catalog.Catalog
	live  map[batch.AttemptID]*attempt
	hosts map[int64]*instance
	down  []int // how many faults keep an environment's host, or capacity, away
}

// attempt is one that runs.
type attempt struct {
	host    int64
	started batch.Instant
}

// instance is a host.
type instance struct {
	id          int64
	environment int
	kind        *catalog.Type // nil for the host of an environment without a fleet
	spot        bool
	up          bool // it gives vCPUs
	milliVCPU   int64
	from        batch.Instant // since when it costs; zero before
	over        bool
	rng         *rand.Rand // its own, so that no instance's fate depends on another's
}

func (m *machine) init(r *run) {
	m.r, m.types = r, catalog.Builtin()
	m.live = make(map[batch.AttemptID]*attempt)
	m.hosts = make(map[int64]*instance)
	m.down = make([]int, len(r.scenario.Environments))
}

// see follows a host from row to row.
func (m *machine) see(row core.HostRow) {
	h := m.hosts[row.ID]
	if h == nil {
		h = &instance{
			id: row.ID, environment: int(row.Environment) - 1, kind: m.types.Type(row.Type), spot: row.Spot,
			rng: rand.New(rand.NewPCG(m.r.scenario.Seed, uint64(row.ID))),
		}
		m.hosts[row.ID] = h
	}
	if h.up {
		m.r.meter.level.capacity -= float64(h.milliVCPU) / 1000
		m.r.meter.environments[h.environment].milliVCPU -= h.milliVCPU
	}
	h.up = row.State == core.HostUp || row.State == core.HostDraining
	h.milliVCPU = row.Capacity.MilliVCPU
	if h.up {
		m.r.meter.level.capacity += float64(h.milliVCPU) / 1000
		m.r.meter.environments[h.environment].milliVCPU += h.milliVCPU
	}
}

// environment is that of a host; -1 of none.
func (m *machine) environment(host int64) int {
	if h := m.hosts[host]; h != nil {
		return h.environment
	}
	return -1
}

// say has something reported at this moment.
func (m *machine) say(in core.Input) { m.r.inbox = append(m.r.inbox, in) }

// scale brings the host of an environment without a fleet.
func (m *machine) scale(e core.Scale) {
	if index := int(e.Environment) - 1; m.down[index] == 0 {
		m.say(m.seen(index))
	}
}

func (m *machine) seen(environment int) core.HostSeen {
	e := &m.r.scenario.Environments[environment]
	return core.HostSeen{Environment: int64(environment) + 1, Name: e.Name, Capacity: e.Capacity}
}

// launch brings an instance, after the time that it takes to boot, or says that
// there is no capacity.
func (m *machine) launch(e core.Launch) {
	h := m.hosts[e.Host]
	if h.from != 0 {
		return // asked again after a restart
	}
	environment := &m.r.scenario.Environments[h.environment]
	if m.down[h.environment] > 0 {
		m.r.after(refusal, func() {
			m.say(core.LaunchFailed{Environment: e.Environment, Host: e.Host, Kind: core.NoCapacity, Text: "InsufficientInstanceCapacity"})
		})
		return
	}
	h.from = m.r.now
	m.r.meter.environments[h.environment].Instances++
	m.r.after(environment.Boot.draw(h.rng), func() {
		if h.over {
			return
		}
		m.say(core.HostSeen{Environment: e.Environment, Host: e.Host, Name: fmt.Sprintf("i-%017x", e.Host), Capacity: h.kind.Usable()})
		if environment.Interrupt.Mean > 0 && h.spot {
			m.r.after(environment.Interrupt.draw(h.rng), func() { m.interrupt(h) })
		}
	})
}

// terminate ends an instance at once.
func (m *machine) terminate(e core.TerminateHost) {
	h := m.hosts[e.Host]
	m.over(h)
	m.say(core.HostLost{Environment: e.Environment, Host: e.Host})
}

// interrupt takes a Spot instance back, with notice.
func (m *machine) interrupt(h *instance) {
	if h.over {
		return
	}
	m.say(core.HostNotice{Environment: int64(h.environment) + 1, Host: h.id, At: m.r.now + notice})
	m.r.meter.environments[h.environment].Interrupted++
	m.r.after(notice, func() {
		if !h.over {
			m.loseHost(h)
		}
	})
}

// loseHost takes a host away with all that runs there.
func (m *machine) loseHost(h *instance) {
	for id, a := range m.live {
		if a.host == h.id {
			delete(m.live, id)
		}
	}
	if h.kind == nil {
		return // it comes back
	}
	m.over(h)
	m.say(core.HostLost{Environment: int64(h.environment) + 1, Host: h.id})
}

// over has the instance cost nothing any more.
func (m *machine) over(h *instance) {
	if h == nil || h.over {
		return
	}
	h.over = true
	m.bill(h, m.r.now)
}

func (m *machine) bill(h *instance, until batch.Instant) {
	if h.from == 0 || h.kind == nil {
		return
	}
	e := &m.r.meter.environments[h.environment]
	nano, known := h.kind.Cost(h.spot, h.from, until)
	e.nanoUSD += nano
	e.unpriced = e.unpriced || !known
}

// sorted are the hosts of an environment that are there or on their way, the oldest
// first.
func (m *machine) sorted(environment int) (list []*instance) {
	for _, h := range m.hosts {
		if h.environment == environment && !h.over {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b *instance) int { return int(a.id - b.id) })
	return list
}

// closeBooks bills what is still there at the end.
func (m *machine) closeBooks() {
	for i := range m.r.scenario.Environments {
		for _, h := range m.sorted(i) {
			m.bill(h, m.r.meter.lastAt)
		}
	}
}

// fault has happen what a scenario wants to go wrong.
func (m *machine) fault(f Fault) {
	hosts := m.sorted(f.Environment)
	some := hosts[:(len(hosts)*int(f.Percent)+99)/100]
	switch f.Kind {
	case Lose:
		for _, h := range some {
			m.loseHost(h)
		}
		if m.r.scenario.Environments[f.Environment].Fleet != nil {
			return // other instances can be launched
		}
		m.say(core.HostLost{Environment: int64(f.Environment) + 1, Name: m.r.scenario.Environments[f.Environment].Name})
	case Interruption:
		for _, h := range some {
			m.interrupt(h)
		}
		return
	case NoCapacity:
	}
	m.down[f.Environment]++
	m.r.after(f.For, func() {
		m.down[f.Environment]--
		if m.r.scenario.Environments[f.Environment].Fleet == nil {
			m.scale(core.Scale{Environment: int64(f.Environment) + 1})
		}
	})
}

func (m *machine) start(e core.Start) {
	if m.live[e.Attempt] != nil {
		return // said again after a restart
	}
	a := &attempt{started: m.r.now, host: e.Host}
	m.live[e.Attempt] = a
	m.say(core.AttemptRunning{Attempt: e.Attempt, At: m.r.now})
	m.r.after(m.r.scenario.Jobs[jobIndex(e.Attempt.Job.ID)].Runtime, func() { m.end(e.Attempt, a, 0) })
}

// end reports the end of an attempt that still runs.
func (m *machine) end(id batch.AttemptID, a *attempt, code int32) {
	if m.live[id] != a {
		return
	}
	delete(m.live, id)
	m.say(core.AttemptEnded{Attempt: id, StartedAt: a.started, StoppedAt: m.r.now, ExitCode: &code, StatusReason: reasonExit})
}

// stop ends an attempt at once.
func (m *machine) stop(id batch.AttemptID) {
	if a := m.live[id]; a != nil {
		m.end(id, a, 137)
	}
}
