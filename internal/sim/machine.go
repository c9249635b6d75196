package sim

import (
	"context"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/engine"
)

// machine runs attempts, on one host for each environment. It outlives the
// server, as containers do; what its supervisor (part of the server) knows does
// not.
type machine struct {
	w        *World
	attempts map[batch.AttemptID]*process
	starts   map[batch.AttemptID]int
	live     map[batch.JobRef]batch.AttemptID // for at most one at a time
	known    map[batch.AttemptID]bool         // to this life of the server: true once its end is waited for
	gone     map[int64]bool                   // environments whose host is lost
	losses   map[int64]int                    // how often it was
	wanted   map[int64]int64                  // thousandths of a vCPU that environments were last scaled to
}

// process is an attempt on the machine, until the report of its end is durable.
type process struct {
	startedAt, stoppedAt batch.Instant
	ended                bool
	code                 int32
	stored               bool // the report that it runs is durable
	environment, host    int64
}

func (m *machine) init(w *World) {
	m.w = w
	m.attempts = make(map[batch.AttemptID]*process)
	m.starts = make(map[batch.AttemptID]int)
	m.live = make(map[batch.JobRef]batch.AttemptID)
	m.gone, m.losses, m.wanted = make(map[int64]bool), make(map[int64]int), make(map[int64]int64)
}

func (m *machine) serverBack() { m.known = make(map[batch.AttemptID]bool) }

// scale brings a host of four vCPUs at the most, now and then for a while only.
func (m *machine) scale(want core.Scale) {
	m.wanted[want.Environment] = want.VCPU
	if m.gone[want.Environment] {
		m.soon(100, func() { m.lose(want) })
		return
	}
	if m.w.chance(2) {
		life := m.w.life
		m.w.after(m.w.rng.Int64N(200_000), func() {
			if m.w.life == life && m.w.rounds != nil && !m.w.calm && !m.gone[want.Environment] {
				m.lose(want)
			}
		})
	}
	m.soon(100, func() { m.report(m.seen(want.Environment), nil) })
}

// seen reports the environment's host as it is now: no report of one that was
// scaled since comes late.
func (m *machine) seen(environment int64) core.HostSeen {
	return core.HostSeen{
		Environment: environment, Name: "machine",
		Capacity: batch.Resources{MilliVCPU: min(m.wanted[environment], 4000), MemoryMiB: 4096},
	}
}

// lose takes the host away with all that runs on it. When the server has stored
// that, it comes back, empty.
func (m *machine) lose(want core.Scale) {
	e := want.Environment
	m.gone[e] = true
	m.losses[e]++
	m.kill(func(p *process) bool { return p.environment == e })
	m.w.stats.Losses++
	// It is not said twice: an instance's name never comes back in truth.
	m.w.inbox = append(m.w.inbox, engine.Call{Input: core.HostLost{Environment: e, Name: "machine"}, Report: true, Done: func(core.Reply, error) {
		m.soon(5000, func() {
			m.gone[e] = false
			m.scale(core.Scale{Environment: e, VCPU: m.wanted[e]})
		})
	}})
}

// kill takes processes away without a trace.
func (m *machine) kill(which func(*process) bool) {
	for id, p := range m.attempts {
		if which(p) {
			delete(m.attempts, id)
			if m.live[id.Job] == id {
				delete(m.live, id.Job)
			}
		}
	}
}

// environmentOf returns whose a host is.
func (m *machine) environmentOf(host int64) int64 {
	if host < 0 {
		return host // of a service environment, which is its own
	}
	rows, err := m.w.store.Hosts(context.Background(), []int64{host})
	if err != nil || len(rows) != 1 {
		m.w.bad("host %d is not stored (%v)", host, err)
		return 0
	}
	return rows[0].Environment
}

// soon runs do within ms, unless the server has died meanwhile.
func (m *machine) soon(ms int64, do func()) {
	life := m.w.life
	m.w.after(m.w.rng.Int64N(ms)+1, func() {
		if m.w.rounds != nil && m.w.life == life {
			do()
		}
	})
}

