package storetest

import (
	"context"
	"fmt"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/store"
)

// Same checks that fresh stores answer alike whatever inputs the core gets, and
// that each loads the live state. The first one also serves restarts.
func Same(t *rapid.T, stores ...store.Store) {
	w := newWorld(t, stores...)
	c := &chaos{world: w, t: t, vcpus: 3}
	w.out.Events = true
	w.setUp(c.vcpus)
	w.serviceSetUp()
	w.fairSetUp()
	t.Repeat(map[string]func(*rapid.T){
		"submit":   c.submit,
		"resource": c.resource,
		"change":   c.change,
		"end":      c.endJob,
		"consume":  c.consumable,
		"service":  c.service,
		"shares":   c.shares,
		"place":    func(t *rapid.T) { w.state.Place(w.now, rapid.IntRange(0, 4).Draw(t, "budget"), &w.out) },
		"report":   c.report,
		"prune":    c.prune,
		"deliver":  c.deliver,
		"tick": func(t *rapid.T) {
			w.now += batch.Instant(rapid.SampledFrom([]int64{0, 1, 90_000, 25 * 60 * 60 * 1000}).Draw(t, "ms"))
			if err := w.step(core.Tick{}); err != nil {
				t.Fatalf("tick: %v", err)
			}
		},
		"commit": func(*rapid.T) {
			c.commit()
			w.check()
		},
		"restart": func(*rapid.T) {
			c.commit()
			w.state = w.load(w.stores[0])
		},
	})
	c.commit()
	w.check()
	c.compare()
}

// commit commits a round, which ends with a look at what waits, as the engine's do.
func (c *chaos) commit() {
	c.state.Place(c.now, 0, &c.out)
	c.world.commit()
}

// chaos draws inputs.
type chaos struct {
	*world
	t     *rapid.T
	jobs  []core.Submit
	vcpus int64 // of the only host
}

// try steps an input; a rejection is as good an answer as any.
func (c *chaos) try(in core.Input) { _ = c.step(in) }

func (c *chaos) submit(t *rapid.T) {
	n := byte(len(c.jobs) + 1)
	size := int32(0)
	if rapid.Bool().Draw(t, "array") {
		size = rapid.Int32Range(2, 6).Draw(t, "size")
	}
	s := submission(n, size)
	if size == 0 && rapid.Bool().Draw(t, "gang") {
		s = gang(n, rapid.Int32Range(2, 4).Draw(t, "nodes"))
	}
	s.MaxAttempts = rapid.Int32Range(0, 3).Draw(t, "attempts")
	s.TimeoutSeconds = rapid.SampledFrom([]int32{0, 60}).Draw(t, "timeout")
	s.Needs.MilliVCPU = rapid.SampledFrom([]int64{250, 1000, 2000}).Draw(t, "vcpu")
	if rapid.Bool().Draw(t, "rules") {
		s.Retry.Rules = []retry.Rule{{OnExitCode: rapid.SampledFrom([]string{"1", "137"}).Draw(t, "code"), Exit: true}}
	}
	s.Retry.Backoff.First = rapid.SampledFrom([]int64{0, 0, 60_000}).Draw(t, "backoff")
	c.depend(t, &s)
	s.Definition = rapid.Int64Range(1, 3).Draw(t, "definition") // if there is one
	s.DefinitionMax = int32(s.Definition - 1)
	s.New.Share = rapid.SampledFrom([]string{"", "red", "blue"}).Draw(t, "share")
	s.Queue = rapid.SampledFrom([]string{"q", "q", "a"}).Draw(t, "queue")
	s.Claim = claim(rapid.ByteRange(0, 3).Draw(t, "token"), rapid.ByteRange(0, 1).Draw(t, "request"))
	for _, name := range consumableNames() {
		if rapid.IntRange(0, 3).Draw(t, name) == 0 {
			s.Consumes = append(s.Consumes, consume.Need{Resource: name, Quantity: rapid.Int64Range(0, 2).Draw(t, "quantity")})
		}
	}
	if err := c.step(s); err != nil && s.Queue == "q" && (err.Code != batch.Conflict || s.Claim == (core.Claim{})) {
		t.Fatalf("submit: %v", err)
	}
	if c.out.Reply.Job == s.ID { // else the token was known
		c.jobs = append(c.jobs, s)
	}
}

