package batchsvc_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// ready makes an environment, a queue q and a definition d.
func ready(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t, dir)
	w.must(t, "CreateComputeEnvironment", `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,
		"maxvCpus":1000,"instanceTypes":["optimal"],"subnets":["s"],"securityGroupIds":["sg"],"instanceRole":"r"}}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`)
	w.must(t, "RegisterJobDefinition", `{"jobDefinitionName":"d","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`)
	return w
}

func (w *world) submit(t *testing.T, name string) string {
	t.Helper()
	return w.must(t, "SubmitJob", fmt.Sprintf(`{"jobName":%q,"jobQueue":"q","jobDefinition":"d"}`, name))["jobId"].(string)
}

// list pages through a listing and returns the members of that name.
func (w *world) list(t *testing.T, operation, list, member, body string, between func(page int)) []string {
	t.Helper()
	var got []string
	token := ""
	for page := range 100 {
		request := body
		if token != "" {
			request = strings.TrimSuffix(body, "}") + fmt.Sprintf(`,"nextToken":%q}`, token)
		}
		answer := w.must(t, operation, request)
		for _, e := range answer[list].([]any) {
			got = append(got, e.(map[string]any)[member].(string))
		}
		next, ok := answer["nextToken"]
		if !ok {
			return got
		}
		token = next.(string)
		if token == "" {
			t.Fatal("an empty token: hand-written loops take that for more")
		}
		between(page)
	}
	t.Fatal("the listing has no end")
	return nil
}

// Jobs that come and go while a listing is read are in it or not; all others are
// in it exactly once.
func TestPagesWhileJobsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", t.TempDir()} {
		w := ready(t, dir)
		var ids, want []string
		for i := range 20 {
			ids = append(ids, w.submit(t, fmt.Sprintf("j%02d", i)))
		}
		gone := map[int]bool{19: true, 12: true, 3: true, 2: true}
		for i := 19; i >= 0; i-- {
			if !gone[i] || i == 19 { // which is on the first page
				want = append(want, ids[i])
			}
		}
		got := w.list(t, "ListJobs", "jobSummaryList", "jobId", `{"jobQueue":"q","jobStatus":"RUNNABLE","maxResults":3}`, func(page int) {
			if page == 0 {
				for i := range gone {
					w.must(t, "CancelJob", fmt.Sprintf(`{"jobId":%q,"reason":"r"}`, ids[i]))
				}
			}
			w.submit(t, fmt.Sprintf("new%d", page))
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("waiting jobs, newest first (-want +got):\n%s", diff)
		}
		got = w.list(t, "ListJobs", "jobSummaryList", "jobName", `{"jobQueue":"q","jobStatus":"FAILED","maxResults":1}`, func(int) {})
		if diff := cmp.Diff([]string{"j19", "j12", "j03", "j02"}, got); diff != "" {
			t.Errorf("cancelled jobs, newest first (-want +got):\n%s", diff)
		}
	}
}

// Children are listed by index, whether they have a row of their own or not.
func TestPagesOfChildren(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", t.TempDir()} {
		w := ready(t, dir)
		id := w.must(t, "SubmitJob", `{"jobName":"a","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":30}}`)["jobId"].(string)
		want := make(map[string][]string)
		cancelled := map[int]bool{0: true, 7: true, 8: true, 29: true}
		for i := range 30 {
			child := fmt.Sprintf("%s:%d", id, i)
			state := "RUNNABLE"
			if cancelled[i] {
				state = "FAILED"
				w.must(t, "CancelJob", fmt.Sprintf(`{"jobId":%q,"reason":"r"}`, child))
			} else if i < 10 {
				state = "STARTING"
			}
			want[state] = append(want[state], child)
		}
		w.tell(core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 7000, MemoryMiB: batch.Unlimited}})
		for state, children := range want {
			for _, size := range []int{1, 2, 7, 1000} {
				got := w.list(t, "ListJobs", "jobSummaryList", "jobId",
					fmt.Sprintf(`{"arrayJobId":%q,"jobStatus":%q,"maxResults":%d}`, id, state, size), func(int) {})
				if diff := cmp.Diff(children, got); diff != "" {
					t.Errorf("%s, pages of %d (-want +got):\n%s", state, size, diff)
				}
			}
		}
	}
}

func TestPagesOfDefinitions(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	want := []string{"arn:aws:batch:eu-west-1:123456789012:job-definition/d:1"}
	for _, name := range []string{"a", "d-2", "e_", "z"} {
		for revision := 3; revision > 0; revision-- {
			w.must(t, "RegisterJobDefinition", fmt.Sprintf(`{"jobDefinitionName":%q,"type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`, name))
			want = append(want, fmt.Sprintf("arn:aws:batch:eu-west-1:123456789012:job-definition/%s:%d", name, revision))
		}
	}
	want[0], want[1], want[2], want[3] = want[1], want[2], want[3], want[0] // a before d
	for _, size := range []int{1, 2, 5, 100} {
		got := w.list(t, "DescribeJobDefinitions", "jobDefinitions", "jobDefinitionArn", fmt.Sprintf(`{"maxResults":%d}`, size), func(int) {})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

// A submit after a registration takes that revision or a newer one, whatever
// else goes on.
func TestNewestRevision(t *testing.T) {
	t.Parallel()
	w := ready(t, "")
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for range 50 {
				_, registered := w.call("RegisterJobDefinition", fmt.Sprintf(`{"jobDefinitionName":"n%d","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`, g%2))
				revision := int(field(t, registered, "revision").(float64))
				_, submitted := w.call("SubmitJob", fmt.Sprintf(`{"jobName":"j","jobQueue":"q","jobDefinition":"n%d"}`, g%2))
				_, described := w.call("DescribeJobs", fmt.Sprintf(`{"jobs":[%q]}`, field(t, submitted, "jobId")))
				job := field(t, described, "jobs").([]any)[0].(map[string]any)
				var got int
				arn := job["jobDefinition"].(string)
				if _, err := fmt.Sscan(arn[strings.LastIndexByte(arn, ':')+1:], &got); err != nil || got < revision {
					t.Errorf("registered revision %d, and the job after that runs %s", revision, arn)
				}
			}
		})
	}
	group.Wait()
}

