package core

import (
	"encoding/json"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/depend"
	"github.com/bargehq/barge/internal/core/fit"
	"github.com/bargehq/barge/internal/core/heap"
	"github.com/bargehq/barge/internal/core/pending"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/core/retry"
)

// State is everything active. Make one with [NewState] or a [Loader].
type State struct {
	last Counters

	environments map[int64]*environment
	queues       map[int64]*queue
	hosts        map[int64]*host
	jobs         map[batch.JobRef]*job

	// Beside the maps, in an order that decisions may follow.
	environmentList []*environment // by id
	queueList       []*queue       // by priority, highest first, then by id

	environmentNames map[string]*environment
	queueNames       map[string]*queue
	scheduling       map[int64]SchedulingPolicyRow // without Spec
	schedulingNames  map[string]int64
	services         map[int64]*serviceEnvironment
	serviceNames     map[string]*serviceEnvironment
	serviceList      []*serviceEnvironment // by id
	revisions        map[string]int32      // the last one given out, by definition name

	machine machine // what the environments of it share

	shapes      fit.Shapes
	policies    map[int64]retry.Policy
	policyNames map[string]int64 // as JSON to policy

	claims      claims
	updates     claims                    // of consumable resources
	consumables map[string]*ConsumableRow // amounts are the ledger's
	ledger      consume.Ledger
	baskets     map[int64][]consume.Need
	basketNames map[string]int64 // needs as JSON to basket

	costs      costs
	quotaNeeds map[fit.Shape]quota.Amounts // of jobs in quota shares, by shape

	placedAt batch.Instant // the time of the latest Place
	config   uint64        // changes with environments, queues and hosts

	deadlines heap.Heap[*job]         // running attempts with a timeout and jobs that wait to be tried again, the next one first
	reasons   map[batch.JobRef]string // why a job that has not ended yet is being ended

	followers map[batch.JobRef]*followers // by the job that they depend on

	ceilings map[int64]*ceiling // by definition, of those that active jobs have

	networks map[int32]*job // who has which, of the gangs that are live

	// Work that is done slice by slice. None of it is stored: all of it shows
	// in the rows when they are loaded.
	sweeps    []sweep                // array jobs whose children are being ended
	news      []*news                // of jobs that others depend on, in the order it came
	newsOf    map[batch.JobRef]*news // the same, by job
	reviews   []*job                 // array jobs whose dependencies are to be looked at
	losses    []*host                // hosts whose attempts are being ended
	closing   []*drain               // quota shares that are being deleted
	drains    []*drain               // queues that are being deleted
	evictions []*eviction            // hosts whose jobs are being stopped
	dues      heap.Heap[*host]       // instances with a deadline, the next one first

	scaling Scaling
	fleets  int           // how many environments have one
	lookAt  batch.Instant // when there is something to decide about them; zero for never
}

type environment struct {
	row   EnvironmentRow // without Spec
	hosts fit.Index
	named map[string]*host // the same, by name
	asked bool             // for hosts, which have not told what they have since
	used  int64            // thousandths of vCPUs that its hosts hold
	fleet *fleet           // nil where it has one host of any size
	kept  *reservation     // for a gang, against the queues behind its own; from one Place to the next

	machine *machine // the state's, if the environment is of it; else nil
}

type queue struct {
	row        QueueRow // without Spec
	environ    []*environment
	service    *serviceEnvironment // of a queue of service jobs; else nil
	front      front
	head       head
	used       batch.Resources // by jobs on hosts
	running    int32           // its jobs and children of arrays that are starting or running
	jobs       jobs            // all of them
	shares     map[string]*quotaShare
	shareList  []*quotaShare // by name
	quota      *quotaShares  // of a queue with quota shares; its jobs wait there
	sharesGone uint64        // the versions of those that have been deleted
	waiting    line          // single jobs, and array jobs with children to start
	fair       *fairShares   // of a queue with a fair-share policy; its jobs wait there

	wants  map[wantKind]int64 // how many jobs wait for room, by what they need
	gangs  int                // how many multi-node jobs do
	wanted uint64             // changes with both
	look   look               // for instances
	group  *group             // the instances that are kept for the gang at its head
}

