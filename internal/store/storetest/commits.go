package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

func testNumbers(t *testing.T, h Harness) {
	s := open(t, h)
	named := func(name string) core.Change {
		return core.EnvironmentPut{Row: core.EnvironmentRow{ID: 1, Name: name}}
	}
	try := func(number int64, name string) error {
		return s.Commit(t.Context(), store.Round{Number: number, Changes: []core.Change{named(name)}})
	}
	name := func() string {
		t.Helper()
		rows := must[[]core.EnvironmentRow](t)(s.Environments(t.Context()))
		if len(rows) == 0 {
			return ""
		}
		return rows[0].Name
	}
	for _, c := range []struct {
		number  int64
		accept  bool
		changes bool
	}{
		{2, false, false},
		{0, false, false},
		{1, true, true},
		{1, true, false},
		{3, false, false},
		{2, true, true},
		{2, true, false},
		{1, false, false},
		{-1, false, false},
		{3, true, true},
	} {
		before, now := name(), "round "+string('0'+rune(c.number))
		if c.accept && !c.changes {
			now += " again"
		}
		if err := try(c.number, now); (err == nil) != c.accept {
			t.Fatalf("round %d: %v; want it accepted: %t", c.number, err, c.accept)
		}
		want := before
		if c.changes {
			want = now
		}
		if got := name(); got != want {
			t.Fatalf("after round %d the row is %q, want %q", c.number, got, want)
		}
	}
	commit(t, s, 4) // a round may be empty
	if round, err := s.Load(t.Context(), core.NewLoader()); err != nil || round != 4 {
		t.Errorf("Load says round %d, %v; want 4", round, err)
	}
}

func testAtomic(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(2)
	w.do(submission(1, 0), submission(2, 4))
	w.place(2)
	w.check()
	exit := int32(0)
	good := []core.Input{
		submission(3, 0),
		core.AttemptEnded{Attempt: w.live[0], StoppedAt: w.now, ExitCode: &exit},
		core.CreateEnvironment{Name: "e2"},
		core.RegisterDefinition{Name: "d"},
		core.HostSeen{Environment: 1, Name: "i-2"},
		core.Cancel{Job: batch.ChildRef(id(2), 3)},
	}
	before := w.state.Fingerprint()
	for _, in := range good {
		if err := w.step(in); err != nil {
			t.Fatal(err)
		}
	}
	changes := collapse(w.out.Changes)
	bad := core.JobPut{Row: core.JobRow{Seq: 1000, Ref: ref(1), Queue: 1, State: batch.Runnable, MaxAttempts: 1}, New: &core.NewJob{}}
	if err := s.Commit(t.Context(), store.Round{Number: w.round + 1, Changes: append(changes[:len(changes):len(changes)], bad)}); err == nil {
		t.Fatal("a second row for the same job was accepted")
	}
	if after := w.load(s).Fingerprint(); after != before {
		t.Error("a round that failed has left something")
	}
	jobs := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref(3), ref(1)}))
	if len(jobs) != 1 || jobs[0].State != batch.Starting || len(jobs[0].Attempts) != 0 {
		t.Errorf("a round that failed has left something: %+v", jobs)
	}
	w.commit()
	w.check()
}

