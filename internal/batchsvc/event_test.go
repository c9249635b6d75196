package batchsvc_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// outbox takes events out of the outbox, those of children each by itself.
func (w *world) outbox(t *testing.T) (events []core.Event) {
	t.Helper()
	all, err := w.store.Outbox(t.Context(), core.Mark{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Row.Children == nil {
			events = append(events, e)
		}
		array, children := e.Row.Ref.ID, e.Row.Children
		e.Row.Children = nil
		for i := range children.All {
			e.Row.Ref = batch.ChildRef(array, int(i))
			events = append(events, e)
		}
	}
	w.tell(core.Delivered{Mark: core.MarkAll()})
	return events
}

var differs = regexp.MustCompile(`"(id|time)":"[^"]*"`)

// events prints the events since it was called last.
func (w *world) events(t *testing.T) string {
	t.Helper()
	bodies, err := w.service.Events(t.Context(), w.outbox(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, body := range bodies {
		var v any
		if err := json.Unmarshal(differs.ReplaceAll(body, []byte(`"$1":"<$1>"`)), &v); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		b.WriteString(layout(v, "") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestEventEnvelope sees what scripts leave out: the id is that of the event, over
// a restart too, and the time is when it happened.
func TestEventEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.must(t, "CreateComputeEnvironment", `{"computeEnvironmentName":"e","type":"UNMANAGED","serviceRole":"r"}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"e"}]}`)
	w.must(t, "RegisterJobDefinition", `{"jobDefinitionName":"d","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`)
	w.must(t, "SubmitJob", `{"jobName":"a","jobQueue":"q","jobDefinition":"d","arrayProperties":{"size":3}}`)
	w.settled()
	rows, err := w.store.Outbox(t.Context(), core.Mark{}, 9)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d events (%v), want those of an array job and of its children", len(rows), err)
	}
	events := w.outbox(t)
	render := func() (ids []string) {
		bodies, failure := w.service.Events(t.Context(), events)
		if failure != nil {
			t.Fatal(failure)
		}
		for i, body := range bodies {
			id, _ := field(t, body, "id").(string)
			ids = append(ids, id)
			if got, want := field(t, body, "time"), events[i].Row.At.Time().Format("2006-01-02T15:04:05Z"); got != want {
				t.Errorf("the event's time is %v, want %s", got, want)
			}
		}
		return ids
	}
	ids := render()
	if unique := slices.Compact(slices.Sorted(slices.Values(ids))); len(unique) != 4 {
		t.Errorf("four events have the ids %v", ids)
	}
	w.stop()
	w.open(t)
	if again := render(); !slices.Equal(ids, again) {
		t.Errorf("the ids after a restart are %v, they were %v", again, ids)
	}

	events[0].Row.Ref = batch.JobRef{ID: batch.JobID{1}}
	bodies, err := w.service.Events(t.Context(), events)
	if err != nil || bodies[0] != nil || bodies[1] == nil {
		t.Errorf("of a job that is gone: %s (%v), want nothing, and the others", bodies[0], err)
	}
}

// TestBlockedEvent: a queue that is blocked is told with the queue among the
// resources.
func TestBlockedEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.must(t, "CreateComputeEnvironment", `{"computeEnvironmentName":"e","type":"MANAGED","serviceRole":"r","computeResources":{"type":"FARGATE","maxvCpus":1,"subnets":["subnet-1"],"securityGroupIds":["sg-1"]}}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"e"}]}`)
	w.must(t, "RegisterJobDefinition", `{"jobDefinitionName":"d","type":"container","platformCapabilities":["FARGATE"],"containerProperties":{"image":"i","executionRoleArn":"arn:aws:iam::123456789012:role/r","resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"4096"}]}}`)
	w.must(t, "SubmitJob", `{"jobName":"a","jobQueue":"q","jobDefinition":"d"}`)
	w.settled()
	bodies, err := w.service.Events(t.Context(), w.outbox(t))
	if err != nil || len(bodies) != 2 {
		t.Fatalf("%d events (%v), want that the job is runnable, and that it blocks the queue", len(bodies), err)
	}
	detail, _ := field(t, bodies[1], "detail").(map[string]any)
	const reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
	if what := field(t, bodies[1], "detail-type"); what != "Batch Job Queue Blocked" || detail["status"] != "RUNNABLE" || detail["statusReason"] != reason {
		t.Errorf("it is %v of a job that is %v: %v", what, detail["status"], detail["statusReason"])
	}
	resources, _ := field(t, bodies[1], "resources").([]any)
	if len(resources) != 2 || resources[1] != "arn:aws:batch:eu-west-1:123456789012:job-queue/q" {
		t.Errorf("the resources are %v", resources)
	}
}
