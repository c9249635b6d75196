package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/depend"
	"github.com/bargehq/barge/internal/core/fit"
)

// Limit is what is in the way of a job.
type Limit string

// What is in the way of a job.
const (
	LimitDependencies Limit = "DEPENDENCIES"           // jobs that it depends on have not ended
	LimitBackoff      Limit = "RETRY_BACKOFF"          // it pauses before it is tried again
	LimitArray        Limit = "ARRAY_MAX_RUNNING"      // as many children run as may at once
	LimitQueue        Limit = "QUEUE"                  // another job is at the head of its queue
	LimitQueueMax     Limit = "QUEUE_MAX_RUNNING"      // as many jobs of its queue run as may at once
	LimitShareMax     Limit = "SHARE_MAX_RUNNING"      // the same of its share
	LimitDefinition   Limit = "DEFINITION_MAX_RUNNING" // the same of its job definition
	LimitShares       Limit = "COMPUTE_RESERVATION"    // vCPUs are kept for shares that are not active yet
	LimitConsumable   Limit = "CONSUMABLE_RESOURCES"   // some are not available
	LimitNetworks     Limit = "NODE_NETWORKS"          // all are used by multi-node jobs
	LimitEnvironments Limit = "COMPUTE_ENVIRONMENTS"   // none of them takes it now
	LimitEnding       Limit = "ENDING"                 // it is being ended, or its queue is deleted
	LimitInstances    Limit = "SERVICE_ENVIRONMENT"    // too few instances are left of its limits, or it is disabled
	LimitQuota        Limit = "QUOTA_SHARE"            // too little is left of what its share may have
	LimitPreempting   Limit = "PREEMPTION"             // other jobs are being stopped to make room for it
	LimitNone         Limit = "NONE"                   // it is about to start
)

// What is in the way in one environment, besides LimitNone.
const (
	LimitDisabled Limit = "DISABLED"
	LimitNoHost   Limit = "NO_HOST"     // none has registered, or it has gone
	LimitMaxVCPUs Limit = "MAX_VCPUS"   // it needs more than maxvCpus
	LimitVCPUs    Limit = "VCPUS"       // too few are free
	LimitMemory   Limit = "MEMORY"      // too little is free
	LimitGPUs     Limit = "GPUS"        // too few are free, or there are none
	LimitSpread   Limit = "ON_ONE_HOST" // enough is free, but not on one host
	LimitNodes    Limit = "NODES"       // there is no room for all nodes at once
	LimitKept     Limit = "KEPT"        // what is free is kept for a multi-node job of a queue before this one

	// Of environments of instances.
	LimitInvalid   Limit = "INVALID"               // the environment is
	LimitNoType    Limit = "NO_INSTANCE_TYPE"      // none of its types would hold it, or all nodes of it
	LimitLaunching Limit = "LAUNCHING"             // instances are on their way
	LimitCapacity  Limit = "INSUFFICIENT_CAPACITY" // there was none of the types that fit
	LimitAtMax     Limit = "AT_MAX_VCPUS"          // no instance that would hold it fits into maxvCpus now
	LimitBid       Limit = "BID"                   // all types that fit cost more than the bid
)

// Waiting is why a job waits.
type Waiting struct {
	Limit Limit
	Since batch.Instant // when it came to where it waits; zero if that is not kept
	Until batch.Instant // the end of a pause
	// DependsOn are the jobs, or children, that have not ended.
	DependsOn []batch.JobRef
	// Running is how many jobs or children are live, of at most MaxRunning.
	Running, MaxRunning int32
	// Position is its place in its queue, from 1; zero behind the first hundred.
	Position int
	// Block is why it would not start at the head either, unless something is
	// changed: its environments could never hold it. AWS finds that out of heads
	// only, whose block is in Head.
	Block Block
	// Head is the job at the head of the queue, if it waits in one: itself with
	// position 1.
	Head *Head
}

