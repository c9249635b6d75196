package sim

import (
	"context"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// checkCost sees that a job has cost what its attempts have, or its children or
// nodes.
func (w *World) checkCost(j *store.Job) {
	var sum *batch.Cost
	var parts []batch.JobRef
	for i := range j.Size {
		parts = append(parts, batch.ChildRef(j.Ref.ID, int(i)))
	}
	if j.Gang != nil {
		for i := range j.Gang.Size {
			parts = append(parts, batch.NodeRef(j.Ref.ID, int(i)))
		}
	}
	for _, a := range j.Attempts {
		sum = sum.Plus(a.Cost)
	}
	jobs, err := w.store.Jobs(context.Background(), parts)
	if err != nil {
		w.bad("%w", err)
	}
	for i := range jobs {
		if len(jobs[i].Attempts) > 0 { // what has no row of its own has its parent's numbers
			sum = sum.Plus(jobs[i].Cost)
		}
	}
	if (sum == nil) != (j.Cost == nil) || sum != nil && *sum != *j.Cost {
		w.bad("job %s has cost %v, its parts %v", j.Ref, j.Cost, sum)
	}
}

// checkCosts sees that the hours have cost what the jobs have.
func (w *World) checkCosts() {
	ctx := context.Background()
	var hours, ended batch.Cost
	rows, err := w.store.Costs(ctx, core.CostKey{Hour: -1}, 1<<40, 1<<20)
	if err != nil {
		w.bad("%w", err)
	}
	for i := range rows {
		hours = *hours.Plus(&rows[i].Cost)
		w.stats.Priced += int(rows[i].Attempts)
	}
	jobs, err := w.store.JobCosts(ctx, store.CostFilter{Until: 1 << 60, Limit: 1 << 20})
	if err != nil {
		w.bad("%w", err)
	}
	for i := range jobs {
		ended = *ended.Plus(jobs[i].Cost)
	}
	if hours != ended {
		w.bad("the hours have cost %v, the jobs %v", hours, ended)
	}
}
