package main

import (
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestWhy(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	held := s.must("run", "--detach", "--vcpus", strconv.Itoa(runtime.NumCPU()), "--", "sh", "-c", g.script())
	eventually(t, "the job runs", func() bool { return strings.Contains(s.must("why", held), "is RUNNING: it does not wait.") })
	next := s.must("run", "--detach", "true")
	last := s.must("run", "--detach", "true")
	for _, tt := range []struct{ job, want string }{
		{next, "Job " + next + " is RUNNABLE. No compute environment takes it: " + defaultName + " has 0 vCPUs free of "},
		{next, "and it needs 1 vCPU: running jobs have to end."},
		{last, "Job " + last + " is RUNNABLE. Job " + next + " is at the head of the queue, it is number 2 in its queue. The head: No compute"},
	} {
		if got := s.must("why", tt.job); !strings.Contains(got, tt.want) {
			t.Errorf("no %q in %q", tt.want, got)
		}
	}
	var j struct {
		JobID, Status string
		Waiting       struct {
			Reason   string
			Position int
			Head     struct{ JobID string }
		}
	}
	if err := json.Unmarshal([]byte(s.must("why", "--json", last)), &j); err != nil {
		t.Fatal(err)
	}
	if w := j.Waiting; j.JobID != last || j.Status != "RUNNABLE" || w.Reason != "QUEUE" || w.Position != 2 || w.Head.JobID != next {
		t.Errorf("as JSON %+v", j)
	}
	// Nothing is ever so large.
	g.open()
	s.must("wait", held, next, last)
	s.must("call", "RegisterJobDefinition", `{"jobDefinitionName": "big", "type": "container", "containerProperties": {"image": "i", "memory": 64,
		"vcpus": `+strconv.Itoa(runtime.NumCPU()+1)+`}}`)
	var big struct{ JobID string }
	if err := json.Unmarshal([]byte(s.must("call", "SubmitJob", `{"jobName": "big", "jobQueue": "`+defaultName+`", "jobDefinition": "big"}`)), &big); err != nil {
		t.Fatal(err)
	}
	got := s.must("why", big.JobID)
	for _, want := range []string{
		"\nMISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job.",
		defaultName + " has maxvCpus " + strconv.Itoa(runtime.NumCPU()) + " vCPU",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	// One behind it is told so, too, before it comes to the head.
	if err := json.Unmarshal([]byte(s.must("call", "SubmitJob", `{"jobName": "big", "jobQueue": "`+defaultName+`", "jobDefinition": "big"}`)), &big); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"is RUNNABLE. No compute environment of its queue can ever hold it as they are. Job ", "it is number 2 in its queue",
		"\nMISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s)",
	} {
		if got := s.must("why", big.JobID); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if got := s.barge("why", "nope"); got.Code != 1 || got.Err != "barge: job nope does not exist\n" {
		t.Errorf("of no job: %+v", got)
	}
}
