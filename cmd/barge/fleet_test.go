package main

import (
	"strings"
	"testing"
	"time"
)

func TestInstanceFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*instances)
		want   string // empty: nothing is wrong
	}{
		{func(*instances) {}, ""},
		{func(s *instances) { s.Provider, s.Capacity = "command=./x", "host" }, ""},
		{func(s *instances) { s.Capacity = "some" }, "--capacity must be host or unlimited"},
		{func(s *instances) { s.MachineVCPUs = -1 }, "must not be negative"},
		{func(s *instances) { s.Provider = "cloud" }, "--provider must be local or command=PATH"},
		{func(s *instances) { s.Provider = "command=" }, "names no program"},
		{func(s *instances) { s.Poll = time.Millisecond }, "--provider-poll must be"},
		{func(s *instances) { s.Boot = -1 }, "--instance-boot must be"},
		{func(s *instances) { s.Idle = 0 }, "--instance-idle must be"},
		{func(s *instances) { s.InterruptRate = 1.1 }, "--spot-interrupt-rate must be"},
		{func(s *instances) { s.InterruptEvery = 90 * time.Second }, "--spot-interrupt-every must be"},
		{func(s *instances) { s.Notice = 25 * time.Hour }, "--spot-notice must be"},
	} {
		s := defaultInstances()
		tt.change(&s)
		switch err := s.check(); {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%+v: %v, want %q", s, err, tt.want)
		}
	}
}

// What is printed of environments, and what an interruption that is wrong says.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.must("call", "CreateComputeEnvironment", `{"computeEnvironmentName": "spot", "type": "MANAGED", "computeResources": {"type": "SPOT", "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
		"minvCpus": 2, "maxvCpus": 4, "instanceTypes": ["c5.large"], "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"], "instanceRole": "ecsInstanceRole"}}`)
	eventually(t, "an instance for minvCpus", func() bool { return strings.Contains(s.must("environments", "spot"), "ACTIVE") })
	for _, want := range []string{"spot  SPOT  ENABLED  VALID   2    2        4    1          2      local", "c5.large (Spot)", "launch 1 × c5.large at $"} {
		if got := s.must("environments", "spot"); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := s.must("environments", "--json"); !strings.Contains(got, `"instanceType":"c5.large"`) {
		t.Errorf("as JSON %s", got)
	}
	for want, args := range map[string][]string{
		"compute environment none does not exist":              {"environments", "none"},
		"name an instance, or an environment by --environment": {"spot", "interrupt"},
		"Instance i-1 does not exist or has not registered.":   {"spot", "interrupt", "i-1"},
		"noticeSeconds must be between 0 and 86400.":           {"spot", "interrupt", "--environment", "spot", "--notice", "25h"},
		":compute-environment/none does not exist":             {"spot", "interrupt", "--environment", "none"},
	} {
		if got := s.barge(args...); got.Code != 1 || !strings.Contains(got.Err, want) {
			t.Errorf("%v: %+v, want %q", args, got, want)
		}
	}
}
