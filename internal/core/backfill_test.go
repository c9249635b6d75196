package core

import (
	"cmp"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/fit"
)

// traced is a job with what it needs and when it comes and ends.
type traced struct {
	at, length batch.Instant
	timeout    int32 // seconds; zero for none
	need       batch.Resources
	nodes      int32 // of a gang; zero for none
	size       int32 // of an array; zero for none
}

// traceRun carries out a trace in a queue of a state.
type traceRun struct {
	s       *State
	now     batch.Instant
	out     Output
	ends    map[batch.AttemptID]batch.Instant
	started map[batch.JobID]batch.Instant
	jobs    []traced
	of      map[batch.JobID]int
	look    func() // after each Place
}

func newTraceRun(t interface{ Fatal(...any) }, settings QueueSettings, maxVCPU int64, hosts ...[]batch.Resources) *traceRun {
	r := &traceRun{
		s: NewState(), now: 1000, ends: make(map[batch.AttemptID]batch.Instant), started: make(map[batch.JobID]batch.Instant), of: make(map[batch.JobID]int),
	}
	var names []string
	for i, list := range hosts {
		name := string(rune('a' + i))
		names = append(names, name)
		r.step(t, CreateEnvironment{Name: name, Enabled: true, MaxVCPU: maxVCPU})
		for j, capacity := range list {
			r.step(t, HostSeen{Environment: int64(i + 1), Name: string(rune('a' + j)), Capacity: capacity})
		}
	}
	r.step(t, CreateQueue{Name: "q", Enabled: true, Environments: names, Settings: settings})
	return r
}

func (r *traceRun) step(t interface{ Fatal(...any) }, in Input) {
	r.out.Reset()
	if err := r.s.Step(r.now, in, &r.out); err != nil {
		t.Fatal(err)
	}
	r.note()
}

// note has what starts run at once.
func (r *traceRun) note() {
	for _, e := range slices.Clone(r.out.Effects) {
		start, ok := e.(Start)
		if !ok {
			continue
		}
		id := start.Attempt.Job.ID
		if _, ok := r.started[id]; !ok {
			r.started[id] = r.now
		}
		var more Output
		_ = r.s.Step(r.now, AttemptRunning{Attempt: start.Attempt, At: r.now}, &more)
		r.ends[start.Attempt] = r.now + r.jobs[r.of[id]].length
		for _, e := range more.Effects {
			if other, ok := e.(Start); ok {
				_ = r.s.Step(r.now, AttemptRunning{Attempt: other.Attempt, At: r.now}, &Output{})
				r.ends[other.Attempt] = r.ends[start.Attempt]
			}
		}
	}
}

func (r *traceRun) place() {
	for more := true; more; {
		r.out.Reset()
		more = r.s.Place(r.now, 3, &r.out)
		r.note()
	}
	if r.look != nil {
		r.look()
	}
}

// run carries out the trace to its end.
func (r *traceRun) run(t interface{ Fatal(...any) }, jobs []traced) {
	r.jobs = jobs
	zero := int32(0)
	for next := 0; next < len(jobs) || len(r.ends) > 0; {
		r.now = fit.Never
		if next < len(jobs) {
			r.now = jobs[next].at
		}
		for _, at := range r.ends {
			r.now = min(r.now, at)
		}
		var over []batch.AttemptID
		for id, at := range r.ends {
			if at == r.now {
				over = append(over, id)
			}
		}
		slices.SortFunc(over, func(a, b batch.AttemptID) int {
			return cmp.Or(slices.Compare(a.Job.ID[:], b.Job.ID[:]), cmp.Compare(a.Job.Child, b.Job.Child))
		})
		for _, id := range over {
			delete(r.ends, id)
			r.step(t, AttemptEnded{Attempt: id, StartedAt: 1, StoppedAt: r.now, ExitCode: &zero})
		}
		for ; next < len(jobs) && jobs[next].at == r.now; next++ {
			j := jobs[next]
			var id batch.JobID
			binary.BigEndian.PutUint64(id[8:], uint64(next+1))
			r.of[id] = next
			in := Submit{ID: id, Queue: "q", Needs: j.need, TimeoutSeconds: j.timeout, Size: j.size}
			if j.nodes > 0 {
				in.Gang = &Gang{Size: j.nodes, Groups: []NodeGroup{{Needs: j.need}}}
			}
			r.step(t, in)
		}
		r.place()
	}
	if n := r.s.Jobs(); n != 0 && r.s.queueList[0].head.block == Unblocked {
		t.Fatal(n, "records are left")
	}
}