// Head is why the job at the head of a queue does not start.
type Head struct {
	Job          batch.JobRef
	Since        batch.Instant // when it came there
	Limit        Limit
	Environments []Obstacle
	Consumables  []Shortage
	Block        Block
	CancelAt     batch.Instant // when a time limit ends it; zero if none does
	// StartAt is when it starts at the latest, and StartIn the environment, if
	// running attempts go on until their timeouts and nothing comes before it; zero
	// if that is not known.
	StartAt batch.Instant
	StartIn string

	// Of service jobs, and in queues with quota shares.
	Share   string         // the quota share at whose head it is
	Units   []UnitLimit    // too little is left of these
	Lent    []Loan         // who uses more than is theirs, where it may have what it needs
	Victims []batch.JobRef // that are being stopped for it
}

// Obstacle is what is in the way of a job in one environment of its queue.
type Obstacle struct {
	Environment string
	Limit       Limit
	// Amounts of what the limit speaks of: vCPUs in thousandths, memory in MiB,
	// numbers of nodes. Available is the most that is free on a host, or within
	// maxvCpus; Total is what the largest host has, or maxvCpus. The job cannot
	// ever start there if it needs more than that.
	Needed, Available, Total int64
}

// Shortage is a consumable resource of which there is too little. There is none
// of that name if Exists is false.
type Shortage struct {
	Need   consume.Need
	Have   consume.Amounts
	Exists bool
}

// asker answers several questions about one moment.
type asker struct {
	*State
	heads   map[*head]*Head
	misfits map[misfitKey]Block
}

type misfitKey struct {
	queue *queue
	shape fit.Shape
}

// Why says why jobs wait that are pending or runnable, as of the latest Place;
// those that do not wait are left out. Of an array job it is what its first
// waiting child waits for. It looks at each job and, once, at the environments of
// its queue, and is only worked out when somebody asks.
func (s *State) Why(refs ...batch.JobRef) map[batch.JobRef]Waiting {
	a := asker{s, make(map[*head]*Head), make(map[misfitKey]Block)}
	answers := make(map[batch.JobRef]Waiting)
	for _, ref := range refs {
		if w, ok := a.why(ref); ok {
			answers[ref] = w
		}
	}
	return answers
}

func (s asker) why(ref batch.JobRef) (Waiting, bool) {
	if ref.Child < 0 {
		ref = ref.Parent() // nodes start with their job
	}
	j, p := s.jobs[ref], s.jobs[ref.Parent()]
	switch {
	case j != nil && j.array != nil:
		return s.whyArray(j)
	case j != nil:
		return s.whyJob(j)
	case p == nil || p.array == nil || ref.Child > p.array.size || p.array.own.Has(ref.Child-1):
		return Waiting{}, false
	}
	return s.whyChild(p, ref, p.stateOf(ref.Child-1))
}

func (s asker) whyArray(p *job) (Waiting, bool) {
	if p.flags&(Cancelled|Terminated) != 0 {
		return Waiting{Limit: LimitEnding}, true
	}
	if _, ok := p.next(); ok || p.array.again.Len() > 0 {
		return s.whyChild(p, p.first(), batch.Runnable)
	}
	if p.waits != nil && !p.waits.Closed() {
		return Waiting{Limit: LimitDependencies, Since: p.createdAt, DependsOn: s.open(p.waits, 0)}, true
	}
	return Waiting{}, false
}

func (s asker) whyJob(j *job) (Waiting, bool) {
	switch {
	case j.isNode() || j.state != batch.Pending && j.state != batch.Runnable:
		return Waiting{}, false
	case j.flags&(Cancelled|Terminated) != 0:
		return Waiting{Limit: LimitEnding}, true
	case j.retryAt != 0:
		return Waiting{Limit: LimitBackoff, Until: j.retryAt}, true
	case j.parent != nil:
		return s.whyChild(j.parent, j.ref, j.state)
	case j.state == batch.Pending:
		return Waiting{Limit: LimitDependencies, Since: j.createdAt, DependsOn: s.open(j.waits, 0)}, true
	}
	return s.whyQueued(j, j.ref), true
}