// depend has a job depend on earlier ones, as they stand in the stores.
func (c *chaos) depend(t *rapid.T, s *core.Submit) {
	if s.Size > 0 {
		s.MaxRunning = rapid.Int32Range(0, 2).Draw(t, "running")
		s.Sequential = rapid.IntRange(0, 3).Draw(t, "sequential") == 0
	}
	if len(c.jobs) == 0 {
		return
	}
	for range rapid.IntRange(0, 2).Draw(t, "dependencies") {
		on := rapid.SampledFrom(c.jobs).Draw(t, "on")
		d := core.Dependency{Job: batch.JobRef{ID: on.ID}, NToN: on.Size > 0 && on.Size == s.Size}
		if on.Size > 0 && !d.NToN {
			d.Job.Child = rapid.Int32Range(0, on.Size).Draw(t, "child")
		}
		c.commit()
		jobs, err := c.stores[0].Jobs(context.Background(), []batch.JobRef{d.Job})
		switch {
		case err != nil:
			t.Fatalf("job %s: %v", d.Job, err)
		case len(jobs) == 0:
			continue // it is forgotten
		}
		d.Ended = core.EndedOf(&jobs[0].JobRow)
		s.DependsOn = append(s.DependsOn, d)
	}
}

// prune drops what a store proposes, which is to be the same for all.
func (c *chaos) prune(t *rapid.T) {
	c.commit()
	limit := rapid.IntRange(0, 3).Draw(t, "limit")
	keep := rapid.SampledFrom([]int64{0, 60_000}).Draw(t, "keep")
	var jobs []core.EndedJob
	for i, s := range c.stores {
		ended, err := s.Ended(context.Background(), c.now, limit)
		if err != nil {
			t.Fatalf("ended jobs: %v", err)
		}
		if i > 0 {
			same(t, fmt.Sprintf("ended jobs: store 0 and store %d", i), jobs, ended)
		}
		jobs = ended
	}
	if err := c.step(core.Prune{Keep: keep, Jobs: jobs}); err != nil {
		t.Fatalf("prune: %v", err)
	}
}

func (c *chaos) resource(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		c.try(core.RegisterDefinition{Name: name, Spec: []byte(name)})
	case 1:
		c.try(core.CreateEnvironment{Name: name, Enabled: true, MaxVCPU: 1000})
	case 2:
		c.try(core.CreateQueue{Name: name, Enabled: true, Environments: []string{"e"}, Settings: settings(t)})
	case 3:
		c.vcpus += rapid.Int64Range(0, 1).Draw(t, "vcpus") // never less than is in use
		c.try(core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: 1000 * c.vcpus, MemoryMiB: 1 << 30}})
	case 4:
		c.try(core.HostLost{Environment: 1, Name: "i-1"})
	}
}

func settings(t *rapid.T) core.QueueSettings {
	return core.QueueSettings{Backfill: rapid.Bool().Draw(t, "backfill"), MaxRunning: rapid.Int32Range(0, 2).Draw(t, "queue runs")}
}

func consumableNames() []string { return []string{"Licence", "licence-2", "x"} }

func (c *chaos) consumable(t *rapid.T) {
	name := rapid.SampledFrom(consumableNames()).Draw(t, "name")
	n := rapid.Int64Range(0, 4).Draw(t, "quantity")
	switch rapid.IntRange(0, 4).Draw(t, "kind") { // a rejection is as good an answer as any
	case 0, 1:
		c.try(core.CreateConsumable{Name: name, Total: n, Spent: rapid.Bool().Draw(t, "spent"), Spec: []byte(name)})
	case 2, 3:
		c.try(core.UpdateConsumable{
			Name: name, Operation: rapid.SampledFrom([]core.Operation{core.Set, core.Add, core.Remove}).Draw(t, "operation"),
			Quantity: n, Claim: claim(rapid.SampledFrom([]byte{0, 100, 101}).Draw(t, "token"), byte(n)),
		})
	case 4:
		c.try(core.DeleteConsumable{Name: name})
	}
	if rapid.IntRange(0, 9).Draw(t, "later") == 0 {
		c.now += 9 * 60 * 60 * 1000 // tokens are forgotten
	}
}

