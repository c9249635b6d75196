//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// environment is one as templates of AWS's users have it.
func environment(name string, kind types.CRType, strategy types.CRAllocationStrategy, most int32, instances ...string) *batch.CreateComputeEnvironmentInput {
	return &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeManaged, State: types.CEStateEnabled,
		ComputeResources: &types.ComputeResource{
			Type: kind, AllocationStrategy: strategy, MinvCpus: aws.Int32(0), MaxvCpus: &most, DesiredvCpus: aws.Int32(0), InstanceTypes: instances,
			Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("BatchInstanceProfile"),
			Tags: map[string]string{"Name": name + "Instances"},
		},
	}
}

func (s *server) queueOn(t *testing.T, name string, environments ...string) {
	t.Helper()
	in := &batch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1)}
	for i, e := range environments {
		in.ComputeEnvironmentOrder = append(in.ComputeEnvironmentOrder, types.ComputeEnvironmentOrder{Order: aws.Int32(int32(i + 1)), ComputeEnvironment: &e})
	}
	if _, err := s.batch.CreateJobQueue(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// shell submits a job of two vCPUs and returns its id.
func (s *server) shell(t *testing.T, queue, script string, attempts int32) string {
	t.Helper()
	definition, err := s.batch.RegisterJobDefinition(t.Context(), &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("shell"), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{
			Image: &s.image, Command: []string{"sh", "-c", script},
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("2")}, {Type: types.ResourceTypeMemory, Value: aws.String("128")}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	job, err := s.batch.SubmitJob(t.Context(), &batch.SubmitJobInput{
		JobName: aws.String("shell"), JobQueue: &queue, JobDefinition: definition.JobDefinitionArn,
		RetryStrategy: &types.RetryStrategy{Attempts: &attempts, EvaluateOnExit: []types.EvaluateOnExit{
			{OnStatusReason: aws.String("Host EC2*"), Action: types.RetryActionRetry},
			{OnReason: aws.String("*"), Action: types.RetryActionExit},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *job.JobId
}

// barge runs a client command.
func (s *server) barge(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--endpoint", "http://"+s.address)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("barge %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestReferenceArchitecture makes the environments and queues of a published
// reference architecture: On-Demand first, Spot when that is full, HPC on its own.
func TestReferenceArchitecture(t *testing.T) {
	t.Parallel()
	s := newServer(t, "process", "not-used", "")
	// As it is written the Spot environment is of type EC2.
	_, err := s.batch.CreateComputeEnvironment(t.Context(), environment("SpotCE", types.CRTypeEc2, types.CRAllocationStrategySpotCapacityOptimized, 64, "m5.large", "c5.large", "r5.large"))
	if want := "Invalid compute resource allocation strategy SPOT_CAPACITY_OPTIMIZED for type EC2"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the environment as written: %v, want %s", err, want)
	}
	for _, in := range []*batch.CreateComputeEnvironmentInput{
		environment("OnDemandCE", types.CRTypeEc2, types.CRAllocationStrategyBestFitProgressive, 4, "m5.xlarge", "c5.xlarge"),
		environment("SpotCE", types.CRTypeSpot, types.CRAllocationStrategySpotCapacityOptimized, 64, "m5.large", "c5.large", "r5.large"),
		environment("HPCCE", types.CRTypeEc2, types.CRAllocationStrategyBestFitProgressive, 192, "p5.48xlarge"),
	} {
		if _, err = s.batch.CreateComputeEnvironment(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	s.queueOn(t, "MainQueue", "OnDemandCE", "SpotCE")
	s.queueOn(t, "HPCQueue", "HPCCE")

	gate := filepath.Join(s.efs, "open")
	script := "echo $AWS_BATCH_CE_NAME; until [ -e " + gate + " ]; do sleep 0.1; done"
	var ids []string
	for range 3 {
		ids = append(ids, s.shell(t, "MainQueue", script, 1))
	}
	hpc := s.shell(t, "HPCQueue", script, 1)
	for _, id := range append(ids, hpc) {
		s.await(t, id, types.JobStatusRunning)
	}
	for name, want := range map[string]string{"OnDemandCE": "c5.xlarge", "SpotCE": "c5.large (Spot)", "HPCCE": "p5.48xlarge"} {
		if got := s.barge(t, "environments", name); !strings.Contains(got, want) || !strings.Contains(got, "jobs of queue") {
			t.Errorf("%s has no %s, or no reason for it:\n%s", name, want, got)
		}
	}
	if err = os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(ids, hpc) {
		if job := s.ended(t, id); job.Status != types.JobStatusSucceeded {
			t.Errorf("job %s is %s: %s", id, job.Status, aws.ToString(job.StatusReason))
		}
	}
	// More memory than any of its types has is told at once.
	if _, err = s.batch.RegisterJobDefinition(t.Context(), &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("large"), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: &s.image, Vcpus: aws.Int32(2), Memory: aws.Int32(40_000)},
	}); err != nil {
		t.Fatal(err)
	}
	large, err := s.batch.SubmitJob(t.Context(), &batch.SubmitJobInput{JobName: aws.String("large"), JobQueue: aws.String("MainQueue"), JobDefinition: aws.String("large")})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the reason", func() bool {
		return strings.HasPrefix(aws.ToString(s.describe(t, *large.JobId).StatusReason), "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
	})
}

// terminated is what AWS says of an attempt whose instance is gone.
func terminated(job types.JobDetail) bool {
	if len(job.Attempts) == 0 {
		return false
	}
	reason := aws.ToString(job.Attempts[0].StatusReason)
	return strings.HasPrefix(reason, "Host EC2 (instance i-") && strings.HasSuffix(reason, ") terminated.")
}

// TestSpotInterrupted: the job hears of it, and what does not end by itself is
// killed; both are tried again.
func TestSpotInterrupted(t *testing.T) {
	t.Parallel()
	s := newServer(t, "process", "not-used", "")
	if _, err := s.batch.CreateComputeEnvironment(t.Context(), environment("SpotCE", types.CRTypeSpot, types.CRAllocationStrategySpotCapacityOptimized, 16, "c5.large")); err != nil {
		t.Fatal(err)
	}
	s.queueOn(t, "spot", "SpotCE")
	heard := filepath.Join(s.efs, "heard")
	hears := s.shell(t, "spot", "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] && exit; trap 'touch "+heard+"; exit 9' TERM; while :; do sleep 0.1; done", 2)
	deaf := s.shell(t, "spot", "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] && exit; trap : TERM; echo $$ > "+filepath.Join(s.efs, "pid")+"; while :; do sleep 0.1; done", 2)
	for _, id := range []string{hears, deaf} {
		s.await(t, id, types.JobStatusRunning)
	}
	until(t, "the job's pid", func() bool { _, err := os.Stat(filepath.Join(s.efs, "pid")); return err == nil })
	if got := s.barge(t, "spot", "interrupt", "--environment", "SpotCE", "--notice", "1s"); strings.Count(got, "i-") != 2 {
		t.Errorf("interrupted are %q, want two instances", got)
	}
	for _, id := range []string{hears, deaf} {
		if job := s.ended(t, id); job.Status != types.JobStatusSucceeded || len(job.Attempts) != 2 || !terminated(job) {
			t.Errorf("job %s is %s after %d attempts", id, job.Status, len(job.Attempts))
		}
	}
	if _, err := os.Stat(heard); err != nil {
		t.Errorf("the job has not heard SIGTERM: %v", err)
	}
	pid, err := os.ReadFile(filepath.Join(s.efs, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "what was left on the instance to be killed", func() bool {
		_, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(string(pid))))
		return os.IsNotExist(err)
	})
}

// TestCommandProvider: instances of a program. One goes away under its job; the
// server is killed while instances are launched and ended; in the end none is left.
func TestCommandProvider(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("the example needs jq")
	}
	dir := t.TempDir()
	provider, err := filepath.Abs("../../examples/provider/provider.sh")
	if err != nil {
		t.Fatal(err)
	}
	slow := filepath.Join(dir, "slow.sh") // so that deaths come in between
	text := "#!/bin/sh\nexport BARGE_EXAMPLE_DIR=" + filepath.Join(dir, "instances") + "\nsleep 0.1\n" + provider + "\nsleep 0.1\n"
	if err := os.WriteFile(slow, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "process", "not-used", "", "--provider", "command="+slow, "--provider-poll", "500ms", "--instance-idle", "1s")
	if _, err := s.batch.CreateComputeEnvironment(t.Context(), environment("racks", types.CRTypeEc2, types.CRAllocationStrategyBestFitProgressive, 64, "c5.large")); err != nil {
		t.Fatal(err)
	}
	s.queueOn(t, "racks", "racks")
	instances := func() []string {
		names, _ := filepath.Glob(filepath.Join(dir, "instances", "i-*"))
		return names
	}

	lost := s.shell(t, "racks", "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 1000", 2)
	s.await(t, lost, types.JobStatusRunning)
	for _, name := range instances() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if job := s.ended(t, lost); job.Status != types.JobStatusSucceeded || !terminated(job) {
		t.Errorf("the job whose instance went is %s after %d attempts", job.Status, len(job.Attempts))
	}

	var ids []string
	for range 6 {
		ids = append(ids, s.shell(t, "racks", "sleep 0.3", 1))
		time.Sleep(120 * time.Millisecond) // somewhere in a launch
		s.kill()
		s.start()
	}
	for _, id := range ids {
		if job := s.ended(t, id); job.Status != types.JobStatusSucceeded {
			t.Errorf("job %s is %s: %s", id, job.Status, aws.ToString(job.StatusReason))
		}
	}
	until(t, "all instances to be terminated", func() bool { return len(instances()) == 0 })
}