func (m *machine) report(in core.Input, durable func()) {
	c := engine.Call{Input: in, Report: true, Done: func(core.Reply, error) {
		if durable != nil {
			durable()
		}
	}}
	m.w.inbox = append(m.w.inbox, c)
	if m.w.chance(5) { // said twice, perhaps when another attempt runs
		m.soon(20_000, func() {
			if h, ok := in.(core.HostSeen); ok && h.Host == 0 {
				in = m.seen(h.Environment)
			} else if ok && m.w.cloud.instances[h.Host].gone {
				return
			}
			m.w.inbox = append(m.w.inbox, engine.Call{Input: in, Report: true})
		})
	}
}

// start runs an attempt, unless it is here already.
func (m *machine) start(e core.Start) {
	id, environment := e.Attempt, m.environmentOf(e.Host)
	if _, ok := m.known[id]; ok || m.gone[environment] || !m.w.cloud.there(e.Host) {
		return
	}
	m.known[id] = false
	losses := m.losses[environment]
	m.soon(50, func() {
		if m.losses[environment] != losses || !m.w.cloud.there(e.Host) {
			return
		}
		m.known[id] = true
		p := m.attempts[id]
		if p == nil {
			if m.w.chance(30) { // it cannot be started
				m.end(id, core.AttemptEnded{Attempt: id, StoppedAt: m.w.now, Reason: "CannotPullContainerError: no", StatusReason: "Task failed to start"})
				return
			}
			p = &process{startedAt: m.w.now, environment: environment, host: e.Host}
			m.attempts[id] = p
			if m.starts[id]++; m.starts[id] > 1 {
				m.w.bad("attempt %s is started again", id)
			}
			m.w.stats.Attempts++
			m.w.checkWaited(id.Job)
			if other, ok := m.live[id.Job]; ok {
				m.w.bad("%s starts while %s lives", id, other)
			}
			m.live[id.Job] = id
			m.checkGang(id)
			m.w.after(m.w.rng.Int64N(20_000), func() { m.exit(id, int32(m.w.rng.IntN(3)/2)) })
		}
		m.report(core.AttemptRunning{Attempt: id, At: p.startedAt}, func() { p.stored = true })
		m.supervise(id)
	})
}

// attach takes up an attempt after a restart; one that is not here is lost.
func (m *machine) attach(e core.Attach) {
	id := e.Attempt
	if _, ok := m.known[id]; ok || m.gone[m.environmentOf(e.Host)] || !m.w.cloud.there(e.Host) {
		return
	}
	m.known[id] = true
	if m.starts[id] == 0 {
		m.w.bad("attempt %s never ran and is taken up", id)
	}
	m.supervise(id)
}

// exit ends the process, whether or not there is a server to hear of it.
func (m *machine) exit(id batch.AttemptID, code int32) {
	p := m.attempts[id]
	if p == nil || p.ended {
		return
	}
	p.ended, p.code, p.stoppedAt = true, code, m.w.now
	delete(m.live, id.Job)
	// Somebody removes it behind our back. Were it not known to have run, nothing
	// could tell it from one that was never started.
	if p.stored && m.w.chance(20) {
		delete(m.attempts, id)
	}
	if m.w.rounds != nil && m.known[id] {
		m.supervise(id)
	}
}

// supervise reports the end of an attempt that has ended.
func (m *machine) supervise(id batch.AttemptID) {
	p := m.attempts[id]
	switch {
	case p == nil:
		m.soon(50, func() {
			m.end(id, core.AttemptEnded{Attempt: id, StoppedAt: m.w.now, StatusReason: "Host EC2 (instance machine) terminated."})
		})
	case p.ended:
		m.soon(50, func() {
			code := p.code
			m.end(id, core.AttemptEnded{
				Attempt: id, StartedAt: p.startedAt, StoppedAt: p.stoppedAt, ExitCode: &code,
				StatusReason: "Essential container in task exited",
			})
		})
	}
}

// end reports, and forgets the attempt when the report is durable.
func (m *machine) end(id batch.AttemptID, ended core.AttemptEnded) {
	life := m.w.life
	m.report(ended, func() {
		if m.w.life == life {
			delete(m.attempts, id)
		}
	})
}

func (m *machine) stop(id batch.AttemptID) {
	m.w.after(m.w.rng.Int64N(3000)+1, func() { m.exit(id, 137) })
}
