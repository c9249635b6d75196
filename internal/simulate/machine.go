package simulate

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// reasonExit is AWS's word for how attempts end.
const reasonExit = "Essential container in task exited"

// machine runs attempts, on one host for each environment.
type machine struct {
	r    *run
	live map[batch.AttemptID]*attempt
	host map[int64]int // the environment of a host
	gone []bool        // environments whose host is lost, by index
	here []bool        // environments whose host is there
}

// attempt is one that runs.
type attempt struct {
	environment int
	started     batch.Instant
}

func (m *machine) init(r *run) {
	m.r = r
	m.live = make(map[batch.AttemptID]*attempt)
	m.host = make(map[int64]int)
	m.gone = make([]bool, len(r.scenario.Environments))
	m.here = make([]bool, len(r.scenario.Environments))
}

func (m *machine) busy() bool { return len(m.live) > 0 }

// scale brings the host of an environment. Environments have the ids 1, 2, 3 in
// their order.
func (m *machine) scale(e core.Scale) {
	index := int(e.Environment) - 1
	if !m.gone[index] {
		m.r.inbox = append(m.r.inbox, m.seen(index))
		if !m.here[index] {
			m.here[index] = true
			m.r.meter.level.capacity += vcpus(m.r.scenario.Environments[index].Capacity)
		}
	}
}

func (m *machine) seen(environment int) core.HostSeen {
	return core.HostSeen{
		Environment: int64(environment) + 1, Name: m.r.scenario.Environments[environment].Name,
		Capacity: m.r.scenario.Environments[environment].Capacity,
	}
}

// known says whose a host is.
func (m *machine) known(row core.HostRow) { m.host[row.ID] = int(row.Environment) - 1 }

// lose takes a host away with all that runs on it.
func (m *machine) lose(f Fault) {
	if m.gone[f.Environment] {
		return
	}
	m.gone[f.Environment], m.here[f.Environment] = true, false
	m.r.meter.level.capacity -= vcpus(m.r.scenario.Environments[f.Environment].Capacity)
	for id, a := range m.live {
		if a.environment == f.Environment {
			delete(m.live, id)
		}
	}
	m.r.inbox = append(m.r.inbox, core.HostLost{Environment: int64(f.Environment) + 1, Name: m.r.scenario.Environments[f.Environment].Name})
	m.r.after(f.For, func() {
		m.gone[f.Environment] = false
		m.scale(core.Scale{Environment: int64(f.Environment) + 1})
	})
}

func (m *machine) start(e core.Start) {
	if m.live[e.Attempt] != nil {
		return // said again after a restart
	}
	a := &attempt{started: m.r.now, environment: m.host[e.Host]}
	m.live[e.Attempt] = a
	index := jobIndex(e.Attempt.Job.ID)
	m.r.inbox = append(m.r.inbox, core.AttemptRunning{Attempt: e.Attempt, At: m.r.now})
	m.r.after(m.r.scenario.Jobs[index].Runtime, func() { m.end(e.Attempt, a, 0) })
}

// end reports the end of an attempt that still runs.
func (m *machine) end(id batch.AttemptID, a *attempt, code int32) {
	if m.live[id] != a {
		return
	}
	delete(m.live, id)
	m.r.inbox = append(m.r.inbox, core.AttemptEnded{
		Attempt: id, StartedAt: a.started, StoppedAt: m.r.now, ExitCode: &code, StatusReason: reasonExit,
	})
}

// stop ends an attempt at once.
func (m *machine) stop(id batch.AttemptID) {
	if a := m.live[id]; a != nil {
		m.end(id, a, 137)
	}
}
