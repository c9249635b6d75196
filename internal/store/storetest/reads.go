package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
	"github.com/bargehq/barge/internal/store"
)

func testRoundTrip(t *testing.T, h Harness) {
	s := open(t, h)
	ctx := t.Context()
	odd := "zero \x00, ünïcode 駅, invalid \xff, quote '"
	code := func(n int32) *int32 { return &n }
	environment := core.EnvironmentRow{ID: 3, Name: odd, Enabled: true, MaxVCPU: batch.Unlimited, Machine: true, Spec: []byte{0, 1, 0xff}, CreatedAt: 1}
	queue := core.QueueRow{ID: 4, Name: "q", Enabled: true, Priority: -7, Environments: []int64{3, 9, 1}, SchedulingPolicy: 11, Spec: []byte("{}"), CreatedAt: 2}
	bare := core.QueueRow{ID: 5, Name: "bare"}
	definition := core.DefinitionRow{ID: 6, Name: odd, Revision: 1<<31 - 1, Active: true, Spec: make([]byte, 30<<10), CreatedAt: 3}
	host := core.HostRow{
		ID: 7, Environment: 3, Name: "i-0", SeenAt: 4,
		Capacity: batch.Resources{MilliVCPU: batch.Unlimited, MemoryMiB: 1, GPUs: 8},
	}
	policy := core.PolicyRow{ID: 8, Policy: retry.Policy{Backoff: retry.Backoff{First: 10_000, Factor: 2, Most: 300_000}, Rules: []retry.Rule{{OnExitCode: "137", Exit: true}, {OnReason: "駅*\x00", OnStatusReason: "Host EC2*"}}}}
	job := core.JobRow{
		Seq: 1 << 40, Ref: ref(1), Queue: 4, Definition: 6, State: batch.Failed, Flags: core.Terminated | core.TimedOut,
		Needs:       batch.Resources{MilliVCPU: 250, MemoryMiB: 1 << 40, GPUs: 2},
		MaxAttempts: 10, Policy: 8, TimeoutSeconds: 1<<31 - 1, Attempt: 3, Host: 7,
		CreatedAt: 5, StartedAt: 6, StoppedAt: 7, ExitCode: code(-1), Reason: odd, StatusReason: odd, Cost: &batch.Cost{NanoUSD: 1 << 62, OnDemand: 1<<63 - 1},
	}
	array := core.JobRow{
		Seq: 1<<40 + 1, Ref: ref(2), Queue: 4, Definition: 6, State: batch.Pending, MaxAttempts: 1, CreatedAt: 5,
		Size: 10_000, Next: 9_999, Rest: batch.Failed, RestAt: 8, Counts: [batch.JobStates]int32{3: 9_998, 5: 1, 6: 1},
	}
	child := core.JobRow{
		Seq: 1<<40 + 2, Ref: batch.ChildRef(id(2), 4), Queue: 4, Definition: 6, State: batch.Starting,
		MaxAttempts: 1, Attempt: 1, Host: 7, CreatedAt: 5,
	}
	gang := core.JobRow{
		Seq: 1<<40 + 3, Ref: ref(3), Queue: 4, Definition: 6, State: batch.Runnable, MaxAttempts: 3, Attempt: 1, CreatedAt: 5, Gang: &core.Gang{
			Size: 1000, Main: 999, Network: 4096,
			Groups: []core.NodeGroup{{Needs: batch.Resources{MilliVCPU: 250, MemoryMiB: 1 << 40, GPUs: 2}}, {First: 999}},
		},
	}
	node := core.JobRow{
		Seq: 1<<40 + 4, Ref: batch.NodeRef(id(3), 999), Queue: 4, Definition: 6, State: batch.Failed, StoppedAt: 9,
		MaxAttempts: 3, Attempt: 1, Host: 7, CreatedAt: 5,
	}
	used := int64(1 << 50)
	attempts := []core.AttemptRow{
		{Job: job.Seq, Number: 1, Host: 7, StoppedAt: 9, StatusReason: "never ran", Cost: &batch.Cost{}},
		{Job: job.Seq, Number: 2, Host: 7, StartedAt: 10, StoppedAt: 11, ExitCode: code(0), Reason: odd, Containers: []byte("[{},{}]"), Usage: &batch.Usage{CPU: &used, PeakMemory: new(int64)}},
		{Job: job.Seq, Number: 3, Host: 7, StartedAt: 12, StoppedAt: 13, ExitCode: code(137), StatusReason: odd, Usage: &batch.Usage{ReadBytes: &used, WriteBytes: &used}},
	}
	news := core.NewJob{Name: odd, Spec: slices.Repeat([]byte("spec"), 7<<10)}
	commit(t, s, 1,
		core.EnvironmentPut{Row: environment}, core.QueuePut{Row: queue}, core.QueuePut{Row: bare}, core.DefinitionPut{Row: definition},
		core.HostPut{Row: host}, core.PolicyPut{Row: policy}, core.JobPut{Row: job, New: &news}, core.JobPut{Row: array, New: &core.NewJob{Name: "a"}},
		core.JobPut{Row: child}, core.JobPut{Row: gang, New: &core.NewJob{Name: "g"}}, core.JobPut{Row: node}, core.AttemptPut{Row: attempts[2]}, core.AttemptPut{Row: attempts[0]}, core.AttemptPut{Row: attempts[1]})

	same(t, "environments", []core.EnvironmentRow{environment}, must[[]core.EnvironmentRow](t)(s.Environments(ctx)))
	same(t, "queues", []core.QueueRow{bare, queue}, must[[]core.QueueRow](t)(s.Queues(ctx)))
	same(t, "definitions", []core.DefinitionRow{definition}, must[[]core.DefinitionRow](t)(s.DefinitionsByID(ctx, []int64{6, 99, 6})))
	same(t, "hosts", []core.HostRow{host}, must[[]core.HostRow](t)(s.Hosts(ctx, []int64{99, 7})))
	same(t, "policies", []core.PolicyRow{policy}, must[[]core.PolicyRow](t)(s.Policies(ctx, []int64{8})))
	want := []store.Job{
		{JobRow: job, NewJob: news, Attempts: attempts},
		{JobRow: array, NewJob: core.NewJob{Name: "a"}},
		{JobRow: child, NewJob: core.NewJob{Name: "a"}},
		{JobRow: gang, NewJob: core.NewJob{Name: "g"}},
		{JobRow: node, NewJob: core.NewJob{Name: "g"}},
	}
	want[4].Gang = gang.Gang
	refs := []batch.JobRef{ref(1), ref(2), child.Ref, gang.Ref, node.Ref}
	same(t, "jobs", want, must[[]store.Job](t)(s.Jobs(ctx, refs)))

	environment.Enabled, environment.MaxVCPU, environment.Spec, environment.Fargate = false, 0, nil, core.FargateSpot
	queue.Enabled, queue.Environments = false, []int64{1}
	definition.Active = false
	host.Capacity = batch.Resources{}
	child.State, child.StoppedAt, child.Cost = batch.Succeeded, 20, &batch.Cost{NanoUSD: 1, OnDemand: 2}
	gang.Gang = &core.Gang{Size: 1000, Network: 1, Groups: []core.NodeGroup{{}}}
	node.State, node.StoppedAt, node.Attempt = batch.Running, 0, 2 // a node starts again
	array.Next, array.Counts = 10_000, [batch.JobStates]int32{5: 9_999, 6: 1}
	commit(t, s, 2, core.EnvironmentPut{Row: environment}, core.QueuePut{Row: queue}, core.DefinitionPut{Row: definition},
		core.HostPut{Row: host}, core.JobPut{Row: child}, core.JobPut{Row: array}, core.JobPut{Row: gang}, core.JobPut{Row: node})
	same(t, "changed environments", []core.EnvironmentRow{environment}, must[[]core.EnvironmentRow](t)(s.Environments(ctx)))
	same(t, "changed queues", []core.QueueRow{bare, queue}, must[[]core.QueueRow](t)(s.Queues(ctx)))
	same(t, "changed definitions", []core.DefinitionRow{definition}, must[[]core.DefinitionRow](t)(s.DefinitionsByID(ctx, []int64{6})))
	same(t, "changed hosts", []core.HostRow{host}, must[[]core.HostRow](t)(s.Hosts(ctx, []int64{7})))
	want[1].JobRow, want[2].JobRow, want[3].JobRow, want[4].JobRow = array, child, gang, node
	want[4].Gang = gang.Gang
	same(t, "changed jobs", want, must[[]store.Job](t)(s.Jobs(ctx, refs)))
}

