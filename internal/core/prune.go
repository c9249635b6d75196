package core

import "github.com/bargehq/barge/internal/batch"

// EndedJob is a job, no child of an array, that has ended, as the store finds it.
type EndedJob struct {
	Seq       int64
	Ref       batch.JobRef
	StoppedAt batch.Instant
	Rows      int32 // about how many rows it has with its children
}

// Prune forgets ended jobs that are older than Keep milliseconds. AWS Batch
// keeps them for seven days at least. The reply says how many went.
type Prune struct {
	Keep int64
	Jobs []EndedJob
}

func (Prune) input() {}

// JobDrop removes an ended job with its children or nodes, their attempts and all that
// was kept of its request. It does nothing for one that is not there.
type JobDrop struct {
	Seq int64
	Ref batch.JobRef
}

func (JobDrop) change() {}

// stepPrune drops the jobs whose time is over. The store may propose anything:
// what is active stays, and an array job is active as long as one of its
// children is.
func (s *State) stepPrune(now batch.Instant, in Prune, out *Output) {
	for _, j := range in.Jobs {
		if s.jobs[j.Ref] != nil || j.Ref.Child != 0 || j.StoppedAt == 0 || j.StoppedAt > now-batch.Instant(in.Keep) {
			continue
		}
		out.Changes = append(out.Changes, JobDrop{Seq: j.Seq, Ref: j.Ref})
	}
	out.Reply = Reply{Count: len(out.Changes)}
}
