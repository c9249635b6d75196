package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTerraform goes through the life of one resource of each kind.
func TestTerraform(t *testing.T) {
	t.Parallel()
	plugins := installed(t)
	server := startServer(t)
	w := newWorkspace(t, plugins, server)

	w.run(t, "apply", "-auto-approve")
	w.clean(t, "after they were created")

	ids := w.resources(t)
	w.changed = true
	w.checkChange(t, ids)
	w.run(t, "apply", "-auto-approve", "change.plan")
	w.clean(t, "after they were changed")
	w.checkImport(t, plugins)

	w.run(t, "destroy", "-auto-approve", "-refresh=false") // the plans before have just refreshed
	for operation, list := range map[string]string{
		"DescribeComputeEnvironments": "computeEnvironments", "DescribeJobQueues": "jobQueues", "ListSchedulingPolicies": "schedulingPolicies",
	} {
		if left := server.call(t, operation, `{}`)[list]; !reflect.DeepEqual(left, []any{}) {
			t.Errorf("%s after destroy: %v", operation, left)
		}
	}
	active := server.call(t, "DescribeJobDefinitions", `{"status":"ACTIVE"}`)["jobDefinitions"]
	if !reflect.DeepEqual(active, []any{}) {
		t.Errorf("active job definitions after destroy: %v", active)
	}
}

// change is what a plan says of one resource.
type change struct {
	Address string
	Change  struct {
		Actions       []string
		Before, After map[string]any
	}
}

// plan plans into a file and reads it.
func (w *workspace) plan(t *testing.T, file string) map[string]change {
	t.Helper()
	w.run(t, "plan", "-out", file)
	var plan struct {
		ResourceChanges []change `json:"resource_changes"`
	}
	if err := json.Unmarshal(w.terraform(t, 0, "show", "-json", file), &plan); err != nil {
		t.Fatal(err)
	}
	changes := make(map[string]change)
	for _, c := range plan.ResourceChanges {
		changes[c.Address] = c
	}
	return changes
}

// checkChange sees that a change is planned as it should be: in place but for
// what is named otherwise.
func (w *workspace) checkChange(t *testing.T, ids map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for address, c := range w.plan(t, "change.plan") {
		got[address] = strings.Join(c.Change.Actions, " ")
	}
	want := make(map[string]string)
	for address := range ids {
		want[address] = "update"
		if strings.HasSuffix(address, ".replaced") {
			want[address] = "delete create"
		}
		if strings.HasSuffix(address, ".bare") {
			want[address] = "no-op"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the planned change (-want +got):\n%s", diff)
	}
}

// checkImport plans the import of everything into an empty state. What the
// provider cannot know, or writes in another way, is all that may differ.
func (w *workspace) checkImport(t *testing.T, plugins string) {
	t.Helper()
	other := newWorkspace(t, plugins, w.server)
	other.changed = true
	var imports strings.Builder
	ids := w.resources(t)
	for address, id := range ids {
		fmt.Fprintf(&imports, "import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	if err := os.WriteFile(filepath.Join(other.dir, "imports.tf"), []byte(imports.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{
		"aws_batch_job_definition": {"deregister_on_new_revision"},
		"aws_batch_job_queue":      {"compute_environment_order", "compute_environments"},
	}
	changes := other.plan(t, "import.plan")
	if len(changes) < len(ids) {
		t.Errorf("the import is of %d resources, there are %d", len(changes), len(ids))
	}
	for address, c := range changes {
		if a := c.Change.Actions; !slices.Equal(a, []string{"no-op"}) && !slices.Equal(a, []string{"update"}) {
			t.Errorf("%s is not imported: %v", address, a)
		}
		kind, _, _ := strings.Cut(address, ".")
		for name, after := range c.Change.After {
			if before := c.Change.Before[name]; !slices.Contains(known[kind], name) && !reflect.DeepEqual(before, after) {
				t.Errorf("%s.%s is imported as %v, it is %v", address, name, before, after)
			}
		}
	}
}
