package crash

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestAttach: jobs go on while there is no server, however it went, and the next
// one takes them up with their output and their exit codes.
func TestAttach(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*server){"killed": (*server).kill, "stopped": (*server).stop} {
		t.Run("process/"+name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "process")
			s.start()
			if err := s.setUp(t.Context(), 8, "unused"); err != nil {
				t.Fatal(err)
			}
			s.attach(t, away)
		})
		t.Run("docker/"+name, func(t *testing.T) {
			t.Parallel()
			newDockerServer(t).attach(t, away)
		})
	}
}

func (s *server) attach(t *testing.T, away func(*server)) {
	t.Helper()
	// One that ends well and one that does not while nobody looks, one of each
	// that is still there afterwards.
	orders := []*order{
		{name: "short-good", lines: 10, pause: "0.3"},
		{name: "short-bad", lines: 10, pause: "0.3", good: 2},
		{name: "long-good", lines: 100, pause: "0.1"},
		{name: "long-bad", lines: 100, pause: "0.1", good: 2},
	}
	var long []string
	for _, o := range orders {
		if err := o.submit(t.Context(), s.client, s.marks); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(o.name, "long") {
			long = append(long, o.id)
		}
	}
	until(t, "all jobs to have printed", func() bool {
		for _, o := range orders {
			if len(s.printed(t, o.id)) == 0 {
				return false
			}
		}
		return true
	})
	before := s.running()
	if len(before) != len(orders) {
		t.Fatalf("%d jobs run: %q", len(before), before)
	}
	away(s)
	until(t, "the short jobs to end without a server", func() bool { return len(s.running()) <= 2 })
	during := s.running()
	if len(during) != 2 {
		t.Fatalf("%d of the long jobs go on without a server; the test is too slow, or they were ended", len(during))
	}
	s.start()
	for _, j := range s.must(t, long) {
		if j.Status != types.JobStatusRunning {
			t.Errorf("job %s is %s after the restart, want RUNNING", *j.JobName, j.Status)
		}
	}
	for _, r := range during {
		if !slices.Contains(before, r) || !slices.Contains(s.running(), r) {
			t.Errorf("%s did not run through: %q before, %q afterwards", r, before, s.running())
		}
	}
	s.account(t, orders)
}

// must describes jobs that exist.
func (s *server) must(t *testing.T, ids []string) map[string]types.JobDetail {
	t.Helper()
	jobs, err := s.describe(t.Context(), ids)
	if err != nil {
		t.Fatalf("describe jobs: %v", err)
	}
	if len(jobs) != len(ids) {
		t.Fatalf("%d of the jobs %q exist", len(jobs), ids)
	}
	return jobs
}

// printed returns the log of a job's latest attempt as far as it has come.
func (s *server) printed(t *testing.T, id string) []string {
	t.Helper()
	stream := s.must(t, []string{id})[id].Container.LogStreamName
	if stream == nil {
		return nil
	}
	lines, err := s.log(t.Context(), *stream)
	if err != nil {
		t.Fatalf("read the log of job %s: %v", id, err)
	}
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "barge: ") })
}

// running returns what runs, as the machine sees it: containers, or the jobs
// that have written down their beginning and not yet their end.
func (s *server) running() []string {
	s.t.Helper()
	if s.driver == "docker" {
		return s.containers()
	}
	marks, err := filepath.Glob(filepath.Join(s.marks, "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(marks, func(mark string) bool {
		_, err := os.Stat(mark + ".end")
		return err == nil || strings.HasSuffix(mark, ".end")
	})
}

// TestRunnerKilled: the process that holds the jobs dies, with the server or
// alone. Its jobs are lost, as with an instance, and tried again.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]bool{"alone": false, "with the server": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "process")
			s.start()
			if err := s.setUp(t.Context(), 8, "unused"); err != nil {
				t.Fatal(err)
			}
			gate := filepath.Join(s.marks, "gate") // nobody opens it
			again := &order{name: "again", lines: 2, attempts: 2, gate: gate, gated: 1}
			once := &order{name: "once", lines: 2, gate: gate}
			for _, o := range []*order{again, once} {
				if err := o.submit(t.Context(), s.client, s.marks); err != nil {
					t.Fatal(err)
				}
				until(t, "the job to have printed", func() bool { return len(s.printed(t, o.id)) == 2 })
			}
			if server {
				s.kill()
			}
			s.endRunner(syscall.SIGKILL)
			if server {
				s.start()
			}
			_, jobs := s.settle(t, []*order{again, once})
			s.checkLost(t, again, jobs[again.id], types.JobStatusSucceeded, []int32{-1, 0})
			s.checkLost(t, once, jobs[once.id], types.JobStatusFailed, []int32{-1})
		})
	}
}

// checkLost looks at a job whose first attempt was lost.
func (s *server) checkLost(t *testing.T, o *order, j types.JobDetail, status types.JobStatus, codes []int32) {
	t.Helper()
	if got := exitCodes(j); j.Status != status || !slices.Equal(got, codes) {
		t.Errorf("job %s is %s with exit codes %v, want %s with %v", o.name, j.Status, got, status, codes)
		return
	}
	if reason := j.Attempts[0].StatusReason; reason == nil || !strings.HasPrefix(*reason, "Host EC2 (instance i-") || !strings.HasSuffix(*reason, ") terminated.") {
		t.Errorf("the lost attempt of job %s ended because of %v", o.name, reason)
	}
	s.checkBegun(t, j, false)
	for i, a := range j.Attempts {
		s.checkLog(t, o, j, i+1, a)
	}
}