func testJobs(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	w.do(submission(1, 0), submission(2, 5))
	w.place(3) // job 1, children 0 and 1 of job 2
	w.do(core.Cancel{Job: batch.ChildRef(id(2), 3), Reason: "not this one"})
	w.do(w.end(0))

	unknown := []batch.JobRef{ref(9), batch.ChildRef(id(2), 5), batch.ChildRef(id(1), 0), batch.ChildRef(id(9), 0)}
	refs := []batch.JobRef{
		batch.ChildRef(id(2), 4), unknown[0], ref(2), batch.ChildRef(id(2), 3), unknown[1], ref(1), unknown[2],
		batch.ChildRef(id(2), 0), unknown[3], ref(1),
	}
	jobs := must[[]store.Job](t)(s.Jobs(t.Context(), refs))
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprintf("%x:%d %s %q spec=%d attempts=%d %s", j.Ref.ID[15], j.Ref.Child-1, j.State, j.Name, j.Spec[1],
			len(j.Attempts), j.StatusReason))
	}
	same(t, "jobs", []string{
		`2:4 RUNNABLE "job-c" spec=2 attempts=0 `,
		`2:-1 PENDING "job-c" spec=2 attempts=0 `,
		`2:3 FAILED "job-c" spec=2 attempts=0 not this one`,
		`1:-1 SUCCEEDED "job-b" spec=1 attempts=1 `,
		`2:0 STARTING "job-c" spec=2 attempts=0 `,
		`1:-1 SUCCEEDED "job-b" spec=1 attempts=1 `,
	}, got)
	same(t, "a child without a row", store.Child(jobs[1], 4), jobs[0])
}

