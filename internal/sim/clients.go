package sim

import (
	"context"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/engine"
)

// clients submit and end jobs, and remember what they were told.
type clients struct {
	w            *World
	acknowledged []batch.JobID // in order
	arrays       []array       // sent, in order
	submits      map[batch.JobID]core.Submit
	sent         []batch.JobID // acknowledged or not
	stopped      bool
	serial       uint64
	services     services
}

// array is an array job that was submitted.
type array struct {
	ref  batch.JobRef
	size int32
}

func (c *clients) init(w *World) { c.w, c.submits = w, make(map[batch.JobID]core.Submit) }

// setUp makes environments, queues, and starts the stream of requests.
func (c *clients) setUp() {
	c.insist(core.CreateEnvironment{Name: "small", Enabled: true, MaxVCPU: 2000})
	c.insist(core.CreateEnvironment{Name: "large", Enabled: true, MaxVCPU: 64_000})
	c.insist(core.CreateQueue{Name: "q0", Enabled: true, Priority: 1, Environments: []string{"small", "large"}, TimeLimits: timeLimits()})
	c.insist(core.CreateQueue{Name: "q1", Enabled: true, Priority: 10, Environments: []string{"large"}, TimeLimits: timeLimits(), Settings: core.QueueSettings{Backfill: true}})
	c.insist(core.CreateConsumable{Name: "licence", Total: 2})
	c.insist(core.CreateConsumable{Name: "hours", Total: 100, Spent: true})
	c.services = services{c: c}
	c.services.setUp()
	c.setUpShares()
	c.setUpFleets()
	c.again()
}

// insist repeats a request until it has happened.
func (c *clients) insist(in core.Input) {
	done := false
	var ask func()
	ask = func() {
		if done {
			return
		}
		c.send(in, func(_ core.Reply, err error) {
			if err == nil || codeOf(err) == batch.Conflict {
				done = true
			}
		})
		c.w.after(500, ask)
	}
	ask()
}

func codeOf(err error) batch.Code {
	if e, ok := err.(*batch.Error); ok { //nolint:errorlint // the core returns it bare
		return e.Code
	}
	return batch.Internal
}

func (c *clients) send(in core.Input, done func(core.Reply, error)) {
	if c.w.rounds == nil {
		return // connection refused
	}
	c.w.inbox = append(c.w.inbox, engine.Call{Input: in, Done: done})
}

func (c *clients) stop() {
	c.stopped = true
	c.refill()
}

// timeLimits see to it that no job waits for ever that is too large.
func timeLimits() []core.TimeLimit {
	return []core.TimeLimit{{Block: core.MaxResource, Seconds: 8}, {Block: core.JobRequirement, Seconds: 15}, {Block: core.Capacity, Seconds: 900}}
}

// again makes a burst of random requests and comes back later.
func (c *clients) again() {
	if c.stopped {
		return
	}
	for range c.w.rng.IntN(6) {
		c.request()
	}
	c.w.after(c.w.rng.Int64N(20_000)+1, c.again)
}

func (c *clients) request() {
	rng := c.w.rng
	switch n := rng.IntN(24); {
	case n < 14 || len(c.sent) == 0:
		c.submit()
	case n < 17:
		c.send(core.Cancel{Job: c.someJob(), Reason: "cancelled"}, nil)
	case n < 19:
		c.send(core.Terminate{Job: c.someJob(), Reason: "terminated"}, nil)
	case n >= 21:
		c.services.request()
	case n == 19 && rng.IntN(4) > 0:
		c.consumable()
	case rng.IntN(2) > 0:
		c.change()
	default:
		c.send(core.RegisterDefinition{Name: fmt.Sprintf("d%d", rng.IntN(3))}, nil)
	}
}

// consumable changes how much there is, or deletes a resource; it comes back.
func (c *clients) consumable() {
	rng := c.w.rng
	name := []string{"licence", "hours"}[rng.IntN(2)]
	if rng.IntN(8) == 0 {
		c.send(core.DeleteConsumable{Name: name}, nil)
		c.w.after(rng.Int64N(20_000)+1, func() { c.insist(core.CreateConsumable{Name: name, Total: 3, Spent: name == "hours"}) })
		return
	}
	c.send(core.UpdateConsumable{
		Name: name, Operation: core.Operation(rng.IntN(3)), Quantity: 1 + rng.Int64N(6), Claim: core.Claim{Token: core.Digest{15: byte(1 + rng.IntN(50))}},
	}, nil)
}

// refill sees to it that no job waits for what nobody brings.
func (c *clients) refill() {
	if c.finished() {
		return
	}
	c.open()
	for _, name := range []string{"licence", "hours"} {
		c.send(core.CreateConsumable{Name: name, Spent: name == "hours"}, nil)
		c.send(core.UpdateConsumable{Name: name, Quantity: 3}, nil)
	}
	c.services.end()
	c.w.after(30_000, c.refill)
}

func (c *clients) someJob() batch.JobRef {
	id := c.sent[c.w.rng.IntN(len(c.sent))]
	if c.w.rng.IntN(2) == 0 {
		return batch.JobRef{ID: id}
	}
	if c.w.rng.IntN(3) == 0 {
		return batch.NodeRef(id, c.w.rng.IntN(4))
	}
	return batch.ChildRef(id, c.w.rng.IntN(12))
}