type host struct {
	fit.Host
	environment *environment
	row         HostRow            // its Capacity is fit.Host's
	back        bool               // it was lost, and has come back before all that it held has ended
	live        map[*job]*fit.Hold // its attempts; sorted by seq before an order matters
	claims      []*claim           // for which it is being cleared

	// Of an instance of a fleet.
	here      bool          // it has registered since the state was loaded
	stopped   bool          // what it holds is being stopped
	nodes     int           // of gangs that it holds, beside which it takes nothing
	touched   bool          // it is in fleet.touched
	idleSince batch.Instant // while it is in fleet.idle
	dueAt     batch.Instant // while it is in State.dues
	idlePlace int32         // in fleet.idle
	duePlace  int32         // in State.dues
}

// job is one active job, array job, or child or node with a row of its own: about 200
// bytes, of which there are millions.
type job struct {
	ref        batch.JobRef
	seq        int64
	definition int64
	queue      *queue
	ceiling    *ceiling      // of its definition
	parent     *job          // of a child or node
	array      *array        // of an array job
	gang       *gang         // of a multi-node parallel job
	cost       *batch.Cost   // of its attempts that have ended, and its children's and nodes'
	host       *host         // while an attempt is live, and the latest one's after that
	waits      *depend.Waits // until its dependencies are met
	before     *job          // in queue.jobs
	behind     *job

	createdAt batch.Instant
	scheduled batch.Instant // the latest attempt, to a host
	startedAt batch.Instant // of the latest attempt that ran
	retryAt   batch.Instant // while it waits to be tried again; else zero

	shape       fit.Shape
	policy      int32
	basket      int32       // of consumable resources
	service     *serviceJob // nil for other jobs
	share       *fairShare  // in a queue with a fair-share policy
	quota       *quotaShare // in a queue with quota shares
	preempt     *Preempt    // nil where nothing is to be said; never changed, only replaced
	priority    int32
	timeout     int32 // seconds
	attempt     int32
	maxAttempts int32
	state       batch.JobState
	told        batch.JobState // by the latest event
	flags       Flags
	reviewed    bool // it is among State.reviews
	pauses      bool // it is counted in array.pausing

	wanted    int64              // how many it is counted for in queue.wants
	node      pending.Node[*job] // while it waits in a line
	waitPlace int32              // of a child, in its array's again
	livePlace int32              // in quota.live
	duePlace  int32              // in State.deadlines
}

// NewState returns an empty state.
func NewState() *State {
	return &State{
		environments:     make(map[int64]*environment),
		queues:           make(map[int64]*queue),
		quotaNeeds:       make(map[fit.Shape]quota.Amounts),
		hosts:            make(map[int64]*host),
		jobs:             make(map[batch.JobRef]*job),
		environmentNames: make(map[string]*environment),
		queueNames:       make(map[string]*queue),
		scheduling:       make(map[int64]SchedulingPolicyRow),
		schedulingNames:  make(map[string]int64),
		services:         make(map[int64]*serviceEnvironment),
		serviceNames:     make(map[string]*serviceEnvironment),
		revisions:        make(map[string]int32),
		policies:         make(map[int64]retry.Policy),
		policyNames:      make(map[string]int64),
		claims:           claims{byToken: make(map[Digest]*ClaimRow), keep: claimFor},
		updates:          claims{byToken: make(map[Digest]*ClaimRow), keep: updateFor},
		consumables:      make(map[string]*ConsumableRow),
		baskets:          make(map[int64][]consume.Need),
		basketNames:      make(map[string]int64),
		reasons:          make(map[batch.JobRef]string),
		networks:         make(map[int32]*job),
		ceilings:         make(map[int64]*ceiling),
		followers:        make(map[batch.JobRef]*followers),
		newsOf:           make(map[batch.JobRef]*news),
		deadlines: heap.New(
			func(a, b *job) bool {
				if x, y := a.due(), b.due(); x != y {
					return x < y
				}
				return a.seq < b.seq
			},
			func(j *job) *int32 { return &j.duePlace }),
		dues: heap.New(
			func(a, b *host) bool {
				if a.dueAt != b.dueAt {
					return a.dueAt < b.dueAt
				}
				return a.ID < b.ID
			},
			func(h *host) *int32 { return &h.duePlace }),
	}
}

