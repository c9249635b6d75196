package core

import "github.com/bargehq/barge/internal/batch"

// machine is the one machine whose real capacity the environments share that are
// of it ([EnvironmentRow.Machine]). Each of them has one host, which is this
// machine as a whole; together their jobs take no more than there is, in
// whatever order the environments were made, and after a restart too: what is in
// use follows from the jobs that live. None of it is stored.
type machine struct {
	capacity batch.Resources // zero until a host has registered
	used     batch.Resources
}

func (m *machine) free() batch.Resources { return m.capacity.Sub(m.used) }

// seen notes what the machine has. Where that has become less than its jobs
// hold, it shrinks no further than that.
func (m *machine) seen(capacity batch.Resources) { m.capacity = capacity.Max(m.used) }

// leaves returns what jobs may still take of a host's free resources.
func (e *environment) leaves(free batch.Resources) batch.Resources {
	if e.machine == nil {
		return free
	}
	return free.Min(e.machine.free())
}

// checkMachine recounts what the jobs of the machine's environments hold.
func (s *State) checkMachine(used map[*host]batch.Resources, bad func(string, ...any)) {
	var held batch.Resources
	for _, h := range s.hosts {
		if h.environment.machine != nil {
			held = held.Add(used[h])
		}
	}
	if held != s.machine.used {
		bad("the machine counts %s in use, a recount says %s", s.machine.used, held)
	}
	if s.machine.capacity != (batch.Resources{}) && !held.Fits(s.machine.capacity) {
		bad("the machine is oversubscribed: %s of %s", held, s.machine.capacity)
	}
}
