package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestCost runs jobs of Fargate and of the machine, and asks what they cost.
func TestCost(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.must("run", "true") // on this machine, without a price
	s.must("call", "CreateComputeEnvironment", `{"computeEnvironmentName":"fargate","type":"MANAGED","computeResources":{"type":"FARGATE_SPOT","maxvCpus":4,"subnets":["s"],"securityGroupIds":["g"]}}`)
	s.must("call", "CreateJobQueue", `{"jobQueueName":"cloud","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"fargate"}]}`)
	s.must("call", "RegisterJobDefinition", `{"jobDefinitionName":"small","type":"container","platformCapabilities":["FARGATE"],"containerProperties":{"image":"i","command":["sleep","0.2"],
		"executionRoleArn":"r","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]}}`)
	var job struct{ JobID string }
	if err := json.Unmarshal([]byte(s.must("call", "SubmitJob", `{"jobName":"a","jobQueue":"cloud","jobDefinition":"small","tags":{"team":"red"}}`)), &job); err != nil {
		t.Fatal(err)
	}
	s.must("wait", job.JobID)
	for by, name := range map[string]string{"queue": "cloud", "environment": "fargate", "definition": "small:1", "share": "(none)", "tag:team": "red", "job": job.JobID + " a"} {
		text := s.must("cost", "--by", by)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if len(lines) != 3 || !strings.HasSuffix(lines[1], "  "+name) || !strings.HasSuffix(lines[2], "  (total)") || strings.HasPrefix(lines[1], "0.000000") {
			t.Errorf("--by %s prints %s", by, text)
		}
	}
	var out struct {
		Currency string
		Total    struct {
			Count                      int
			USD, OnDemandUSD, SavedUSD float64
		}
	}
	if err := json.Unmarshal([]byte(s.must("cost", "--json", "--since", "1h")), &out); err != nil {
		t.Fatal(err)
	}
	// Two GB and a vCPU are 0.04937 USD an hour, and on Spot 30 % of that.
	if o := out.Total; out.Currency != "USD" || o.Count != 1 || o.OnDemandUSD < 0.04937/3600*0.2 || o.SavedUSD < o.OnDemandUSD*0.69 || o.SavedUSD > o.OnDemandUSD*0.71 {
		t.Errorf("the total is %+v", out)
	}
	if text := s.must("cost", "--until", "2026-01-01"); strings.Contains(text, "cloud") {
		t.Errorf("before there was any: %s", text)
	}
	var jobs struct {
		Jobs []struct {
			Barge struct {
				Cost struct {
					Amount, OnDemandAmount float64
					Currency               string
				}
			}
			Attempts []struct {
				Barge struct{ Cost struct{ Amount float64 } }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.must("call", "DescribeJobs", `{"jobs":["`+job.JobID+`"]}`)), &jobs); err != nil {
		t.Fatal(err)
	}
	if c := jobs.Jobs[0].Barge.Cost; c.Amount <= 0 || c.Amount >= c.OnDemandAmount || c.Currency != "USD" || jobs.Jobs[0].Attempts[0].Barge.Cost.Amount != c.Amount {
		t.Errorf("the job is described with %+v", jobs.Jobs[0])
	}
	// On an instance, which costs more than what the job is charged with.
	s.must("call", "CreateComputeEnvironment", `{"computeEnvironmentName":"spot","type":"MANAGED","computeResources":{"type":"SPOT","allocationStrategy":"SPOT_CAPACITY_OPTIMIZED",
		"minvCpus":0,"maxvCpus":4,"instanceTypes":["m5.large"],"subnets":["s"],"securityGroupIds":["g"],"instanceRole":"r"}}`)
	s.must("call", "CreateJobQueue", `{"jobQueueName":"spots","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"spot"}]}`)
	s.must("call", "RegisterJobDefinition", `{"jobDefinitionName":"big","type":"container","containerProperties":{"image":"i","command":["sleep","0.2"],"vcpus":1,"memory":1024}}`)
	if err := json.Unmarshal([]byte(s.must("call", "SubmitJob", `{"jobName":"b","jobQueue":"spots","jobDefinition":"big"}`)), &job); err != nil {
		t.Fatal(err)
	}
	s.must("wait", job.JobID)
	if text := s.must("cost"); !strings.Contains(text, "INSTANCES  ENVIRONMENT\n") || !strings.HasSuffix(text, "  1          spot") {
		t.Errorf("with an instance: %s", text)
	}
	var fleets struct {
		Instances []struct {
			ComputeEnvironment    string
			USD, UsedUSD, IdleUSD float64
			OnDemandUSD, SavedUSD float64
			Instances             int
		}
	}
	if err := json.Unmarshal([]byte(s.must("cost", "--json")), &fleets); err != nil {
		t.Fatal(err)
	}
	if f := fleets.Instances[0]; f.ComputeEnvironment != "spot" || f.UsedUSD <= 0 || f.IdleUSD <= 0 || f.USD >= f.OnDemandUSD || f.SavedUSD <= 0 {
		t.Errorf("the instances are %+v", fleets)
	}
	if got := s.barge("cost", "--by", "color"); got.Code != 1 || !strings.Contains(got.Err, "by must be one of") {
		t.Errorf("--by color: %+v", got)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for text, want := range map[string]string{
		"36h": "2026-02-01T16:05:06Z", "7d": "2026-01-27T04:05:06Z", "2026-01-31": "2026-01-31T00:00:00Z", "2026-01-31T12:00:00+01:00": "2026-01-31T11:00:00Z",
	} {
		if at, err := momentOf(text, now); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v, want %s", text, at, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "d", "7", "-1d"} {
		if _, err := momentOf(text, now); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
