package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/heap"
	"github.com/bargehq/barge/internal/core/quota"
)

// QuotaShareRow is a quota share of a queue as stored.
type QuotaShareRow struct {
	ID        int64
	Queue     int64
	Name      string // unique in its queue
	Enabled   bool
	Status    Status // Valid, or Deleting while its jobs are being ended
	Rules     quota.Rules
	Turn      int64  // the last of the queue's turns that was its; zero before the first
	Spec      []byte // its description as JSON
	CreatedAt batch.Instant
}

// QuotaSharePut writes a quota share.
type QuotaSharePut struct{ Row QuotaShareRow }

// QuotaShareDelete removes one.
type QuotaShareDelete struct{ ID int64 }

// QuotaTurn says whose the last turn was of which number.
type QuotaTurn struct{ ID, Turn int64 }

func (QuotaSharePut) change()    {}
func (QuotaTurn) change()        {}
func (QuotaShareDelete) change() {}

// CreateQuotaShare adds a quota share to a queue. The reply has its id.
type CreateQuotaShare struct {
	Queue, Name string
	Enabled     bool
	Rules       quota.Rules
	Spec        []byte
}

// UpdateQuotaShare changes one to what its members say.
type UpdateQuotaShare struct {
	Queue, Name string
	Enabled     bool
	Rules       quota.Rules
	Spec        []byte
}

// DeleteQuotaShare removes one that is disabled, once its jobs have been ended.
type DeleteQuotaShare struct {
	Queue, Name string
	Spec        []byte // kept for describing it until it is gone
}

func (CreateQuotaShare) input() {}
func (UpdateQuotaShare) input() {}
func (DeleteQuotaShare) input() {}

// maxQuotaShares is AWS's limit of quota shares in a queue.
const maxQuotaShares = 20

const reasonShareDeleted = "QuotaShare deleted"

// QuotaJob is what a job has in a queue with quota shares, and only there.
type QuotaJob struct {
	Share    string
	Priority int32 // among the jobs of the share; the highest is first
	// Retries is how often it may be preempted before it fails; quota.Unlimited
	// for any number.
	Retries int32
}

// quotaShare is a line of its own in a queue, and what its jobs use.
type quotaShare struct {
	quota.Share

	row     QuotaShareRow // without Spec; its Rules are the Share's
	queue   *queue
	jobs    int             // of it, without children of arrays and nodes
	waiting line            // its jobs that wait to start
	live    heap.Heap[*job] // those on hosts, who is to be stopped first
	front   front
	head    head
	claim   *claim // what jobs are being stopped for; nil if none are
}

// quotaShares is what a queue has beside its shares.
type quotaShares struct {
	board  quota.Board // of all shares
	turn   int64       // the number of the latest one
	booked uint64      // changes with what the shares use
	tried  stamp       // of when nothing could be preempted
}

func newQuotaShare(q *queue, row QuotaShareRow) *quotaShare {
	share := &quotaShare{
		Share: quota.Share{Rules: row.Rules}, row: row, queue: q,
		waiting: newLine(),
		live:    heap.New(stopBefore, func(j *job) *int32 { return &j.livePlace }),
	}
	return share
}

// stopBefore is the order in which the jobs of a share are looked at when some
// have to be stopped.
func stopBefore(a, b *job) bool {
	if a.priority != b.priority {
		return a.priority < b.priority
	}
	return a.seq > b.seq
}

// joinQuota makes the queue one with quota shares where its policy says so.
func (s *State) joinQuota(q *queue) {
	if q.row.SchedulingPolicy == 0 || s.fairPolicy(q.row) != nil {
		return
	}
	if q.quota == nil {
		q.quota = new(quotaShares)
	}
	q.quota.board.Closed = q.service != nil
	s.config++
}

func (s *State) addQuotaShare(row QuotaShareRow) {
	row.Spec = nil
	q := s.queues[row.Queue]
	if q.shares == nil {
		q.shares = make(map[string]*quotaShare)
	}
	share := newQuotaShare(q, row)
	q.shares[row.Name] = share
	q.shareList = append(q.shareList, share)
	slices.SortFunc(q.shareList, func(a, b *quotaShare) int { return cmp.Compare(a.row.Name, b.row.Name) })
	q.listShares()
	q.quota.turn = max(q.quota.turn, row.Turn)
}

// listShares gives the board the shares of the queue.
func (q *queue) listShares() {
	q.quota.board.Shares = nil
	for _, share := range q.shareList {
		q.quota.board.Shares = append(q.quota.board.Shares, &share.Share)
	}
	q.quota.booked++
}

