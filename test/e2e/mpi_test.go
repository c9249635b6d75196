//go:build linux

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

const mpiImage = "barge-test/openmpi:latest"

// buildMPI makes the image with Open MPI, once per machine.
var buildMPI = sync.OnceValue(func() error {
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		return fmt.Errorf("docker info: %w: %s", err, out)
	}
	if exec.Command("docker", "image", "inspect", mpiImage).Run() != nil && !required("mpi") {
		return fmt.Errorf("no image %s; make it with `test/mpi/mkimage.sh` as root, or set BARGE_REQUIRE=mpi", mpiImage)
	}
	if out, err := exec.Command("../mpi/mkimage.sh", mpiImage).CombinedOutput(); err != nil {
		return fmt.Errorf("build the image: %w: %s", err, out)
	}
	return nil
})

// TestMPI: Open MPI's mpirun starts ranks over SSH on four nodes, which add up
// their numbers. Nothing in the image or the definition knows of Barge.
func TestMPI(t *testing.T) {
	t.Parallel()
	only(t, "mpi")
	need(t, "mpi", buildMPI())
	for _, driver := range []string{"docker", "oci"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			images := ""
			if driver == "oci" {
				only(t, "oci")
				images = saveMPI(t)
			}
			sumOverNodes(t, newServer(t, driver, mpiImage, images))
		})
	}
}

// saveMPI returns a directory with the image for the oci driver.
func saveMPI(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("docker", "save", "-o", filepath.Join(dir, "mpi.tar"), mpiImage).CombinedOutput(); err != nil {
		t.Fatalf("docker save: %v: %s", err, out)
	}
	return dir
}

func sumOverNodes(t *testing.T, s *server) {
	definition := &batch.RegisterJobDefinitionInput{
		JobDefinitionName: name(t), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(4), MainNode: aws.Int32(0),
			NodeRangeProperties: []types.NodeRangeProperty{{
				TargetNodes: aws.String("0:3"),
				Container: &types.ContainerProperties{
					Image: aws.String(mpiImage), Command: []string{"node.sh", "sum.py"}, ResourceRequirements: requirements("1", "512"),
				},
			}},
		},
	}
	id := s.submit(t, definition)
	job := s.ended(t, id)
	if got, want := summary(job), "SUCCEEDED: "+exited+"\nattempt: "+exited+", code 0"; got != want {
		t.Errorf("the job ended with %q, want %q", got, want)
	}
	main := s.describe(t, id+"#0")
	if got := s.log(t, main.Container.LogStreamName); !slices.Contains(got, "sum over 4 ranks on 4 nodes: 10") {
		t.Errorf("the main node says %q", got)
		for n := 1; n < 4; n++ {
			t.Logf("node %d says %q", n, s.log(t, s.describe(t, fmt.Sprintf("%s#%d", id, n)).Container.LogStreamName))
		}
	}
}
