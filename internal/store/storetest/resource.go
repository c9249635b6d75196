package storetest

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

func names[T any](rows []T, name func(T) string) (list []string) {
	for _, r := range rows {
		list = append(list, name(r))
	}
	return list
}

func environmentName(r core.EnvironmentRow) string { return r.Name }
func queueName(r core.QueueRow) string             { return r.Name }

func testDeleted(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	ctx := t.Context()
	other := submission(1, 0)
	other.Queue, other.MaxAttempts = "other", 2
	w.do(
		core.CreateEnvironment{Name: "f", Enabled: true, MaxVCPU: 4000, Spec: []byte(`{"f":1}`)},
		core.CreateSchedulingPolicy{Name: "p", Spec: []byte(`{"p":1}`)},
		core.CreateQueue{Name: "other", Enabled: true, Environments: []string{"f"}, Spec: []byte(`{"o":1}`)},
		core.CreateQueue{Name: "shared", Enabled: true, Environments: []string{"e"}, SchedulingPolicy: "p"},
		core.HostSeen{Environment: 2, Name: "i-2", Capacity: batch.Resources{MilliVCPU: 1000, MemoryMiB: 1 << 30}},
		other)
	w.place(9)
	w.check()
	// The queue loses its environment while a job runs there, which is tried again.
	w.do(core.UpdateQueue{Name: "other", Enabled: true, Environments: []string{"e"}, Spec: []byte(`{"o":2}`)},
		core.UpdateEnvironment{Name: "f", MaxVCPU: 4000, Spec: []byte(`{"f":2}`)})
	w.do(core.DeleteEnvironment{Name: "f", Spec: []byte(`{"f":2}`)})
	w.check()
	rows := must[[]core.EnvironmentRow](t)(s.Environments(ctx))
	same(t, "environments while one is being deleted", []string{"e", "f"}, names(rows, environmentName))
	same(t, "its status", core.Deleting, rows[1].Status)
	w.do(core.AttemptEnded{Attempt: w.live[0], StoppedAt: w.now, Reason: "gone"})
	w.state.Place(w.now, 0, &w.out)
	w.commit()
	w.check()
	same(t, "environments", []string{"e"}, names(must[[]core.EnvironmentRow](t)(s.Environments(ctx)), environmentName))
	gone := must[[]core.EnvironmentRow](t)(s.EnvironmentsByID(ctx, []int64{2, 99}))
	same(t, "the deleted one", []string{"f"}, names(gone, environmentName))
	same(t, "its host", 1, len(must[[]core.HostRow](t)(s.Hosts(ctx, []int64{2}))))

	w.do(core.UpdateQueue{Name: "other", Spec: []byte(`{"o":3}`)})
	w.do(core.DeleteQueue{Name: "other", Spec: []byte(`{"o":3}`)}, core.CreateEnvironment{Name: "f"},
		core.CreateQueue{Name: "other", Environments: []string{"f"}})
	w.check()
	same(t, "queues", []string{"other", "q", "shared"}, names(must[[]core.QueueRow](t)(s.Queues(ctx)), queueName))
	same(t, "queues by id", []string{"other", "other"}, names(must[[]core.QueueRow](t)(s.QueuesByID(ctx, []int64{2, 4})), queueName))
	jobs := must[[]store.Job](t)(s.Jobs(ctx, []batch.JobRef{ref(1)}))
	if len(jobs) != 1 || jobs[0].Queue != 2 || jobs[0].State != batch.Failed || jobs[0].StatusReason != "JobQueue deleted" {
		t.Errorf("the job of the deleted queue is %+v", jobs)
	}
	w.state = w.load(s)
	w.do(core.CreateSchedulingPolicy{Name: "short"}, core.DeleteSchedulingPolicy{Name: "short"},
		core.UpdateSchedulingPolicy{Name: "p", Spec: []byte(`{"p":2}`)})
	w.check()
	policies := must[[]core.SchedulingPolicyRow](t)(s.SchedulingPolicies(ctx))
	if len(policies) != 1 || policies[0].Name != "p" || string(policies[0].Spec) != `{"p":2}` {
		t.Errorf("scheduling policies are %+v", policies)
	}
	w.do(core.CreateSchedulingPolicy{Name: "q"})
	policies = must[[]core.SchedulingPolicyRow](t)(s.SchedulingPolicies(ctx))
	same(t, "the key of a policy after one that came and went", int64(3), policies[1].ID)
}

func testTags(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	queue, environment := core.Tagged{Kind: core.TagQueue, ID: 1}, core.Tagged{Kind: core.TagEnvironment, ID: 1}
	of := []core.Tagged{queue, environment, {Kind: core.TagJob, ID: 1}}
	read := func() map[core.Tagged]map[string]string {
		t.Helper()
		return must[map[core.Tagged]map[string]string](t)(s.Tags(t.Context(), of))
	}
	same(t, "tags of what has none", 0, len(read()))
	same(t, "tags of nothing", 0, len(must[map[core.Tagged]map[string]string](t)(s.Tags(t.Context(), nil))))
	odd := map[string]string{"": "", "ünïcode 駅": "\x00'\"", "aws": "b"}
	w.do(core.PutTags{Of: queue, Tags: map[string]string{"a": "b"}}, core.PutTags{Of: environment, Tags: map[string]string{}})
	w.do(core.PutTags{Of: queue, Tags: odd})
	got := read()
	same(t, "changed tags", map[core.Tagged]map[string]string{queue: odd, environment: {}}, got)
	if _, has := got[environment]; !has {
		t.Error("that all tags were taken away is forgotten")
	}
	w.do(core.UpdateQueue{Name: "q"}, core.DeleteQueue{Name: "q"})
	if _, has := read()[queue]; has {
		t.Error("a deleted queue still has tags")
	}
}

