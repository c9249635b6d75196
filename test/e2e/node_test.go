//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// nodes is a definition of a multi-node job whose main node is node 1.
func (s *server) nodes(t *testing.T, n int32, main, worker string) *batch.RegisterJobDefinitionInput {
	container := func(script string) *types.ContainerProperties {
		return &types.ContainerProperties{
			Image: &s.image, Command: []string{"/bin/sh", "-c", script}, ResourceRequirements: requirements("1", "64"),
		}
	}
	return &batch.RegisterJobDefinitionInput{
		JobDefinitionName: name(t), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: &n, MainNode: aws.Int32(1),
			NodeRangeProperties: []types.NodeRangeProperty{
				{TargetNodes: aws.String("0:"), Container: container(worker)},
				{TargetNodes: aws.String("1"), Container: container(main)},
			},
		},
	}
}

// What the nodes of a sum run: the main node serves at its address, the others
// add to it. Who adds reads the answer before it says so, and is awaited: the
// answer might else be on its way when the main node ends.
const (
	sumMain = `
trap 'exit 143' TERM
test -z "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" || exit 9
d=$(mktemp -d); mkdir $d/cgi-bin; cd $d; echo 1 >parts
printf '#!/bin/sh\necho "Content-type: text/plain"\necho\necho $QUERY_STRING >>%s/parts\necho ok\n' $d >cgi-bin/add
printf '#!/bin/sh\necho "Content-type: text/plain"\necho\necho heard >>%s/heard\n' $d >cgi-bin/heard
chmod +x cgi-bin/*; touch heard
busybox httpd -f -p $AWS_BATCH_JOB_NODE_PRIVATE_IPV4_ADDRESS:7000 &
until [ $(wc -l <heard) -ge $((AWS_BATCH_JOB_NUM_NODES - 1)) ]; do sleep 0.1; done
echo "sum over $AWS_BATCH_JOB_NUM_NODES nodes: $(($(echo $(cat parts) | tr ' ' +)))"
`
	sumWorker = `
exec 2>/dev/null
trap 'echo stopped; exit 143' TERM
until [ "$(busybox wget -qO- "http://$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7000/cgi-bin/add?$((AWS_BATCH_JOB_NODE_INDEX + 1))")" = ok ]; do sleep 0.1; done
echo added by $AWS_BATCH_JOB_ID
busybox wget -qO- "http://$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7000/cgi-bin/heard"
while :; do sleep 1 & wait $!; done
`
)

// A main node that goes on for a while after its worker has knocked, and a worker
// that knocks and fails.
const (
	knockedMain = `
d=$(mktemp -d); mkdir $d/cgi-bin; cd $d
printf '#!/bin/sh\necho "Content-type: text/plain"\necho\ntouch %s/knocked\n' $d >cgi-bin/knock
chmod +x cgi-bin/knock
busybox httpd -f -p $AWS_BATCH_JOB_NODE_PRIVATE_IPV4_ADDRESS:7000 &
until [ -e knocked ]; do sleep 0.1; done
sleep 3
`
	knockingWorker = `
until busybox wget -qO- "http://$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7000/cgi-bin/knock" 2>/dev/null; do sleep 0.1; done
exit 7
`
)

// TestNodesSum: four nodes reach each other, whatever is in between: a restart of
// the server too. The sum is 1 for the main node and index + 1 for the others.
func TestNodesSum(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		for _, c := range []struct {
			title   string
			restart bool
		}{{"sum", false}, {"sum over a restart", true}} {
			t.Run(c.title, func(t *testing.T) {
				main := sumMain
				if c.restart {
					main = "sleep 2\n" + main
				}
				id := s.submit(t, s.nodes(t, 4, main, sumWorker))
				if c.restart {
					s.await(t, id, types.JobStatusRunning)
					s.kill()
					s.start()
				}
				job := s.ended(t, id)
				if got, want := summary(job), "SUCCEEDED: "+exited+"\nattempt: "+exited+", code 0"; got != want {
					t.Errorf("the job ended with %q, want %q", got, want)
				}
				if job.Container != nil || job.NodeProperties == nil || *job.NodeProperties.NumNodes != 4 {
					t.Errorf("the job is described with container %v, nodeProperties %v", job.Container, job.NodeProperties)
				}
				mainNode := s.describe(t, id+"#1")
				if got := s.log(t, mainNode.Container.LogStreamName); !slices.Equal(got, []string{"sum over 4 nodes: 9"}) {
					t.Errorf("the main node says %q", got)
				}
				if *job.Attempts[0].Container.LogStreamName != *mainNode.Container.LogStreamName || *job.StoppedAt != *mainNode.StoppedAt {
					t.Errorf("the job's attempt is %v, the main node's %v", job.Attempts[0], mainNode.Attempts[0])
				}
				addresses := []string{*mainNode.Container.NetworkInterfaces[0].PrivateIpv4Address}
				for _, n := range []int{0, 2, 3} {
					node := s.describe(t, fmt.Sprintf("%s#%d", *job.JobArn, n))
					if got, want := summary(node), "FAILED: Main node exited, code 143\nattempt: Main node exited, code 143"; got != want {
						t.Errorf("node %d ended with %q, want %q", n, got, want)
					}
					if *node.NodeDetails.NodeIndex != int32(n) || *node.NodeDetails.IsMainNode {
						t.Errorf("node %d has details %+v", n, *node.NodeDetails)
					}
					if got := s.log(t, node.Container.LogStreamName); !slices.Equal(got, []string{fmt.Sprintf("added by %s#%d", id, n), "stopped"}) {
						t.Errorf("node %d says %q", n, got)
					}
					addresses = append(addresses, *node.Container.NetworkInterfaces[0].PrivateIpv4Address)
				}
				slices.Sort(addresses)
				if len(slices.Compact(addresses)) != 4 {
					t.Errorf("the nodes' addresses are %v", addresses)
				}
			})
		}
		if s.driver == "docker" {
			until(t, "the networks to go", func() bool {
				out, err := exec.Command("docker", "network", "ls", "--format", "{{.Name}}", "--filter", "label=org.bargehq.barge.owner="+s.owner(t)).Output()
				return err == nil && len(out) == 0
			})
		}
	})
}

