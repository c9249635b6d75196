//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "barge-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "barge")
	build := exec.Command("go", "build", "-o", binary, "github.com/bargehq/barge/cmd/barge")
	if !strings.Contains(os.Getenv("GOFLAGS"), "-race") { // which needs C
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // static, as it is the init process of containers
	}
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if image, err := buildImage(); err == nil && image != "" {
		_ = exec.Command("docker", "rmi", "-f", image).Run() // it is of this run only
	}
	return code
}

var buildImage = sync.OnceValues(func() (string, error) {
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		return "", fmt.Errorf("docker info: %w: %s", err, out)
	}
	image := "barge-test/e2e:" + strconv.Itoa(os.Getpid())
	out, err := exec.Command("../../internal/driver/docker/testdata/mkimage.sh", image).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the image: %w: %s", err, out)
	}
	return image, nil
})

// archiveImage writes the same image into a directory for the oci driver, once.
var archiveImage = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(filepath.Dir(binary), "images")
	if err = os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	out, err := exec.Command("../../internal/driver/oci/testdata/mkimage.sh", filepath.Join(dir, "e2e.tar"), "barge-test/e2e").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make an archive: %w: %s", err, out)
	}
	return dir, nil
})

// need skips the test for want of something, unless BARGE_REQUIRE names it.
func need(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if required(what) {
		t.Fatalf("BARGE_REQUIRE names %s: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}

// only skips a test that takes long, for want of nothing but time or because it
// needs something real, unless BARGE_REQUIRE names that.
func only(t *testing.T, what string) {
	t.Helper()
	if !required(what) {
		t.Skipf("takes long, or needs something real (%s): run it with BARGE_REQUIRE=%s", what, what)
	}
}

func required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv("BARGE_REQUIRE"), ","), what)
}

// patience is how long the machine may take for what should take moments.
const patience = 3 * time.Minute

// until polls what happens in other processes.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

const (
	queue = "queue"
	value = "hidden-7f3a9c" // of a secret: it must not be seen anywhere but in the job
)

// server is a running barge with a queue.
type server struct {
	t       *testing.T
	driver  string
	image   string
	images  string   // directory of images, with the oci driver
	dir     string   // its files
	args    []string // more of them for serve
	efs     string   // the directory that is the file system fs-0123
	address string
	cmd     *exec.Cmd
	batch   *batch.Client
	logs    *cloudwatchlogs.Client
}

// eachDriver runs a test with every driver there is.
func eachDriver(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	for _, driver := range []string{"process", "docker", "oci"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			image, images := "not-used", ""
			var err error
			switch driver {
			case "docker":
				only(t, "docker")
				image, err = buildImage()
				need(t, "docker", err)
			case "oci":
				only(t, "oci")
				image = "barge-test/e2e"
				images, err = archiveImage()
				need(t, "oci", err)
			}
			test(t, newServer(t, driver, image, images))
		})
	}
}

func newServer(t *testing.T, driver, image, images string, args ...string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, driver: driver, image: image, images: images, args: args, dir: t.TempDir(), efs: t.TempDir(), address: l.Addr().String()}
	for d := s.dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err = os.Chmod(d, 0o755); err != nil { // jobs of other users go through
			t.Fatal(err)
		}
	}
	if err = l.Close(); err != nil {
		t.Fatal(err)
	}
	secrets, err := json.Marshal(map[string]any{"token": value, "db": map[string]string{"password": value}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "secrets"), secrets, 0o600); err != nil {
		t.Fatal(err)
	}
	config := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + s.address),
		Credentials: credentials.NewStaticCredentialsProvider("barge", "barge", ""),
	}
	s.batch, s.logs = batch.NewFromConfig(config), cloudwatchlogs.NewFromConfig(config)
	s.start()
	t.Cleanup(func() {
		s.kill()
		s.endRunner()
		s.removeContainers()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.dir, "serve.log"))
			t.Logf("the server's log:\n%s", log)
		}
	})
	s.prepare()
	return s
}

// start runs the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(binary, "serve", "--listen", s.address, "--data", filepath.Join(s.dir, "data"), "--driver", s.driver,
		"--secrets", filepath.Join(s.dir, "secrets"), "--volume", "fs-0123="+s.efs, "--job-env", "SITE=lab")
	if s.images != "" {
		s.cmd.Args = append(s.cmd.Args, "--images", s.images)
	}
	s.cmd.Args = append(s.cmd.Args, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	until(s.t, "the server to answer", func() bool {
		_, err := s.batch.DescribeJobQueues(s.t.Context(), &batch.DescribeJobQueuesInput{})
		return err == nil
	})
}