// Jobs is the number of active records: jobs, array jobs, started children.
func (s *State) Jobs() int { return len(s.jobs) }

// due is when the running attempt's time is up, or when the job is to be tried
// again.
func (j *job) due() batch.Instant {
	if j.state == batch.Runnable {
		return j.retryAt
	}
	return j.startedAt + batch.Instant(j.timeout)*1000
}

// before is the order of a queue: by priority, where the queue has a policy, and
// by submission. A job that is tried again is thereby in front of all that were
// submitted after it. The children of an array wait with their array job.
func before(a, b *job) bool {
	if x, y := a.rank(), b.rank(); x != y {
		return x > y
	}
	return a.seq < b.seq
}

func (s *State) addEnvironment(row EnvironmentRow) *environment {
	row.Spec = nil
	e := &environment{row: row, named: make(map[string]*host)}
	if row.Machine {
		e.machine = &s.machine
	}
	s.environments[row.ID] = e
	s.environmentNames[row.Name] = e
	s.environmentList = append(s.environmentList, e)
	slices.SortFunc(s.environmentList, func(a, b *environment) int { return int(a.row.ID - b.row.ID) })
	return e
}

func (s *State) addQueue(row QueueRow) *queue {
	row.Spec = nil
	q := &queue{row: row, waiting: newLine()}
	s.queues[row.ID] = q
	s.queueNames[row.Name] = q
	s.queueList = append(s.queueList, q)
	s.join(q)
	s.joinShares(0, q, nil)
	s.joinQuota(q)
	return q
}

// add files an active job.
func (s *State) add(j *job) {
	s.jobs[j.ref] = j
	j.queue.jobs.add(j)
	if j.parent == nil {
		s.use(j.ceiling, 1)
	}
	if j.share != nil && j.parent == nil {
		j.queue.fair.board.Count(&j.share.Share, 1)
	}
	if j.quota != nil && j.parent == nil {
		j.quota.jobs++
	}
}

// drop forgets a job that has ended.
func (s *State) drop(j *job) {
	delete(s.jobs, j.ref)
	j.queue.jobs.remove(j)
	if j.parent == nil {
		s.use(j.ceiling, -1)
	}
	if j.share != nil && j.parent == nil {
		j.queue.fair.board.Count(&j.share.Share, -1)
	}
	if j.quota != nil && j.parent == nil {
		j.quota.jobs--
	}
	delete(s.reasons, j.ref)
}

func (s *State) addHost(row HostRow) *host {
	e := s.environments[row.Environment]
	h := &host{
		Host:        fit.Host{ID: row.ID, Capacity: row.Capacity, Free: row.Capacity},
		environment: e, row: row, live: make(map[*job]*fit.Hold),
	}
	s.hosts[row.ID] = h
	e.hosts.Add(&h.Host)
	h.count(1)
	if row.Name != "" {
		e.named[row.Name] = h
	}
	return h
}

func (s *State) addPolicy(row PolicyRow) error {
	name, err := json.Marshal(row.Policy)
	if err != nil {
		return err
	}
	s.policies[row.ID] = row.Policy
	s.policyNames[string(name)] = row.ID
	return nil
}

