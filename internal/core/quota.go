package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// QuotaShareRow is a quota share of a queue as stored.
type QuotaShareRow struct {
	ID        int64
	Queue     int64
	Name      string // unique in its queue
	Enabled   bool
	Status    Status // Valid, or Deleting while its jobs are being ended
	Spec      []byte // its description as JSON
	CreatedAt batch.Instant
}

// QuotaSharePut writes a quota share.
type QuotaSharePut struct{ Row QuotaShareRow }

// QuotaShareDelete removes one.
type QuotaShareDelete struct{ ID int64 }

func (QuotaSharePut) change()    {}
func (QuotaShareDelete) change() {}

// CreateQuotaShare adds a quota share to a queue. The reply has its id.
type CreateQuotaShare struct {
	Queue, Name string
	Enabled     bool
	Spec        []byte
}

// UpdateQuotaShare changes one to what its members say.
type UpdateQuotaShare struct {
	Queue, Name string
	Enabled     bool
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

// quotaShare is a line of its own in a queue.
type quotaShare struct {
	row     QuotaShareRow // without Spec
	queue   *queue
	waiting line // its service jobs that wait, which are all of them
	front   front
}

func (s *State) addQuotaShare(row QuotaShareRow) {
	row.Spec = nil
	q := s.queues[row.Queue]
	if share := q.shares[row.Name]; share != nil {
		share.row = row
		return
	}
	if q.shares == nil {
		q.shares = make(map[string]*quotaShare)
	}
	share := &quotaShare{row: row, queue: q, waiting: newLine()}
	q.shares[row.Name] = share
	q.shareList = append(q.shareList, share)
	slices.SortFunc(q.shareList, func(a, b *quotaShare) int { return cmp.Compare(a.row.Name, b.row.Name) })
	if row.Status == Deleting {
		s.closing = append(s.closing, share)
	}
}

func (s *State) stepCreateQuotaShare(now batch.Instant, in CreateQuotaShare, out *Output) *batch.Error {
	q := s.queueNames[in.Queue]
	switch {
	case q == nil:
		return batch.Errorf(batch.NotFound, "%s does not exist", in.Queue)
	case q.row.Status != Valid:
		return batch.Errorf(batch.Conflict, "JobQueue %s is not in VALID state.", in.Queue)
	case q.shares[in.Name] != nil:
		return batch.Errorf(batch.Conflict, "Object already exists")
	case len(q.shares) >= maxQuotaShares:
		return batch.Errorf(batch.Conflict, "Job queue can only have %d quota shares.", maxQuotaShares)
	}
	s.last.QuotaShare++
	row := QuotaShareRow{ID: s.last.QuotaShare, Queue: q.row.ID, Name: in.Name, Enabled: in.Enabled, Spec: in.Spec, CreatedAt: now}
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
	share.row.Enabled = in.Enabled
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
	s.closing = append(s.closing, share)
	s.closeShares(now, out)
	return nil
}

// closeShares ends the next slice of the jobs of quota shares that are being
// deleted, removes those that have none left, and reports whether there is more
// to do.
func (s *State) closeShares(now batch.Instant, out *Output) (more bool) {
	budget := maxSlice
	s.closing = slices.DeleteFunc(s.closing, func(share *quotaShare) bool {
		for ; budget > 0; budget-- {
			j, ok := share.waiting.Min()
			if !ok {
				s.dropShare(share, out)
				return true
			}
			s.endWaiting(now, j, Terminated, reasonShareDeleted, out)
		}
		return false
	})
	return len(s.closing) > 0
}

// dropShare removes a quota share that has no jobs.
func (s *State) dropShare(share *quotaShare, out *Output) {
	q := share.queue
	delete(q.shares, share.row.Name)
	q.shareList = slices.DeleteFunc(q.shareList, func(x *quotaShare) bool { return x == share })
	q.sharesGone += share.waiting.Version() + 1 // so that the queue's version only grows
	out.Changes = append(out.Changes, QuotaShareDelete{share.row.ID})
	dropTags(Tagged{TagQuotaShare, share.row.ID}, out)
}

// line is where the job waits: in its share or, without one, in its queue.
func (j *job) line() *line {
	switch {
	case j.share != nil:
		return &j.share.waiting
	case j.service != nil && j.service.share != nil:
		return &j.service.share.waiting
	}
	return &j.queue.waiting
}
