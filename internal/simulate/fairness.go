package simulate

import (
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fair"
	"github.com/bargehq/barge/internal/core/heap"
)

// fairness measures what the shares of a queue get beside what they are due.
//
// A share is busy while it has jobs that wait or run. What the queue's jobs use is
// due to the busy shares by their weights: that is the guaranteed rate of a share.
// due is the vCPU-seconds that one unit of weight has been due since the beginning.
//
//   - Jain's index compares, over the time in which a share had jobs waiting, what
//     it got with what it was due.
//   - The bound of a job's wait is the time until its share was due the work that
//     was ahead of the job in the share when it was submitted, and one longest job:
//     nothing that runs is taken away.
type fairness struct {
	policy fair.Policy
	jobs   []measured
	shares map[string]*meteredShare
	list   []*meteredShare // in the order of their first jobs

	at      batch.Instant
	due     float64
	used    float64 // vCPUs, by all
	weight  float64 // of the busy shares
	targets heap.Heap[*target]
	made    int64
	longest int64 // milliseconds that a job runs
}

// meteredShare is a share with what it got. Sums are in vCPU-seconds.
type meteredShare struct {
	weight  float64
	at      batch.Instant
	due     float64 // fairness.due at that time
	waiting int
	running int
	used    float64 // vCPUs
	left    float64 // of the work of its jobs, those that run included
	got     float64 // while it had jobs waiting
	wasDue  float64 // likewise
}

// target is when a job's share has been due what was ahead of it.
type target struct {
	due   float64
	made  int64
	job   int
	place int32
}

func newFairness(p *fair.Policy, jobs []measured) *fairness {
	f := &fairness{
		jobs: jobs, shares: make(map[string]*meteredShare), at: Epoch,
		targets: heap.New(func(a, b *target) bool {
			if a.due != b.due {
				return a.due < b.due
			}
			return a.made < b.made
		}, func(t *target) *int32 { return &t.place }),
	}
	if p != nil {
		f.policy = *p
	}
	return f
}

// pass lets time go by until now.
func (f *fairness) pass(now batch.Instant) {
	dt := float64(now-f.at) / 1000
	if dt > 0 && f.weight > 0 && f.used > 0 {
		rate := f.used / f.weight
		for t, ok := f.targets.Min(); ok && t.due <= f.due+rate*dt; t, ok = f.targets.Min() {
			f.targets.Remove(t)
			f.jobs[t.job].dueAt = f.at + batch.Instant((t.due-f.due)/rate*1000)
		}
		f.due += rate * dt
	}
	f.at = now
}

// of returns a share, up to date.
func (f *fairness) of(now batch.Instant, name string) *meteredShare {
	f.pass(now)
	s := f.shares[name]
	if s == nil {
		s = &meteredShare{weight: weightOf(&f.policy, name), at: now, due: f.due}
		f.shares[name] = s
		f.list = append(f.list, s)
	}
	dt := float64(now-s.at) / 1000
	s.left -= s.used * dt
	if s.waiting > 0 {
		s.got += s.used * dt
		s.wasDue += s.weight * (f.due - s.due)
	}
	s.at, s.due = now, f.due
	return s
}

// weightOf is how much a share gets beside one that the policy does not name.
func weightOf(p *fair.Policy, name string) float64 {
	for _, w := range p.Weights {
		if w.Share == name || strings.HasSuffix(w.Share, "*") && strings.HasPrefix(name, w.Share[:len(w.Share)-1]) {
			return fair.Even / float64(w.Factor)
		}
	}
	return 1
}

// change has a share get or lose jobs.
func (f *fairness) change(s *meteredShare, waiting, running int, used float64) {
	was := s.waiting+s.running > 0
	s.waiting += waiting
	s.running += running
	s.used += used
	f.used += used
	switch is := s.waiting+s.running > 0; {
	case is && !was:
		f.weight += s.weight
	case was && !is:
		f.weight -= s.weight
	}
}

func (f *fairness) submitted(now batch.Instant, j *Job, index int) {
	s := f.of(now, j.Share)
	f.longest = max(f.longest, j.work())
	f.made++
	f.targets.Push(&target{due: f.due + max(0, s.left)/s.weight, made: f.made, job: index})
	s.left += j.vcpus() * float64(j.work()) / 1000
	f.change(s, 1, 0, 0)
}

func (f *fairness) started(now batch.Instant, j *Job) {
	f.change(f.of(now, j.Share), -1, 1, j.vcpus())
}

// stopped has the job wait again, with all of its work to be done.
func (f *fairness) stopped(now batch.Instant, j *Job, ms int64) {
	s := f.of(now, j.Share)
	s.left += j.vcpus() * float64(ms) / 1000
	f.change(s, 1, -1, -j.vcpus())
}

func (f *fairness) finished(now batch.Instant, j *Job) {
	s := f.of(now, j.Share)
	s.left -= j.vcpus() * float64(j.work()) / 1000
	f.change(s, -1, 0, 0)
}

// worst is the longest wait beside its bound: above one, a share was served late.
func (f *fairness) worst() (ratio float64) {
	for i := range f.jobs {
		if j := &f.jobs[i]; j.dueAt != 0 && j.first != 0 {
			ratio = max(ratio, float64(j.first-j.submitted)/(float64(j.dueAt-j.submitted)+float64(f.longest)))
		}
	}
	return ratio
}