func (c *chaos) endJob(t *rapid.T) {
	if len(c.jobs) == 0 {
		return
	}
	s := rapid.SampledFrom(c.jobs).Draw(t, "job")
	target := batch.JobRef{ID: s.ID, Child: rapid.Int32Range(-4, s.Size+1).Draw(t, "child")}
	reason := rapid.SampledFrom([]string{"", "because"}).Draw(t, "reason")
	if rapid.Bool().Draw(t, "terminate") {
		c.try(core.Terminate{Job: target, Reason: reason})
	} else {
		c.try(core.Cancel{Job: target, Reason: reason})
	}
}

func (c *chaos) report(t *rapid.T) {
	if len(c.live) == 0 {
		return
	}
	a := rapid.SampledFrom(c.live).Draw(t, "attempt")
	if rapid.Bool().Draw(t, "running") {
		c.try(core.AttemptRunning{Attempt: a, At: c.now})
		return
	}
	end := core.AttemptEnded{Attempt: a, StoppedAt: c.now, Reason: rapid.SampledFrom([]string{"", "OutOfMemory"}).Draw(t, "reason")}
	if code := rapid.SampledFrom([]int32{-1, 0, 0, 1, 137}).Draw(t, "code"); code >= 0 {
		end.ExitCode, end.StartedAt = &code, c.now
		if cpu := rapid.Int64Range(-1, 2).Draw(t, "cpu"); cpu >= 0 {
			end.Usage = &batch.Usage{CPU: &cpu}
		}
	}
	c.try(end)
}

// deliver removes some of the outbox, which is to be the same for all.
func (c *chaos) deliver(t *rapid.T) {
	c.commit()
	n := rapid.IntRange(1, 40).Draw(t, "events")
	var events []core.Event
	for i, s := range c.stores {
		got := must[[]core.Event](t)(s.Outbox(context.Background(), core.Mark{}, n))
		if i > 0 {
			same(t, fmt.Sprintf("outbox: store 0 and store %d", i), events, got)
		}
		events = got
	}
	if len(events) == 0 {
		return
	}
	last := events[len(events)-1]
	mark := last.After()
	if children := last.Row.Children.Len(); children > 1 && rapid.Bool().Draw(t, "part") {
		mark = core.Mark{Round: last.Round, Index: last.Index, Children: last.Done + (children-last.Done)/2}
	}
	c.try(core.Delivered{Mark: mark})
}

// compare reads everything from every store. Beside agreeing with each other
// they have to agree with themselves: each job is listed once, in its state.
func (c *chaos) compare() {
	var first []string
	var want []any
	for i, s := range c.stores {
		names, got := c.readAll(s)
		if i == 0 {
			first, want = names, got
			continue
		}
		for n := range want {
			same(c.t, fmt.Sprintf("%s: store 0 and store %d", first[n], i), want[n], got[n])
		}
	}
}

func (c *chaos) readConsumables(s store.Store, add func(string, any, error)) {
	ctx := context.Background()
	baskets, err := s.Baskets(ctx, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9})
	add("baskets", baskets, err)
	for _, f := range []store.ConsumableFilter{
		{Limit: 100},
		{Limit: 1},
		{Name: "licence", Limit: 9},
		{Name: "Licence", Limit: 9},
		{After: "Licence", Limit: 9},
		{Like: store.NamePattern{Name: "licence"}, Limit: 9},
		{Like: store.NamePattern{Name: "licence", Prefix: true}, Limit: 9},
		{Like: store.NamePattern{Name: "lic_nce", Prefix: true}, Limit: 9},
		{Like: store.NamePattern{Prefix: true}, Limit: 9},
		{},
	} {
		rows, err := s.Consumables(ctx, f)
		add(fmt.Sprintf("consumable resources %+v", f), rows, err)
	}
	for _, name := range append(consumableNames(), "none") {
		f := store.ConsumerFilter{Resource: name, Limit: 2}
		for {
			page, err := s.Consumers(ctx, f)
			add(fmt.Sprintf("jobs that need %+v", f), page, err)
			if len(page) < f.Limit {
				break
			}
			f.Before = page[len(page)-1].Seq
		}
		for _, f := range []store.ConsumerFilter{
			{Resource: name, Limit: 99},
			{Resource: name, Like: store.NamePattern{Name: "job-c"}, Limit: 9},
			{Resource: name, Like: store.NamePattern{Name: "job-", Prefix: true}, Before: 4, Limit: 9},
			{Resource: name},
		} {
			page, err := s.Consumers(ctx, f)
			add(fmt.Sprintf("jobs that need %+v", f), page, err)
		}
		for state := range batch.JobState(batch.JobStates) {
			page, err := s.Consumers(ctx, store.ConsumerFilter{Resource: name, State: &state, Limit: 2})
			add(fmt.Sprintf("jobs that need %s, %s", name, state), page, err)
		}
	}
}

