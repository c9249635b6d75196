package core

import (
	"cmp"
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
)

// CostRow is what the attempts have cost that ended within an hour, for each
// combination of where they ran and what they were of. It is kept when the jobs
// are gone.
type CostRow struct {
	CostKey
	Attempts int64
	Cost     batch.Cost
}

// CostKey is what a [CostRow] is about.
type CostKey struct {
	Hour                           int64 // since the Unix epoch, when the attempts ended
	Queue, Environment, Definition int64
	Share                          string // identifier, or name of a quota share; or empty
}

// CostPut writes a row of costs. Slot names the row among those that a round
// writes.
type CostPut struct {
	Row  CostRow
	Slot int64
}

func (CostPut) change() {}

// Fargate says whether an environment is of Fargate, where an attempt costs what
// its size does.
type Fargate uint8

// The ways to have Fargate. The numbers are stored.
const (
	NoFargate Fargate = iota
	FargateOnDemand
	FargateSpot
)

// costs are the rows of the hour in which the latest attempt ended that has a
// price. Those of earlier hours do not change any more.
type costs struct {
	hour  int64
	rows  map[CostKey]*hourCost
	slots int64
}

type hourCost struct {
	CostRow
	slot int64
}

func (c *costs) add(row CostRow) *hourCost {
	c.slots++
	h := &hourCost{row, c.slots}
	c.rows[row.CostKey] = h
	return h
}

// charge says what the live attempt of a job has cost until its end, and adds
// that to what the job, its parent and the hour have. An attempt costs from when
// it was given to its host: from then on it is in the way of others.
func (s *State) charge(now batch.Instant, j *job, stopped batch.Instant, out *Output) *batch.Cost {
	until := min(now, max(stopped, j.scheduled))
	cost := s.price(j.host, s.shapes.Need(j.shape), j.scheduled, until)
	if cost == nil {
		return nil
	}
	root := j
	for p := j; p != nil; p = p.parent {
		p.cost = p.cost.Plus(cost)
		root = p
	}
	c := &s.costs
	if hour := int64(now) / 3_600_000; hour > c.hour || c.rows == nil {
		c.hour, c.rows = max(hour, c.hour), make(map[CostKey]*hourCost)
	}
	key := CostKey{Hour: c.hour, Queue: j.queue.row.ID, Environment: j.host.environment.row.ID, Definition: j.definition}
	switch {
	case root.share != nil:
		key.Share = root.share.Name
	case root.quota != nil:
		key.Share = root.quota.row.Name
	}
	row := c.rows[key]
	if row == nil {
		row = c.add(CostRow{CostKey: key})
	}
	row.Attempts++
	row.Cost = *row.Cost.Plus(cost)
	out.Changes = append(out.Changes, CostPut{row.CostRow, row.slot})
	return cost
}

// price is what a need costs on a host for a time: on an instance its share of
// what the instance costs. It is nil if nobody knows.
func (s *State) price(h *host, need batch.Resources, from, to batch.Instant) *batch.Cost {
	if kind := h.environment.row.Fargate; kind != NoFargate {
		cost, _ := s.types().FargateCost(catalog.X86, kind == FargateSpot, need, from, to)
		onDemand, _ := s.types().FargateCost(catalog.X86, false, need, from, to)
		return &batch.Cost{NanoUSD: cost, OnDemand: onDemand}
	}
	whole := InstanceCost(s.types(), h.row.Type, h.row.Spot, from, to)
	if whole == nil {
		return nil
	}
	part, all := weight(need), max(1, weight(h.Capacity))
	return &batch.Cost{NanoUSD: catalog.Portion(whole.NanoUSD, part, all), OnDemand: catalog.Portion(whole.OnDemand, part, all)}
}

// InstanceCost is what an instance of a type costs from one time to another; nil
// if nobody knows.
func InstanceCost(types *catalog.Catalog, name string, spot bool, from, to batch.Instant) *batch.Cost {
	t := types.Type(name)
	if t == nil {
		return nil
	}
	cost, ok := t.Cost(spot, from, to)
	if !ok {
		return nil
	}
	onDemand, ok := t.Cost(false, from, to)
	if !ok {
		onDemand = cost
	}
	return &batch.Cost{NanoUSD: cost, OnDemand: onDemand}
}

// weight is how much of an instance's price an amount stands for: AWS weighs a
// GPU, a vCPU and a GiB of memory as 90 to 9 to 1. Shares of one instance are one
// together where nothing of it is left, and never more.
//
// https://docs.aws.amazon.com/cur/latest/userguide/split-cost-allocation-data.html
func weight(r batch.Resources) int64 {
	return r.MilliVCPU*9*1024 + r.MemoryMiB*1000 + r.GPUs*90*1000*1024
}

// endCost is what an instance that is no more has cost since its launch. One that
// has never registered has cost nothing.
func (s *State) endCost(h *host) *batch.Cost {
	if h.row.SeenAt == 0 {
		return &batch.Cost{}
	}
	return InstanceCost(s.types(), h.row.Type, h.row.Spot, h.row.LaunchedAt, h.row.EndedAt)
}

// types are the instance types and their prices.
func (s *State) types() *catalog.Catalog {
	if s.scaling.Catalog == nil {
		s.scaling.Catalog = catalog.Builtin()
	}
	return s.scaling.Catalog
}

// sortedCosts are the rows of the hour in an order.
func (s *State) sortedCosts() []*hourCost {
	return slices.SortedFunc(maps.Values(s.costs.rows), func(a, b *hourCost) int {
		return cmp.Or(
			cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Environment, b.Environment),
			cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Share, b.Share))
	})
}
