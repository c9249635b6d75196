package core

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
	"github.com/bargehq/barge/internal/core/fit"
)

// Loader rebuilds a State from rows. The store calls it in the order:
// Counters, Environment, Fleet, SchedulingPolicy, ServiceEnvironment, Queue, QuotaShare, FairShare, Host, Cost, Policy, Consumable, Basket, Revision, Claim, then Job for every row
// that is not terminal and, after its parent, for every child of a loaded array
// job with an index at or above its parent's Next, and for every node of a loaded
// gang, by index, in whatever state; at last Target for each of Targets that has
// a row. What is deleted is not loaded, and neither are the hosts of a deleted
// environment and those that are terminated.
type Loader struct {
	s       *State
	gangs   []*job
	active  map[*job]*depend.Set // the children of each array job that have not ended
	waiting []*job               // that depend on others
	shares  map[int64]*fairShare
	targets map[batch.JobRef]*Ended
}

// NewLoader returns a Loader of an empty state.
func NewLoader() *Loader {
	return &Loader{s: NewState(), active: make(map[*job]*depend.Set), targets: make(map[batch.JobRef]*Ended), shares: make(map[int64]*fairShare)}
}

// Scaling says how fleets are scaled. It comes before anything else.
func (l *Loader) Scaling(o Scaling) { l.s.scaling = o }

// Counters sets the row keys given out so far.
func (l *Loader) Counters(c Counters) { l.s.last = c }

// Environment adds a compute environment.
func (l *Loader) Environment(row EnvironmentRow) { l.s.addEnvironment(row) }

// Fleet adds the fleet of an environment, after it.
func (l *Loader) Fleet(row FleetRow) error {
	e := l.s.environments[row.Environment]
	if e == nil {
		return fmt.Errorf("a fleet of environment %d, which is not there", row.Environment)
	}
	e.fleet = l.s.newFleet(row)
	return nil
}

// SchedulingPolicy adds a scheduling policy.
func (l *Loader) SchedulingPolicy(row SchedulingPolicyRow) { l.s.addSchedulingPolicy(row) }

// ServiceEnvironment adds a service environment.
func (l *Loader) ServiceEnvironment(row ServiceEnvironmentRow) { l.s.addServiceEnvironment(row) }

// QuotaShare adds a quota share, after its queue.
func (l *Loader) QuotaShare(row QuotaShareRow) error {
	if q := l.s.queues[row.Queue]; q == nil || q.quota == nil {
		return fmt.Errorf("quota share %s: no queue %d with quota shares", row.Name, row.Queue)
	}
	l.s.addQuotaShare(row)
	return nil
}

// FairShare adds a share of a queue with a fair-share policy, after the queue.
func (l *Loader) FairShare(row FairShareRow) error {
	q := l.s.queues[row.Queue]
	if q == nil || q.fair == nil {
		return fmt.Errorf("share %s: no queue %d with shares", row.Name, row.Queue)
	}
	l.shares[row.ID] = newFairShare(row)
	q.addShare(l.shares[row.ID])
	return nil
}

