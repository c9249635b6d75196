package batchsvc

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Routes are the operations that Barge has and AWS Batch has not.
func (s *Service) Routes() []restjson.Route {
	return []restjson.Route{
		{Operation: "DescribeCosts", Method: http.MethodPost, Path: "/v1/describecosts", Serve: s.describeCosts},
		{Operation: "InterruptInstances", Method: http.MethodPost, Path: "/v1/interruptinstances", Serve: s.interruptInstances},
	}
}

// costRequest asks what jobs and instances have cost.
type costRequest struct {
	By     string        `json:"by"`     // queue, share, definition, environment, job or tag
	TagKey string        `json:"tagKey"` // with tag
	Since  batch.Instant `json:"since"`  // milliseconds since the Unix epoch; zero for all
	Until  batch.Instant `json:"until"`  // exclusive; zero for now
	Limit  int           `json:"limit"`  // rows; zero for 100
}

// costAnswer is what they have cost, the dearest first. Amounts are US dollars.
type costAnswer struct {
	By       string         `json:"by"`
	Currency string         `json:"currency"`
	Since    batch.Instant  `json:"since"`
	Until    batch.Instant  `json:"until"`
	Costs    []costLine     `json:"costs"`
	Others   *costLine      `json:"others,omitempty"` // all beyond the limit together
	Total    costLine       `json:"total"`
	Fleets   []instanceLine `json:"instances"` // by compute environment
}

// costLine is one row: attempts, or jobs where it is by job or tag.
type costLine struct {
	Name     string `json:"name,omitempty"`
	ID       string `json:"jobId,omitempty"`
	Count    int64  `json:"count"`
	USD      usd    `json:"usd"`
	OnDemand usd    `json:"onDemandUsd"`
	Saved    usd    `json:"savedUsd"`
}

// instanceLine is what the instances of an environment have cost, and what of it
// no job has used.
type instanceLine struct {
	Environment string `json:"computeEnvironment"`
	Instances   int64  `json:"instances"`
	Unpriced    int64  `json:"instancesWithoutPrice"`
	USD         usd    `json:"usd"`
	OnDemand    usd    `json:"onDemandUsd"`
	Saved       usd    `json:"savedUsd"`
	Used        usd    `json:"usedUsd"`
	Idle        usd    `json:"idleUsd"`
}

// usd is an amount of billionths, written as dollars with all of their digits.
type usd int64

// MarshalJSON writes a number.
func (u usd) MarshalJSON() ([]byte, error) {
	return []byte(batch.USD(int64(u))), nil
}

func (l *costLine) add(c *batch.Cost, count int64) {
	l.Count += count
	l.USD += usd(c.NanoUSD)
	l.OnDemand += usd(c.OnDemand)
	l.Saved = l.OnDemand - l.USD
}

const (
	defaultCostRows = 100
	mostCostRows    = 10_000
	costPage        = 4096 // rows read at once
	// mostTagValues bounds the values of a tag that are told apart.
	mostTagValues = 100_000
)

// describeCosts tells what ended attempts have cost, added up as asked for, and
// what the instances have.
func (s *Service) describeCosts(ctx context.Context, c *restjson.Call) error {
	var in costRequest
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return invalid("The request is not an object with by, tagKey, since, until and limit: %v", err)
	}
	now := batch.InstantOf(time.Now())
	if in.Until == 0 {
		in.Until = now
	}
	if in.Limit == 0 {
		in.Limit = defaultCostRows
	}
	switch {
	case in.Since < 0 || in.Until < in.Since:
		return &batch.Error{Code: batch.Invalid, Field: "since", Message: "since must not be negative or after until."}
	case in.Limit < 0 || in.Limit > mostCostRows:
		return &batch.Error{Code: batch.Invalid, Field: "limit", Message: "limit must be between 1 and " + itoa(mostCostRows) + "."}
	case (in.By == "tag") != (in.TagKey != ""):
		return &batch.Error{Code: batch.Invalid, Field: "tagKey", Message: "tagKey is required with by tag, and has no meaning with others."}
	}
	out := costAnswer{By: in.By, Currency: "USD", Since: in.Since, Until: in.Until, Costs: []costLine{}, Fleets: []instanceLine{}}
	used, err := s.collectCosts(ctx, in, &out)
	if err != nil {
		return err
	}
	if out.Fleets, err = s.instanceCosts(ctx, in.Since, in.Until, now, used); err != nil {
		return err
	}
	c.Reply, err = json.Marshal(out)
	return err
}

// instanceCosts adds up the instances that were there in the time, each with its
// part of it: those that are terminated, and those that are there. used is what
// jobs have cost in each environment.
func (s *Service) instanceCosts(ctx context.Context, since, until, now batch.Instant, used map[int64]int64) ([]instanceLine, error) {
	lines := make(map[int64]*instanceLine)
	add := func(r core.HostRow, end batch.Instant) {
		from, to := max(since, r.LaunchedAt), min(until, end)
		if r.SeenAt == 0 || from >= to {
			return
		}
		l := lines[r.Environment]
		if l == nil {
			l = new(instanceLine)
			lines[r.Environment] = l
		}
		l.Instances++
		cost := r.Cost
		switch {
		case r.State != core.HostTerminated:
			cost = core.InstanceCost(s.o.Catalog, r.Type, r.Spot, from, to)
		case cost != nil:
			cost = &batch.Cost{
				NanoUSD: portionOf(cost.NanoUSD, to-from, end-r.LaunchedAt), OnDemand: portionOf(cost.OnDemand, to-from, end-r.LaunchedAt),
			}
		}
		if cost == nil {
			l.Unpriced++
			return
		}
		l.USD += usd(cost.NanoUSD)
		l.OnDemand += usd(cost.OnDemand)
	}
	after, afterID := since, int64(0)
	for {
		rows, err := s.o.Store.EndedInstances(ctx, after, afterID, now+1, costPage)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			add(r, r.EndedAt)
			after, afterID = r.EndedAt, r.ID
		}
		if len(rows) < costPage {
			break
		}
	}
	environments, err := s.o.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range environments {
		rows, err := s.o.Store.Instances(ctx, e.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Type != "" {
				add(r, max(now, r.LaunchedAt))
			}
		}
	}
	return s.instanceLines(ctx, lines, used)
}

// costDetail is what Barge says of what a job has cost; nil if nobody knows.
func costDetail(c *batch.Cost) *batchapi.BargeCost {
	if c == nil {
		return nil
	}
	return &batchapi.BargeCost{
		Amount: ptr(dollars(c.NanoUSD)), Currency: "USD", OnDemandAmount: ptr(dollars(c.OnDemand)),
	}
}

func dollars(nano int64) float64 { return float64(nano) / 1e9 }
