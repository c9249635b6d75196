//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPipeline runs examples/mpi-pipeline as its README says.
func TestPipeline(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"process", "docker", "oci"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			images := ""
			if driver != "process" {
				only(t, "mpi")
				need(t, "mpi", buildMPI())
			}
			if driver == "oci" {
				only(t, "oci")
				images = saveMPI(t)
			}
			s := newServer(t, driver, mpiImage, images)
			run := exec.CommandContext(t.Context(), "../../examples/mpi-pipeline/run.sh", driver, filepath.Join(s.efs, "data"))
			run.Env = append(os.Environ(), "AWS_ENDPOINT_URL=http://"+s.address, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
			out, err := run.CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "\n10 readings, sum 55, by 4 nodes\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