// quotaFor finds the quota share of a job that is submitted, or refuses the job.
func (q *queue) quotaFor(in *QuotaJob) (*quotaShare, *batch.Error) {
	switch {
	case in == nil && q.quota == nil:
		return nil, nil
	case in == nil && q.service == nil:
		return nil, batch.Errorf(batch.Invalid, "Tag barge:quota-share must be specified for job queues with quota share scheduling policy.")
	case in == nil:
		return nil, batch.Errorf(batch.Invalid, "quotaShareName must be specified.")
	case q.quota == nil && q.service == nil:
		return nil, batch.Errorf(batch.Invalid, "Tag barge:quota-share can only be used in job queues with quota share scheduling policy.")
	case q.quota == nil:
		return nil, batch.Errorf(batch.Invalid, "quotaShareName can only be specified for job queues with quota share scheduling policy.")
	}
	share := q.shares[in.Share]
	switch {
	case share == nil:
		return nil, batch.Errorf(batch.NotFound, "QuotaShare %s does not exist.", in.Share)
	case !share.row.Enabled || share.row.Status != Valid:
		return nil, batch.Errorf(batch.Conflict, "QuotaShare %s is not in ENABLED state and takes no jobs.", in.Share)
	}
	return share, nil
}

func (s *State) stepCreateQuotaShare(now batch.Instant, in CreateQuotaShare, out *Output) *batch.Error {
	q := s.queueNames[in.Queue]
	switch {
	case q == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Queue)
	case q.row.Status != Valid:
		return batch.Errorf(batch.Conflict, "JobQueue %s is not in VALID state.", in.Queue)
	case q.quota == nil:
		return batch.Errorf(batch.Invalid, "Quota shares can only be created on job queues with a quota share scheduling policy.")
	case q.shares[in.Name] != nil:
		return batch.Errorf(batch.Conflict, "Object already exists")
	case len(q.shares) >= maxQuotaShares:
		return batch.Errorf(batch.Conflict, "Job queue can only have %d quota shares.", maxQuotaShares)
	}
	s.last.QuotaShare++
	row := QuotaShareRow{ID: s.last.QuotaShare, Queue: q.row.ID, Name: in.Name, Enabled: in.Enabled, Rules: in.Rules, Spec: in.Spec, CreatedAt: now}
	s.addQuotaShare(row)
	out.Changes = append(out.Changes, QuotaSharePut{row})
	out.Reply = Reply{ID: row.ID}
	return nil
}

// shareOf finds a quota share that can be changed.
func (s *State) shareOf(queue, name, change string) (*quotaShare, *batch.Error) {
	var share *quotaShare
	if q := s.queueNames[queue]; q != nil {
		share = q.shares[name]
	}
	switch {
	case share == nil:
		return nil, batch.Errorf(batch.NotFound, "QuotaShare %s does not exist.", name)
	case share.row.Status != Valid:
		return nil, batch.Errorf(batch.Conflict, "Cannot %s, resource is being modified", change)
	}
	return share, nil
}

func (s *State) stepUpdateQuotaShare(in UpdateQuotaShare, out *Output) *batch.Error {
	share, err := s.shareOf(in.Queue, in.Name, "update")
	if err != nil {
		return err
	}
	share.row.Enabled, share.row.Rules, share.Rules = in.Enabled, in.Rules, in.Rules
	share.queue.quota.booked++
	s.config++
	row := share.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, QuotaSharePut{row})
	return nil
}

func (s *State) stepDeleteQuotaShare(now batch.Instant, in DeleteQuotaShare, out *Output) *batch.Error {
	share, err := s.shareOf(in.Queue, in.Name, "delete")
	switch {
	case err != nil:
		return err
	case share.row.Enabled:
		return batch.Errorf(batch.Conflict, "Cannot delete, quota share must be disabled")
	}
	share.row.Status = Deleting
	row := share.row
	row.Spec = in.Spec
	out.Changes = append(out.Changes, QuotaSharePut{row})
	s.closing = append(s.closing, &drain{queue: share.queue, share: share, left: share.queue.jobs.n})
	s.closeShares(now, out)
	return nil
}

// closeShares ends the next slice of the jobs of quota shares that are being
// deleted, removes those that have none left, and reports whether there is more
// to do.
func (s *State) closeShares(now batch.Instant, out *Output) (more bool) {
	budget := maxSlice
	s.closing = slices.DeleteFunc(s.closing, func(d *drain) bool {
		more = s.drainSlice(now, d, &budget, out) || more
		if d.left > 0 || d.share.jobs > 0 {
			return false
		}
		s.dropShare(d.share, out)
		return true
	})
	return more
}

// dropShare removes a quota share that has no jobs.
func (s *State) dropShare(share *quotaShare, out *Output) {
	q := share.queue
	delete(q.shares, share.row.Name)
	q.shareList = slices.DeleteFunc(q.shareList, func(x *quotaShare) bool { return x == share })
	q.listShares()
	q.sharesGone += share.waiting.Version() + 1 // so that the queue's version only grows
	out.Changes = append(out.Changes, QuotaShareDelete{share.row.ID})
	dropTags(Tagged{TagQuotaShare, share.row.ID}, out)
}

// line is where the job waits: in its share or, without one, in its queue.
func (j *job) line() *line {
	switch {
	case j.share != nil:
		return &j.share.waiting
	case j.quota != nil:
		return &j.quota.waiting
	}
	return &j.queue.waiting
}
