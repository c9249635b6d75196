package batchsvc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
)

const hour = batch.Instant(3_600_000)

// costService is a service over rows of costs.
func costService(t *testing.T) *batchsvc.Service {
	t.Helper()
	s := memory.New()
	ended := func(seq int64, at batch.Instant, nano int64, tags string) core.Change {
		return core.JobPut{
			Row: core.JobRow{
				Seq: seq, Ref: batch.JobRef{ID: batch.JobID{15: byte(seq)}}, Queue: 1, Definition: 1, State: batch.Succeeded, MaxAttempts: 1, Attempt: 1, Host: 1,
				CreatedAt: 1, StoppedAt: at, Cost: &batch.Cost{NanoUSD: nano, OnDemand: 2 * nano},
			},
			New: &core.NewJob{Name: fmt.Sprint("job-", seq), Spec: []byte(tags)},
		}
	}
	key := func(hour, queue, definition int64, share string) core.CostKey {
		return core.CostKey{Hour: hour, Queue: queue, Environment: queue, Definition: definition, Share: share}
	}
	row := func(k core.CostKey, attempts, nano int64) core.Change {
		return core.CostPut{Row: core.CostRow{CostKey: k, Attempts: attempts, Cost: batch.Cost{NanoUSD: nano, OnDemand: 2 * nano}}}
	}
	changes := []core.Change{
		core.EnvironmentPut{Row: core.EnvironmentRow{ID: 1, Name: "one", Enabled: true}},
		core.EnvironmentPut{Row: core.EnvironmentRow{ID: 2, Name: "two", Enabled: true}},
		core.QueuePut{Row: core.QueueRow{ID: 1, Name: "q", Enabled: true, Environments: []int64{1}}},
		core.QueuePut{Row: core.QueueRow{ID: 2, Name: "gone", Status: core.Deleted}},
		core.DefinitionPut{Row: core.DefinitionRow{ID: 1, Name: "d", Revision: 3, Active: true}},
		core.DefinitionPut{Row: core.DefinitionRow{ID: 2, Name: "d", Revision: 4, Active: true}},
		core.HostPut{Row: core.HostRow{
			ID: 1, Environment: 1, Name: "i-1", Type: "m5.large", Spot: true, SeenAt: 1, State: core.HostTerminated, LaunchedAt: 1, EndedAt: 10*hour + 1,
			Cost: &batch.Cost{NanoUSD: 10_000_000_000, OnDemand: 20_000_000_000},
		}},
		core.HostPut{Row: core.HostRow{ID: 2, Environment: 1, Name: "i-2", Type: "m5.large", SeenAt: 1, LaunchedAt: 8 * hour}},
		core.HostPut{Row: core.HostRow{ID: 3, Environment: 2, Name: "i-3", Type: "hpc7a.96xlarge", SeenAt: 1, LaunchedAt: 8 * hour}},
		core.HostPut{Row: core.HostRow{ID: 4, Environment: 2, Type: "m5.large", LaunchedAt: 8 * hour, State: core.HostLaunching}},
		row(key(4, 1, 1, "a"), 1, 7_000_000_000),
		row(key(5, 1, 1, "a"), 2, 1_000_000_000), row(key(5, 1, 1, "b"), 1, 500_000_000), row(key(9, 2, 2, ""), 4, 25_500_000), row(key(10, 1, 1, "a"), 1, 7_000_000_000),
		ended(1, 5*hour-1, 1, "{}"), ended(2, 5*hour, 1_000_000_000, `{"tags":{"team":"red"}}`), ended(3, 6*hour, 2_000_000_000, `{"tags":{"team":"blue"}}`),
		ended(4, 7*hour, 3_000_000_000, `{"tags":{"team":"red"}}`), ended(5, 8*hour, 5, `{}`), ended(6, 10*hour, 1, "{}"),
		core.TagsPut{Row: core.TagsRow{Of: core.Tagged{Kind: core.TagJob, ID: 5}, Tags: map[string]string{"team": "blue"}}},
	}
	if err := s.Commit(t.Context(), store.Round{Number: 1, Changes: changes}); err != nil {
		t.Fatal(err)
	}
	return batchsvc.New(batchsvc.Options{Store: s})
}