func (c *chaos) readAll(s store.Store) (names []string, results []any) {
	ctx := context.Background()
	add := func(name string, v any, err error) {
		if err != nil {
			c.t.Fatalf("%s: %v", name, err)
		}
		names, results = append(names, name), append(results, v)
	}
	refs := []batch.JobRef{ref(255)}
	for _, j := range c.jobs {
		for child := range j.Size + 2 {
			refs = append(refs, batch.JobRef{ID: j.ID, Child: child})
		}
		for node := range 4 {
			refs = append(refs, batch.NodeRef(j.ID, node))
		}
	}
	jobs, err := s.Jobs(ctx, refs)
	add("jobs", jobs, err)
	costs, err := s.Costs(ctx, core.CostKey{}, 1<<40, 1000)
	add("costs", costs, err)
	ended, err := s.JobCosts(ctx, store.CostFilter{Until: 1 << 60, Limit: 1000})
	add("costs of jobs", ended, err)
	states := make(map[batch.JobRef]batch.JobState, len(jobs))
	for _, j := range jobs {
		states[j.Ref] = j.State
	}
	listed := make(map[batch.JobRef]batch.JobState)
	all := c.readResources(s, add)
	var filters []store.JobFilter
	for _, q := range all {
		filters = append(filters, store.JobFilter{Queue: q.ID})
	}
	for _, j := range c.jobs {
		filters = append(filters, store.JobFilter{Parent: j.ID}, store.JobFilter{Parent: j.ID, Nodes: true})
	}
	for _, f := range filters {
		for state := range batch.JobState(batch.JobStates) {
			f.State, f.Limit, f.Before, f.After = state, 2, 0, 0
			for {
				page, failed := s.ListJobs(ctx, f)
				add(fmt.Sprintf("page %+v", f), page, failed)
				for _, j := range page {
					if _, twice := listed[j.Ref]; twice {
						c.t.Fatalf("job %s is listed twice", j.Ref)
					}
					listed[j.Ref], f.Before, f.After = j.State, j.Seq, max(j.Ref.Child, -j.Ref.Child)
				}
				if len(page) < f.Limit {
					break
				}
			}
		}
	}
	same(c.t, "the states of jobs described and listed", states, listed)
	for _, f := range []store.JobFilter{
		{Name: store.NamePattern{Name: "job-b"}},
		{Name: store.NamePattern{Name: "job-", Prefix: true}},
		{Name: store.NamePattern{Prefix: true}},
		{Definition: "d"},
		{Definition: "a", Revision: 1},
		{DefinitionPrefix: true},
		{Share: "red"},
		{CreatedAfter: 1},
		{CreatedBefore: c.now - 90_000},
		{CreatedAfter: c.now - 1_000_000, CreatedBefore: c.now},
	} {
		f.Queue, f.AnyState = 1, true
		add(fmt.Sprintf("pages of %+v", f), c.pages(s, f), nil)
	}
	add("red runnable jobs", c.pages(s, store.JobFilter{Queue: 1, Share: "red", State: batch.Runnable}), nil)

	ids := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	definitions, err := s.Definitions(ctx, store.DefinitionFilter{Limit: 100})
	add("definitions", definitions, err)
	hosts, err := s.Hosts(ctx, ids)
	add("hosts", hosts, err)
	policies, err := s.Policies(ctx, ids)
	add("policies", policies, err)
	c.readConsumables(s, add)
	c.readServices(s, add)
	return names, results
}