func testRefused(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	w.serviceSetUp()
	w.fairSetUp()
	w.do(submission(1, 0), submission(2, 0), submission(3, 3))
	w.place(1)
	w.do(w.end(0), core.CreateConsumable{Name: "r"}, fairSubmission(4, 0, "a", 1))
	running := core.JobRow{Seq: 2, Ref: ref(2), Queue: 1, State: batch.Running, MaxAttempts: 1, Attempt: 1, Host: 1, StartedAt: 1}
	fresh := core.JobRow{Seq: 100, Ref: ref(100), Queue: 1, State: batch.Runnable, MaxAttempts: 1}
	array := core.JobRow{Seq: 100, Ref: ref(100), Queue: 1, State: batch.Pending, MaxAttempts: 1, Size: 2, Rest: batch.Runnable}
	child := core.JobRow{Seq: 100, Ref: batch.ChildRef(id(3), 0), Queue: 1, State: batch.Starting, MaxAttempts: 1, Attempt: 1, Host: 1}
	put := func(r core.JobRow, change func(*core.JobRow)) core.Change {
		change(&r)
		return core.JobPut{Row: r}
	}
	add := func(r core.JobRow, change func(*core.JobRow)) core.Change {
		change(&r)
		return core.JobPut{Row: r, New: &core.NewJob{Name: "n"}}
	}
	attempt := core.AttemptRow{Job: 2, Number: 1, Host: 1, StoppedAt: 1}
	for _, c := range []struct {
		name   string
		change core.Change
	}{
		{"ended without an end", put(running, func(r *core.JobRow) { r.State = batch.Succeeded })},
		{"running with an end", put(running, func(r *core.JobRow) { r.StoppedAt = 1 })},
		{"running on no host", put(running, func(r *core.JobRow) { r.Host = 0 })},
		{"running without an attempt", put(running, func(r *core.JobRow) { r.Attempt = 0 })},
		{"more attempts than allowed", put(running, func(r *core.JobRow) { r.Attempt = 2 })},
		{"ended and begun again", put(running, func(r *core.JobRow) { r.Seq, r.Ref = 1, ref(1) })},
		{"ended twice", put(running, func(r *core.JobRow) { r.Seq, r.Ref, r.State, r.StoppedAt = 1, ref(1), batch.Failed, 1 })},
		{"changed and never added", put(running, func(r *core.JobRow) { r.Seq, r.Ref = 100, ref(100) })},
		{"added twice", add(fresh, func(r *core.JobRow) { r.Seq, r.Ref = 2, ref(2) })},
		{"a second row of a job", add(fresh, func(r *core.JobRow) { r.Ref = ref(2) })},
		{"another job in the same row", add(fresh, func(r *core.JobRow) { r.Seq = 2 })},
		{"no such state", add(fresh, func(r *core.JobRow) { r.State = batch.Failed + 1 })},
		{"no such queue", add(fresh, func(r *core.JobRow) { r.Queue = 77 })},
		{"no key", add(fresh, func(r *core.JobRow) { r.Seq = 0 })},
		{"needs less than nothing", add(fresh, func(r *core.JobRow) { r.Needs.GPUs = -1 })},
		{"an array that runs", add(array, func(r *core.JobRow) { r.State = batch.Runnable })},
		{"an array with an attempt", add(array, func(r *core.JobRow) { r.Attempt = 1 })},
		{"an array beyond its size", add(array, func(r *core.JobRow) { r.Next = 3 })},
		{"an array's rest that runs", add(array, func(r *core.JobRow) { r.Rest = batch.Running })},
		{"an array's rest failed at no time", add(array, func(r *core.JobRow) { r.Rest = batch.Failed })},
		{"an array's rest runnable with an end", add(array, func(r *core.JobRow) { r.RestAt = 1 })},
		{"a child that is an array", put(child, func(r *core.JobRow) { r.Size, r.State, r.Attempt, r.Rest = 2, batch.Pending, 0, batch.Runnable })},
		{"a child that is a gang", put(child, func(r *core.JobRow) { r.Gang = &core.Gang{Size: 2} })},
		{"a node that is a gang", put(child, func(r *core.JobRow) { r.Ref.Child, r.Gang = -1, &core.Gang{Size: 2} })},
		{"an array that is a gang", add(array, func(r *core.JobRow) { r.Gang = &core.Gang{Size: 2} })},
		{"an attempt of no job", core.AttemptPut{Row: core.AttemptRow{Job: 100, Number: 1, Host: 1, StoppedAt: 1}}},
		{"an attempt without an end", core.AttemptPut{Row: func() core.AttemptRow { a := attempt; a.StoppedAt = 0; return a }()}},
		{"an attempt without a number", core.AttemptPut{Row: func() core.AttemptRow { a := attempt; a.Number = 0; return a }()}},
		{"two environments of a name", core.EnvironmentPut{Row: core.EnvironmentRow{ID: 2, Name: "e"}}},
		{"two queues of a name", core.QueuePut{Row: core.QueueRow{ID: 2, Name: "q"}}},
		{"two revisions of a number", core.DefinitionPut{Row: core.DefinitionRow{ID: 2, Name: "d", Revision: 1}}},
		{"revision zero", core.DefinitionPut{Row: core.DefinitionRow{ID: 2, Name: "d2"}}},
		{"two service environments of a name", core.ServiceEnvironmentPut{Row: core.ServiceEnvironmentRow{ID: 2, Name: "s"}}},
		{"two quota shares of a name", core.QuotaSharePut{Row: core.QuotaShareRow{ID: 9, Queue: 3, Name: "a"}}},
		{"a quota share of no queue", core.QuotaSharePut{Row: core.QuotaShareRow{ID: 9, Queue: 99, Name: "x"}}},
		{"two shares of a name", core.FairSharePut{Row: core.FairShareRow{ID: 9, Queue: 4, Name: "a"}}},
		{"a share of no queue", core.FairSharePut{Row: core.FairShareRow{ID: 9, Queue: 99, Name: "x"}}},
		{"a share without a key", core.FairSharePut{Row: core.FairShareRow{Queue: 4, Name: "x"}}},
		{"a service job that is an array", add(array, func(r *core.JobRow) { r.Kind = core.Service })},
		{"a kind of job that there is not", add(fresh, func(r *core.JobRow) { r.Kind = 2 })},
		{"two consumable resources of a name", core.ConsumablePut{Row: core.ConsumableRow{ID: 2, Name: "r"}}},
		{"less than nothing of a consumable resource", core.ConsumablePut{Row: core.ConsumableRow{ID: 2, Name: "s", Total: -1}}},
		{"less than nothing in use", core.ConsumablePut{Row: core.ConsumableRow{ID: 2, Name: "s", InUse: -1}}},
		{"a basket without a key", core.BasketPut{}},
		{"two hosts of a name", core.HostPut{Row: core.HostRow{ID: 2, Environment: 1, Name: "i-1"}}},
		{"a host of no environment", core.HostPut{Row: core.HostRow{ID: 2, Environment: 77, Name: "i-2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := s.Commit(t.Context(), store.Round{Number: w.round + 1, Changes: []core.Change{c.change}}); err == nil {
				w.round++
				t.Error("it was stored")
			}
		})
	}
	w.check()
}