// policyOf interns how to retry, making a row for a new way.
func (s *State) policyOf(p retry.Policy, out *Output) int64 {
	if len(p.Rules) == 0 && p.Backoff == (retry.Backoff{}) {
		return 0
	}
	name, err := json.Marshal(p)
	if err != nil {
		panic("core: a retry policy that is no JSON: " + err.Error()) // strings and numbers always are
	}
	if id, ok := s.policyNames[string(name)]; ok {
		return id
	}
	s.last.Policy++
	s.policies[s.last.Policy] = p
	s.policyNames[string(name)] = s.last.Policy
	out.Changes = append(out.Changes, PolicyPut{PolicyRow{ID: s.last.Policy, Policy: p}})
	return s.last.Policy
}

// ended is how a job or attempt ended, on its way into a row.
type ended struct {
	at           batch.Instant
	exitCode     *int32
	reason       string
	statusReason string
}

// row returns the job as it is to be stored. Of an ended job or attempt the
// core keeps nothing, so what is to be said of it comes in e.
func (s *State) row(j *job, e ended) JobRow {
	r := JobRow{
		Seq: j.seq, Ref: j.ref, Queue: j.queue.row.ID, Definition: j.definition, State: j.state, Flags: j.flags,
		Priority: j.priority, Needs: s.shapes.Need(j.shape), MaxAttempts: j.maxAttempts, Policy: int64(j.policy), TimeoutSeconds: j.timeout, Basket: int64(j.basket),
		Attempt: j.attempt, CreatedAt: j.createdAt, ScheduledAt: j.scheduled, StartedAt: j.startedAt, RetryAt: j.retryAt,
		ExitCode: e.exitCode, Reason: e.reason, StatusReason: e.statusReason, Cost: j.cost,
	}
	if j.service != nil {
		r.Kind, r.Instances = Service, j.service.instances
	}
	if j.quota != nil {
		r.QuotaShare = j.quota.row.ID
	}
	r.Preempt = j.preempt
	if j.share != nil {
		r.FairShare = j.share.id
	}
	if j.ceiling != nil {
		r.DefinitionMax = j.ceiling.most
	}
	if j.state.Terminal() {
		r.StoppedAt = e.at
	} else if e.statusReason == "" {
		r.StatusReason = s.reasons[j.ref]
		if r.StatusReason == "" && j.flags&Preempted != 0 {
			r.StatusReason = preempting + j.preempt.Cause.Reason()
		}
	}
	if h := j.headOf(); h.job == j && j.state == batch.Runnable && r.StatusReason == "" {
		r.StatusReason, r.BlockedAt = h.block.StatusReason(h.blockType), h.blockedAt
	}
	if j.host != nil {
		r.Host = j.host.ID
	}
	if a := j.array; a != nil {
		r.Size, r.MaxRunning, r.Next, r.Counts = a.size, a.maxRunning, a.own.Gap(), a.counts
		r.Rest, r.RestAt, r.RestReason = a.rest, a.restAt, a.restReason
		r.Failed = a.failed.Clone()
		if j.state.Terminal() {
			r.Failed = j.lost().Clone()
		}
	}
	if !j.state.Terminal() {
		r.Waits = j.waits.Clone()
	}
	if j.gang != nil {
		r.Gang = j.gang.row
	}
	return r
}

func (s *State) put(j *job, e ended, out *Output) {
	row := s.row(j, e)
	out.Changes = append(out.Changes, JobPut{Row: row})
	s.note(j, &row, out)
}

// move takes the job to another state, and its parent's counters with it.
func (j *job) move(to batch.JobState) {
	if !j.state.May(to) {
		panic("core: job " + j.ref.String() + " may not go from " + j.state.String() + " to " + to.String())
	}
	if j.parent != nil && j.parent.array != nil {
		j.parent.array.counts[j.state]--
		j.parent.array.counts[to]++
	}
	j.state = to
}