func testListQueue(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	w.do(core.CreateQueue{Name: "other", Enabled: true, Environments: []string{"e"}})
	for n := byte(1); n <= 9; n++ {
		w.do(submission(n, 0))
	}
	w.do(submission(10, 3))
	elsewhere := submission(11, 0)
	elsewhere.Queue = "other"
	w.do(elsewhere)
	w.place(3)

	list := func(f store.JobFilter) (ids []byte) {
		t.Helper()
		f.Queue, f.Limit = 1, 2
		for {
			page := must[[]store.Job](t)(s.ListJobs(t.Context(), f))
			if len(page) > f.Limit {
				t.Fatalf("a page has %d jobs, the limit is %d", len(page), f.Limit)
			}
			for _, j := range page {
				ids = append(ids, j.Ref.ID[15])
				f.Before = j.Seq
				if want := "job-" + string('a'+rune(j.Ref.ID[15])); j.Name != want || j.Spec != nil || j.Attempts != nil {
					t.Errorf("job %s is listed with name %q, spec %q, %d attempts; want name %q only", j.Ref, j.Name, j.Spec, len(j.Attempts), want)
				}
			}
			if len(page) < f.Limit {
				return ids
			}
		}
	}
	same(t, "runnable jobs", []byte{9, 8, 7, 6, 5, 4}, list(store.JobFilter{State: batch.Runnable}))
	same(t, "starting jobs", []byte{3, 2, 1}, list(store.JobFilter{State: batch.Starting}))
	same(t, "pending jobs", []byte{10}, list(store.JobFilter{State: batch.Pending}))
	same(t, "failed jobs", []byte(nil), list(store.JobFilter{State: batch.Failed}))
	same(t, "runnable jobs before the sixth", []byte{5, 4}, list(store.JobFilter{State: batch.Runnable, Before: 6}))
	none := must[[]store.Job](t)(s.ListJobs(t.Context(), store.JobFilter{Queue: 1, State: batch.Runnable}))
	same(t, "jobs with a limit of zero", 0, len(none))
}

