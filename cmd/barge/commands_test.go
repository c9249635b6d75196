package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/google/go-cmp/cmp"
)

var listNowhere = batch.ListJobsInput{JobQueue: aws.String("nowhere")}

func TestWait(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	held := s.must("run", "--detach", "--name", "held", "--", "sh", "-c", g.script())
	bad := s.must("run", "--detach", "--name", "bad", "--", "sh", "-c", "exit 4")

	got := s.barge("wait", bad, "arn:aws:batch:us-east-1:123456789012:job/"+bad)
	if !regexp.MustCompile(`^`+bad+` FAILED bad [\d.]+s exit code 4; Essential container in task exited\n$`).MatchString(got.Out) || got.Code != 1 {
		t.Errorf("waiting for a failed job, named twice: %+v", got)
	}
	if got := s.barge("wait", "--timeout", "200ms", bad, held); got.Code != 124 || !strings.HasSuffix(got.Err, "jobs not ended: 1\n") || strings.Count(got.Out, "\n") != 1 {
		t.Errorf("waiting with a timeout: %+v", got)
	}
	if got := s.barge("wait", bad, "nope"); got.Code != 1 || got.Err != "barge: job nope does not exist\n" {
		t.Errorf("waiting for no job: %+v", got)
	}
	g.open()
	if got := s.barge("wait", held); got.Code != 0 || !strings.HasPrefix(got.Out, held+" SUCCEEDED held ") {
		t.Errorf("waiting for a job that succeeds: %+v", got)
	}
	// More than one request describes.
	array := s.must("run", "--detach", "--array", strconv.Itoa(maxDescribed+20), "true")
	args := []string{"wait", array}
	for i := range maxDescribed + 20 {
		args = append(args, array+":"+strconv.Itoa(i))
	}
	if n := strings.Count(s.must(args...), "SUCCEEDED"); n != maxDescribed+21 {
		t.Errorf("%d jobs have succeeded, want %d", n, maxDescribed+21)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	id := s.must("run", "--detach", "--attempts", "2", "--", "sh", "-c",
		`echo "attempt $AWS_BATCH_JOB_ATTEMPT"; [ $AWS_BATCH_JOB_ATTEMPT = 1 ] && exit 5; `+g.script()+"; echo end")

	// The second attempt has printed its first line, and goes on.
	eventually(t, "the second attempt has a log", func() bool { return strings.Contains(s.barge("logs", id).Out, "attempt 2\n") })
	if got := s.must("logs", id); strings.Contains(got, "end") || strings.Contains(got, "attempt 1") {
		t.Errorf("the log of the latest attempt is %q", got)
	}
	if got := s.barge("logs", "--attempt", "3", id); got.Code != 1 || !strings.Contains(got.Err, "has no log yet: it is RUNNING") {
		t.Errorf("the log of an attempt to come: %+v", got)
	}
	if got := s.must("logs", "-f", "--attempt", "1", id); !strings.HasSuffix(got, "\nattempt 1") {
		t.Errorf("the log of the first attempt is %q", got)
	}
	followed := make(chan answer, 1)
	go func() { followed <- s.barge("logs", "-f", id) }()
	g.open()
	if got := <-followed; got.Code != 0 || !strings.HasSuffix(got.Out, "\nattempt 2\nend\n") {
		t.Errorf("the log followed is %+v", got)
	}
	if got := s.must("logs", "--timestamps", id); !regexp.MustCompile(`\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z end$`).MatchString(got) {
		t.Errorf("the log with times is %q", got)
	}
}

func TestLogsOfNodes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.must("run", "--", "true") // makes a queue
	s.must("call", "RegisterJobDefinition", `{"jobDefinitionName": "nodes", "type": "multinode", "nodeProperties": {"numNodes": 2, "mainNode": 1,
		"nodeRangeProperties": [{"targetNodes": ":", "container": {"image": "i", "vcpus": 1, "memory": 64, "command":
		["/bin/sh", "-c", "echo node $AWS_BATCH_JOB_NODE_INDEX; sleep $AWS_BATCH_JOB_NODE_INDEX"]}}]}}`)
	var made struct{ JobID string }
	answer := s.must("call", "SubmitJob", `{"jobName": "n", "jobQueue": "`+defaultName+`", "jobDefinition": "nodes"}`)
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		t.Fatal(err)
	}
	if got := s.must("logs", "-f", made.JobID); !strings.HasSuffix(got, "\nnode 1") {
		t.Errorf("the log of a multi-node job is %q", got)
	}
	if got := s.must("logs", made.JobID+"#0"); !strings.HasSuffix(got, "\nnode 0") {
		t.Errorf("the log of a node is %q", got)
	}
}