// AWS's limits, at the edge and beyond it.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := ready(t, "")
	definition := func(size int) string {
		empty := `{"jobDefinitionName":"big","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4,"command":[""]}}`
		return strings.Replace(empty, `[""]`, `["`+strings.Repeat("x", size-len(empty))+`"]`, 1)
	}
	submit := func(size int) string {
		kept := `{"parameters":{"p":""}}`
		return `{"jobName":"j","jobQueue":"q","jobDefinition":"d","parameters":{"p":"` + strings.Repeat("x", size-len(kept)) + `"}}`
	}
	ids := func(n int) string {
		return `{"jobs":[` + strings.TrimSuffix(strings.Repeat(`"00000000-0000-4000-8000-000000000000",`, n), ",") + `]}`
	}
	for _, tt := range []struct {
		name, operation, good, bad, message string
	}{
		{"definition", "RegisterJobDefinition", definition(24 << 10), definition(24<<10 + 1), "JobDefinition size must be less than 24 KiB, got 25 KiB"},
		{"submit", "SubmitJob", submit(30 << 10), submit(30<<10 + 1), "Job size must be less than 30 KiB, got 31 KiB"},
		{"ids", "DescribeJobs", ids(100), ids(101), "Maximum number of jobs supported is  100 ."},
		{
			"reason", "TerminateJob", `{"jobId":"00000000-0000-4000-8000-000000000000","reason":"` + strings.Repeat("é", 1024) + `"}`,
			`{"jobId":"00000000-0000-4000-8000-000000000000","reason":"` + strings.Repeat("é", 1025) + `"}`, "reason must have at most 1024 characters, got 1025.",
		},
		{
			"name", "SubmitJob", `{"jobName":"` + strings.Repeat("x", 128) + `","jobQueue":"q","jobDefinition":"d"}`,
			`{"jobName":"` + strings.Repeat("x", 129) + `","jobQueue":"q","jobDefinition":"d"}`, "Job name should match valid pattern",
		},
		{
			"array", "SubmitJob", `{"jobName":"x","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":10000}}`,
			`{"jobName":"x","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":10001}}`, "arrayProperties.size must be between 2 and 10000, got 10001.",
		},
	} {
		if status, answer := w.call(tt.operation, tt.good); status != http.StatusOK {
			t.Errorf("%s: at the limit: %d %s", tt.name, status, answer)
		}
		status, answer := w.call(tt.operation, tt.bad)
		if status != http.StatusBadRequest || field(t, answer, "message") != tt.message {
			t.Errorf("%s: beyond the limit: %d %s", tt.name, status, answer)
		}
	}
}

// What is not there to run, and what is not waited for.
func TestAttemptsThatAreNot(t *testing.T) {
	t.Parallel()
	w := ready(t, "")
	ref, _ := batch.ParseJobRef(w.submit(t, "j"))
	w.tell(core.HostSeen{Environment: 1, Name: "h", Capacity: batch.Resources{MilliVCPU: 7000, MemoryMiB: batch.Unlimited}})
	w.settled()
	for _, tt := range []struct {
		id   batch.AttemptID
		live bool
	}{
		{batch.AttemptID{Job: ref, Number: 1}, true},
		{batch.AttemptID{Job: ref, Number: 2}, false},
		{batch.AttemptID{Job: batch.ChildRef(ref.ID, 0), Number: 1}, false},
		{batch.AttemptID{Job: batch.JobRef{ID: batch.JobID{1}}, Number: 1}, false},
	} {
		_, err := w.service.Attempt(t.Context(), tt.id)
		live, liveErr := w.service.Live(t.Context(), tt.id)
		if (err == nil) != tt.live || live != tt.live || liveErr != nil {
			t.Errorf("%s: %v, live %t, %v; want live %t", tt.id, err, live, liveErr, tt.live)
		}
	}
}

// A filtered listing has every job once that was there when it began, whatever
// state they go to, and no job made meanwhile.
func TestFilteredPagesWhileJobsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, filter := range []string{
		`{"name":"JOB_NAME","values":["J*"]}`, `{"name":"JOB_NAME","values":["j"]}`, `{"name":"JOB_DEFINITION","values":["d"]}`,
		`{"name":"JOB_DEFINITION","values":["d:1"]}`, `{"name":"JOB_DEFINITION","values":["*"]}`,
		`{"name":"AFTER_CREATED_AT","values":["1"]}`, `{"name":"BEFORE_CREATED_AT","values":["4000000000000"]}`,
	} {
		for _, dir := range []string{"", t.TempDir()} {
			w := ready(t, dir)
			var want []string
			for range 10 {
				want = append([]string{w.submit(t, "j")}, want...)
			}
			body := fmt.Sprintf(`{"jobQueue":"q","maxResults":3,"filters":[%s]}`, filter)
			got := w.list(t, "ListJobs", "jobSummaryList", "jobId", body, func(page int) {
				w.submit(t, "j")
				w.must(t, "CancelJob", fmt.Sprintf(`{"jobId":%q,"reason":"r"}`, want[2*page+1]))
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %q (-want +got):\n%s", filter, dir, diff)
			}
		}
	}
}