func (c *clients) submit() {
	rng := c.w.rng
	c.serial++
	var id batch.JobID
	for i := range 8 {
		id[i] = byte(c.serial >> (8 * i))
	}
	in := core.Submit{
		ID: id, Queue: []string{"q0", "q1", "q3"}[rng.IntN(3)], Definition: 1, MaxAttempts: int32(1 + rng.IntN(3)),
		Needs: batch.Resources{MilliVCPU: int64(1+rng.IntN(3)) * 1000, MemoryMiB: int64(128 << rng.IntN(4))},
		New:   core.NewJob{Name: "job", Spec: []byte("{}")},
	}
	if rng.IntN(4) == 0 {
		in.Size = int32(2 + rng.IntN(12))
	} else if rng.IntN(4) == 0 {
		size := int32(1 + rng.IntN(4))
		in.Gang = &core.Gang{Size: size, Main: rng.Int32N(size), Groups: []core.NodeGroup{{Needs: batch.Resources{MilliVCPU: 1000, MemoryMiB: 128}}}}
		if size > 2 {
			in.Gang.Groups = append(in.Gang.Groups, core.NodeGroup{First: 2, Needs: batch.Resources{MilliVCPU: 500, MemoryMiB: 256}})
		}
	}
	if rng.IntN(8) == 0 {
		in.Consumes = append(in.Consumes, consume.Need{Resource: "licence", Quantity: int64(rng.IntN(3))})
	}
	if rng.IntN(16) == 0 {
		in.Consumes = append(in.Consumes, consume.Need{Resource: "hours", Quantity: 1})
	}
	if rng.IntN(6) == 0 {
		in.Definition, in.DefinitionMax = 2, 3
	}
	if rng.IntN(3) == 0 {
		in.TimeoutSeconds = int32(2 + rng.IntN(15))
	}
	if rng.IntN(4) == 0 {
		in.Retry.Backoff = retry.Backoff{First: rng.Int64N(20_000), Factor: rng.Int64N(4), Most: rng.Int64N(100_000)}
	}
	if rng.IntN(24) == 0 {
		in.Needs.MilliVCPU = []int64{5000, 65_000}[rng.IntN(2)] // more than any host, than any environment
	}
	if rng.IntN(3) == 0 {
		c.share(&in)
	}
	c.depend(&in)
	if rng.IntN(4) == 0 {
		in.Retry.Rules = []retry.Rule{{OnStatusReason: "Host EC2*"}, {OnReason: "*", Exit: true}}
	}
	c.sent = append(c.sent, id)
	c.submits[id] = in
	if rng.IntN(3) == 0 {
		in.Claim = core.Claim{Token: core.Digest(id)}
		c.insistOn(in, 1+rng.IntN(3))
		return
	}
	c.send(in, func(_ core.Reply, err error) {
		switch {
		case err == nil:
			c.acknowledged = append(c.acknowledged, id)
			c.w.stats.Jobs++
		case lookUp(err):
			c.resubmit(in)
		}
	})
}

// depend has a job depend on others: jobs and arrays, whole or child by child,
// and of its own children one on the other.
func (c *clients) depend(in *core.Submit) {
	rng := c.w.rng
	if in.Size > 0 {
		in.MaxRunning = int32(rng.IntN(4))
		in.Sequential = rng.IntN(4) == 0
	}
	if in.Gang == nil && len(c.arrays) > 0 && rng.IntN(3) == 0 { // of the latest, so that some are still active
		a := c.arrays[len(c.arrays)-1-rng.IntN(min(4, len(c.arrays)))]
		in.Size = a.size
		in.DependsOn = append(in.DependsOn, core.Dependency{Job: a.ref, NToN: true})
	}
	if len(c.acknowledged) > 0 && rng.IntN(3) == 0 {
		for range 1 + rng.IntN(3) {
			job := batch.JobRef{ID: c.acknowledged[len(c.acknowledged)-1-rng.IntN(min(8, len(c.acknowledged)))]}
			if rng.IntN(4) == 0 {
				job.Child = 1 + rng.Int32N(2)
			}
			in.DependsOn = append(in.DependsOn, core.Dependency{Job: job})
		}
	}
	if in.Size > 0 {
		c.arrays = append(c.arrays, array{batch.JobRef{ID: in.ID}, in.Size})
	}
}

// lookUp reports whether a submit depends on a job that is not active.
func lookUp(err error) bool {
	e, ok := err.(*batch.Error) //nolint:errorlint // the core returns it bare
	return ok && e.Field == "dependsOn" && e.Code == batch.NotFound
}

// resubmit looks up what a job depends on and submits it again, once more.
func (c *clients) resubmit(in core.Submit) {
	for i, d := range in.DependsOn {
		jobs, err := c.w.store.Jobs(context.Background(), []batch.JobRef{d.Job})
		if err != nil || len(jobs) == 0 {
			return // there is none
		}
		if end := core.EndedOf(&jobs[0].JobRow); end != nil {
			in.DependsOn[i].Ended = end
		}
	}
	c.send(in, func(_ core.Reply, err error) {
		if err == nil {
			c.acknowledged = append(c.acknowledged, in.ID)
			c.w.stats.Jobs++
			c.w.stats.Late++
		}
	})
}

// insistOn submits the same several times, as a client does that got no answer.
// All answers have to speak of one job.
func (c *clients) insistOn(in core.Submit, times int) {
	var job batch.JobID
	for n := range times {
		again := in
		again.ID[15] = byte(n)
		c.submits[again.ID] = again
		c.w.after(c.w.rng.Int64N(30_000), func() {
			c.send(again, func(r core.Reply, err error) {
				switch {
				case err != nil:
				case job == (batch.JobID{}):
					job = r.Job
					c.acknowledged = append(c.acknowledged, job)
					c.w.stats.Jobs++
				case job != r.Job:
					c.w.bad("jobs %s and %s were made for one token", job, r.Job)
				}
			})
		})
	}
}

// finished reports whether the clients have stopped and nothing is active.
func (c *clients) finished() bool {
	w := c.w
	return c.stopped && w.rounds != nil && w.rounds.State.Jobs() == 0 && len(w.inbox) == 0 && w.flight == nil && w.filled.Empty()
}