// kill is the server's death without warning. What it runs goes on.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// endRunner ends the runner of this server, if it has one.
func (s *server) endRunner() {
	out, err := exec.Command("pgrep", "-f", "--", "runner .*"+filepath.Join(s.dir, "data", s.driver)+"$").Output()
	if err != nil {
		return // there is none
	}
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
}

// removeContainers removes what the server had not come to remove.
func (s *server) removeContainers() {
	owner, err := os.ReadFile(filepath.Join(s.dir, "data", "installation"))
	if s.driver != "docker" || err != nil {
		return
	}
	label := "label=org.bargehq.barge.owner=" + strings.TrimSpace(string(owner))
	out, err := exec.Command("docker", "ps", "-aq", "--filter", label).Output()
	if err != nil {
		s.t.Errorf("list containers: %v", err)
	}
	if ids := strings.Fields(string(out)); len(ids) > 0 {
		_ = exec.Command("docker", append([]string{"rm", "-fv"}, ids...)...).Run() // some may be going away already
	}
	out, err = exec.Command("docker", "volume", "ls", "-q", "--filter", label).Output()
	if err != nil {
		s.t.Errorf("list volumes: %v", err)
	}
	if names := strings.Fields(string(out)); len(names) > 0 {
		_ = exec.Command("docker", append([]string{"volume", "rm"}, names...)...).Run() // as above
	}
	out, err = exec.Command("docker", "network", "ls", "-q", "--filter", label).Output()
	if err != nil {
		s.t.Errorf("list networks: %v", err)
	}
	if ids := strings.Fields(string(out)); len(ids) > 0 {
		_ = exec.Command("docker", append([]string{"network", "rm"}, ids...)...).Run() // as above
	}
}

// prepare makes an environment and a queue.
func (s *server) prepare() {
	s.t.Helper()
	ctx := s.t.Context()
	for i, max := range []int32{64, 1} {
		name := []string{"env", "narrow"}[i]
		var tags map[string]string
		if max == 1 {
			tags = map[string]string{"barge:capacity": "host"} // no instance of EC2 has one vCPU
		}
		_, err := s.batch.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
			ComputeEnvironmentName: &name, Type: types.CETypeManaged, Tags: tags,
			ComputeResources: &types.ComputeResource{
				Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: &max, InstanceTypes: []string{"optimal"},
				Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("ecsInstanceRole"),
			},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		_, err = s.batch.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
			JobQueueName: aws.String([]string{queue, "narrow"}[i]), Priority: aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}},
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// describe returns a job.
func (s *server) describe(t *testing.T, id string) types.JobDetail {
	t.Helper()
	out, err := s.batch.DescribeJobs(t.Context(), &batch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil || len(out.Jobs) != 1 {
		t.Fatalf("describe %s: %v, %v", id, out, err)
	}
	return out.Jobs[0]
}

// ended waits for the end of a job.
func (s *server) ended(t *testing.T, id string) types.JobDetail {
	t.Helper()
	var job types.JobDetail
	until(t, "the end of job "+id, func() bool {
		job = s.describe(t, id)
		return job.Status == types.JobStatusSucceeded || job.Status == types.JobStatusFailed
	})
	return job
}

// await waits for a state.
func (s *server) await(t *testing.T, id string, status types.JobStatus) types.JobDetail {
	t.Helper()
	var job types.JobDetail
	until(t, "job "+id+" to be "+string(status), func() bool {
		job = s.describe(t, id)
		return job.Status == status
	})
	return job
}

// log returns a stream's lines, without our own at its head.
func (s *server) log(t *testing.T, stream *string) []string {
	t.Helper()
	if stream == nil {
		return nil
	}
	out, err := s.logs.GetLogEvents(context.WithoutCancel(t.Context()), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/aws/batch/job"), LogStreamName: stream, StartFromHead: aws.Bool(true),
	})
	if err != nil {
		t.Errorf("read the log %s: %v", *stream, err)
		return nil
	}
	var lines []string
	for _, e := range out.Events {
		if !strings.HasPrefix(*e.Message, "barge: ") {
			lines = append(lines, *e.Message)
		}
	}
	return lines
}