func drawTrace(t *rapid.T, most int64, kinds bool) []traced {
	var jobs []traced
	at := batch.Instant(1000)
	for range rapid.IntRange(1, 25).Draw(t, "jobs") {
		at += 1000 * batch.Instant(rapid.IntRange(0, 3).Draw(t, "later"))
		j := traced{at: at, timeout: int32(rapid.IntRange(1, 9).Draw(t, "timeout"))}
		j.need = batch.Resources{MilliVCPU: 1000 * rapid.Int64Range(1, most).Draw(t, "vcpu"), MemoryMiB: rapid.Int64Range(0, 2).Draw(t, "mem")}
		j.length = batch.Instant(j.timeout) * 1000
		if kinds {
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				j.nodes = int32(rapid.IntRange(2, 3).Draw(t, "nodes"))
			case 1:
				j.size = int32(rapid.IntRange(2, 4).Draw(t, "size"))
			case 2:
				j.timeout = 0 // nobody knows when it ends
			}
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// TestEasy compares backfilling on one host with a textbook's: sort what runs by its
// latest end, find when the head fits and what is left then, and look at every job
// that waits. Jobs end when they like, before their timeout.
func TestEasy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const vcpus = 8
		jobs := drawTrace(t, vcpus, false)
		for i := range jobs {
			jobs[i].length = 1000 * batch.Instant(rapid.IntRange(1, int(jobs[i].timeout)).Draw(t, "length"))
			jobs[i].need.MemoryMiB = 0
		}
		r := newTraceRun(t, QueueSettings{Backfill: true}, vcpus*1000, []batch.Resources{{MilliVCPU: vcpus * 1000, MemoryMiB: batch.Unlimited}})
		r.run(t, jobs)
		want := textbook(jobs, vcpus*1000)
		for id, at := range r.started {
			if n := r.of[id]; want[n] != at {
				t.Fatalf("job %d starts at %d, by the textbook at %d: %+v", n, at, want[n], jobs)
			}
		}
	})
}

// textbook is EASY backfilling as it is written down.
func textbook(jobs []traced, capacity int64) map[int]batch.Instant {
	type running struct{ end, latest batch.Instant }
	started := make(map[int]batch.Instant)
	now, live, waiting, next := batch.Instant(0), make(map[int]running), []int(nil), 0
	free := func() int64 {
		n := capacity
		for i := range live {
			n -= jobs[i].need.MilliVCPU
		}
		return n
	}
	start := func(i int) {
		started[i] = now
		live[i] = running{now + jobs[i].length, now + batch.Instant(jobs[i].timeout)*1000}
		waiting = slices.DeleteFunc(waiting, func(o int) bool { return o == i })
	}
	for next < len(jobs) || len(live) > 0 {
		now = fit.Never
		if next < len(jobs) {
			now = jobs[next].at
		}
		for _, r := range live {
			now = min(now, r.end)
		}
		for i, r := range live {
			if r.end == now {
				delete(live, i)
			}
		}
		for ; next < len(jobs) && jobs[next].at == now; next++ {
			waiting = append(waiting, next)
		}
		for len(waiting) > 0 && jobs[waiting[0]].need.MilliVCPU <= free() {
			start(waiting[0])
		}
		if len(waiting) == 0 {
			continue
		}
		var order []int
		for i := range live {
			order = append(order, i)
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(live[a].latest, live[b].latest) })
		shadow, extra := batch.Instant(0), free()
		for _, i := range order {
			if extra >= jobs[waiting[0]].need.MilliVCPU && live[i].latest > shadow {
				break
			}
			shadow, extra = live[i].latest, extra+jobs[i].need.MilliVCPU
		}
		extra -= jobs[waiting[0]].need.MilliVCPU
		for _, i := range slices.Clone(waiting[1:]) {
			need, over := jobs[i].need.MilliVCPU, now+batch.Instant(jobs[i].timeout)*1000
			switch {
			case need > free():
			case over <= shadow:
				start(i)
			case need <= extra:
				extra -= need
				start(i)
			}
		}
	}
	return started
}