// testReaders has two rows change together, round by round, while readers
// compare them.
func testReaders(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	tried := submission(1, 0)
	tried.MaxAttempts = 1_000_000
	w.do(tried, submission(2, 50))
	a := core.JobRow{Seq: 1, Ref: ref(1), Queue: 1, State: batch.Runnable, MaxAttempts: 1_000_000}
	b := core.JobRow{Seq: 2, Ref: ref(2), Queue: 1, State: batch.Pending, Size: 50, Rest: batch.Runnable, Counts: [batch.JobStates]int32{2: 50}}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	errs := make(chan error, 4)
	for range cap(errs) {
		wg.Go(func() {
			var last int32
			for {
				select {
				case <-stop:
					return
				default:
				}
				jobs, err := s.Jobs(context.Background(), []batch.JobRef{ref(1), ref(2), batch.ChildRef(id(2), 0)})
				switch {
				case err != nil:
					errs <- err
					return
				case len(jobs) != 3:
					errs <- errors.New("a job was not found")
					return
				case jobs[0].Attempt != jobs[1].Next:
					errs <- errors.New("half a round was seen")
					return
				case jobs[0].Attempt < last:
					errs <- errors.New("an older round was seen after a newer one")
					return
				}
				last = jobs[0].Attempt
			}
		})
	}
	for n := int32(1); n <= 50; n++ {
		w.round++
		a.Attempt, b.Next = n, n
		child := core.JobRow{Seq: 100 + int64(n), Ref: batch.ChildRef(id(2), int(n)-1), Queue: 1, State: batch.Starting, MaxAttempts: 1, Attempt: 1, Host: 1}
		commit(t, s, w.round, core.JobPut{Row: a}, core.JobPut{Row: b}, core.JobPut{Row: child})
		jobs := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{ref(1)}))
		if jobs[0].Attempt != n {
			t.Errorf("a read after commit %d sees %d", n, jobs[0].Attempt)
		}
	}
	select {
	case err := <-errs:
		t.Error(err)
	default:
	}
}

