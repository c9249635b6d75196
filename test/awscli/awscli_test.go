//go:build linux

package awscli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuide follows the guide with each driver.
func TestGuide(t *testing.T) {
	only(t, "aws")
	clis, err := installed()
	need(t, "aws", err)
	for name, open := range map[string]func(*testing.T) driver{"process": processDriver, "docker": dockerDriver} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			g := guide{cli: clis[0], driver: d}
			g.endpoint = startServer(t, d)
			t.Logf("AWS CLI %d.%d at %s", g.version[0], g.version[1], g.path)
			g.create(t)
			single, array := g.submit(t)
			t.Run("single", func(t *testing.T) { g.checkSingle(t, single) })
			t.Run("array", func(t *testing.T) { g.checkArray(t, array, single) })
			t.Run("refusal", g.checkRefusal)
			t.Run("tail", func(t *testing.T) { g.checkTail(t, clis) })
		})
	}
}

// guide is a run through it.
type guide struct {
	cli
	driver driver
}

// create makes everything that jobs need.
func (g *guide) create(t *testing.T) {
	t.Helper()
	const arn = "arn:aws:batch:us-east-1:123456789012:"
	type answer = map[string]any
	for _, c := range []struct {
		command string
		want    answer
	}{
		{createEnvironment, answer{
			"computeEnvironmentName": "hpc-compute-env", "computeEnvironmentArn": arn + "compute-environment/hpc-compute-env",
		}},
		{createHighQueue, answer{"jobQueueName": "hpc-high-priority", "jobQueueArn": arn + "job-queue/hpc-high-priority"}},
		{createLowQueue, answer{"jobQueueName": "hpc-low-priority", "jobQueueArn": arn + "job-queue/hpc-low-priority"}},
		{strings.Replace(registerDefinition, guideImage, g.driver.image, 1), answer{
			"jobDefinitionName": "hpc-simulation", "jobDefinitionArn": arn + "job-definition/hpc-simulation:1", "revision": 1.0,
		}},
	} {
		var got answer
		g.run(t, c.command, &got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.command, diff)
		}
	}
	var states []string
	g.run(t, `aws batch describe-compute-environments --query 'computeEnvironments[].join(`+"`/`"+`,[computeEnvironmentName,state,status])'`, &states)
	if want := []string{"hpc-compute-env/ENABLED/VALID"}; !slices.Equal(states, want) {
		t.Errorf("the environments are %q, want %q", states, want)
	}
	g.run(t, `aws batch describe-job-queues --query 'jobQueues[].join(`+"`/`"+`,[jobQueueName,to_string(priority),state,status])'`, &states)
	if want := []string{"hpc-high-priority/10/ENABLED/VALID", "hpc-low-priority/1/ENABLED/VALID"}; !slices.Equal(states, want) {
		t.Errorf("the queues are %q, want %q", states, want)
	}
}

// submit submits both jobs and lists those that run, whichever they are by now.
func (g *guide) submit(t *testing.T) (single, array string) {
	t.Helper()
	type submitted struct{ JobName, JobID, JobARN string }
	var one, many submitted
	g.run(t, submitSingle, &one)
	g.run(t, submitArray, &many)
	for _, c := range []struct {
		name string
		got  submitted
	}{{"simulation-001", one}, {"simulation-array", many}} {
		want := submitted{c.name, c.got.JobID, "arn:aws:batch:us-east-1:123456789012:job/" + c.got.JobID}
		if c.got != want || c.got.JobID == "" {
			t.Errorf("submit-job answers %+v, want %+v", c.got, want)
		}
	}
	var listed struct {
		JobSummaryList []struct{ JobID, JobName, Status string }
	}
	g.run(t, listRunning, &listed)
	for _, j := range listed.JobSummaryList {
		if j.JobID != one.JobID || j.JobName != one.JobName || j.Status != "RUNNING" {
			t.Errorf("list-jobs shows %+v among the running jobs of the queue", j)
		}
	}
	return one.JobID, many.JobID
}

