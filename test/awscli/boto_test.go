//go:build linux

package awscli

import (
	"fmt"
	"os/exec"
	"testing"
)

// TestBoto has boto3 hold every answer against its copy of AWS's model, and go
// through every listing page by page.
func TestBoto(t *testing.T) {
	t.Parallel()
	only(t, "aws")
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").CombinedOutput(); err != nil {
		need(t, "aws", fmt.Errorf("python3 with boto3: %w: %s", err, out))
	}
	endpoint := startServer(t, driver{name: "process"})
	script := exec.CommandContext(t.Context(), "python3", "testdata/boto.py", endpoint)
	script.Env = cli{endpoint: endpoint}.environment()
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	t.Logf("%s", out)
}
