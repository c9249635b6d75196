package batchsvc_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What was registered is what is described: every member that was sent comes
// back as it was sent, and what was not sent comes back empty or not at all.
func TestRegisteredIsDescribed(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"container", "fargate", "ecs", "eks", "multinode"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			rapid.Check(t, func(t *rapid.T) {
				sent := registrationOf(t, kind).AppendJSON(nil)
				status, answer := w.call("RegisterJobDefinition", string(sent))
				if status == http.StatusBadRequest && strings.Contains(string(answer), "size must be less than") {
					t.Skip("too large")
				}
				if status != http.StatusOK {
					t.Fatalf("%s\nis refused: %s", sent, answer)
				}
				var made struct{ JobDefinitionArn string }
				if err := json.Unmarshal(answer, &made); err != nil {
					t.Fatal(err)
				}
				_, answer = w.call("DescribeJobDefinitions", `{"jobDefinitions":["`+made.JobDefinitionArn+`"]}`)
				var described struct{ JobDefinitions []map[string]any }
				var want map[string]any
				if err := json.Unmarshal(answer, &described); err != nil || len(described.JobDefinitions) != 1 {
					t.Fatalf("%v: %s", err, answer)
				}
				if err := json.Unmarshal(sent, &want); err != nil {
					t.Fatal(err)
				}
				got := described.JobDefinitions[0]
				for _, ours := range []string{"jobDefinitionArn", "revision", "status", "containerOrchestrationType"} {
					if got[ours] == nil {
						t.Fatalf("%s is not described", ours)
					}
					delete(got, ours)
				}
				if diff := cmp.Diff(normal("", want), normal("", got)); diff != "" {
					t.Fatalf("%s\nis described otherwise (-sent +described):\n%s", sent, diff)
				}
			})
		})
	}
}

// normal takes away what AWS adds and drops: empty lists and structures,
// variables without a value, the case of actions, the platform version LATEST.
// Volumes' empty host and emptyDir mean something and stay.
func normal(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for key, e := range v {
			if e = normal(key, e); e != nil || key == "host" || key == "emptyDir" {
				out[key] = e
			}
		}
		if len(out) == 0 || name == "fargatePlatformConfiguration" && reflect.DeepEqual(out, map[string]any{"platformVersion": "LATEST"}) {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, e := range v {
			if m, ok := e.(map[string]any); ok && name == "environment" && (m["value"] == nil || m["value"] == "") {
				continue
			}
			out = append(out, normal("", e))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case string:
		if name == "action" {
			return strings.ToLower(v)
		}
		return v
	}
	return v
}