func describeCosts(t *testing.T, s *batchsvc.Service, request string) (string, error) {
	t.Helper()
	for _, r := range s.Routes() {
		if r.Operation == "DescribeCosts" {
			c := &restjson.Call{Body: []byte(request)}
			err := r.Serve(t.Context(), c)
			return string(c.Reply), err
		}
	}
	t.Fatal("there is no DescribeCosts")
	return "", nil
}

// TestDescribeCosts asks for the costs between the fifth hour and the tenth.
func TestDescribeCosts(t *testing.T) {
	t.Parallel()
	s := costService(t)
	for _, tt := range []struct{ by, limit, want string }{
		{"queue", "9", "3 attempts 1.5 of 3 q, 4 attempts 0.0255 of 0.051 gone; others none; total 7: 1.5255"},
		{"environment", "9", "3 attempts 1.5 of 3 one, 4 attempts 0.0255 of 0.051 two; others none; total 7: 1.5255"},
		{"definition", "1", "3 attempts 1.5 of 3 d:3; others 4: 0.0255; total 7: 1.5255"},
		{"share", "9", "2 attempts 1 of 2 a, 1 attempts 0.5 of 1 b, 4 attempts 0.0255 of 0.051 ; others none; total 7: 1.5255"},
		{"job", "2", "1 attempts 3 of 6 job-4, 1 attempts 2 of 4 job-3; others 2: 1.000000005; total 4: 6.000000005"},
		{`tag","tagKey":"team`, "9", "2 attempts 4 of 8 red, 2 attempts 2.000000005 of 4.00000001 blue; others none; total 4: 6.000000005"},
		{`tag","tagKey":"other`, "9", "4 attempts 6.000000005 of 12.00000001 ; others none; total 4: 6.000000005"},
	} {
		text, err := describeCosts(t, s, fmt.Sprintf(`{"by":"%s","since":%d,"until":%d,"limit":%s}`, tt.by, 5*hour, 10*hour, tt.limit))
		if err != nil {
			t.Errorf("by %s: %v", tt.by, err)
			continue
		}
		if diff := cmp.Diff(tt.want, costText(t, text)); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", tt.by, diff)
		}
		// An instance that ended with the window's last hour has half of its cost in
		// it; the live one two hours of 0.096 USD.
		want := `"instances":[{"computeEnvironment":"one","instances":2,"instancesWithoutPrice":0,"usd":5.192,"onDemandUsd":10.192,"savedUsd":5,"usedUsd":1.5,"idleUsd":3.692},` +
			`{"computeEnvironment":"two","instances":1,"instancesWithoutPrice":1,"usd":0,"onDemandUsd":0,"savedUsd":0,"usedUsd":0,"idleUsd":0}]}`
		if i := strings.Index(text, `"instances":[`); text[i:] != want {
			t.Errorf("the instances are %s, want %s", text[i:], want)
		}
	}
}

// costText is an answer in words.
func costText(t *testing.T, text string) string {
	t.Helper()
	type line struct {
		Name             string
		Count            int
		USD, OnDemandUSD json.Number
	}
	var out struct {
		Costs  []line
		Others *line
		Total  line
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, l := range out.Costs {
		list = append(list, fmt.Sprintf("%d attempts %s of %s %s", l.Count, l.USD, l.OnDemandUSD, l.Name))
	}
	others := "none"
	if out.Others != nil {
		others = fmt.Sprintf("%d: %s", out.Others.Count, out.Others.USD)
	}
	return fmt.Sprintf("%s; others %s; total %d: %s", strings.Join(list, ", "), others, out.Total.Count, out.Total.USD)
}

func TestDescribeCostsRefuses(t *testing.T) {
	t.Parallel()
	s := costService(t)
	for request, message := range map[string]string{
		`{"by":"color"}`:                   "by must be one of [queue, share, definition, environment, job, tag].",
		`{}`:                               "by must be one of",
		`{"by":"tag"}`:                     "tagKey is required",
		`{"by":"job","tagKey":"x"}`:        "tagKey is required",
		`{"by":"job","since":-1}`:          "since must not be negative",
		`{"by":"job","since":9,"until":8}`: "since must not be negative or after until.",
		`{"by":"job","limit":10001}`:       "limit must be between 1 and 10000.",
		`{"by":7}`:                         "The request is not an object",
	} {
		_, err := describeCosts(t, s, request)
		var refused *batch.Error
		if !errors.As(err, &refused) || refused.Code != batch.Invalid || !strings.Contains(refused.Message, message) {
			t.Errorf("%s: %v, want %s", request, err, message)
		}
	}
}