func TestLogsOfMany(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	// More than a page of GetLogEvents.
	id := s.must("run", "--detach", "--", "awk", "BEGIN { for (i = 1; i <= 25000; i++) print i }")
	lines := strings.Split(s.must("logs", "-f", id), "\n")
	var want []string
	for i := 1; i <= 25000; i++ {
		want = append(want, strconv.Itoa(i))
	}
	if !slices.Equal(lines[len(lines)-min(len(lines), 25000):], want) {
		t.Errorf("%d lines, not those that the job printed", len(lines))
	}

	array := s.must("run", "--detach", "--array", "2", "--", "sh", "-c", "echo $AWS_BATCH_JOB_ARRAY_INDEX")
	if got := s.barge("logs", array); got.Code != 1 || !strings.Contains(got.Err, "is an array job") {
		t.Errorf("the log of an array job: %+v", got)
	}
	if got := s.must("logs", "-f", array+":1"); !strings.HasSuffix(got, "\n1") {
		t.Errorf("the log of a child is %q", got)
	}

	never := s.must("run", "--detach", "/no/such/program")
	if got := s.barge("logs", "-f", never); got.Code != 1 || got.Out != "" || !strings.Contains(got.Err, "has no such log: it is FAILED: ") {
		t.Errorf("the log of a job that never ran: %+v", got)
	}
	if got := s.barge("logs", "--attempt", "0", id); got.Code != 1 {
		t.Errorf("attempt zero: %+v", got)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	if got := s.must("jobs"); strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, "ID ") {
		t.Errorf("no jobs are listed as %q", got)
	}
	g := newGate(t)
	first := s.must("run", "--detach", "--name", "first", "--", "sh", "-c", "exit 2")
	s.barge("wait", first)
	array := s.must("run", "--detach", "--name", "array", "--array", "3", "--", "sh", "-c", "exit $((AWS_BATCH_JOB_ARRAY_INDEX == 2))")
	s.barge("wait", array)
	vcpus := strconv.Itoa(runtime.NumCPU())
	held := s.must("run", "--detach", "--name", "held", "--vcpus", vcpus, "--", "sh", "-c", g.script())
	next := s.must("run", "--detach", "--name", "next", "true")
	eventually(t, "the job runs", func() bool { return strings.Contains(s.must("jobs", "--status", "running"), held) })

	ids := func(args ...string) (ids []string) {
		for _, line := range strings.Split(s.must(append([]string{"jobs", "--json"}, args...)...), "\n") {
			var row jobRow
			if line == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			ids = append(ids, row.ID)
		}
		return ids
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{next, held, array, first}},
		{[]string{"--limit", "2"}, []string{next, held}},
		{[]string{"--queue", defaultName, "--status", "FAILED"}, []string{array, first}},
		{[]string{"--status", "runnable"}, []string{next}},
		{[]string{"--array", array}, []string{array + ":0", array + ":1", array + ":2"}},
		{[]string{"--array", array, "--status", "FAILED"}, []string{array + ":2"}},
	} {
		if diff := cmp.Diff(tt.want, ids(tt.args...)); diff != "" {
			t.Errorf("barge jobs %v (-want +got):\n%s", tt.args, diff)
		}
	}
	table := regexp.MustCompile(` +`).ReplaceAllString(s.must("jobs"), " ")
	for _, want := range []string{
		"ID NAME QUEUE STATUS CREATED DURATION EXIT REASON\n",
		"next barge-default RUNNABLE", "array barge-default FAILED", "2 SUCCEEDED, 1 FAILED",
		"s 2 Essential container in task exited",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	for _, args := range [][]string{{"--status", "DONE"}, {"--limit", "0"}, {"--queue", "nope"}, {"--queue", "a", "--array", "b"}} {
		if got := s.barge(append([]string{"jobs"}, args...)...); got.Code != 1 || got.Err == "" {
			t.Errorf("barge jobs %v: %+v", args, got)
		}
	}
	g.open()
	s.must("wait", held, next)
}

