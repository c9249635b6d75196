package core

import (
	"encoding/json"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/fit"
	"github.com/bargehq/barge/internal/core/heap"
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
	revisions        map[string]int32 // the last one given out, by definition name

	shapes      fit.Shapes
	policies    map[int64][]retry.Rule
	policyNames map[string]int64 // rules as JSON to policy

	claims      claims
	updates     claims                    // of consumable resources
	consumables map[string]*ConsumableRow // amounts are the ledger's
	ledger      consume.Ledger
	baskets     map[int64][]consume.Need
	basketNames map[string]int64 // needs as JSON to basket

	placedAt batch.Instant // the time of the latest Place

	deadlines heap.Heap[*job]         // running attempts with a timeout, the next one first
	reasons   map[batch.JobRef]string // why a job that has not ended yet is being ended
	sweeps    []sweep                 // array jobs whose children are being ended
	networks  map[int32]*job          // who has which, of the gangs that are live
}

type environment struct {
	row   EnvironmentRow // without Spec
	hosts []*fit.Host    // by id
}

type queue struct {
	row     QueueRow // without Spec
	environ []*environment
	front   front
	used    batch.Resources // by jobs on hosts
	waiting heap.Heap[*job] // single jobs, arrays with children to start, children to start again
}

type host struct {
	fit.Host
	environment *environment
	name        string
	seenAt      batch.Instant
	live        map[*job]struct{} // its attempts; sorted by seq before an order matters
}

// job is one active job, array job, or child or node with a row of its own: about 140
// bytes, of which there are millions.
type job struct {
	ref        batch.JobRef
	seq        int64
	definition int64
	queue      *queue
	parent     *job   // of a child or node
	array      *array // of an array job
	gang       *gang  // of a multi-node parallel job
	host       *host  // while an attempt is live, and the latest one's after that

	createdAt batch.Instant
	scheduled batch.Instant // the latest attempt, to a host
	startedAt batch.Instant // of the latest attempt that ran

	shape       fit.Shape
	policy      int32
	basket      int32 // of consumable resources
	timeout     int32 // seconds
	attempt     int32
	maxAttempts int32
	state       batch.JobState
	flags       Flags

	waitPlace int32 // in queue.waiting
	duePlace  int32 // in State.deadlines
}

// array is the rest of an array job's record.
type array struct {
	size, next int32
	rest       batch.JobState
	restAt     batch.Instant
	counts     [batch.JobStates]int32
	// ended are the children at or above next that have a row of their own,
	// because they were ended one by one before they could start.
	ended map[int32]struct{}
}

// sweep ends the children of an array job that have records, slice by slice.
type sweep struct {
	parent *job
	index  int32 // the next child to look at
}

// NewState returns an empty state.
func NewState() *State {
	return &State{
		environments:     make(map[int64]*environment),
		queues:           make(map[int64]*queue),
		hosts:            make(map[int64]*host),
		jobs:             make(map[batch.JobRef]*job),
		environmentNames: make(map[string]*environment),
		queueNames:       make(map[string]*queue),
		revisions:        make(map[string]int32),
		policies:         make(map[int64][]retry.Rule),
		policyNames:      make(map[string]int64),
		claims:           claims{byToken: make(map[Digest]*ClaimRow), keep: claimFor},
		updates:          claims{byToken: make(map[Digest]*ClaimRow), keep: updateFor},
		consumables:      make(map[string]*ConsumableRow),
		baskets:          make(map[int64][]consume.Need),
		basketNames:      make(map[string]int64),
		reasons:          make(map[batch.JobRef]string),
		networks:         make(map[int32]*job),
		deadlines: heap.New(
			func(a, b *job) bool {
				if x, y := a.due(), b.due(); x != y {
					return x < y
				}
				return a.seq < b.seq
			},
			func(j *job) *int32 { return &j.duePlace }),
	}
}

// Jobs is the number of active records: jobs, array jobs, started children.
func (s *State) Jobs() int { return len(s.jobs) }

// due is when the running attempt's time is up.
func (j *job) due() batch.Instant { return j.startedAt + batch.Instant(j.timeout)*1000 }

