//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

const exited = "Essential container in task exited"

// TestEnds: how jobs of one container end. Beside jobs.md §5 and §11 to §12.
func TestEnds(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		for title, c := range map[string]struct {
			script string
			change func(*batch.RegisterJobDefinitionInput)
			want   string // a regular expression
			image  bool   // only where there are images
			silent bool   // no log stream
			slow   bool
		}{
			"success":  {script: "exit 0", want: "SUCCEEDED: " + exited + ", code 0\nattempt: " + exited + ", code 0"},
			"failure":  {script: "exit 3", want: "FAILED: " + exited + ", code 3\nattempt: " + exited + ", code 3"},
			"killed":   {script: "sh -c 'kill -9 $$'; exit $?", want: "FAILED: " + exited + ", code 137\nattempt: " + exited + ", code 137"},
			"segfault": {script: "sh -c 'kill -SEGV $$'; exit $?", want: "FAILED: " + exited + ", code 139\nattempt: " + exited + ", code 139"},
			"out of memory": {
				script: "tail /dev/zero",
				want: "FAILED: " + exited + ", code 137, OutOfMemoryError: Container killed due to memory usage\n" +
					"attempt: " + exited + ", code 137, OutOfMemoryError: Container killed due to memory usage",
			},
			"no such command": {
				change: func(d *batch.RegisterJobDefinitionInput) { d.ContainerProperties.Command = []string{"/no/such"} },
				want:   "FAILED: Task failed to start, CannotStartContainerError: .*\nattempt: Task failed to start, CannotStartContainerError: .*, never ran",
				silent: true,
			},
			"no such image": {
				image: true,
				change: func(d *batch.RegisterJobDefinitionInput) {
					d.ContainerProperties.Image = aws.String("localhost:1/none")
				},
				want:   "FAILED: Task failed to start, CannotPullContainerError: .*\nattempt: Task failed to start, CannotPullContainerError: .*, never ran",
				silent: true,
			},
			"tried again": {
				script: "exit $((3 - AWS_BATCH_JOB_ATTEMPT))",
				change: func(d *batch.RegisterJobDefinitionInput) {
					d.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(5)}
				},
				want: "SUCCEEDED: " + exited + ", code 0\nattempt: " + exited + ", code 2\nattempt: " + exited + ", code 1\nattempt: " +
					exited + ", code 0",
			},
			"no more attempts": {
				script: "exit 1",
				change: func(d *batch.RegisterJobDefinitionInput) {
					d.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2)}
				},
				want: "FAILED: " + exited + ", code 1\nattempt: " + exited + ", code 1\nattempt: " + exited + ", code 1",
			},
			"spot recipe": {
				script: "exit 1",
				change: func(d *batch.RegisterJobDefinitionInput) {
					d.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(5), EvaluateOnExit: []types.EvaluateOnExit{
						{OnStatusReason: aws.String("Host EC2*"), Action: types.RetryActionRetry},
						{OnReason: aws.String("*"), Action: types.RetryActionExit},
					}}
				},
				want: "FAILED: " + exited + ", code 1\nattempt: " + exited + ", code 1",
			},
			"timeout": {
				slow: true, script: "sleep 600",
				change: func(d *batch.RegisterJobDefinitionInput) {
					d.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
					d.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(3)}
				},
				// The first process of a container does not heed SIGTERM by default.
				want: "FAILED: Job attempt duration exceeded timeout, code (143|137)\nattempt: Job attempt duration exceeded timeout, code (143|137)",
			},
		} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				if c.image && s.driver == "process" {
					t.Skip("a process has no image")
				}
				if c.slow {
					only(t, "time")
				}
				d := s.script(t, c.script)
				if c.change != nil {
					c.change(d)
				}
				j := s.ended(t, s.submit(t, d))
				if got := summary(j); !regexp.MustCompile(`^` + c.want + `$`).MatchString(got) {
					t.Errorf("the job ended as\n%s\nwant\n%s", got, c.want)
				}
				if silent := j.Container.LogStreamName == nil; silent != c.silent {
					t.Errorf("the log stream is %v", aws.ToString(j.Container.LogStreamName))
				}
				if j.StoppedAt == nil || *j.StoppedAt < *j.CreatedAt || (j.StartedAt == nil) != c.silent {
					t.Errorf("created at %d, started %v, stopped %v", *j.CreatedAt, j.StartedAt, j.StoppedAt)
				}
			})
		}
		t.Run("transitions", func(t *testing.T) {
			t.Parallel()
			s.transitions(t)
		})
		t.Run("array", func(t *testing.T) {
			t.Parallel()
			id := s.submit(t, s.script(t, `exit $((AWS_BATCH_JOB_ARRAY_INDEX == 1))`), func(in *batch.SubmitJobInput) {
				in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(3)}
			})
			if got, want := summary(s.ended(t, id)), "FAILED: Array Child Job failed"; got != want {
				t.Errorf("the array ended as %s, want %s", got, want)
			}
			if got, want := summary(s.ended(t, id+":1")), "FAILED: "+exited+", code 1\nattempt: "+exited+", code 1"; got != want {
				t.Errorf("the child ended as %s, want %s", got, want)
			}
		})
	})
}

// transitions walks jobs through the states of a queue of one vCPU.
func (s *server) transitions(t *testing.T) {
	narrow := func(in *batch.SubmitJobInput) { in.JobQueue = aws.String("narrow") }
	// It ends at SIGTERM, also as the first process of a container.
	d := s.script(t, `trap 'exit 143' TERM; echo up; sleep 600 & wait`)
	first := s.submit(t, d, narrow)
	j := s.await(t, first, types.JobStatusRunning)
	if j.StartedAt == nil || j.StoppedAt != nil || len(j.Attempts) > 0 || j.StatusReason != nil || j.Container.LogStreamName == nil {
		t.Errorf("a running job is described as %+v", j)
	}
	second, third := s.submit(t, d, narrow), s.submit(t, d, narrow)
	if j = s.describe(t, second); j.Status != types.JobStatusRunnable || j.StartedAt != nil {
		t.Errorf("a job without room is %s", j.Status)
	}
	end := func(id, how string) {
		t.Helper()
		var err error
		switch how {
		case "cancel":
			_, err = s.batch.CancelJob(t.Context(), &batch.CancelJobInput{JobId: &id, Reason: aws.String("not needed")})
		default:
			_, err = s.batch.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")})
		}
		if err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	end(first, "cancel") // does nothing to a job that runs
	end(second, "cancel")
	end(third, "terminate")
	for id, want := range map[string]string{second: "FAILED: not needed", third: "FAILED: enough"} {
		if got := summary(s.ended(t, id)); got != want {
			t.Errorf("a waiting job ended as %s, want %s", got, want)
		}
	}
	s.says(t, first, "up")
	end(first, "terminate")
	j = s.ended(t, first)
	if got, want := summary(j), "FAILED: enough, code 143\nattempt: enough, code 143"; got != want || !aws.ToBool(j.IsTerminated) {
		t.Errorf("the job ended as %s, terminated %t, want %s", got, aws.ToBool(j.IsTerminated), want)
	}
	end(first, "terminate") // of an ended job is no error
}