// whyChild says it of a child of p, with or without a row.
func (s asker) whyChild(p *job, ref batch.JobRef, state batch.JobState) (Waiting, bool) {
	switch {
	case state == batch.Pending && p.waits != nil:
		w := Waiting{Limit: LimitDependencies, Since: p.createdAt, DependsOn: s.open(p.waits, ref.Child)}
		if p.waits.Sequential && ref.Child > 1 && !p.array.succeeded.Has(ref.Child-2) {
			w.DependsOn = append(w.DependsOn, batch.JobRef{ID: ref.ID, Child: ref.Child - 1})
		}
		return w, true
	case state != batch.Runnable:
		return Waiting{}, false
	case p.flags&(Cancelled|Terminated) != 0:
		return Waiting{Limit: LimitEnding}, true
	}
	a := p.array
	if running := a.counts[batch.Starting] + a.counts[batch.Running]; a.maxRunning > 0 && running >= a.maxRunning {
		return Waiting{Limit: LimitArray, Running: running, MaxRunning: a.maxRunning}, true
	}
	return s.whyQueued(p, ref), true
}

// open are the links that hold a job up. Of those child by child it is the child
// with the given number, from 1, of the other array.
func (s *State) open(w *depend.Waits, child int32) (refs []batch.JobRef) {
	for _, l := range w.Links {
		if l.Outcome != depend.Open {
			continue
		}
		if l.NToN && child > 0 {
			if p := s.jobs[l.Job]; p != nil && p.endOf(child-1) != nil {
				continue
			}
			l.Job.Child = child
		}
		refs = append(refs, l.Job)
	}
	return refs
}

// whyQueued says why a job waits that is in its queue, or whose array job is.
func (s asker) whyQueued(j *job, ref batch.JobRef) Waiting {
	q := j.queue
	if q.row.Status != Valid {
		return Waiting{Limit: LimitEnding}
	}
	if share := j.share; share.full(q, 1) {
		return Waiting{Limit: LimitShareMax, Running: share.running, MaxRunning: q.row.Settings.ShareMaxRunning}
	}
	if c := j.ceiling; c.full() {
		return Waiting{Limit: LimitDefinition, Running: c.running, MaxRunning: c.most}
	}
	first, ok := q.first()
	if j.quota != nil {
		first, ok = j.quota.waiting.Min()
	}
	if !ok {
		return Waiting{Limit: LimitNone}
	}
	h := s.heads[j.headOf()]
	if h == nil {
		h = s.whyHead(q, first)
		if q.service != nil || q.quota != nil {
			s.whyLimited(first, h)
		}
		s.heads[j.headOf()] = h
	}
	w := Waiting{Limit: LimitQueue, Head: h}
	for i, p := range q.front.jobs {
		if p.Job == ref {
			w.Position, w.Since = i+1, p.Since
			break
		}
	}
	if h.Job == ref {
		w.Limit, w.Since = h.Limit, h.Since
	} else {
		w.Block = s.never(q, j)
	}
	if h.Limit == LimitQueueMax {
		w.Running, w.MaxRunning = q.running, q.row.Settings.MaxRunning
	}
	return w
}

// never is why the queue's environments can never hold the job, if that is sure.
func (s asker) never(q *queue, j *job) Block {
	if len(q.environ) == 0 {
		return Unblocked
	}
	key := misfitKey{q, j.shape}
	block, ok := s.misfits[key]
	if !ok {
		var sure bool
		if block, sure = s.misfit(q, j); !sure {
			block = Unblocked
		}
		s.misfits[key] = block
	}
	return block
}

