package batchsvc_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestInstanceTypes: a type that is not known is refused as on AWS, with all that
// are, from which AWS ParallelCluster learns them.
func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.must(t, "CreateComputeEnvironment", environmentBody(`"instanceTypes":["m5","c5.metal","optimal"]`, `"allocationStrategy":"BEST_FIT_PROGRESSIVE"`))
	for operation, body := range map[string]string{
		"CreateComputeEnvironment": strings.Replace(environmentBody(`"instanceTypes":["m5","m5.huge"]`), `"new"`, `"other"`, 1),
		"UpdateComputeEnvironment": `{"computeEnvironment":"new","computeResources":{"instanceTypes":["m5.huge"]}}`,
	} {
		status, text := w.call(operation, body)
		var answer struct{ Message string }
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatal(err)
		}
		list, found := strings.CutPrefix(answer.Message, "Instance type can only be one of [")
		if status != http.StatusBadRequest || !found || !slices.Contains(strings.Split(strings.TrimSuffix(list, "]"), ", "), "p5.48xlarge") {
			t.Errorf("%s: %d %.200s", operation, status, text)
		}
	}
	if status, text := w.call("CreateComputeEnvironment", strings.Replace(environmentBody(`"instanceTypes":["c7g","m5"]`), `"new"`, `"other"`, 1)); status != http.StatusBadRequest || !strings.Contains(string(text), "arm-based instance type cannot be used with other instance types") {
		t.Errorf("two architectures: %d %.200s", status, text)
	}
}
