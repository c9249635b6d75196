package batchsvc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

const hourMillis = 3_600_000

func portionOf(amount int64, part, whole batch.Instant) int64 {
	return catalog.Portion(amount, int64(part), max(1, int64(whole)))
}

// collectCosts fills in the lines of an answer, and returns what attempts have
// cost by environment. The rows of hours answer all but what is by job or by tag:
// those take a look at each job that has ended in the time, page by page.
func (s *Service) collectCosts(ctx context.Context, in costRequest, out *costAnswer) (used map[int64]int64, err error) {
	key, names, err := s.costKeys(in.By)
	if err != nil {
		return nil, err
	}
	used = make(map[int64]int64)
	groups := make(map[costGroup]*costLine)
	after := core.CostKey{Hour: int64(in.Since) / hourMillis, Queue: -1}
	until := (int64(in.Until) + hourMillis - 1) / hourMillis
	for {
		rows, err := s.o.Store.Costs(ctx, after, until, costPage)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			used[r.Environment] += r.Cost.NanoUSD
			if key != nil {
				groupOf(groups, key(r.CostKey)).add(&r.Cost, r.Attempts)
				out.Total.add(&r.Cost, r.Attempts)
			}
			after = r.CostKey
		}
		if len(rows) < costPage {
			break
		}
	}
	if key != nil {
		lines := cutCosts(groups, in.Limit, out)
		return used, names(ctx, lines)
	}
	return used, s.jobCosts(ctx, in, out)
}

// costGroup is what a line is about: a row's key, or a text.
type costGroup struct {
	id   int64
	text string
}

type namedLine struct {
	costGroup
	*costLine
}

func groupOf(groups map[costGroup]*costLine, g costGroup) *costLine {
	l := groups[g]
	if l == nil {
		l = new(costLine)
		groups[g] = l
	}
	return l
}

// costKeys says what rows of hours are grouped by, and how the groups get their
// names. Both are nil where jobs have to be looked at.
func (s *Service) costKeys(by string) (key func(core.CostKey) costGroup, names func(context.Context, []namedLine) error, err error) {
	fill := func(read func(context.Context, []int64) (map[int64]string, error)) func(context.Context, []namedLine) error {
		return func(ctx context.Context, lines []namedLine) error {
			ids := make([]int64, len(lines))
			for i, l := range lines {
				ids[i] = l.id
			}
			found, err := read(ctx, ids)
			for _, l := range lines {
				l.Name = found[l.id]
			}
			return err
		}
	}
	switch by {
	case "queue":
		return func(k core.CostKey) costGroup { return costGroup{id: k.Queue} }, fill(s.queueNames), nil
	case "environment":
		return func(k core.CostKey) costGroup { return costGroup{id: k.Environment} }, fill(s.environmentNames), nil
	case "definition":
		return func(k core.CostKey) costGroup { return costGroup{id: k.Definition} }, fill(func(ctx context.Context, ids []int64) (map[int64]string, error) {
			rows, err := s.o.Store.DefinitionsByID(ctx, ids)
			named := make(map[int64]string, len(rows))
			for _, r := range rows {
				named[r.ID] = fmt.Sprintf("%s:%d", r.Name, r.Revision)
			}
			return named, err
		}), nil
	case "share":
		byText := func(_ context.Context, lines []namedLine) error {
			for _, l := range lines {
				l.Name = l.text
			}
			return nil
		}
		return func(k core.CostKey) costGroup { return costGroup{text: k.Share} }, byText, nil
	case "job", "tag":
		return nil, nil, nil
	}
	return nil, nil, &batch.Error{Code: batch.Invalid, Field: "by", Message: "by must be one of [queue, share, definition, environment, job, tag]."}
}

// cutCosts puts the dearest groups into the answer, and the others into one line.
func cutCosts(groups map[costGroup]*costLine, limit int, out *costAnswer) []namedLine {
	var lines []namedLine
	for g, l := range groups {
		lines = append(lines, namedLine{g, l})
	}
	slices.SortFunc(lines, func(a, b namedLine) int {
		return cmp.Or(cmp.Compare(b.USD, a.USD), cmp.Compare(a.id, b.id), cmp.Compare(a.text, b.text))
	})
	kept := lines[:min(len(lines), limit)]
	for _, l := range lines[len(kept):] {
		out.rest(l.costLine)
	}
	out.Costs = make([]costLine, len(kept))
	for i := range kept {
		out.Costs[i] = *kept[i].costLine
		kept[i].costLine = &out.Costs[i]
	}
	return kept
}

