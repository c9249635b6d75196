package sqlite

import (
	"fmt"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// BenchmarkMillion reads pages of a store with a million jobs, ended ones for
// the most part: names in runs of a thousand, three definitions, one of them
// rare, every tenth thousand of shares.
func BenchmarkMillion(b *testing.B) {
	const jobs = 1_000_000
	s := openBench(b, b.TempDir())
	h := newHistory(300)
	h.setUp(b, s)
	h.commit(b, s,
		core.DefinitionPut{Row: core.DefinitionRow{ID: 1, Name: "align", Revision: 1, Active: true}},
		core.DefinitionPut{Row: core.DefinitionRow{ID: 2, Name: "align", Revision: 2, Active: true}},
		core.DefinitionPut{Row: core.DefinitionRow{ID: 3, Name: "rare", Revision: 1, Active: true}},
		core.DefinitionPut{Row: core.DefinitionRow{ID: 4, Name: "rare", Revision: 2, Active: true}})
	var first core.JobRow
	refs := make([]batch.JobRef, 0, 100)
	zero := int32(0)
	for n := 0; n < jobs; {
		changes := make([]core.Change, 0, 8000)
		for ; len(changes) < cap(changes)-1 && n < jobs; n++ {
			p := h.submit()
			p.New.Name = fmt.Sprintf("run%03d-%d", n/1000, n%1000)
			p.Row.Definition = 1 + int64(n%2)
			if n%5000 == 0 {
				p.Row.Definition = 3 + int64(n/5000%2)
			}
			if n/10_000%10 == 0 {
				p.New.Share = "red"
			}
			if n < jobs-10_000 {
				p.Row.State, p.Row.Attempt, p.Row.Host, p.Row.StartedAt, p.Row.ExitCode = batch.Succeeded, 1, 1, p.Row.CreatedAt+1, &zero
				p.Row.StoppedAt = p.Row.CreatedAt + 9000
				p.Row.Cost = &batch.Cost{NanoUSD: int64(n), OnDemand: 3 * int64(n)}
				changes = append(changes, core.AttemptPut{Row: core.AttemptRow{
					Job: p.Row.Seq, Number: 1, Host: 1, StartedAt: p.Row.StartedAt, StoppedAt: p.Row.StoppedAt, ExitCode: &zero,
				}})
			}
			if n%9973 == 0 && len(refs) < cap(refs) {
				refs = append(refs, p.Row.Ref)
			}
			if n == 0 {
				first = p.Row
			}
			changes = append(changes, p)
		}
		h.commit(b, s, changes...)
	}
	for len(refs) < cap(refs) {
		refs = append(refs, batch.JobRef{ID: batch.NewJobID(batch.Instant(len(refs)))}) // unknown
	}
	var costs []core.Change
	for i := range int64(168 * 50) {
		costs = append(costs, core.CostPut{Row: core.CostRow{CostKey: core.CostKey{Hour: i / 50, Queue: 1, Environment: 1 + i%2, Definition: i % 50}, Attempts: 119, Cost: batch.Cost{NanoUSD: i}}})
	}
	h.commit(b, s, costs...)
	// All that `barge cost` reads of a week in which a million jobs have ended,
	// by queue, and by tag.
	b.Run("Costs/hours=168/combinations=50", func(b *testing.B) {
		for b.Loop() {
			for after, n := (core.CostKey{Hour: -1}), 4096; n == 4096; {
				rows, err := s.Costs(b.Context(), after, 1<<40, 4096)
				if err != nil {
					b.Fatal(err)
				}
				if n = len(rows); n > 0 {
					after = rows[n-1].CostKey
				}
			}
		}
	})
	b.Run("JobCosts/jobs=1M", func(b *testing.B) {
		for b.Loop() {
			f := store.CostFilter{Until: 1 << 60, Limit: 4096}
			for n := 4096; n == 4096; {
				rows, err := s.JobCosts(b.Context(), f)
				if err != nil {
					b.Fatal(err)
				}
				if n = len(rows); n > 0 {
					f.After, f.AfterSeq = rows[n-1].StoppedAt, rows[n-1].Seq
				}
			}
		}
	})
	b.Run("Jobs/refs=100", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Jobs(b.Context(), refs); err != nil {
				b.Fatal(err)
			}
		}
	})
	middle := first.CreatedAt + jobs/2
	for _, c := range []struct {
		name string
		f    store.JobFilter
	}{
		{"state=ended", store.JobFilter{State: batch.Succeeded, Limit: 1001}},
		{"state=waiting", store.JobFilter{State: batch.Runnable, Limit: 1001}},
		{"state=ended,from=middle", store.JobFilter{State: batch.Succeeded, Limit: 1001, Before: jobs / 2}},
		{"name=one", store.JobFilter{Name: store.NamePattern{Name: "run500-7"}}},
		{"name=none", store.JobFilter{Name: store.NamePattern{Name: "nothing"}}},
		{"name=run500*", store.JobFilter{Name: store.NamePattern{Name: "run500", Prefix: true}}},
		{"name=run9*", store.JobFilter{Name: store.NamePattern{Name: "run9", Prefix: true}}},
		{"name=run00*", store.JobFilter{Name: store.NamePattern{Name: "run00", Prefix: true}}},
		{"name=run0*", store.JobFilter{Name: store.NamePattern{Name: "run0", Prefix: true}}},
		{"name=*", store.JobFilter{Name: store.NamePattern{Prefix: true}}},
		{"definition=align", store.JobFilter{Definition: "align"}},
		{"definition=align:1", store.JobFilter{Definition: "align", Revision: 1}},
		{"definition=rare", store.JobFilter{Definition: "rare"}},
		{"definition=rare:1", store.JobFilter{Definition: "rare", Revision: 1}},
		{"share=red", store.JobFilter{Share: "red"}},
		{"created=after", store.JobFilter{CreatedAfter: middle}},
		{"created=before", store.JobFilter{CreatedBefore: middle}},
	} {
		c.f.Queue = 1
		if c.f.Limit == 0 {
			c.f.AnyState, c.f.Limit = true, 101
		}
		b.Run("ListJobs/"+c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				page, err := s.ListJobs(b.Context(), c.f)
				if err != nil {
					b.Fatal(err)
				}
				n = len(page)
			}
			b.ReportMetric(float64(n), "jobs")
		})
	}
}