func testListArray(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	w.do(submission(1, 12), submission(2, 3))
	w.place(3)
	for _, index := range []int{4, 5, 7, 11} {
		w.do(core.Cancel{Job: batch.ChildRef(id(1), index), Reason: "out"})
	}
	w.do(w.end(0), w.end(1))

	list := func(state batch.JobState, limit int, after int32) (indexes []int) {
		t.Helper()
		f := store.JobFilter{Parent: id(1), State: state, Limit: limit, After: after}
		for {
			page := must[[]store.Job](t)(s.ListJobs(t.Context(), f))
			for _, j := range page {
				index, _ := j.Ref.Index()
				indexes = append(indexes, index)
				f.After = j.Ref.Child
				if j.Name != "job-b" || j.State != state || j.Spec != nil {
					t.Errorf("child %d is listed as %q, %s, spec %q", index, j.Name, j.State, j.Spec)
				}
			}
			if len(page) < f.Limit {
				return indexes
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 100} {
		t.Run(fmt.Sprintf("pages of %d", limit), func(t *testing.T) {
			same(t, "succeeded children", []int{0}, list(batch.Succeeded, limit, 0))
			same(t, "starting children", []int{2}, list(batch.Starting, limit, 0))
			same(t, "runnable children", []int{3, 6, 8, 9, 10}, list(batch.Runnable, limit, 0))
			same(t, "runnable children after 6", []int{8, 9, 10}, list(batch.Runnable, limit, 7))
			same(t, "runnable children after 7, which has a row", []int{8, 9, 10}, list(batch.Runnable, limit, 8))
			same(t, "failed children", []int{1, 4, 5, 7, 11}, list(batch.Failed, limit, 0))
		})
	}
	w.do(core.Terminate{Job: ref(1), Reason: "enough"})
	for _, limit := range []int{1, 3, 100} {
		t.Run(fmt.Sprintf("terminated, pages of %d", limit), func(t *testing.T) {
			same(t, "runnable children", []int(nil), list(batch.Runnable, limit, 0))
			same(t, "failed children", []int{1, 3, 4, 5, 6, 7, 8, 9, 10, 11}, list(batch.Failed, limit, 0))
		})
	}
}

func testDefinitions(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	var n int64
	for _, name := range []string{"b", "a", "c", "a", "b", "a", "B"} {
		n++
		w.do(core.RegisterDefinition{Name: name, Spec: []byte(name)})
	}
	retired := core.DefinitionRow{ID: 4, Name: "a", Revision: 2, Spec: []byte("a"), CreatedAt: 1}
	w.round++
	commit(t, s, w.round, core.DefinitionPut{Row: retired})

	yes, no := true, false
	for _, c := range []struct {
		name string
		f    store.DefinitionFilter
		want []string
	}{
		{"all", store.DefinitionFilter{Limit: 10}, []string{"B:1", "a:3", "a:2", "a:1", "b:2", "b:1", "c:1"}},
		{"by name", store.DefinitionFilter{Name: "b", Limit: 10}, []string{"b:2", "b:1"}},
		{"by name and revision", store.DefinitionFilter{Name: "a", Revision: 2, Limit: 10}, []string{"a:2"}},
		{"unknown", store.DefinitionFilter{Name: "zz", Limit: 10}, nil},
		{"active", store.DefinitionFilter{Active: &yes, Limit: 10}, []string{"B:1", "a:3", "a:1", "b:2", "b:1", "c:1"}},
		{"retired", store.DefinitionFilter{Active: &no, Limit: 10}, []string{"a:2"}},
		{"active of a name, the last", store.DefinitionFilter{Name: "a", Active: &yes, Limit: 1}, []string{"a:3"}},
		{"continued in a name", store.DefinitionFilter{AfterName: "a", BeforeRevision: 3, Limit: 3}, []string{"a:2", "a:1", "b:2"}},
		{"continued after a name", store.DefinitionFilter{AfterName: "a", BeforeRevision: 1, Limit: 10}, []string{"b:2", "b:1", "c:1"}},
		{"continued, active", store.DefinitionFilter{AfterName: "a", BeforeRevision: 3, Active: &yes, Limit: 2}, []string{"a:1", "b:2"}},
		{"continued at the end", store.DefinitionFilter{AfterName: "c", BeforeRevision: 1, Limit: 10}, nil},
		{"no room", store.DefinitionFilter{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range must[[]core.DefinitionRow](t)(s.Definitions(t.Context(), c.f)) {
				got = append(got, fmt.Sprintf("%s:%d", d.Name, d.Revision))
			}
			same(t, "definitions", c.want, got)
		})
	}
	state := w.load(s)
	var out core.Output
	if err := state.Step(1, core.RegisterDefinition{Name: "a"}, &out); err != nil || out.Reply.Revision != 4 || out.Reply.ID != n+1 {
		t.Errorf("after a load the next revision of a is %+v, %v; want id %d, revision 4", out.Reply, err, n+1)
	}
}