func (a *costAnswer) rest(l *costLine) {
	if a.Others == nil {
		a.Others = new(costLine)
	}
	a.Others.add(&batch.Cost{NanoUSD: int64(l.USD), OnDemand: int64(l.OnDemand)}, l.Count)
}

// jobCosts fills in the lines by job or by the values of a tag.
func (s *Service) jobCosts(ctx context.Context, in costRequest, out *costAnswer) error {
	groups := make(map[costGroup]*costLine)
	f := store.CostFilter{After: in.Since - 1, AfterSeq: 1 << 62, Until: in.Until, Limit: costPage}
	for {
		jobs, err := s.o.Store.JobCosts(ctx, f)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			f.After, f.AfterSeq = j.StoppedAt, j.Seq
		}
		full := len(jobs) == costPage
		jobs = slices.DeleteFunc(jobs, func(j store.JobCost) bool { return j.Cost == nil })
		values, err := s.tagValues(ctx, jobs, in.TagKey)
		if err != nil {
			return err
		}
		for i, j := range jobs {
			out.Total.add(j.Cost, 1)
			if in.By == "job" {
				groups[costGroup{id: j.Seq}] = &costLine{
					Name: j.Name, ID: batch.JobRef{ID: j.ID}.String(), Count: 1, USD: usd(j.Cost.NanoUSD),
					OnDemand: usd(j.Cost.OnDemand), Saved: usd(j.Cost.OnDemand - j.Cost.NanoUSD),
				}
				continue
			}
			g := costGroup{text: values[i]}
			if groups[g] == nil && len(groups) >= mostTagValues {
				out.rest(&costLine{Count: 1, USD: usd(j.Cost.NanoUSD), OnDemand: usd(j.Cost.OnDemand)})
				continue
			}
			groupOf(groups, g).add(j.Cost, 1)
		}
		if in.By == "job" && len(groups) > in.Limit {
			// Only the dearest are kept, so that any number of jobs may be read.
			kept := cutCosts(groups, in.Limit, out)
			groups = make(map[costGroup]*costLine, len(kept))
			for _, l := range kept {
				line := *l.costLine
				groups[l.costGroup] = &line
			}
		}
		if !full {
			break
		}
	}
	for _, l := range cutCosts(groups, in.Limit, out) {
		if in.By == "tag" {
			l.Name = l.text
		}
	}
	return nil
}

// tagValues are the values that jobs have for a tag, empty for those without it.
func (s *Service) tagValues(ctx context.Context, jobs []store.JobCost, key string) ([]string, error) {
	values := make([]string, len(jobs))
	if key == "" {
		return values, nil
	}
	changed, err := tagsOf(ctx, s, core.TagJob, jobs, func(j store.JobCost) int64 { return j.Seq })
	if err != nil {
		return nil, err
	}
	for i, j := range jobs {
		var submit struct {
			Tags map[string]string `json:"tags"`
		}
		if bytes.Contains(j.Spec, []byte(`"tags"`)) { // most have none, and reading takes the longest
			if err := json.Unmarshal(j.Spec, &submit); err != nil {
				return nil, fmt.Errorf("decode the request of job %s: %w", batch.JobRef{ID: j.ID}, err)
			}
		}
		values[i] = changed.over(j.Seq, submit.Tags)[key]
	}
	return values, nil
}

// instanceLines completes the lines of environments, in the order of their names.
func (s *Service) instanceLines(ctx context.Context, lines map[int64]*instanceLine, used map[int64]int64) ([]instanceLine, error) {
	ids := slices.Sorted(maps.Keys(lines))
	names, err := s.environmentNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := []instanceLine{}
	for _, id := range ids {
		l := *lines[id]
		l.Environment, l.Saved = names[id], l.OnDemand-l.USD
		l.Used = min(usd(used[id]), l.USD)
		l.Idle = l.USD - l.Used
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b instanceLine) int { return cmp.Compare(a.Environment, b.Environment) })
	return list, nil
}