func TestCall(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	want := "{\n  \"jobQueues\": []\n}\n"
	path := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(path, []byte(`{"jobQueues":["a"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"DescribeJobQueues"}, {"describe-job-queues", `{}`}, {"describejobqueues", "@" + path}, {"DescribeJobQueues", "-"},
	} {
		got := barge(t.Context(), s.endpoint, strings.NewReader(`{"maxResults":1}`), append([]string{"call"}, args...)...)
		if diff := cmp.Diff(answer{Out: want}, got); diff != "" {
			t.Errorf("barge call %v (-want +got):\n%s", args, diff)
		}
	}
	if got := s.barge("call", "logs.CreateLogGroup", `{"logGroupName":"g"}`); got != (answer{}) {
		t.Errorf("an empty answer: %+v", got)
	}
	if got := s.must("call", "logs.describe-log-groups"); !strings.Contains(got, `"logGroupName": "g"`) {
		t.Errorf("the log groups are %s", got)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"Nonsense"}, "barge: UnknownOperationException: There is no operation at this path\n"},
		{[]string{"CreateJobQueue", "{}"}, "barge: ClientException: "},
		{[]string{"CreateJobQueue", "{"}, "barge: the request is not JSON\n"},
		{[]string{"logs.GetLogEvents", `{"logGroupName":"none","logStreamName":"s"}`}, "barge: ResourceNotFoundException: "},
		{[]string{"ListJobs", "@" + path + "x"}, "barge: open "},
	} {
		if got := s.barge(append([]string{"call"}, tt.args...)...); got.Code != 1 || got.Out != "" || !strings.HasPrefix(got.Err, tt.want) {
			t.Errorf("barge call %v: got %+v, want %q", tt.args, got, tt.want)
		}
	}
}

func TestCallRequest(t *testing.T) {
	t.Parallel()
	c, err := newClient("http://h", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	const arn = `"resourceArn":"arn:aws:batch:us-east-1:123456789012:job/a"`
	const path = "/v1/tags/arn:aws:batch:us-east-1:123456789012:job%2Fa"
	for _, tt := range []struct{ operation, body, want string }{
		{"SubmitJob", `{}`, "POST /v1/submitjob"},
		{"submit-job", `{}`, "POST /v1/submitjob"},
		{"TagResource", `{` + arn + `,"tags":{}}`, "POST " + path},
		{"list-tags-for-resource", `{` + arn + `}`, "GET " + path},
		{"UntagResource", `{` + arn + `,"tagKeys":["a b","c"]}`, "DELETE " + path + "?tagKeys=a+b&tagKeys=c"},
		{"logs.get-log-events", `{}`, "POST / Logs_20140328.GetLogEvents"},
		{"logs.GetLogEvents", `{}`, "POST / Logs_20140328.GetLogEvents"},
	} {
		req, _, err := c.request(t.Context(), tt.operation, []byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(req.Method + " " + req.URL.RequestURI() + " " + req.Header.Get("X-Amz-Target"))
		if got != tt.want {
			t.Errorf("%s is %q, want %q", tt.operation, got, tt.want)
		}
	}
}