// TestBackfillDelaysNobody: whoever is at the head of a queue starts no later than
// it would have if from then on nothing else had started, and attempts had run until
// their timeouts; found by letting one attempt after the other end. With several
// environments and hosts, gangs, arrays and jobs that may run for ever.
func TestBackfillDelaysNobody(t *testing.T) {
	t.Parallel()
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		host := func(vcpus int64) batch.Resources {
			return batch.Resources{MilliVCPU: vcpus * 1000, MemoryMiB: rapid.Int64Range(2, 6).Draw(t, "host")}
		}
		hosts := [][]batch.Resources{{host(4)}, {host(4), host(2), host(4)}}
		r := newTraceRun(t, QueueSettings{Backfill: true}, 1000*rapid.Int64Range(6, 12).Draw(t, "max"), hosts...)
		promises := make(map[batch.JobRef]batch.Instant)
		var last batch.JobRef
		r.look = func() {
			if err := r.s.Check(); err != nil {
				t.Fatal(err)
			}
			j, ok := r.s.queueList[0].first()
			if !ok {
				return
			}
			last = j.first()
			if at, known := r.earliest(j); known {
				if was, ok := promises[last]; ok && at > was {
					t.Fatalf("job %s could have started at %d and now, at %d, at %d", last, was, r.now, at)
				}
				promises[last] = at
			} else if was, ok := promises[last]; ok {
				t.Fatalf("job %s could have started at %d and now, at %d, nobody knows when", last, was, r.now)
			}
			if at, ok := promises[last]; ok && at <= r.now {
				t.Fatalf("job %s could have started at %d, it is %d", last, at, r.now)
			}
			for _, o := range r.s.jobs {
				if o.state.Live() && o.parent == nil && before(j, o) {
					passed++
				}
			}
		}
		r.run(t, drawTrace(t, 4, true))
	})
	if passed == 0 {
		t.Error("nothing has ever passed a head")
	}
}

// earliest is when the job would start if nothing else did.
func (r *traceRun) earliest(j *job) (at batch.Instant, known bool) {
	groups := r.s.shapes.Groups(j.shape)
	need := r.s.shapes.Need(j.shape)
	ends := []batch.Instant{r.now}
	for o := range r.s.jobs {
		if o := r.s.jobs[o]; o.host != nil && o.host.live[o] != nil && o.host.live[o].Until != fit.Never {
			ends = append(ends, max(r.now, o.host.live[o].Until))
		}
	}
	slices.Sort(ends)
	for _, at := range ends {
		for _, e := range j.queue.environ {
			var then fit.Index
			used := e.used
			for _, f := range e.hosts.Hosts() {
				free := f.Free
				for o, hold := range r.s.hosts[f.ID].live {
					if hold.Until <= at {
						free = free.Add(r.s.shapes.Need(o.shape))
						used -= r.s.shapes.Need(o.shape).MilliVCPU
					}
				}
				then.Add(&fit.Host{ID: f.ID, Capacity: f.Capacity, Free: free, Ready: true})
			}
			if _, ok := then.Spread(groups); ok && used+need.MilliVCPU <= e.row.MaxVCPU {
				return at, true
			}
		}
	}
	return 0, false
}