func testCancelled(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	w.do(submission(1, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Load": func() error { _, err := s.Load(ctx, core.NewLoader()); return err },
		"Commit": func() error {
			return s.Commit(ctx, store.Round{Number: w.round + 1, Changes: []core.Change{core.EnvironmentPut{Row: core.EnvironmentRow{ID: 2, Name: "e2"}}}})
		},
		"Jobs": func() error { _, err := s.Jobs(ctx, []batch.JobRef{ref(1)}); return err },
		"ListJobs": func() error {
			_, err := s.ListJobs(ctx, store.JobFilter{Queue: 1, State: batch.Runnable, Limit: 1})
			return err
		},
		"Ended":               func() error { _, err := s.Ended(ctx, w.now, 1); return err },
		"Environments":        func() error { _, err := s.Environments(ctx); return err },
		"Queues":              func() error { _, err := s.Queues(ctx); return err },
		"Definitions":         func() error { _, err := s.Definitions(ctx, store.DefinitionFilter{Limit: 1}); return err },
		"DefinitionsByID":     func() error { _, err := s.DefinitionsByID(ctx, []int64{1}); return err },
		"Hosts":               func() error { _, err := s.Hosts(ctx, []int64{1}); return err },
		"Consumables":         func() error { _, err := s.Consumables(ctx, store.ConsumableFilter{Limit: 1}); return err },
		"ServiceEnvironments": func() error { _, err := s.ServiceEnvironments(ctx); return err },
		"QuotaShares":         func() error { _, err := s.QuotaShares(ctx, 1); return err },
		"Consumers":           func() error { _, err := s.Consumers(ctx, store.ConsumerFilter{Resource: "r", Limit: 1}); return err },
		"Baskets":             func() error { _, err := s.Baskets(ctx, []int64{1}); return err },
		"SchedulingPolicies":  func() error { _, err := s.SchedulingPolicies(ctx); return err },
		"EnvironmentsByID":    func() error { _, err := s.EnvironmentsByID(ctx, []int64{1}); return err },
		"QueuesByID":          func() error { _, err := s.QueuesByID(ctx, []int64{1}); return err },
		"Tags":                func() error { _, err := s.Tags(ctx, []core.Tagged{{Kind: 1, ID: 1}}); return err },
		"Outbox":              func() error { _, err := s.Outbox(ctx, core.Mark{}, 1); return err },
		"Policies":            func() error { _, err := s.Policies(ctx, []int64{1}); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	w.check()
}

func testFull(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	for range 2 {
		free := h.Fill(t, s)
		full := false
		for n := 0; n < 10_000 && !full; n++ {
			big := submission(byte(n), 0)
			big.ID = batch.JobID{byte(n >> 8), byte(n), byte(w.round >> 8), byte(w.round), 1}
			big.New.Spec = make([]byte, 30<<10)
			if err := w.step(big); err != nil {
				t.Fatal(err)
			}
			r := store.Round{Number: w.round + 1, Changes: w.out.Changes}
			switch err := s.Commit(t.Context(), r); {
			case errors.Is(err, store.ErrFull):
				full = true
			case err != nil:
				t.Fatalf("commit to a full store: %v; want ErrFull", err)
			default:
				w.round++
				w.out.Reset()
			}
		}
		if !full {
			t.Fatal("the store never got full")
		}
		if _, err := s.Queues(t.Context()); err != nil {
			t.Errorf("a read of a full store: %v", err)
		}
		free()
		w.commit()
		w.check()
	}
}
