package core

import (
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// checkResources checks environments and queues against each other and against
// their hosts and jobs.
func (s *State) checkResources(used map[*host]batch.Resources, bad func(string, ...any)) {
	if len(s.environmentList) != len(s.environments) || len(s.environmentNames) != len(s.environments) {
		bad("%d environments are listed, %d named, of %d", len(s.environmentList), len(s.environmentNames), len(s.environments))
	}
	for _, e := range s.environmentList {
		s.checkEnvironment(e, used, bad)
		s.checkFleet(e, bad)
	}
	if len(s.queueList) != len(s.queues) || len(s.queueNames) != len(s.queues) {
		bad("%d queues are listed, %d named, of %d", len(s.queueList), len(s.queueNames), len(s.queues))
	}
	listed := 0
	for _, q := range s.queueList {
		s.checkQueue(q, bad)
		listed += q.jobs.n
	}
	if listed != len(s.jobs) {
		bad("%d jobs are listed by their queues, of %d", listed, len(s.jobs))
	}
}

func (s *State) checkEnvironment(e *environment, used map[*host]batch.Resources, bad func(string, ...any)) {
	name := e.row.Name
	if s.environments[e.row.ID] != e || s.environmentNames[name] != e {
		bad("environment %s is filed under another name", name)
	}
	var held int64
	named := 0
	for _, f := range e.hosts.Hosts() {
		h := s.hosts[f.ID]
		if h == nil || h.environment != e {
			bad("environment %s has host %d, which is another's", name, f.ID)
			continue
		}
		held += used[h].MilliVCPU
		if h.row.Name != "" {
			named++
		}
	}
	if err := e.hosts.Check(); err != nil {
		bad("environment %s: %w", name, err)
	}
	if named != len(e.named) {
		bad("environment %s has %d hosts with names, %d names", name, named, len(e.named))
	}
	if held != e.used {
		bad("environment %s counts %d vCPUs in use, a recount says %d", name, e.used, held)
	}
	at := slices.IndexFunc(s.evictions, func(v *eviction) bool { return v.environment == e })
	switch {
	case e.row.Status == Valid:
		if at >= 0 {
			bad("environment %s is valid and being emptied", name)
		}
		return
	case e.row.Status != Deleting || e.row.Enabled:
		bad("environment %s has status %d, enabled: %t", name, e.row.Status, e.row.Enabled)
	case at < 0:
		bad("environment %s is being deleted and nobody sees to it", name)
		return
	}
	for _, f := range e.hosts.Hosts() {
		for j := range s.hosts[f.ID].live {
			if !j.stopping() && !slices.Contains(s.evictions[at].live, j) && e.fleet == nil {
				bad("job %s runs on in environment %s, which is being deleted", j.ref, name)
			}
		}
	}
}

func (s *State) checkQueue(q *queue, bad func(string, ...any)) {
	name := q.row.Name
	if s.queues[q.row.ID] != q || s.queueNames[name] != q {
		bad("queue %s is filed under another name", name)
	}
	if len(q.environ) != len(q.row.Environments) {
		bad("queue %s is joined with %d environments of %d", name, len(q.environ), len(q.row.Environments))
	}
	for i, e := range q.environ {
		if e == nil || e.row.ID != q.row.Environments[i] || s.environments[e.row.ID] != e || e.row.Status != Valid {
			bad("queue %s has an environment that is gone or going: %d", name, q.row.Environments[i])
		}
	}
	if id := q.row.SchedulingPolicy; id != 0 && s.scheduling[id].ID != id {
		bad("queue %s has a scheduling policy that is gone: %d", name, id)
	}
	deleting := q.row.Status != Valid
	at := slices.IndexFunc(s.drains, func(d *drain) bool { return d.queue == q })
	switch {
	case deleting != (at >= 0):
		bad("queue %s has status %d and is being emptied: %t", name, q.row.Status, at >= 0)
	case deleting && (q.row.Status != Deleting || q.row.Enabled):
		bad("queue %s has status %d, enabled: %t", name, q.row.Status, q.row.Enabled)
	}
	q.checkWanted(bad)
	n := 0
	for j := q.jobs.first; j != nil && n <= q.jobs.n; j = j.behind {
		n++
		if j.queue != q || s.jobs[j.ref] != j {
			bad("queue %s lists job %s, which is not in it", name, j.ref)
		}
		if deleting && at >= 0 && n > s.drains[at].left && j.flags&Terminated == 0 && !j.isNode() && !j.decided() {
			bad("job %s lives on in queue %s, which is being deleted", j.ref, name)
		}
	}
	if n != q.jobs.n {
		bad("queue %s counts %d jobs and lists %d", name, q.jobs.n, n)
	}
}
