package batchsvc_test

import (
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// What is too long beside a definition passes the submit and fails at the start;
// what the definition has itself does not count.
func TestLongOverrides(t *testing.T) {
	t.Parallel()
	const refusal = "Container Overrides length must be at most 8192"
	w := ready(t, t.TempDir())
	w.tell(core.HostSeen{Environment: 1, Name: "i-1", Capacity: batch.Resources{MilliVCPU: batch.Unlimited, MemoryMiB: batch.Unlimited}})
	w.must(t, "RegisterJobDefinition", strings.Replace(containerBody(amounts, `"command":["`+strings.Repeat("x", 9000)+`","Ref::p"]`), "{", `{"parameters":{"p":"Ref::p"},`, 1))
	w.must(t, "RegisterJobDefinition", strings.Replace(ecsBody(inTask("a")+","+inTask("b")), `"new"`, `"two"`, 1))
	long := strings.Repeat("ü", 4100) // two bytes, one character
	for _, tt := range []struct{ name, body, want string }{
		{"of the definition", submitOf("new"), ""},
		{"a command", submitOf("d", `"containerOverrides":{"command":["`+long+long+`"]}`), refusal},
		{"half a command", submitOf("d", `"containerOverrides":{"command":["`+long+`"]}`), ""},
		{"a variable", submitOf("d", `"containerOverrides":{"environment":[{"name":"A","value":"`+long+long+`"}]}`), refusal},
		{"a parameter makes the command another", submitOf("new", `"parameters":{"p":"1"}`), refusal},
		{"two containers", submitOf("two", overTask(`{"name":"a","command":["`+long+`"]},{"name":"b","command":["`+long+`"]}`)), refusal},
		{"quotes count double", submitOf("d", `"containerOverrides":{"command":["`+strings.Repeat(`\"`, 4000)+`"]}`), refusal},
	} {
		answer := w.must(t, "SubmitJob", tt.body)
		w.settledKeep()
		ref, _ := batch.ParseJobRef(answer["jobId"].(string))
		task, err := w.service.Attempt(t.Context(), batch.AttemptID{Job: ref, Number: 1})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if task.Refused != tt.want {
			t.Errorf("%s: the task is refused with %q, want %q", tt.name, task.Refused, tt.want)
		}
	}
}
