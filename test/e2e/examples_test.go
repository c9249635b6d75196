//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestExamples runs the scripts under examples and looks at what became of their jobs.
func TestExamples(t *testing.T) {
	t.Parallel()
	attempt := "\nattempt: " + exited + ", code "
	eachDriver(t, func(t *testing.T, s *server) {
		for example, want := range map[string]map[string]string{
			"retry": {
				"flaky": "SUCCEEDED: " + exited + ", code 0" + attempt + "1" + attempt + "1" + attempt + "0",
				"fatal": "FAILED: " + exited + ", code 42" + attempt + "42",
			},
			"timeout": {
				"slow":    "FAILED: Job attempt duration exceeded timeout, code 1\nattempt: Job attempt duration exceeded timeout, code 1",
				"patient": "SUCCEEDED: " + exited + ", code 0" + attempt + "0",
			},
			"n-to-n": {"prepare": "SUCCEEDED: ", "process": "SUCCEEDED: "},
			"several-containers": {
				"several": "SUCCEEDED: " + exited + "\nattempt: " + exited + "\nprepare, code 0\nhelp, code 0\nwork, code 0",
			},
		} {
			t.Run(example, func(t *testing.T) {
				t.Parallel()
				if example == "timeout" {
					only(t, "time")
				}
				s.example(t, example, want)
			})
		}
	})
}

// example runs one and compares the ends of its jobs by their names.
func (s *server) example(t *testing.T, example string, want map[string]string) {
	t.Helper()
	run := exec.Command("../../examples/" + example + "/run.sh")
	run.Env = append(os.Environ(), "BARGE="+binary, "IMAGE="+s.image, "AWS_ENDPOINT_URL=http://"+s.address)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for job, end := range want {
		j := s.describe(t, s.byName(t, job))
		if got := summary(j); got != end {
			t.Errorf("job %s ended as\n%s\nwant\n%s", job, got, end)
		}
	}
	if example == "n-to-n" {
		s.checkInterleaved(t)
	}
}

// byName returns the id of the example's job of that name.
func (s *server) byName(t *testing.T, job string) string {
	t.Helper()
	listed, err := s.batch.ListJobs(t.Context(), &batch.ListJobsInput{
		JobQueue: aws.String("examples"),
		Filters:  []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{job}}},
	})
	if err != nil || len(listed.JobSummaryList) != 1 {
		t.Fatalf("list job %s: %v, %v", job, listed, err)
	}
	return *listed.JobSummaryList[0].JobId
}

// checkInterleaved: children of the second array ended before child 1 of the first.
func (s *server) checkInterleaved(t *testing.T) {
	t.Helper()
	child := func(job, index string) types.JobDetail { return s.describe(t, s.byName(t, job)+":"+index) }
	slow := child("prepare", "1")
	for _, index := range strings.Fields("0 2") {
		if c := child("process", index); *c.StoppedAt >= *slow.StoppedAt {
			t.Errorf("child %s ended at %d, after child 1 of the first array at %d", index, *c.StoppedAt, *slow.StoppedAt)
		}
	}
	if c := child("process", "1"); *c.StartedAt < *slow.StoppedAt {
		t.Errorf("child 1 began at %d, before the one it waits for ended at %d", *c.StartedAt, *slow.StoppedAt)
	}
}