// order is the job's place in its queue: by submission, the children of an
// array by index. A job that is tried again is thereby in front of all that
// were submitted after it.
func (j *job) order() (seq int64, index int32) {
	switch {
	case j.parent != nil:
		return j.parent.seq, j.ref.Child - 1
	case j.array != nil:
		return j.seq, j.array.next
	default:
		return j.seq, 0
	}
}

func before(a, b *job) bool {
	aSeq, aIndex := a.order()
	bSeq, bIndex := b.order()
	if aSeq != bSeq {
		return aSeq < bSeq
	}
	return aIndex < bIndex
}

func (s *State) addEnvironment(row EnvironmentRow) *environment {
	row.Spec = nil
	e := &environment{row: row}
	s.environments[row.ID] = e
	s.environmentNames[row.Name] = e
	s.environmentList = append(s.environmentList, e)
	slices.SortFunc(s.environmentList, func(a, b *environment) int { return int(a.row.ID - b.row.ID) })
	return e
}

func (s *State) addQueue(row QueueRow) *queue {
	row.Spec = nil
	q := &queue{row: row, waiting: heap.New(before, func(j *job) *int32 { return &j.waitPlace })}
	for _, id := range row.Environments {
		q.environ = append(q.environ, s.environments[id])
	}
	s.queues[row.ID] = q
	s.queueNames[row.Name] = q
	s.queueList = append(s.queueList, q)
	slices.SortFunc(s.queueList, func(a, b *queue) int {
		if a.row.Priority != b.row.Priority {
			return int(b.row.Priority) - int(a.row.Priority)
		}
		return int(a.row.ID - b.row.ID)
	})
	return q
}

func (s *State) addHost(row HostRow) *host {
	e := s.environments[row.Environment]
	h := &host{
		Host:        fit.Host{ID: row.ID, Capacity: row.Capacity, Free: row.Capacity},
		environment: e, name: row.Name, seenAt: row.SeenAt, live: make(map[*job]struct{}),
	}
	s.hosts[row.ID] = h
	e.hosts = append(e.hosts, &h.Host)
	return h
}

func (s *State) addPolicy(row PolicyRow) error {
	name, err := json.Marshal(row.Rules)
	if err != nil {
		return err
	}
	s.policies[row.ID] = row.Rules
	s.policyNames[string(name)] = row.ID
	return nil
}

// policyOf interns retry rules, making a row for new ones.
func (s *State) policyOf(rules []retry.Rule, out *Output) int64 {
	if len(rules) == 0 {
		return 0
	}
	name, err := json.Marshal(rules)
	if err != nil {
		panic("core: retry rules that are no JSON: " + err.Error()) // strings and a bool always are
	}
	if id, ok := s.policyNames[string(name)]; ok {
		return id
	}
	s.last.Policy++
	s.policies[s.last.Policy] = rules
	s.policyNames[string(name)] = s.last.Policy
	out.Changes = append(out.Changes, PolicyPut{PolicyRow{ID: s.last.Policy, Rules: rules}})
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
		Needs: s.shapes.Need(j.shape), MaxAttempts: j.maxAttempts, Policy: int64(j.policy), TimeoutSeconds: j.timeout, Basket: int64(j.basket),
		Attempt: j.attempt, CreatedAt: j.createdAt, ScheduledAt: j.scheduled, StartedAt: j.startedAt,
		ExitCode: e.exitCode, Reason: e.reason, StatusReason: e.statusReason,
	}
	if j.state.Terminal() {
		r.StoppedAt = e.at
	} else if e.statusReason == "" {
		r.StatusReason = s.reasons[j.ref]
	}
	if j.host != nil {
		r.Host = j.host.ID
	}
	if a := j.array; a != nil {
		r.Size, r.Next, r.Rest, r.RestAt, r.Counts = a.size, a.next, a.rest, a.restAt, a.counts
	}
	if j.gang != nil {
		r.Gang = j.gang.row
	}
	return r
}

func (s *State) put(j *job, e ended, out *Output) {
	out.Changes = append(out.Changes, JobPut{Row: s.row(j, e)})
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