// ended waits for the end of jobs.
func (g *guide) ended(t *testing.T, ids ...string) {
	t.Helper()
	out, err := exec.Command(binary, append([]string{"wait", "--endpoint", g.endpoint, "--timeout", patience.String()}, ids...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1 says that one has failed
		t.Fatalf("barge wait: %v\n%s", err, out)
	}
}

// checkSingle looks at the single job as the guide does.
func (g *guide) checkSingle(t *testing.T, id string) {
	g.ended(t, id)
	var job struct {
		Status, StatusReason string
		StartedAt            int64
	}
	g.run(t, strings.Replace(describeJob, guideJob, id, 1), &job)
	if job.Status != "SUCCEEDED" || job.StatusReason != "Essential container in task exited" || job.StartedAt < 1e12 {
		t.Errorf("describe-jobs answers %+v", job)
	}
	checkOutput(t, g.messages(t, strings.Replace(getLog, guideJob, id, 1)), id, 5_000_000)

	// The stream has a name as AWS gives it as well.
	var stream string
	g.run(t, `aws batch describe-jobs --jobs `+id+` --query 'jobs[0].container.logStreamName'`, &stream)
	if !regexp.MustCompile(`^batch/default/[0-9a-f]{32}$`).MatchString(stream) {
		t.Errorf("the stream is called %q", stream)
	}
	checkOutput(t, g.messages(t, `aws logs get-log-events --log-group-name /aws/batch/hpc-simulation --log-stream-name `+stream), id, 5_000_000)
}

// messages runs a get-log-events and returns what the job printed.
func (g *guide) messages(t *testing.T, script string) []string {
	t.Helper()
	var log struct {
		Events []struct {
			Message   string
			Timestamp int64
		}
	}
	g.run(t, script, &log)
	var lines []string
	last := int64(0)
	for _, e := range log.Events {
		if e.Timestamp < last {
			t.Errorf("%q is from %d, before the event ahead of it", e.Message, e.Timestamp)
		}
		last = e.Timestamp
		if g.driver.name != "process" || !strings.HasPrefix(e.Message, "barge: ") {
			lines = append(lines, e.Message)
		}
	}
	return lines
}

// checkOutput compares a job's log with what the stand-in prints.
func checkOutput(t *testing.T, lines []string, id string, iterations int) {
	t.Helper()
	want := []string{
		fmt.Sprintf("Starting monte-carlo simulation with %d iterations", iterations),
		"Job ID: " + id,
		"Results would go to s3://my-results-bucket/results/" + id + ".json",
	}
	if len(lines) != 4 || !slices.Equal(slices.Delete(slices.Clone(lines), 2, 3), want) {
		t.Errorf("the log of job %s is %q, want %q and results before the last line", id, lines, want)
		return
	}
	var results struct {
		Pi         float64
		Iterations int
		JobID      string `json:"job_id"`
	}
	text, _ := strings.CutPrefix(lines[2], "Results: ")
	if err := json.Unmarshal([]byte(text), &results); err != nil {
		t.Errorf("the results of job %s are %q: %v", id, lines[2], err)
	}
	if results.Pi < 3.08 || results.Pi > 3.20 || results.Iterations != iterations || results.JobID != id {
		t.Errorf("the results of job %s are %+v", id, results)
	}
}

// checkArray looks at the array job and all of its children.
func (g *guide) checkArray(t *testing.T, id, single string) {
	g.ended(t, id)
	var summary []int
	g.run(t, `aws batch describe-jobs --jobs `+id+` --query 'jobs[0].arrayProperties.[size,statusSummary.SUCCEEDED,statusSummary.FAILED]'`, &summary)
	if want := []int{100, 100, 0}; !slices.Equal(summary, want) {
		t.Errorf("the array's size, successes and failures are %v, want %v", summary, want)
	}
	var ids []string
	for i := range 100 {
		ids = append(ids, id+":"+strconv.Itoa(i))
	}
	var children []struct {
		JobID, Status   string
		ArrayProperties struct{ Index int }
		Container       struct{ LogStreamName string }
	}
	g.run(t, `aws batch describe-jobs --jobs `+strings.Join(ids, " ")+` --query 'jobs'`, &children)
	if len(children) != 100 {
		t.Fatalf("describe-jobs shows %d children, want 100", len(children))
	}
	for i, c := range children {
		if c.JobID != ids[i] || c.Status != "SUCCEEDED" || c.ArrayProperties.Index != i {
			t.Errorf("child %d is %+v", i, c)
		}
	}
	for _, i := range []int{0, 42, 99} {
		stream := children[i].Container.LogStreamName
		checkOutput(t, g.messages(t, `aws logs get-log-events --log-group-name /aws/batch/hpc-simulation --log-stream-name `+stream), ids[i], 1_000_000)
	}
	var all []string
	g.run(t, `aws logs filter-log-events --log-group-name /aws/batch/hpc-simulation --filter-pattern '"Job ID"' --query 'events[].message'`, &all)
	slices.Sort(all)
	want := []string{"Job ID: " + single}
	for _, id := range ids {
		want = append(want, "Job ID: "+id)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("the group's lines with a job id (-want +got):\n%s", diff)
	}
}

// checkRefusal looks at an error as the CLI shows it.
func (g *guide) checkRefusal(t *testing.T) {
	_, errs, err := g.try(t, `aws batch submit-job --job-name bad --job-queue no-such-queue --job-definition hpc-simulation`)
	const want = "An error occurred (ClientException) when calling the SubmitJob operation: JobQueue no-such-queue does not exist."
	if err == nil || !strings.Contains(errs, want) {
		t.Errorf("a job for a queue that is not there: %v, %q; want %q", err, errs, want)
	}
}

// checkTail follows the group of all jobs that name none, while a job prints
// until it is terminated.
func (g *guide) checkTail(t *testing.T, clis []cli) {
	i := slices.IndexFunc(clis, func(c cli) bool { return c.version[0] >= 2 })
	if i < 0 {
		need(t, "aws", errors.New("version 1 of the AWS CLI has no `logs tail`, and there is no other on the PATH"))
	}
	g.run(t, `aws batch register-job-definition --job-definition-name ticks --type container --container-properties '{
	  "image": "`+g.driver.image+`", "vcpus": 1, "memory": 64,
	  "command": ["sh", "-c", "trap \"exit 143\" TERM; while :; do n=$((n + 1)); echo tick $n; sleep 0.2 & wait $!; done"]}'`, nil)
	var id string
	g.run(t, `aws batch submit-job --job-name ticks --job-queue hpc-low-priority --job-definition ticks --query jobId`, &id)
	until(t, "the job to run", func() bool {
		var running []string
		g.run(t, `aws batch list-jobs --job-queue hpc-low-priority --query 'jobSummaryList[].jobId'`, &running)
		return slices.Contains(running, id)
	})
	var followed file
	followed.open(t, t.TempDir()+"/followed")
	second := clis[i]
	second.endpoint = g.endpoint
	tail := second.command(t.Context(), `exec "$AWS" --endpoint-url "$AWS_ENDPOINT_URL" logs tail /aws/batch/job --follow`)
	tail.Stdout, tail.Stderr = followed.File, followed.File
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	// The second sight shows that it follows: the ticks between came after it began.
	for _, what := range []string{"the log to be shown", "the log to be followed"} {
		seen := len(ticks(followed.text(t)))
		until(t, what, func() bool { return len(ticks(followed.text(t))) > seen+5 })
	}
	g.run(t, `aws batch terminate-job --job-id `+id+` --reason 'enough ticks'`, nil)
	g.ended(t, id)
	var end []any
	g.run(t, `aws batch describe-jobs --jobs `+id+` --query 'jobs[0].[status,statusReason,container.exitCode]'`, &end)
	if diff := cmp.Diff([]any{"FAILED", "enough ticks", 143.0}, end); diff != "" {
		t.Errorf("the job that was terminated (-want +got):\n%s", diff)
	}
	all := ticks(strings.Join(g.jobLog(t, id), "\n"))
	until(t, "the last line to be shown", func() bool { return len(ticks(followed.text(t))) >= len(all) })
	_ = tail.Process.Signal(syscall.SIGINT)
	_ = tail.Wait() // it was interrupted
	if got := ticks(followed.text(t)); !slices.Equal(got, all) {
		t.Errorf("logs tail --follow shows the ticks %v, and the log has %v", got, all)
	}
	for n, tick := range all {
		if tick != n+1 {
			t.Errorf("tick %d of the log is %d", n+1, tick)
		}
	}
}

// jobLog returns the lines of a job's own stream.
func (g *guide) jobLog(t *testing.T, id string) []string {
	t.Helper()
	var stream string
	g.run(t, `aws batch describe-jobs --jobs `+id+` --query 'jobs[0].container.logStreamName'`, &stream)
	return g.messages(t, `aws logs get-log-events --log-group-name /aws/batch/job --start-from-head --log-stream-name `+stream)
}

// ticks returns the numbers of the lines `tick N`.
func ticks(text string) []int {
	var all []int
	for _, m := range regexp.MustCompile(`(?m)tick (\d+)$`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1]) // digits
		all = append(all, n)
	}
	return all
}
