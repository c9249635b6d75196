package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
)

// FairShareRow is a share of a queue with a fair-share policy as stored, from the
// first job with its identifier until it is not active any more. It is written in
// the rounds in which what it uses changes, so that what it has used survives.
type FairShareRow struct {
	ID, Queue int64
	Name      string        // the share identifier, unique in its queue
	Left      batch.Instant // when the last of its jobs left; zero while it has any
	Usage     fair.Usage
}

// FairSharePut writes a share.
type FairSharePut struct{ Row FairShareRow }

// FairShareDelete removes one.
type FairShareDelete struct{ ID int64 }

func (FairSharePut) change()    {}
func (FairShareDelete) change() {}

// FairJob is what a job has in a queue with a fair-share policy, and only there.
type FairJob struct {
	Share     string
	Priority  int32 // among the jobs of the share; the highest is first
	MaxShares int   // how many shares may be active in the queue
}

// fairShares are those of a queue.
type fairShares struct {
	board *fair.Board
	named map[string]*fairShare
}

// fairShare is one with its jobs.
type fairShare struct {
	fair.Share

	id      int64
	waiting line
	running int32
}

// fairPolicy is the fair-share policy by which the queue would give turns to its
// jobs; nil if there is none.
func (s *State) fairPolicy(q QueueRow) *fair.Policy {
	return s.scheduling[q.SchedulingPolicy].Fair
}

// joinShares makes the shares of a queue follow its policy.
func (s *State) joinShares(now batch.Instant, q *queue, out *Output) {
	switch policy := s.fairPolicy(q.row); {
	case policy == nil:
	case q.fair == nil:
		q.fair = &fairShares{board: fair.New(*policy), named: make(map[string]*fairShare)}
	default:
		s.settleShares(now, q, out)
		q.fair.board.SetPolicy(*policy)
		q.waiting.Touch()
	}
}

// shareFor finds the share of a job that is submitted, or refuses the job. A new
// share is not in the state yet.
func (s *State) shareFor(now batch.Instant, q *queue, in Submit) (*fairShare, *batch.Error) {
	switch {
	case q.fair == nil && in.Fair == nil:
		return nil, nil
	case q.fair == nil:
		return nil, batch.Errorf(batch.Invalid, "Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.")
	case in.Fair == nil:
		return nil, batch.Errorf(batch.Invalid, "shareIdentifier must be specified.")
	}
	if share := q.fair.named[in.Fair.Share]; share != nil {
		return share, nil
	}
	if q.fair.board.Active(now) >= in.Fair.MaxShares {
		return nil, batch.Errorf(batch.Conflict, "JobQueue %s has %d active share identifiers, which is the most it may have.", q.row.Name, in.Fair.MaxShares)
	}
	return newFairShare(FairShareRow{Name: in.Fair.Share}), nil
}

func newFairShare(row FairShareRow) *fairShare {
	return &fairShare{
		Share: fair.Share{Name: row.Name, Left: row.Left, Usage: row.Usage}, id: row.ID,
		waiting: newLine(),
	}
}

func (q *queue) addShare(share *fairShare) {
	q.fair.named[share.Name] = share
	q.fair.board.Add(&share.Share)
}

// enterShare takes up a share that shareFor has made.
func (s *State) enterShare(q *queue, share *fairShare, out *Output) {
	if share == nil || share.id != 0 {
		return
	}
	s.last.FairShare++
	share.id = s.last.FairShare
	q.addShare(share)
	out.Changes = append(out.Changes, FairSharePut{q.shareRow(share)})
}

func (q *queue) shareRow(share *fairShare) FairShareRow {
	return FairShareRow{ID: share.id, Queue: q.row.ID, Name: share.Name, Left: share.Left, Usage: share.Usage}
}

// settleShares writes what the shares of a queue have used where that changed.
func (s *State) settleShares(now batch.Instant, q *queue, out *Output) {
	q.fair.board.Settle(now, func(f *fair.Share) {
		out.Changes = append(out.Changes, FairSharePut{q.shareRow(q.fair.named[f.Name])})
	})
}

// passShares has the passing of time take effect on the shares: what was used long
// ago counts for less, and who has long had no jobs is forgotten, a slice at a
// time. It reports whether there are more to forget.
func (s *State) passShares(now batch.Instant, out *Output) (more bool) {
	budget := maxSlice
	for _, q := range s.queueList {
		if q.fair == nil {
			continue
		}
		s.settleShares(now, q, out)
		f, ok := q.fair.board.Expired(now)
		for ; ok && budget > 0; f, ok = q.fair.board.Expired(now) {
			s.dropFairShare(q, q.fair.named[f.Name], out)
			budget--
		}
		more = more || ok
		if q.fair.board.Roll(now) {
			q.waiting.Touch()
		}
	}
	return more
}

// keepShares writes what Place has changed.
func (s *State) keepShares(now batch.Instant, out *Output) {
	for _, q := range s.queueList {
		if q.fair != nil {
			s.settleShares(now, q, out)
		}
	}
}

// dropShares forgets the next slice of the shares of a queue that has no jobs, and
// reports whether there are more.
func (s *State) dropShares(q *queue, out *Output) (more bool) {
	for n, share := range q.fairShares() {
		if n == maxSlice {
			return true
		}
		s.dropFairShare(q, share, out)
	}
	return false
}

