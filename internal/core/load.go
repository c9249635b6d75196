package core

import (
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Loader rebuilds a State from rows. The store calls it in the order:
// Counters, Environment, Queue, Host, Policy, Consumable, Basket, Revision, Claim, then Job for every row
// that is not terminal and, after its parent, for every child of a loaded array
// job with an index at or above its parent's Next, and for every node of a loaded
// gang, by index, in whatever state.
type Loader struct {
	s     *State
	gangs []*job
}

// NewLoader returns a Loader of an empty state.
func NewLoader() *Loader { return &Loader{s: NewState()} }

// Counters sets the row keys given out so far.
func (l *Loader) Counters(c Counters) { l.s.last = c }

// Environment adds a compute environment.
func (l *Loader) Environment(row EnvironmentRow) { l.s.addEnvironment(row) }

// Queue adds a job queue, after its environments.
func (l *Loader) Queue(row QueueRow) error {
	for _, id := range row.Environments {
		if l.s.environments[id] == nil {
			return fmt.Errorf("queue %s: no environment %d", row.Name, id)
		}
	}
	l.s.addQueue(row)
	return nil
}

// Host adds a host, after its environment.
func (l *Loader) Host(row HostRow) error {
	if l.s.environments[row.Environment] == nil {
		return fmt.Errorf("host %s: no environment %d", row.Name, row.Environment)
	}
	l.s.addHost(row)
	return nil
}

// Policy adds retry rules.
func (l *Loader) Policy(row PolicyRow) error { return l.s.addPolicy(row) }

// Consumable adds a consumable resource.
func (l *Loader) Consumable(row ConsumableRow) {
	l.s.consumables[row.Name] = &row
	l.s.ledger.Open(row.Name, row.Total, row.Spent)
}

// Basket adds needs of consumable resources.
func (l *Loader) Basket(row BasketRow) error { return l.s.addBasket(row) }

// Revision says which revision of a definition was the last given out.
func (l *Loader) Revision(name string, last int32) { l.s.revisions[name] = last }

// Claim adds a claim, those that are forgotten earlier first.
func (l *Loader) Claim(row ClaimRow) error {
	l.s.claimsFor(row.Job).add(row)
	return nil
}

// Job adds a job, after its queue, its host and its parent.
func (l *Loader) Job(row JobRow) error {
	s := l.s
	q := s.queues[row.Queue]
	if q == nil {
		return fmt.Errorf("job %s: no queue %d", row.Ref, row.Queue)
	}
	j := &job{
		ref: row.Ref, seq: row.Seq, definition: row.Definition, queue: q,
		createdAt: row.CreatedAt, scheduled: row.ScheduledAt, startedAt: row.StartedAt,
		shape: s.shapes.Of(row.Needs), policy: int32(row.Policy), timeout: row.TimeoutSeconds, basket: int32(row.Basket),
		attempt: row.Attempt, maxAttempts: row.MaxAttempts, state: row.State, flags: row.Flags,
	}
	if row.Ref.Child < 0 {
		return l.node(j, row)
	}
	if row.Ref.Child > 0 {
		j.parent = s.jobs[row.Ref.Parent()]
		if j.parent == nil || j.parent.array == nil {
			return fmt.Errorf("job %s: no array job to belong to", row.Ref)
		}
		if a := j.parent.array; row.Ref.Child > a.next {
			a.end(row.Ref.Child - 1)
		}
	}
	if row.State.Terminal() {
		return nil
	}
	if row.Host != 0 {
		if j.host = s.hosts[row.Host]; j.host == nil {
			return fmt.Errorf("job %s: no host %d", row.Ref, row.Host)
		}
	}
	if row.IsArray() {
		j.array = &array{size: row.Size, next: row.Next, rest: row.Rest, restAt: row.RestAt, counts: row.Counts}
	}
	if row.StatusReason != "" {
		s.reasons[row.Ref] = row.StatusReason
	}
	s.jobs[row.Ref] = j
	if row.Basket != 0 && s.baskets[row.Basket] == nil {
		return fmt.Errorf("job %s: no basket %d", row.Ref, row.Basket)
	}
	if row.Gang != nil {
		j.gang = &gang{row: row.Gang}
		l.gangs = append(l.gangs, j)
	}
	switch {
	case j.state.Live() && j.gang != nil: // its nodes follow
		s.networks[row.Gang.Network] = j
		q.used = q.used.Add(row.Needs)
		s.ledger.Take(s.baskets[row.Basket])
	case j.state.Live():
		j.host.hold(j, row.Needs)
		q.used = q.used.Add(row.Needs)
		s.ledger.Take(s.baskets[row.Basket])
		s.watch(j)
	case j.waits():
		q.waiting.Push(j)
	}
	return nil
}

// node adds a node. The rows of a gang's nodes come in the order of their
// indexes.
func (l *Loader) node(j *job, row JobRow) error {
	p := l.s.jobs[row.Ref.Parent()]
	if p == nil || p.gang == nil {
		return fmt.Errorf("node %s: no multi-node job to belong to", row.Ref)
	}
	if index, _ := row.Ref.Node(); index != len(p.gang.nodes) {
		return fmt.Errorf("node %s comes after %d others", row.Ref, len(p.gang.nodes))
	}
	if j.host = l.s.hosts[row.Host]; j.host == nil {
		return fmt.Errorf("node %s: no host %d", row.Ref, row.Host)
	}
	j.parent = p
	p.gang.nodes = append(p.gang.nodes, j)
	l.s.jobs[row.Ref] = j
	switch {
	case !row.State.Terminal():
		if row.StatusReason != "" {
			l.s.reasons[row.Ref] = row.StatusReason
		}
	case p.state.Live() && p.isMain(row.Ref):
		p.gang.ended = &ended{at: row.StoppedAt, exitCode: row.ExitCode, reason: row.Reason, statusReason: row.StatusReason}
	}
	return nil
}

// State returns the finished state. The Loader is not to be used after it.
func (l *Loader) State() (*State, error) {
	s := l.s
	for _, p := range l.gangs {
		if n := len(p.gang.nodes); n != 0 && n != int(p.gang.row.Size) {
			return nil, fmt.Errorf("job %s: %d nodes of %d", p.ref, n, p.gang.row.Size)
		}
		for _, n := range p.gang.nodes {
			if n.state.Live() || n.reserved() {
				n.host.hold(n, s.shapes.Need(n.shape))
				p.gang.held++
			}
		}
		s.watch(p)
	}
	// The children, not reached yet, of array jobs that are being ended.
	for _, j := range s.jobs {
		if j.array != nil && j.flags&(Cancelled|Terminated) != 0 {
			s.sweeps = append(s.sweeps, sweep{parent: j})
		}
	}
	slices.SortFunc(s.sweeps, func(a, b sweep) int { return int(a.parent.seq - b.parent.seq) })
	for _, e := range s.environmentList {
		slices.SortFunc(e.hosts, byID)
	}
	for name, row := range s.consumables {
		if a, _ := s.ledger.Amounts(name); a.InUse != row.InUse {
			return nil, fmt.Errorf("consumable resource %s is stored with %d in use, jobs hold %d", name, row.InUse, a.InUse)
		}
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("stored state is inconsistent: %w", err)
	}
	return s, nil
}

// Resume says what has to be done outside after a start: ask for the hosts.
// What ran on them follows when they register.
func (s *State) Resume(out *Output) {
	for _, e := range s.environmentList {
		if e.row.Enabled {
			out.Effects = append(out.Effects, Scale{Environment: e.row.ID, VCPU: e.row.MaxVCPU})
		}
	}
}

// waits reports whether the job belongs into its queue.
func (j *job) waits() bool {
	if j.array != nil {
		return j.state == batch.Pending && j.array.rest == batch.Runnable && j.array.next < j.array.size
	}
	return j.state == batch.Runnable && !j.isNode()
}

// watch sets the deadline of a running attempt.
func (s *State) watch(j *job) {
	if j.timed() {
		s.deadlines.Push(j)
	}
}

// end remembers a child that has ended before its turn.
func (a *array) end(index int32) {
	if a.ended == nil {
		a.ended = make(map[int32]struct{})
	}
	a.ended[index] = struct{}{}
}
