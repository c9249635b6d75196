package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, tt := range []struct {
		name    string
		args    []string
		out     string
		errHas  string
		errOnly bool // errHas is all there is
		code    int
	}{
		{name: "output", args: []string{"--", "echo", "hello"}, out: "hello\n", errHas: "barge: job "},
		{name: "flags of the command", args: []string{"sh", "-c", "echo $0", "--name"}, out: "--name\n"},
		{name: "exit code", args: []string{"--", "sh", "-c", "echo a; exit 3"}, out: "a\n", errHas: "exit code 3", code: 3},
		{name: "environment", args: []string{"--env", "A=1,2", "--env", "B=x=y", "--", "sh", "-c", `echo "$A $B"`}, out: "1,2 x=y\n"},
		{name: "attempts", args: []string{"--attempts", "2", "--", "sh", "-c", `echo $AWS_BATCH_JOB_ATTEMPT; exit $((2 - AWS_BATCH_JOB_ATTEMPT))`}, out: "1\n2\n"},
		{name: "what Barge says", args: []string{"echo", "no"}, out: "no\n", errHas: "\nbarge: run as a process"},
		{name: "no such program", args: []string{"/no/such/program"}, errHas: "CannotStartContainerError", code: 1},
		{name: "array", args: []string{"--array", "3", "true"}, out: "3 SUCCEEDED\n"},
		{name: "array, one failed", args: []string{"--array", "3", "--", "sh", "-c", `exit $((AWS_BATCH_JOB_ARRAY_INDEX == 1))`}, out: "2 SUCCEEDED, 1 FAILED\n", code: 1},
		{name: "too large", args: []string{"--vcpus", "100000", "true"}, errHas: "the job asks for 100000 vCPUs", errOnly: true, code: 1},
		{name: "bad variable", args: []string{"--env", "A", "true"}, errHas: `barge: --env must be NAME=VALUE, not "A"`, errOnly: true, code: 1},
		{name: "the API's message", args: []string{"--queue", "nope", "true"}, errHas: "barge: JobQueue nope does not exist.\n", errOnly: true, code: 1},
		{name: "short timeout", args: []string{"--timeout", "1s", "true"}, errHas: "at least 60 seconds", errOnly: true, code: 1},
		{name: "nothing", errHas: "nothing to run", errOnly: true, code: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.barge(append([]string{"run"}, tt.args...)...)
			if got.Out != tt.out || got.Code != tt.code || !strings.Contains(got.Err, tt.errHas) {
				t.Errorf("got %+v, want output %q, exit code %d, and %q in errors", got, tt.out, tt.code, tt.errHas)
			}
			if lines := strings.Count(got.Err, "\n"); tt.errOnly && lines != 1 {
				t.Errorf("%d lines of errors, want one: %s", lines, got.Err)
			}
		})
	}
	if n := revisions(t, s); n != 1 {
		t.Errorf("%d revisions of %s after runs with one image, want 1", n, defaultName)
	}
	s.must("run", "--image", "other", "true")
	s.must("run", "true")
	s.must("run", "--image", "other", "true")
	if n := revisions(t, s); n != 2 {
		t.Errorf("%d revisions of %s after runs with two images in turn, want 2", n, defaultName)
	}
}

func revisions(t *testing.T, s *testServer) int {
	t.Helper()
	var out struct{ JobDefinitions []json.RawMessage }
	text := s.must("call", "DescribeJobDefinitions", `{"jobDefinitionName":"`+defaultName+`"}`)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return len(out.JobDefinitions)
}

// The first runs of an installation all find nothing, and make it at once.
func TestRunAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := s.barge("run", "echo", "hello"); got.Code != 0 || got.Out != "hello\n" {
				t.Errorf("got %+v", got)
			}
		})
	}
	all.Wait()
}

func TestRunDetached(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	id := s.must("run", "--detach", "--name", "mine", "--vcpus", "1", "--memory", "64", "--", "echo", "hello")
	s.must("wait", id)
	j, err := s.client().job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"name": aws.ToString(j.JobName), "image": aws.ToString(j.Container.Image)}
	for _, r := range j.Container.ResourceRequirements {
		got[string(r.Type)] = aws.ToString(r.Value)
	}
	want := map[string]string{"name": "mine", "image": defaultImage, "VCPU": "1", "MEMORY": "64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the job (-want +got):\n%s", diff)
	}
}

// process starts barge as a process, and returns its output.
func (s *testServer) process(args ...string) (*exec.Cmd, *bufio.Reader, *strings.Builder) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_BATCH="+s.endpoint)
	errs := new(strings.Builder)
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return cmd, bufio.NewReader(out), errs
}

func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	cmd, out, errs := s.process("run", "sh", "-c", "trap 'echo bye; exit 9' TERM; echo go; "+g.script())
	if line, err := out.ReadString('\n'); line != "go\n" {
		t.Fatalf("the job printed %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	_ = cmd.Wait()
	if string(rest) != "bye\n" || err != nil || cmd.ProcessState.ExitCode() != 9 {
		t.Errorf("after Ctrl-C the job printed %q (%v), and the exit code is %d, want bye and 9; %s", rest, err, cmd.ProcessState.ExitCode(), errs)
	}
	for _, want := range []string{"barge: terminating job ", "barge run was interrupted"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %s", want, errs)
		}
	}
}

// A job that this machine cannot hold is told so while it waits.
func TestRunStuck(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--memory", "2000000000", "true")
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_BATCH="+s.endpoint)
	errs, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(errs)
	lines.Scan() // the job's id
	lines.Scan()
	if want := " waits: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - "; !strings.Contains(lines.Text(), want) {
		t.Errorf("no %q in %q", want, lines.Text())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, errs)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestRunInterruptedTwice(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	cmd, out, errs := s.process("run", "sh", "-c", "trap 'echo no' TERM; echo go; "+g.script())
	for _, want := range []string{"go\n", "no\n"} {
		if line, err := out.ReadString('\n'); line != want {
			t.Fatalf("the job printed %q, %v, want %q", line, err, want)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130: %s", code, errs)
	}
	g.open()
	id := strings.Fields(errs.String())[2] // barge: job ID
	if got := s.barge("wait", id); got.Code != 1 || !strings.Contains(got.Out, "FAILED") {
		t.Errorf("the job has ended as %+v, want FAILED", got)
	}
}

func TestJobName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		command []string
		want    string
	}{
		{nil, "run"},
		{[]string{"echo", "x"}, "echo"},
		{[]string{"/usr/bin/python3.11"}, "python3-11"},
		{[]string{"./a b/_é.sh"}, "sh"},
		{[]string{"…"}, "run"},
		{[]string{strings.Repeat("a", 300)}, strings.Repeat("a", 128)},
	} {
		if got := jobName(tt.command); got != tt.want {
			t.Errorf("the name of %q is %q, want %q", tt.command, got, tt.want)
		}
	}
}
