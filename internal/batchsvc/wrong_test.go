package batchsvc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/core"
)

// wrong is a request that must be refused and change nothing.
type wrong struct {
	operation string
	body      string // $JOB is the id of a job that waits
	// member is the one at fault. The message names it, be it in words, as AWS
	// does: "Job name should match valid pattern". Empty where the whole body is
	// at fault, or AWS's text names nothing.
	member  string
	message string
}

// snapshot is all that can be seen of a world.
type snapshot struct {
	Round       int64  // of the last commit
	Fingerprint uint64 // of the state that a restart would load
	Effects     []string
	Answers     map[string]string
}

func (w *world) snapshot(t *testing.T, job string) snapshot {
	t.Helper()
	l := core.NewLoader()
	round, err := w.store.Load(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	state, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := snapshot{Round: round, Fingerprint: state.Fingerprint(), Effects: append([]string(nil), w.effects...), Answers: make(map[string]string)}
	calls := [][2]string{
		{"DescribeComputeEnvironments", `{}`},
		{"DescribeJobQueues", `{}`},
		{"DescribeJobDefinitions", `{}`},
		{"DescribeJobs", `{"jobs":["` + job + `"]}`},
	}
	for _, state := range []string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"} {
		calls = append(calls, [2]string{"ListJobs", `{"jobQueue":"q","jobStatus":"` + state + `"}`})
	}
	for _, c := range calls {
		status, answer := w.call(c[0], c[1])
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", c[0], c[1], status, answer)
		}
		s.Answers[c[0]+c[1]] = string(answer)
	}
	return s
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// names reports whether a message speaks of a member, in one word or several.
func names(message, member string) bool {
	word := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "") }
	return strings.Contains(word(message), word(member))
}

// TestWrong sends what clients get wrong over HTTP, to a server that has an
// environment, a queue, a definition and a job to spoil.
func TestWrong(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	w.must(t, "CreateComputeEnvironment", `{"computeEnvironmentName":"fargate","type":"MANAGED","computeResources":{"type":"FARGATE",
		"maxvCpus":4,"subnets":["s"],"securityGroupIds":["sg"]}}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"off","state":"DISABLED","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"fq","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"fargate"}]}`)
	registerKinds(t, w)
	job := w.submit(t, "waits")
	w.settledKeep()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)

	before := w.snapshot(t, job)
	cases := wrongRequests()
	if len(cases) < 40 {
		t.Errorf("the table has %d requests, want at least 40", len(cases))
	}
	for _, tt := range cases {
		body := strings.ReplaceAll(tt.body, "$JOB", job)
		res, err := http.Post(server.URL+"/v1/"+strings.ToLower(tt.operation), "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatalf("%s %.200s: %v", tt.operation, body, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]string
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Errorf("%s %.200s: the answer %q is not of AWS's form: %v", tt.operation, body, text, err)
		}
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %.200s: status %d, want 400: %s", tt.operation, body, res.StatusCode, text)
		}
		if diff := cmp.Diff(map[string]string{"message": strings.ReplaceAll(tt.message, "$JOB", job)}, answer); diff != "" {
			t.Errorf("%s %.200s: the answer (-want +got):\n%s", tt.operation, body, diff)
		}
		if !names(answer["message"], tt.member) {
			t.Errorf("%s %.200s: %q does not name %s", tt.operation, body, answer["message"], tt.member)
		}
		if got := res.Header.Get("X-Amzn-Errortype"); got != "ClientException" {
			t.Errorf("%s %.200s: x-amzn-errortype is %q, want ClientException", tt.operation, body, got)
		}
		if got := res.Header.Get("X-Amzn-Requestid"); !requestID.MatchString(got) {
			t.Errorf("%s %.200s: x-amzn-RequestId is %q, want a UUID", tt.operation, body, got)
		}
		if got := res.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s %.200s: the content type is %q", tt.operation, body, got)
		}
		w.tell(core.Tick{}) // whatever was under way has happened
		if diff := cmp.Diff(before, w.snapshot(t, job)); diff != "" {
			t.Fatalf("%s %.200s has changed something (-before +after):\n%s", tt.operation, body, diff)
		}
	}
	// What was refused has left no trace in the engine's memory either.
	if again := w.submit(t, "works"); again == job {
		t.Errorf("two jobs have the id %s", job)
	}
	if answer := w.must(t, "RegisterJobDefinition", definitionBody("next")); answer["revision"] != 1.0 {
		t.Errorf("the first revision of a definition is %v", answer["revision"])
	}
}
