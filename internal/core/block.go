package core

import (
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// Block is why the job at the head of a queue does not start, where AWS has a
// word for it. That its environments are full is no such reason, and neither is
// that all of them are disabled.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
type Block uint8

// The blocks. The numbers are stored.
const (
	Unblocked      Block = 0
	MaxResource    Block = 1 // it needs more vCPUs than an environment may have
	JobRequirement Block = 2 // it needs more than any host has
	Undetermined   Block = 3 // for ten minutes no environment has had a host
	Capacity       Block = 4 // there is no capacity of an instance type that fits
	// UnsupportedType is that no instance type that fits is offered, or not as
	// the environments say.
	UnsupportedType Block = 5
	ActionRequired  Block = 6 // all environments are INVALID
	// Of service jobs and quota shares.
	ServiceMax  Block = 20 // it needs more than its service environment may have
	QuotaLimit  Block = 21 // it needs more than its share may have
	QuotaBorrow Block = 22 // it needs more than its share may have and borrow
	QuotaPool   Block = 23 // it needs more than its share may have and all others lend
)

// undeterminedAfter is how long a head waits for any host at all before AWS's
// word for that is said of it, in milliseconds. AWS tells no time.
const undeterminedAfter = 600_000

// Reason is the code that a queue's time limits name.
func (b Block) Reason() string {
	switch b {
	case MaxResource:
		return "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
	case JobRequirement:
		return "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
	case Undetermined:
		return "UNDETERMINED"
	case Capacity:
		return "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
	case UnsupportedType:
		return "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"
	case ActionRequired:
		return "ACTION_REQUIRED"
	case ServiceMax:
		return "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE"
	case QuotaLimit, QuotaBorrow, QuotaPool:
		return "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"
	case Unblocked:
	}
	return ""
}

// StatusReason is what AWS says of the job. The name is that of an instance type,
// for Capacity only.
func (b Block) StatusReason(name string) string {
	switch b {
	case MaxResource:
		return b.Reason() + " - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
	case JobRequirement:
		return b.Reason() + " - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
	case Undetermined:
		return b.Reason() + " - Batch job is blocked, root cause is undetermined."
	case Capacity:
		return b.Reason() + " - Service cannot fulfill the capacity requested for instance type [" + name + "]"
	case UnsupportedType:
		return b.Reason() + " - Your compute environment associated with this job queue has an unsupported instance type configuration."
	case ActionRequired:
		return b.Reason() + " - CE(s) associated with the job queue are invalid."
	case ServiceMax:
		return b.Reason() + " - Service environment(s) associated with the job queue cannot meet the capacity requirement of the job."
	case QuotaLimit:
		return b.Reason() + " - Job requirements exceed quota share capacity limits."
	case QuotaBorrow:
		return b.Reason() + " - Job requirements exceed quota share capacity limits and borrow limits."
	case QuotaPool:
		return b.Reason() + " - Job requires borrowing that exceeds all configured borrowable capacity."
	case Unblocked:
	}
	return ""
}

// blockOf finds the block, and the instance type, that a stored status reason
// speaks of.
func blockOf(statusReason string) (b Block, name string) {
	for b = MaxResource; b <= QuotaPool; b++ {
		before, behind, _ := strings.Cut(b.StatusReason("\x00"), "\x00")
		if rest, ok := strings.CutPrefix(statusReason, before); before != "" && ok && strings.HasSuffix(rest, behind) {
			return b, strings.TrimSuffix(rest, behind)
		}
	}
	return Unblocked, ""
}

// TimeLimit is how long a job may be at the head of its queue with a block
// before it is cancelled: one of jobStateTimeLimitActions.
type TimeLimit struct {
	Block   Block `json:"block"`
	Seconds int32 `json:"seconds"`
}

// reasonTimeLimit is AWS's word for jobs that such a limit has ended.
const (
	reasonTimeLimit        = "Canceled by JobStateTimeLimit action due to reason: "
	reasonServiceTimeLimit = "Terminated by JobStateTimeLimit action due to reason: "
)

// head is the job that is the next to start in a queue, once it has not.
type head struct {
	ref    batch.JobRef  // zero where nothing waits
	since  batch.Instant // when it came there
	noHost batch.Instant // since when no environment has had a host for it; zero while one has

	// Of a head with a block, which is stored with its row. A child of an array
	// gets a row of its own for it.
	job       *job
	block     Block
	blockType string // the instance type that it speaks of
	blockedAt batch.Instant

	found found
}

// found is what misfit has found, for which shape and configuration. It stays
// from head to head.
type found struct {
	misfit Block
	sure   bool
	shape  fit.Shape
	config uint64
}

// lookAtHeads notes which job is at the head of each queue, since when, and what
// blocks it. A block that has ended, or whose job is no head any more, is
// forgotten.
func (s *State) lookAtHeads(now batch.Instant, out *Output) {
	for _, q := range s.queueList {
		for h, line := range q.heads {
			j, ok := line()
			s.lookAtHead(now, q, h, j, ok && q.row.Status == Valid, out)
		}
	}
}

// heads calls yield for each head of the queue, with what finds its job: that of
// each quota share in a queue that has them, else the one of the queue.
func (q *queue) heads(yield func(*head, func() (*job, bool)) bool) {
	if q.quota == nil {
		yield(&q.head, q.first)
		return
	}
	for _, share := range q.shareList {
		if !yield(&share.head, share.waiting.Min) {
			return
		}
	}
}

// headOf is where it is noted that the job is at the head.
func (j *job) headOf() *head {
	if j.quota != nil {
		return &j.quota.head
	}
	return &j.queue.head
}

func (s *State) lookAtHead(now batch.Instant, q *queue, h *head, j *job, ok bool, out *Output) {
	var ref batch.JobRef
	if ok {
		ref = j.first()
	}
	if ref != h.ref {
		s.unblock(h, out)
		*h = head{ref: ref, since: now, found: h.found}
	}
	if !ok {
		return
	}
	if block, name := s.blockAt(now, q, h, j); block != h.block {
		s.unblock(h, out)
		h.blockType = name
		s.block(now, h, j, block, out)
	}
}

// first is the job that starts when j is at the head of its queue: of an array
// job the next child.
func (j *job) first() batch.JobRef {
	if j.array == nil {
		return j.ref
	}
	if c, ok := j.array.again.Min(); ok {
		return c.ref
	}
	index, _ := j.next()
	return batch.ChildRef(j.ref.ID, int(index))
}

func (s *State) block(now batch.Instant, h *head, j *job, block Block, out *Output) {
	if block == Unblocked {
		return
	}
	if p := j.array; p != nil {
		c, ok := p.again.Min()
		if !ok {
			index, _ := j.next()
			c = s.newChild(j, index)
			s.enqueue(c)
		}
		j = c
	}
	h.job, h.block, h.blockedAt = j, block, now
	s.put(j, ended{}, out)
	s.putParent(j, out)
	row := s.row(j, ended{})
	s.noteKind(QueueBlocked, j, &row, out)
}

func (s *State) unblock(h *head, out *Output) {
	j := h.job
	h.job, h.block, h.blockedAt = nil, Unblocked, 0
	if j != nil && s.jobs[j.ref] == j && j.state == batch.Runnable {
		s.put(j, ended{}, out)
	}
}

// blockAt says what blocks the head of a queue, by the order in which the
// conditions are looked at: the first one counts.
func (s *State) blockAt(now batch.Instant, q *queue, h *head, j *job) (block Block, name string) {
	if block = s.limitedAt(q, j); block != Unblocked {
		return block, ""
	}
	if len(q.environ) == 0 {
		return Unblocked, ""
	}
	if !slices.ContainsFunc(q.environ, func(e *environment) bool { return e.fleet == nil || e.fleet.row.Invalid == "" }) {
		h.noHost = 0
		return ActionRequired, ""
	}
	f := &h.found
	if f.config != s.config || f.shape != j.shape {
		*f = found{shape: j.shape, config: s.config}
		f.misfit, f.sure = s.misfit(q, j)
	}
	if f.misfit != Unblocked && (f.sure || f.misfit == h.block) {
		h.noHost = 0
		return f.misfit, ""
	}
	if block, name = s.shortage(now, q, j); block != Unblocked {
		h.noHost = 0
		return block, name
	}
	switch {
	case !s.hostless(q, j):
		h.noHost = 0
	case h.noHost == 0:
		h.noHost = now
	}
	if h.noHost != 0 && (now >= h.noHost+undeterminedAfter || h.block == Undetermined) {
		return Undetermined, ""
	}
	return Unblocked, ""
}

// misfit says whether none of a queue's environments could hold the job if it
// were empty. It is sure unless one of them has yet to tell what its hosts have:
// such an environment lets a block stand and makes none.
func (s *State) misfit(q *queue, j *job) (block Block, sure bool) {
	var enabled bool
	var saw [verdicts]bool
	for _, e := range q.environ {
		enabled = enabled || e.row.Enabled
		saw[e.verdict(s.shapes.Groups(j.shape), j.gang != nil)] = true
	}
	switch {
	case !enabled || saw[holds]:
		return Unblocked, true
	case saw[overMax] || saw[overAtLeast] && !saw[tooSmall]:
		return MaxResource, !saw[unknown]
	}
	return JobRequirement, !saw[unknown]
}

// verdict is whether an environment could hold a job if it were empty.
type verdict uint8

const (
	holds       verdict = iota
	overMax             // but for its maxvCpus
	overAtLeast         // its maxvCpus is too low, and its hosts are not known
	tooSmall            // no host has so much
	unknown             // its hosts are not known, or about to change
	verdicts
)

func (e *environment) verdict(groups []fit.Group, gang bool) verdict {
	if e.fleet != nil {
		return e.fleet.verdict(e.row.MaxVCPU, groups, gang)
	}
	if e.row.MaxVCPU == 0 {
		return unknown // its hosts are somebody else's to bring
	}
	var sum int64
	whole, otherwise := true, true
	for _, g := range groups { // each alone: together they may fit in many ways
		sum += g.Need.MilliVCPU * int64(g.Count)
		whole = whole && e.hosts.Holds(g)
		g.Need.MilliVCPU = 0
		otherwise = otherwise && e.hosts.Holds(g)
	}
	switch over := sum > e.row.MaxVCPU; {
	case over && e.hosts.Len() == 0:
		return overAtLeast
	case over && otherwise:
		return overMax
	case over:
		return tooSmall
	case whole:
		return holds
	case e.hosts.Len() == 0 || e.asked:
		return unknown
	}
	return tooSmall
}

// hostless reports whether the job waits for a host to come, and for nothing
// else.
func (s *State) hostless(q *queue, j *job) bool {
	enabled := false
	for _, e := range q.environ {
		if !e.row.Enabled {
			continue
		}
		enabled = true
		if e.hosts.Ready() > 0 || e.launches() {
			return false
		}
	}
	return enabled && s.ledger.Fits(s.baskets[int64(j.basket)])
}

// headDue is when something happens to the head of the queue because of the
// time that it has been there.
func (q *queue) headDue(h *head) (at batch.Instant, ok bool) {
	if h.job == nil {
		return h.noHost + undeterminedAfter, h.noHost != 0
	}
	for _, l := range q.row.TimeLimits {
		if l.Block.Reason() == h.block.Reason() {
			return h.blockedAt + batch.Instant(l.Seconds)*1000, true
		}
	}
	return 0, false
}

// limitHeads cancels the heads whose time is up.
func (s *State) limitHeads(now batch.Instant, out *Output) {
	for _, q := range s.queueList {
		for h := range q.heads {
			j := h.job
			if at, ok := q.headDue(h); !ok || at > now || j == nil || s.jobs[j.ref] != j || j.state != batch.Runnable {
				continue
			}
			reason, flag := reasonTimeLimit, Cancelled
			if q.service != nil {
				reason, flag = reasonServiceTimeLimit, Terminated
			}
			reason += h.block.Reason()
			*h = head{}
			s.endWaiting(now, j, flag, reason, out)
		}
	}
}
