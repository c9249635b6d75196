package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestJob(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	id := s.must("run", "--detach", "--name", "twice", "--attempts", "2", "--", "sh", "-c", `[ "$AWS_BATCH_JOB_ATTEMPT" = 2 ]`)
	s.must("wait", id)
	got := s.must("job", "arn:aws:batch:us-east-1:123456789012:job/"+id)
	for _, want := range []string{
		`(?m)^Job: +` + id + `$`, `(?m)^Name: +twice$`, `(?m)^Status: +SUCCEEDED$`, `(?m)^Attempts: +2 ended, of up to 2$`,
		`(?m)^1 +\S+ +1 +\d+\.\d\ds +\d+\.\d [KM]iB +\S+ \S+ +\S+ \S+ +Essential container in task exited$`,
		`(?m)^2 +\S+ +0 +\d+\.\d\ds `,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no line is %s in\n%s", want, got)
		}
	}
	var j jobDetail
	if err := json.Unmarshal([]byte(s.must("job", "--json", id)), &j); err != nil || len(j.Attempts) != 2 || j.Attempts[1].Barge.CPUSeconds == nil {
		t.Errorf("as JSON: %+v (%v)", j, err)
	}
	if got := s.barge("job", "nope"); got.Code != 1 || !strings.Contains(got.Err, "job nope does not exist") {
		t.Errorf("no such job: %+v", got)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	n := func(n int64) *int64 { return &n }
	for want, of := range map[string]*int64{
		"-": nil, "0 B": n(0), "1023 B": n(1023), "1.0 KiB": n(1024), "32.5 MiB": n(32<<20 + 1<<19), "2.0 GiB": n(2 << 30), "4096.0 TiB": n(4 << 50),
	} {
		if got := size(of); got != want {
			t.Errorf("the size is %s, want %s", got, want)
		}
	}
}