// whyHead finds, in the order in which Place looks, what is in the way of the
// head of a queue.
func (s *State) whyHead(q *queue, j *job) *Head {
	noted := j.headOf()
	h := &Head{Job: j.first(), Since: noted.since, Block: noted.block}
	if at, ok := q.headDue(noted); ok && h.Block != Unblocked {
		h.CancelAt = at
	}
	for _, n := range s.baskets[int64(j.basket)] {
		if have, exists := s.ledger.Amounts(n.Resource); !exists || n.Quantity > have.Available() {
			h.Consumables = append(h.Consumables, Shortage{Need: n, Have: have, Exists: exists})
		}
	}
	takes := false
	for _, e := range q.environ {
		o := s.obstacle(e, j)
		if kept := e.keptFrom(q); o.Limit == LimitNone && kept != nil && s.keeps(e, kept, j) {
			o = Obstacle{Environment: o.Environment, Limit: LimitKept}
		}
		takes = takes || o.Limit == LimitNone
		h.Environments = append(h.Environments, o)
	}
	if !takes && h.Block == Unblocked && len(h.Consumables) == 0 && !q.full(1) {
		if r := s.reserve(j); r.where != nil {
			h.StartAt, h.StartIn = max(r.at, s.placedAt), r.where.row.Name
		}
	}
	switch {
	case h.Block == Unblocked && q.full(1):
		h.Limit = LimitQueueMax
	case h.Block == Unblocked && q.keepsFree(s.shapes.Need(j.shape)):
		h.Limit = LimitShares
	case h.Block == Unblocked && len(h.Consumables) > 0:
		h.Limit = LimitConsumable
	case j.gang != nil && len(s.networks) == batch.Networks:
		h.Limit = LimitNetworks
	case takes:
		h.Limit = LimitNone
	default:
		h.Limit = LimitEnvironments
	}
	return h
}

// obstacle is what is in the way of a job in an environment.
func (s *State) obstacle(e *environment, j *job) Obstacle {
	if e.fleet != nil {
		return s.fleetObstacle(e, j)
	}
	need, groups := s.shapes.Need(j.shape), s.shapes.Groups(j.shape)
	o := Obstacle{Environment: e.row.Name, Needed: need.MilliVCPU, Available: max(0, e.row.MaxVCPU-e.used), Total: e.row.MaxVCPU}
	free, size := e.hosts.Most()
	free = e.leaves(free)
	most := need // the most of each that one node needs
	if j.gang != nil {
		most = batch.Resources{}
		for _, g := range groups {
			most = most.Max(g.Need)
		}
	}
	with := func(l Limit, needed, available, total int64) Obstacle {
		o.Limit, o.Needed, o.Available, o.Total = l, needed, available, total
		return o
	}
	_, fits := e.hosts.SpreadFor(j.shape, groups)
	switch {
	case !e.row.Enabled:
		return with(LimitDisabled, 0, 0, 0)
	case e.row.MaxVCPU > 0 && need.MilliVCPU > e.row.MaxVCPU:
		o.Limit = LimitMaxVCPUs
	case e.hosts.Ready() == 0:
		return with(LimitNoHost, 0, 0, 0)
	case most.GPUs > free.GPUs:
		return with(LimitGPUs, most.GPUs, free.GPUs, size.GPUs)
	case most.MilliVCPU > size.MilliVCPU:
		return with(LimitVCPUs, most.MilliVCPU, free.MilliVCPU, size.MilliVCPU)
	case most.MemoryMiB > free.MemoryMiB:
		return with(LimitMemory, most.MemoryMiB, free.MemoryMiB, size.MemoryMiB)
	case e.used+need.MilliVCPU > e.row.MaxVCPU:
		o.Limit = LimitVCPUs
	case most.MilliVCPU > free.MilliVCPU:
		return with(LimitVCPUs, most.MilliVCPU, free.MilliVCPU, size.MilliVCPU)
	case fits && e.allows(need):
		return with(LimitNone, 0, 0, 0)
	case j.gang != nil:
		return with(LimitNodes, int64(j.gang.row.Size), 0, 0)
	default:
		return with(LimitSpread, 0, 0, 0)
	}
	return o
}