// Queue adds a job queue, after its environments and its scheduling policy.
func (l *Loader) Queue(row QueueRow) error {
	for _, id := range row.Environments {
		if l.s.environments[id] == nil {
			return fmt.Errorf("queue %s: no environment %d", row.Name, id)
		}
	}
	if id := row.SchedulingPolicy; id != 0 && l.s.scheduling[id].ID == 0 {
		return fmt.Errorf("queue %s: no scheduling policy %d", row.Name, id)
	}
	if id := row.ServiceEnvironment; id != 0 && l.s.services[id] == nil {
		return fmt.Errorf("queue %s: no service environment %d", row.Name, id)
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

// Cost adds a row of the latest hour that has any.
func (l *Loader) Cost(row CostRow) {
	c := &l.s.costs
	if c.rows == nil {
		c.hour, c.rows = row.Hour, make(map[CostKey]*hourCost)
	}
	c.add(row)
}

// Policy adds a way to retry.
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
		cost: row.Cost, createdAt: row.CreatedAt, scheduled: row.ScheduledAt, startedAt: row.StartedAt,
		shape: s.shapes.Of(row.Needs), policy: int32(row.Policy), timeout: row.TimeoutSeconds, basket: int32(row.Basket),
		attempt: row.Attempt, maxAttempts: row.MaxAttempts, state: row.State, told: row.State, flags: row.Flags, retryAt: row.RetryAt, priority: row.Priority,
	}
	if row.Ref.Child < 0 {
		return l.node(j, row)
	}
	if row.Ref.Child > 0 {
		j.parent = s.jobs[row.Ref.Parent()]
		if j.parent == nil || j.parent.array == nil {
			return fmt.Errorf("job %s: no array job to belong to", row.Ref)
		}
		index := row.Ref.Child - 1
		j.parent.array.own.Add(index)
		if !row.State.Terminal() {
			l.child(j, index)
		}
	}
	if row.State.Terminal() {
		return nil
	}
	j.ceiling = s.ceilingOf(row.Definition, row.DefinitionMax)
	if row.Kind == Service {
		j.service = &serviceJob{instances: row.Instances}
	}
	if j.preempt = row.Preempt; row.QuotaShare != 0 {
		i := slices.IndexFunc(q.shareList, func(x *quotaShare) bool { return x.row.ID == row.QuotaShare })
		if i < 0 {
			return fmt.Errorf("job %s: no quota share %d", row.Ref, row.QuotaShare)
		}
		j.quota = q.shareList[i]
	}
	if row.FairShare != 0 {
		if j.share = l.shares[row.FairShare]; j.share == nil {
			return fmt.Errorf("job %s: no share %d", row.Ref, row.FairShare)
		}
	}
	if row.Host != 0 {
		var err error
		if j.host, err = l.host(row); err != nil {
			return err
		}
	}
	if row.IsArray() {
		j.array = newArray(row.Size, row.MaxRunning, row.Rest)
		a := j.array
		a.counts, a.own, a.failed = row.Counts, depend.Of(0, row.Next), row.Failed.Clone()
		a.restAt, a.restReason = row.RestAt, row.RestReason
		l.active[j] = new(depend.Set)
	}
	if j.waits = row.Waits.Clone(); j.waits != nil {
		l.waiting = append(l.waiting, j)
	}
	switch {
	case row.BlockedAt != 0:
		h := j.headOf()
		*h = head{ref: row.Ref, since: row.BlockedAt, job: j, blockedAt: row.BlockedAt}
		h.block, h.blockType = blockOf(row.StatusReason)
	case row.StatusReason != "" && row.Flags&(Preempted|Terminated) != Preempted:
		s.reasons[row.Ref] = row.StatusReason
	}
	s.add(j)
	if row.Basket != 0 && s.baskets[row.Basket] == nil {
		return fmt.Errorf("job %s: no basket %d", row.Ref, row.Basket)
	}
	if row.Gang != nil {
		j.gang = &gang{row: row.Gang}
		j.shape = s.shapes.OfGroups(row.Gang.groups())
		l.gangs = append(l.gangs, j)
	}
	if j.state.Live() {
		q.used = q.used.Add(row.Needs)
		j.count(1)
		if j.share != nil {
			q.fair.board.Resume(&j.share.Share, s.turnUse(j))
		}
		s.book(j, 1)
		s.ledger.Take(s.baskets[row.Basket])
		if j.gang != nil {
			s.networks[row.Gang.Network] = j
			return nil
		}
		j.host.hold(j, row.Needs)
	}
	if j.gang == nil { // else its nodes come first
		s.watch(j)
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
	var err error
	if j.host, err = l.host(row); err != nil {
		return err
	}
	j.parent = p
	p.gang.nodes = append(p.gang.nodes, j)
	l.s.add(j)
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

// child notes a child of an array that has not ended.
func (l *Loader) child(j *job, index int32) {
	l.active[j.parent].Add(index)
	if j.state == batch.Pending {
		j.parent.array.held.Add(index)
	}
}

// Targets are the jobs that loaded ones depend on and that were not loaded:
// they have ended. Of children of arrays it names the array job.
func (l *Loader) Targets() []batch.JobRef {
	var refs []batch.JobRef
	slices.SortFunc(l.waiting, func(a, b *job) int { return cmp.Compare(a.seq, b.seq) })
	for _, j := range l.waiting {
		for _, link := range j.waits.Links {
			ref := link.Job.Parent()
			if _, known := l.targets[ref]; !known && link.Outcome == depend.Open && l.s.jobs[ref] == nil {
				// One that is not stored any more has not succeeded, for all we know.
				l.targets[ref] = &Ended{Outcome: depend.Failed, Lost: depend.Of(0, math.MaxInt32)}
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// Target adds the row of one of Targets.
func (l *Loader) Target(row JobRow) { l.targets[row.Ref] = EndedOf(&row) }

// host finds the host of a job's latest attempt. Of one that is over it may have
// gone with its environment; then only its key is known.
func (l *Loader) host(row JobRow) (*host, error) {
	switch h := l.s.hosts[row.Host]; {
	case h != nil:
		return h, nil
	case row.State.Live() && row.Gang == nil: // a gang may have lost its main node's
		return nil, fmt.Errorf("job %s: no host %d", row.Ref, row.Host)
	default:
		return &host{Host: fit.Host{ID: row.Host}}, nil
	}
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
	l.loadGroups()
	// The children, not reached yet, of array jobs that are being ended.
	for j, active := range l.active {
		j.array.succeeded = depend.Subtract(depend.Subtract(j.array.own, j.array.failed), *active)
		if j.flags&(Cancelled|Terminated) != 0 {
			s.sweeps = append(s.sweeps, sweep{parent: j})
		}
	}
	for _, q := range s.queueList {
		for j := q.jobs.first; j != nil; j = j.behind { // by seq: each goes to the end of its line
			s.enqueue(j)
		}
	}
	slices.SortFunc(s.sweeps, func(a, b sweep) int { return cmp.Compare(a.parent.seq, b.parent.seq) })
	l.resumeWaits()
	s.resumeClaims()
	for _, e := range s.environmentList {
		for _, f := range e.hosts.Hosts() {
			h := s.hosts[f.ID]
			if h.row.State == HostGone {
				s.losses = append(s.losses, h)
			}
			s.watchHost(h)
			h.touch()
		}
		if e.row.Status == Deleting {
			s.evictions = append(s.evictions, s.eviction(e))
		}
	}
	for _, q := range s.queueList {
		if q.fair != nil {
			q.fair.board.Resumed()
		}
		if q.row.Status == Deleting {
			s.drains = append(s.drains, &drain{queue: q, left: q.jobs.n})
		}
		for _, share := range q.shareList {
			if share.row.Status == Deleting {
				s.closing = append(s.closing, &drain{queue: q, share: share, left: q.jobs.n})
			}
		}
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

// loadGroups finds the instances that are kept for gangs.
func (l *Loader) loadGroups() {
	for _, e := range l.s.environmentList {
		for _, f := range e.hosts.Hosts() {
			h := l.s.hosts[f.ID]
			if h.row.Gang == 0 {
				continue
			}
			if i := slices.IndexFunc(l.gangs, func(p *job) bool { return p.seq == h.row.Gang }); i >= 0 {
				p := l.gangs[i]
				if p.queue.group == nil {
					p.queue.group = &group{job: p}
				}
				p.queue.group.hosts = append(p.queue.group.hosts, h)
			}
		}
	}
}

// resumeWaits puts jobs that wait for others among their followers, and has them
// told again what they may not have heard before the restart.
func (l *Loader) resumeWaits() {
	s := l.s
	l.Targets() // in order; nothing is new unless the store has left them out
	for _, j := range l.waiting {
		s.follow(j)
		if j.array != nil {
			s.reviewLater(j)
		}
		for _, link := range j.waits.Links {
			ref := link.Job.Parent()
			end := l.targets[ref]
			_, child := link.Job.Index()
			if link.Outcome == depend.Open && s.newsOf[ref] == nil && (end != nil || child) {
				n := &news{job: ref, ended: end}
				s.news, s.newsOf[ref] = append(s.news, n), n
			}
		}
	}
}

// Resume says what has to be done outside after a start: ask for the hosts.
// What ran on them follows when they register.
func (s *State) Resume(out *Output) {
	s.config++
	for _, e := range s.environmentList {
		e.scale(out)
		if e.fleet == nil {
			continue
		}
		for _, f := range e.hosts.Hosts() {
			if h := s.hosts[f.ID]; h.row.State != HostGone {
				out.Effects = append(out.Effects, h.wish())
			}
		}
	}
	for _, e := range s.serviceList {
		s.hostBack(e.host, e.host.Capacity, out)
	}
}

// watch sets the deadline of a running attempt, or of a job that waits to be
// tried again.
func (s *State) watch(j *job) {
	if j.watched() {
		s.deadlines.Push(j)
	}
}

// watched reports whether something happens to the job by the passing of time.
func (j *job) watched() bool {
	return j.timed() || j.state == batch.Runnable && j.retryAt != 0
}