func (s *State) dropFairShare(q *queue, share *fairShare, out *Output) {
	q.fair.board.Remove(&share.Share)
	delete(q.fair.named, share.Name)
	out.Changes = append(out.Changes, FairShareDelete{share.id})
}

// fairShares are the shares of the queue in the order of their names.
func (q *queue) fairShares() (list []*fairShare) {
	if q.fair == nil {
		return nil
	}
	for _, f := range q.fair.board.Shares() {
		list = append(list, q.fair.named[f.Name])
	}
	return list
}

// nextTurn is when turns may change by the passing of time.
func (s *State) nextTurn() (at batch.Instant, ok bool) {
	for _, q := range s.queueList {
		if q.fair == nil {
			continue
		}
		if next, some := q.fair.board.Next(); some && (!ok || next < at) {
			at, ok = next, true
		}
	}
	return at, ok
}

// first is the job that is to start next in the queue.
func (q *queue) first() (*job, bool) {
	if q.fair == nil {
		return q.waiting.Min()
	}
	f, ok := q.fair.board.Min()
	if !ok {
		return nil, false
	}
	return q.fair.named[f.Name].waiting.Min()
}

// keepsFree reports whether the vCPUs that a job needs are kept for shares that
// are not active yet. The base is what the queue's environments may have.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_FairsharePolicy.html
func (q *queue) keepsFree(need batch.Resources) bool {
	if q.fair == nil {
		return false
	}
	var base int64
	for _, e := range q.environ {
		base += e.row.MaxVCPU
	}
	return !q.fair.board.Allows(base, q.used.MilliVCPU, need.MilliVCPU)
}

// tellShare says what its share has to know when the line of a job has changed, or
// how many of the share's jobs run.
func (j *job) tellShare() { j.queue.tellOf(j.share) }

func (q *queue) tellOf(share *fairShare) {
	if share == nil {
		return
	}
	head := int64(0)
	if first, ok := share.waiting.Min(); ok && !share.full(q, 1) {
		head = first.seq
	}
	q.fair.board.Head(&share.Share, head)
	q.waiting.Touch()
}

// turnUse is what counts of a job on hosts in turns: thousandths of vCPUs, and of
// instances where it needs those.
func (s *State) turnUse(j *job) int64 {
	if j.service == nil {
		return s.shapes.Need(j.shape).MilliVCPU
	}
	return 1000 * count(j.service.instances)
}

// useShare adds to what the share's jobs hold on hosts.
func (j *job) useShare(milli int64) {
	if j.share != nil {
		j.queue.fair.board.Use(&j.share.Share, milli)
		j.queue.waiting.Touch()
	}
}

// ShareUse is what a share's jobs hold on hosts.
type ShareUse struct {
	Share     string
	MilliVCPU int64
}

// maxShareUses is how many shares AWS shows.
const maxShareUses = 20

// shareUses returns the shares that use most, and how many use anything.
func (q *queue) shareUses() (top []ShareUse, using int) {
	for _, share := range q.fairShares() {
		if share.Used() > 0 {
			top = append(top, ShareUse{share.Name, share.Used()})
		}
	}
	slices.SortStableFunc(top, func(a, b ShareUse) int { return cmp.Compare(b.MilliVCPU, a.MilliVCPU) })
	return top[:min(len(top), maxShareUses)], len(top)
}

// turns calls yield for the jobs that wait in a queue with shares, in the order in
// which they would start if there were room.
func (s *State) turns(q *queue, yield func(batch.JobRef) bool) {
	lines := make(map[*fair.Share]*turnLine)
	next := func(f *fair.Share, n int) (head, milli int64, ok bool) {
		line := lines[f]
		if line == nil {
			line = &turnLine{}
			lines[f] = line
		}
		if n >= len(line.jobs) && !line.whole {
			line.read(q.fair.named[f.Name], 2*n+1)
		}
		if n >= len(line.jobs) {
			return 0, 0, false
		}
		j := line.jobs[n].of
		return j.seq, s.turnUse(j), true
	}
	q.fair.board.Front(maxFront, next, func(f *fair.Share, n int) bool { return yield(lines[f].jobs[n].ref) })
}

// turnLine is the first jobs of a share, as far as anybody has asked.
type turnLine struct {
	jobs  []turn
	whole bool // there are no others
}

// turn is a job, or a child of an array job.
type turn struct {
	ref batch.JobRef
	of  *job // the job itself, or the array job
}

// read reads the line anew, so many jobs and not many more.
func (l *turnLine) read(share *fairShare, most int) {
	l.jobs, l.whole = l.jobs[:0], true
	for j := range share.waiting.Sorted {
		if len(l.jobs) >= most {
			l.whole = false
			return
		}
		if j.array == nil {
			l.jobs = append(l.jobs, turn{j.ref, j})
			continue
		}
		if !j.waitingChildren(func(ref batch.JobRef) bool {
			l.jobs = append(l.jobs, turn{ref, j})
			return len(l.jobs) < most
		}) {
			l.whole = false
			return
		}
	}
}

// lines calls yield for what waits in the queue line by line: for the shares in
// the order of their turns, not many of them.
func (q *queue) lines(yield func(*line) bool) {
	if q.fair == nil {
		yield(&q.waiting)
		return
	}
	for _, f := range q.fair.board.First(maxTurns) {
		if !yield(&q.fair.named[f.Name].waiting) {
			return
		}
	}
}