// TestNodesEnd: how multi-node jobs end, and how they do not.
func TestNodesEnd(t *testing.T) {
	t.Parallel()
	const forever = "trap 'exit 143' TERM; echo up; while :; do sleep 1 & wait $!; done"
	eachDriver(t, func(t *testing.T, s *server) {
		t.Run("main node fails twice", func(t *testing.T) {
			t.Parallel()
			d := s.nodes(t, 2, "sleep 1; exit $AWS_BATCH_JOB_ATTEMPT", forever)
			d.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2)}
			id := s.submit(t, d)
			want := "FAILED: " + exited + "\nattempt: " + exited + ", code 1\nattempt: " + exited + ", code 2"
			if got := summary(s.ended(t, id)); got != want {
				t.Errorf("the job ended with %q, want %q", got, want)
			}
			if n := len(s.describe(t, id+"#0").Attempts); n != 2 {
				t.Errorf("a worker has %d attempts, want 2", n)
			}
		})
		t.Run("worker fails", func(t *testing.T) {
			t.Parallel()
			id := s.submit(t, s.nodes(t, 2, knockedMain, knockingWorker)) // however long the worker takes to start
			if got, want := summary(s.ended(t, id)), "SUCCEEDED: "+exited+"\nattempt: "+exited+", code 0"; got != want {
				t.Errorf("the job ended with %q, want %q", got, want)
			}
			if got, want := summary(s.describe(t, id+"#0")), "FAILED: "+exited+", code 7\nattempt: "+exited+", code 7"; got != want {
				t.Errorf("the worker ended with %q, want %q", got, want)
			}
		})
		t.Run("terminated", func(t *testing.T) {
			t.Parallel()
			id := s.submit(t, s.nodes(t, 3, forever, forever))
			for n := range 3 {
				node := fmt.Sprintf("%s#%d", id, n)
				s.await(t, node, types.JobStatusRunning)
				s.says(t, node, "up") // and has its trap
			}
			listed, err := s.batch.ListJobs(t.Context(), &batch.ListJobsInput{MultiNodeJobId: &id})
			if err != nil || len(listed.JobSummaryList) != 3 || !*listed.JobSummaryList[1].NodeProperties.IsMainNode {
				t.Errorf("running nodes: %v, %v", listed, err)
			}
			terminate := func(id, reason string) {
				t.Helper()
				if _, err := s.batch.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: &reason}); err != nil {
					t.Fatal(err)
				}
			}
			terminate(id+"#2", "one less")
			if got := s.ended(t, id+"#2"); *got.StatusReason != "one less" {
				t.Errorf("the worker ended with %q", *got.StatusReason)
			}
			if got := s.describe(t, id).Status; got != types.JobStatusRunning {
				t.Errorf("without a worker the job is %s", got)
			}
			terminate(id, "enough")
			if got, want := summary(s.ended(t, id)), "FAILED: enough\nattempt: enough, code 143"; got != want {
				t.Errorf("the job ended with %q, want %q", got, want)
			}
		})
		t.Run("too large", func(t *testing.T) {
			t.Parallel()
			id := s.submit(t, s.nodes(t, 1000, "true", "true"), func(in *batch.SubmitJobInput) { in.JobQueue = aws.String("narrow") })
			if node := s.describe(t, id+"#999"); node.Status != types.JobStatusRunnable {
				t.Errorf("the last node is %s", node.Status)
			}
			if _, err := s.batch.CancelJob(t.Context(), &batch.CancelJobInput{JobId: &id, Reason: aws.String("too large")}); err != nil {
				t.Fatal(err)
			}
			if got, want := summary(s.ended(t, id)), "FAILED: too large"; got != want {
				t.Errorf("the job ended with %q, want %q", got, want)
			}
		})
	})
}

// owner is the id by which the server's containers and networks are known.
func (s *server) owner(t *testing.T) string {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(s.dir, "data", "installation"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(id))
}
