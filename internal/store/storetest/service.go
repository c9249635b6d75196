package storetest

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/store"
)

// serviceSetUp makes a service environment "s", a policy "quotas", and two
// queues on them: "fifo" and "quota" with the quota shares "a" and "b".
func (w *world) serviceSetUp() {
	w.t.Helper()
	w.do(core.CreateServiceEnvironment{Name: "s", Enabled: true, Limits: instances(2), Spec: []byte(`{"s":1}`)},
		core.CreateSchedulingPolicy{Name: "quotas"},
		core.CreateQueue{Name: "fifo", Enabled: true, ServiceEnvironment: "s"},
		core.CreateQueue{Name: "quota", Enabled: true, ServiceEnvironment: "s", SchedulingPolicy: "quotas"},
		core.CreateQuotaShare{Queue: "quota", Name: "b", Enabled: true, Rules: lending(1), Spec: []byte(`{"b":1}`)},
		core.CreateQuotaShare{Queue: "quota", Name: "a", Enabled: true, Rules: lending(1)})
}

// serviceSubmission is a service job in a quota share, or in none.
func serviceSubmission(n byte, share string, priority int32) core.Submit {
	in := core.Submit{
		ID: id(n), Queue: "fifo", Service: &core.ServiceJob{Priority: priority, Instances: instances(1)},
		New: core.NewJob{Name: "job-" + string('a'+rune(n)), Share: share, Spec: []byte{'{', n, '}'}},
	}
	if share != "" {
		in.Queue, in.Quota = "quota", &core.QuotaJob{Share: share, Priority: priority, Retries: priority - 1}
	}
	return in
}

func instances(n int64) quota.Amounts { return quota.Of(quota.Amount{Unit: "ml.m5.large", N: n}) }

func lending(n int64) quota.Rules {
	return quota.Rules{Limits: instances(n), Strategy: quota.LendAndBorrow, Borrow: quota.Unlimited, InShare: true}
}

func testService(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(1)
	w.serviceSetUp()
	w.do(serviceSubmission(1, "", 3), serviceSubmission(2, "a", 1), serviceSubmission(3, "b", 2), serviceSubmission(4, "a", 9), submission(5, 0))
	w.place(10)
	w.check()
	w.do(core.UpdateServiceJob{Job: ref(2), Priority: 7}, core.Terminate{Job: ref(3), Kind: core.Service, Reason: "enough"})
	w.check()

	ctx := t.Context()
	jobs := must[[]store.Job](t)(s.Jobs(ctx, []batch.JobRef{ref(1), ref(2), ref(3), ref(5)}))
	type what struct {
		Kind     core.Kind
		Priority int32
		Share    int64
		State    batch.JobState
		Needs    string
		Preempt  core.Preempt
	}
	var got []what
	for _, j := range jobs {
		w := what{j.Kind, j.Priority, j.QuotaShare, j.State, fmt.Sprint(j.Instances), core.Preempt{}}
		if j.Preempt != nil {
			w.Preempt = *j.Preempt
		}
		got = append(got, w)
	}
	same(t, "service jobs", []what{
		{core.Service, 3, 0, batch.Scheduled, "[{ml.m5.large 1}]", core.Preempt{}},
		{core.Service, 7, 2, batch.Runnable, "[{ml.m5.large 1}]", core.Preempt{}},
		{core.Service, 2, 1, batch.Failed, "[{ml.m5.large 1}]", core.Preempt{Retries: 1}},
		{core.Plain, 0, 0, batch.Starting, "[]", core.Preempt{}},
	}, got)

	services := must[[]core.ServiceEnvironmentRow](t)(s.ServiceEnvironments(ctx))
	same(t, "service environments", []core.ServiceEnvironmentRow{
		{ID: 1, Name: "s", Enabled: true, Limits: instances(2), Spec: []byte(`{"s":1}`), CreatedAt: services[0].CreatedAt},
	}, services)
	queues := must[[]core.QueueRow](t)(s.Queues(ctx))
	same(t, "the service environment of a queue", int64(1), queues[0].ServiceEnvironment)
	quota := queues[2].ID
	shares := must[[]core.QuotaShareRow](t)(s.QuotaShares(ctx, quota))
	same(t, "quota shares", []core.QuotaShareRow{
		{ID: 2, Queue: quota, Name: "a", Enabled: true, Rules: lending(1), Turn: 1, CreatedAt: shares[0].CreatedAt},
		{ID: 1, Queue: quota, Name: "b", Enabled: true, Rules: lending(1), Spec: []byte(`{"b":1}`), CreatedAt: shares[1].CreatedAt},
	}, shares)

	w.do(core.UpdateQuotaShare{Queue: "quota", Name: "b"}, core.DeleteQuotaShare{Queue: "quota", Name: "b"})
	w.check()
	same(t, "the quota shares left", 1, len(must[[]core.QuotaShareRow](t)(s.QuotaShares(ctx, quota))))

	// What is made and deleted in one round leaves its key behind.
	w.do(core.CreateServiceEnvironment{Name: "short"}, core.DeleteServiceEnvironment{Name: "short"},
		core.CreateQuotaShare{Queue: "quota", Name: "short"}, core.DeleteQuotaShare{Queue: "quota", Name: "short"})
	w.check()
	w.do(core.CreateServiceEnvironment{Name: "next"}, core.CreateQuotaShare{Queue: "quota", Name: "b"})
	w.check()
	same(t, "the key of a new quota share", int64(4), must[[]core.QuotaShareRow](t)(s.QuotaShares(ctx, quota))[1].ID)
}

// service draws inputs about service jobs.
func (c *chaos) service(t *rapid.T) {
	share := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "share")
	n := rapid.Int32Range(0, 3).Draw(t, "n")
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0, 1, 2:
		in := serviceSubmission(byte(len(c.jobs)+1), share, n)
		in.MaxAttempts = n
		if c.step(in) == nil {
			c.jobs = append(c.jobs, in)
		}
	case 3:
		if len(c.jobs) > 0 {
			job := batch.JobRef{ID: rapid.SampledFrom(c.jobs).Draw(t, "job").ID}
			c.try(core.UpdateServiceJob{Job: job, Priority: n})
			c.try(core.Terminate{Job: batch.JobRef{ID: rapid.SampledFrom(c.jobs).Draw(t, "job").ID}, Kind: core.Service, Reason: "r"})
		}
	case 4:
		c.try(core.CreateQuotaShare{Queue: "quota", Name: share, Enabled: n > 0, Rules: lending(int64(n)), Spec: []byte(share)})
	case 5:
		c.try(core.UpdateQuotaShare{Queue: "quota", Name: share, Enabled: n > 0, Rules: lending(int64(n)), Spec: []byte{byte(n)}})
	case 6:
		c.try(core.DeleteQuotaShare{Queue: "quota", Name: share})
	case 7:
		c.try(core.CreateServiceEnvironment{Name: share, Enabled: n > 0, Limits: instances(int64(n))})
		c.try(core.UpdateServiceEnvironment{Name: share, Enabled: n > 1, Spec: []byte{byte(n)}})
		c.try(core.DeleteServiceEnvironment{Name: share})
	}
}

func (c *chaos) readServices(s store.Store, add func(string, any, error)) {
	services, err := s.ServiceEnvironments(context.Background())
	add("service environments", services, err)
	for queue := int64(1); queue < 5; queue++ {
		shares, err := s.QuotaShares(context.Background(), queue)
		add("quota shares", shares, err)
	}
}