// change draws changes of the queues, environments, policies and tags that chaos
// makes.
func (c *chaos) change(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	enabled := rapid.Bool().Draw(t, "enabled")
	policy := rapid.SampledFrom([]string{"", "", name}).Draw(t, "policy")
	spec := []byte(name)
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		c.try(core.UpdateEnvironment{Name: name, Enabled: enabled, MaxVCPU: rapid.Int64Range(0, 3).Draw(t, "vcpus") * 1000, Spec: spec})
	case 1:
		c.try(core.DeleteEnvironment{Name: name, Spec: spec})
	case 2, 3:
		on := [][]string{nil, {"e"}, {name, "e"}, {name}}
		c.try(core.UpdateQueue{Name: name, Enabled: enabled, Environments: rapid.SampledFrom(on).Draw(t, "on"), SchedulingPolicy: policy, Spec: spec})
	case 4:
		c.try(core.DeleteQueue{Name: name, Spec: spec})
	case 5:
		c.try(core.CreateSchedulingPolicy{Name: name, Spec: spec})
	case 6:
		c.try(core.UpdateSchedulingPolicy{Name: name, Spec: []byte("new")})
	case 7:
		c.try(core.DeleteSchedulingPolicy{Name: name})
	case 8:
		set := settings(t)
		c.try(core.PutTags{
			Of: core.Tagged{Kind: core.TagQueue, ID: rapid.Int64Range(1, 4).Draw(t, "id")}, Tags: map[string]string{"k": name}, Queue: &set, Spec: []byte(name),
		})
	case 9:
		c.try(core.HostSeen{
			Environment: rapid.Int64Range(2, 5).Draw(t, "id"), Name: "i-9", Capacity: batch.Resources{MilliVCPU: 2000, MemoryMiB: 1 << 30},
		})
	}
}

func (c *chaos) readResources(s store.Store, add func(string, any, error)) []core.QueueRow {
	ctx := context.Background()
	ids := make([]int64, 60)
	var tagged []core.Tagged
	for i := range ids {
		ids[i] = int64(i + 1)
		tagged = append(tagged, core.Tagged{Kind: core.TagQueue, ID: ids[i]})
	}
	environments, err := s.Environments(ctx)
	add("environments", environments, err)
	all, err := s.EnvironmentsByID(ctx, ids)
	slices.SortFunc(all, func(a, b core.EnvironmentRow) int { return int(a.ID - b.ID) })
	add("environments by id", all, err)
	queues, err := s.Queues(ctx)
	add("queues", queues, err)
	every, err := s.QueuesByID(ctx, ids)
	slices.SortFunc(every, func(a, b core.QueueRow) int { return int(a.ID - b.ID) })
	add("queues by id", every, err)
	policies, err := s.SchedulingPolicies(ctx)
	add("scheduling policies", policies, err)
	tags, err := s.Tags(ctx, tagged)
	add("tags", tags, err)
	return every
}

// A head that nothing can hold, and a queue's limit of the time for it, are there
// after a restart.
func testBlocked(t *testing.T, h Harness) {
	s := h.Open(t)
	w := newWorld(t, s)
	w.setUp(2)
	limits := []core.TimeLimit{{Block: core.JobRequirement, Seconds: 600}, {Block: core.MaxResource, Seconds: 700}}
	w.do(core.UpdateQueue{Name: "q", Enabled: true, TimeLimits: limits, Spec: []byte(`{"q":2}`)})
	large, array := submission(1, 0), submission(2, 3)
	large.Needs.MilliVCPU, array.Needs.MilliVCPU = 3000, 999_000
	w.do(large, array)
	w.place(9)
	w.check()
	blocked := w.now
	read := func(r batch.JobRef) (batch.Instant, string) {
		j := must[[]store.Job](t)(s.Jobs(t.Context(), []batch.JobRef{r}))[0]
		return j.BlockedAt, j.StatusReason
	}
	at, reason := read(ref(1))
	same(t, "since when the job is blocked", blocked, at)
	same(t, "by what", core.JobRequirement.StatusReason(""), reason)
	shut(t, s)
	s = open(t, h)
	w.stores[0] = s
	w.check()
	same(t, "limits", limits, must[[]core.QueueRow](t)(s.Queues(t.Context()))[0].TimeLimits)
	w.do(core.Cancel{Job: ref(1), Reason: "no"})
	w.place(9)
	w.check()
	at, reason = read(ref(1))
	same(t, "since when the cancelled job is blocked", batch.Instant(0), at)
	same(t, "its end", "no", reason)
	at, reason = read(batch.ChildRef(id(2), 0))
	same(t, "since when the child is blocked", w.now, at)
	same(t, "by what", core.MaxResource.StatusReason(""), reason)
}
