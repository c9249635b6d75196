package core

import (
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
)

// reasonDependency is AWS's word for jobs that fail with one they depend on.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
const reasonDependency = "Dependent Job failed"

// Dependency is one element of a submit's dependsOn that names a job.
type Dependency struct {
	Job  batch.JobRef
	NToN bool // child by child
	// Ended tells of a job that the core does not know because it has ended.
	// Who submits gets a NotFound with the Field "dependsOn" for such a job,
	// looks it up and submits again. What has ended stays so.
	Ended *Ended
}

// Ended is how a job has ended.
type Ended struct {
	Outcome depend.Outcome
	Size    int32      // of an array job
	Lost    depend.Set // its children that have failed
}

// EndedOf returns how the job has ended; nil if it has not.
func EndedOf(r *JobRow) *Ended {
	if !r.State.Terminal() {
		return nil
	}
	return &Ended{Outcome: depend.OutcomeOf(r.State), Size: r.Size, Lost: r.Failed}
}

// followers are the jobs that wait for another one or, of an array job, for one
// of its children, in the order of submission. Some of them may have ended; they
// are skipped.
type followers struct {
	list []*job
	gone int
}

// news is that a job which others depend on has ended or, of an array job, that
// some of its children have.
type news struct {
	job   batch.JobRef
	ended *Ended // nil while it has not
	next  int    // the follower to be told next
	more  bool   // something happened while followers were being told
}

// waitsOf returns what a submit has to wait for; nil if for nothing.
func (s *State) waitsOf(in Submit) (*depend.Waits, *batch.Error) {
	if len(in.DependsOn) == 0 && !in.Sequential {
		return nil, nil //nolint:nilnil // it waits for nothing
	}
	w := &depend.Waits{Sequential: in.Sequential}
	for _, d := range in.DependsOn {
		if d.Job.Child < 0 {
			return nil, dependsOn(batch.Invalid, "Job %s is a node: nothing can depend on a node alone.", d.Job)
		}
		l := depend.Link{Job: d.Job, NToN: d.NToN}
		end, size, err := s.target(d)
		if err != nil {
			return nil, err
		}
		if d.NToN && size != in.Size {
			other := fmt.Sprintf("has size %d", size)
			if size == 0 {
				other = "is no array job"
			}
			return nil, dependsOn(batch.Invalid, "An N_TO_N dependency needs two array jobs of the same size: this one has size %d, job %s %s.", in.Size, d.Job, other)
		}
		if end != nil {
			l.Outcome = end.Outcome
			if l.NToN {
				l.Lost = end.Lost
			}
		}
		if !slices.ContainsFunc(w.Links, func(o depend.Link) bool { return o.Job == l.Job && o.NToN == l.NToN }) {
			w.Links = append(w.Links, l)
		}
	}
	return w, nil
}

func dependsOn(code batch.Code, format string, args ...any) *batch.Error {
	err := batch.Errorf(code, format, args...)
	err.Field = "dependsOn"
	return err
}

// target returns what is known of a job that another one is to depend on: how
// it has ended, if it has, and its size, if it is an array job.
func (s *State) target(d Dependency) (*Ended, int32, *batch.Error) {
	if j := s.jobs[d.Job]; j != nil {
		if j.array != nil {
			return nil, j.array.size, nil
		}
		return nil, 0, nil
	}
	if p := s.jobs[d.Job.Parent()]; p != nil && p.array != nil && d.Job.Child <= p.array.size {
		return p.endOf(d.Job.Child - 1), 0, nil
	}
	if d.Ended != nil {
		return d.Ended, d.Ended.Size, nil
	}
	return nil, 0, dependsOn(batch.NotFound, "Job %s does not exist.", d.Job)
}

// endOf returns how a child of an array job has ended; nil if it has not.
func (j *job) endOf(index int32) *Ended {
	switch a := j.array; {
	case a.succeeded.Has(index):
		return &Ended{Outcome: depend.Succeeded}
	case a.failed.Has(index), !a.own.Has(index) && j.stateOf(index) == batch.Failed:
		return &Ended{Outcome: depend.Failed}
	}
	return nil
}

// follow has the job told of the ends that it waits for.
func (s *State) follow(j *job) {
	for _, l := range j.waits.Links {
		if l.Outcome != depend.Open {
			continue
		}
		f := s.followers[l.Job.Parent()]
		if f == nil {
			f = &followers{}
			s.followers[l.Job.Parent()] = f
		}
		if n := len(f.list); n == 0 || f.list[n-1] != j { // it may have several links there
			f.list = append(f.list, j)
		}
	}
}

// unfollow takes a job that has ended out of the lists that it is in, once
// these are full of such ones.
func (s *State) unfollow(j *job) {
	if j.waits == nil {
		return
	}
	for _, l := range j.waits.Links {
		target := l.Job.Parent()
		f := s.followers[target]
		if f == nil || l.Outcome != depend.Open {
			continue
		}
		if f.gone++; 2*f.gone > len(f.list) && s.newsOf[target] == nil {
			f.list = slices.DeleteFunc(f.list, func(o *job) bool { return s.jobs[o.ref] != o })
			f.gone = 0
			if len(f.list) == 0 {
				delete(s.followers, target)
			}
		}
	}
}

// tell has the followers of a job that has ended, or of an array job of which a
// child has ended, look at what they wait for. They are told in slices.
func (s *State) tell(j *job) {
	if s.followers[j.ref] == nil {
		return
	}
	n := s.newsOf[j.ref]
	if n == nil {
		n = &news{job: j.ref}
		s.news, s.newsOf[j.ref] = append(s.news, n), n
	}
	n.more = n.next > 0
	if j.state.Terminal() {
		n.ended = &Ended{Outcome: depend.OutcomeOf(j.state)}
		if j.array != nil {
			n.ended.Size, n.ended.Lost = j.array.size, j.lost()
		}
	}
}

// reviewLater has an array job look at what it waits for.
func (s *State) reviewLater(j *job) {
	if !j.reviewed {
		j.reviewed = true
		s.reviews = append(s.reviews, j)
	}
}

// progress tells how far an array job is that others depend on child by child.
// Of one that has ended and whose followers are being told, it says nothing.
func (s *State) progress(ref batch.JobRef) (succeeded, failed depend.Set) {
	if j := s.jobs[ref]; j != nil && j.array != nil {
		return j.array.succeeded, j.lost()
	}
	return nil, nil
}
