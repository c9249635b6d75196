package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// testCosts: what attempts cost is added up in the rows of their jobs and hours,
// is the same after a restart, and is read page by page.
func testCosts(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(3)
	w.do(core.UpdateEnvironment{Name: "e", Enabled: true, MaxVCPU: 256_000, Fargate: core.FargateSpot})
	w.do(submission(1, 0), submission(2, 2), submission(3, 0))
	const hour = 3_600_000
	for range 2 {
		w.place(10)
		w.now += hour
		for range 2 {
			if len(w.live) > 0 {
				w.do(w.end(0))
				w.check()
			}
		}
	}
	w.check()
	w.now += hour
	w.place(10)
	w.check()

	ctx := t.Context()
	rows := must[[]core.CostRow](t)(s.Costs(ctx, core.CostKey{}, 1<<40, 9))
	if len(rows) != 2 {
		t.Fatalf("%d rows of costs, want one for each of two hours: %v", len(rows), rows)
	}
	page := must[[]core.CostRow](t)(s.Costs(ctx, core.CostKey{}, 1<<40, 1))
	page = append(page, must[[]core.CostRow](t)(s.Costs(ctx, page[0].CostKey, 1<<40, 9))...)
	same(t, "pages of costs", rows, page)
	same(t, "costs of the first hour", rows[:1], must[[]core.CostRow](t)(s.Costs(ctx, core.CostKey{}, rows[1].Hour, 9)))
	same(t, "costs of later hours", 0, len(must[[]core.CostRow](t)(s.Costs(ctx, core.CostKey{Hour: rows[1].Hour + 1}, 1<<40, 9))))

	sum, attempts := new(batch.Cost), int64(0)
	for _, r := range rows {
		sum, attempts = sum.Plus(&r.Cost), attempts+r.Attempts
	}
	jobs := must[[]store.JobCost](t)(s.JobCosts(ctx, store.CostFilter{Until: 1 << 60, Limit: 9}))
	ofJobs := new(batch.Cost)
	for _, j := range jobs {
		if j.Cost == nil || j.Cost.NanoUSD == 0 || j.Cost.NanoUSD >= j.Cost.OnDemand {
			t.Errorf("job %s costs %v, want something less than on demand", j.Name, j.Cost)
			continue
		}
		ofJobs = ofJobs.Plus(j.Cost)
	}
	same(t, "attempts", int64(4), attempts)
	same(t, "the costs of all hours and of all jobs", sum, ofJobs)
	same(t, "jobs with costs", 3, len(jobs))
	same(t, "a job's specification", []byte{'{', 1, '}'}, jobs[0].Spec)
	first := must[[]store.JobCost](t)(s.JobCosts(ctx, store.CostFilter{Until: 1 << 60, Limit: 1}))
	rest := must[[]store.JobCost](t)(s.JobCosts(ctx, store.CostFilter{After: first[0].StoppedAt, AfterSeq: first[0].Seq, Until: 1 << 60, Limit: 9}))
	same(t, "pages of costs of jobs", jobs, append(first, rest...))
	same(t, "costs of jobs that ended before", jobs[:2], must[[]store.JobCost](t)(s.JobCosts(ctx, store.CostFilter{Until: jobs[2].StoppedAt, Limit: 9})))
	one := must[[]store.Job](t)(s.Jobs(ctx, []batch.JobRef{{ID: jobs[0].ID}}))
	same(t, "the attempt's cost", jobs[0].Cost, one[0].Attempts[0].Cost)
}
