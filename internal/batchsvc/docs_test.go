package batchsvc

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what is made from tables")

// golden compares a file with what the code makes of it, or rewrites it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is not what the code says; `make gen` writes it (-file +code):\n%s", path, diff)
	}
}

func markdown(title, about string, head ...string) *strings.Builder {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- Made by `make gen`; do not edit. -->\n\n# %s\n\n%s\n", title, about)
	fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	return &b
}

func TestDocsExtensions(t *testing.T) {
	t.Parallel()
	b := markdown("Extensions", strings.TrimSpace(`
What Barge adds to AWS Batch is said by tags with the prefix `+"`barge:`"+`, given when the resource is made: any client,
Terraform and CloudFormation can set them. A tag with this prefix that is not listed here, is on another kind of
resource or has a bad value is refused.

What Barge says beyond AWS is one more member, `+"`barge`"+`, in what AWS describes: DescribeJobs has in
`+"`barge.waiting`"+` why a job waits that is PENDING or RUNNABLE. AWS's clients leave it out; `+"`barge why`"+` prints it.
`+"`barge.cost`"+` is what the job's attempts have cost that have ended: `+"`amount`, `currency` and `onDemandAmount`"+`; each
of `+"`attempts`"+` has its own. `+"`barge cost`"+` adds up. DescribeComputeEnvironments has in `+"`barge`"+`, of environments that it is
asked for by name, their instances and the latest decisions about them; `+"`barge environments`"+` prints them.

POST /v1/interruptinstances takes instances back as EC2 does Spot instances: `+"`barge spot interrupt`"+`.
`), "tag", "on", "value", "meaning")
	for _, e := range extensionTable() {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", e.name, places(e.on), e.values, e.meaning)
	}
	golden(t, filepath.Join("..", "..", "docs", "extensions.md"), b.String())
}
