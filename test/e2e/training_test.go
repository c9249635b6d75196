//go:build linux

package e2e

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// serviceQueue makes a queue of service jobs, with quota shares if there are any.
func (s *server) serviceQueue(t *testing.T, name string, instances int32, shares map[string]int32) {
	t.Helper()
	unit := "NUM_INSTANCES"
	var policy *string
	if shares != nil {
		unit = "ml.m5.large"
		made, err := s.batch.CreateSchedulingPolicy(t.Context(), &batch.CreateSchedulingPolicyInput{
			Name: &name, QuotaSharePolicy: &types.QuotaSharePolicy{IdleResourceAssignmentStrategy: types.QuotaShareIdleResourceAssignmentStrategyFifo},
		})
		if err != nil {
			t.Fatal(err)
		}
		policy = made.Arn
	}
	_, err := s.batch.CreateServiceEnvironment(t.Context(), &batch.CreateServiceEnvironmentInput{
		ServiceEnvironmentName: &name, ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining,
		CapacityLimits: []types.CapacityLimit{{MaxCapacity: &instances, CapacityUnit: &unit}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.batch.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{
		JobQueueName: &name, Priority: aws.Int32(1), JobQueueType: types.JobQueueTypeSagemakerTraining, SchedulingPolicyArn: policy,
		ServiceEnvironmentOrder: []types.ServiceEnvironmentOrder{{Order: aws.Int32(1), ServiceEnvironment: &name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.quotaShares(t, name, unit, shares)
}

func (s *server) quotaShares(t *testing.T, queue, unit string, shares map[string]int32) {
	t.Helper()
	for share, limit := range shares {
		if _, err := s.batch.CreateQuotaShare(t.Context(), &batch.CreateQuotaShareInput{
			QuotaShareName: &share, JobQueue: &queue, CapacityLimits: []types.QuotaShareCapacityLimit{{CapacityUnit: &unit, MaxCapacity: &limit}},
			ResourceSharingConfiguration: &types.QuotaShareResourceSharingConfiguration{Strategy: types.QuotaShareResourceSharingStrategyLendAndBorrow},
			PreemptionConfiguration:      &types.QuotaSharePreemptionConfiguration{InSharePreemption: types.QuotaShareInSharePreemptionStateDisabled},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// training is a request that runs a script, with one channel and an output path.
func (s *server) training(t *testing.T, script, input, output string) *string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"AlgorithmSpecification": map[string]any{
			"TrainingImage": s.image, "TrainingInputMode": "File", "ContainerEntrypoint": []string{"/bin/sh", "-c"}, "ContainerArguments": []string{script},
		},
		"HyperParameters": map[string]string{"epochs": "3"},
		"InputDataConfig": []any{map[string]any{
			"ChannelName": "train", "DataSource": map[string]any{"S3DataSource": map[string]string{"S3DataType": "S3Prefix", "S3Uri": "file://" + input}},
		}},
		"OutputDataConfig":  map[string]string{"S3OutputPath": "file://" + output},
		"ResourceConfig":    map[string]any{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
		"StoppingCondition": map[string]int{"MaxRuntimeInSeconds": 600},
		"Environment":       map[string]string{"GREETING": "hello"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.String(string(text))
}

func (s *server) submitService(t *testing.T, in *batch.SubmitServiceJobInput) string {
	t.Helper()
	in.ServiceJobType = types.ServiceJobTypeSagemakerTraining
	out, err := s.batch.SubmitServiceJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

// awaitService waits until a service job is in a state that is true of it.
func (s *server) awaitService(t *testing.T, id, what string, is func(*batch.DescribeServiceJobOutput) bool) *batch.DescribeServiceJobOutput {
	t.Helper()
	var job *batch.DescribeServiceJobOutput
	until(t, "service job "+id+" to be "+what, func() bool {
		var err error
		if job, err = s.batch.DescribeServiceJob(t.Context(), &batch.DescribeServiceJobInput{JobId: &id}); err != nil {
			t.Fatal(err)
		}
		if overService(job) && !is(job) {
			t.Fatalf("service job %s is %s: %s", id, job.Status, aws.ToString(job.StatusReason))
		}
		return is(job)
	})
	return job
}

func inState(status types.ServiceJobStatus) func(*batch.DescribeServiceJobOutput) bool {
	return func(j *batch.DescribeServiceJobOutput) bool { return j.Status == status }
}

func overService(j *batch.DescribeServiceJobOutput) bool {
	return j.Status == types.ServiceJobStatusSucceeded || j.Status == types.ServiceJobStatusFailed
}

// trainScript makes a model of its input: what SageMaker gives it is where its
// toolkit's variables say, which is /opt/ml in a container.
const trainScript = `
cat $SM_CHANNEL_TRAIN/numbers >$SM_MODEL_DIR/model
cat $SM_INPUT_CONFIG_DIR/hyperparameters.json
echo; echo "$GREETING from $TRAINING_JOB_NAME on $SM_CURRENT_HOST, $SM_HP_EPOCHS epochs"
ls $SM_INPUT_CONFIG_DIR
test $SM_MODEL_DIR = /opt/ml/model || echo not in a container
`

// TestTraining: a training job reads its channel and leaves its model, one that
// fails says why, whatever the driver.
func TestTraining(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		s.serviceQueue(t, "training", 1, nil)
		input, output := filepath.Join(s.dir, "input"), filepath.Join(s.dir, "output")
		for path, text := range map[string]string{filepath.Join(input, "numbers"): "1 2 3\n", filepath.Join(output, "x"): ""} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		good := s.submitService(t, &batch.SubmitServiceJobInput{
			JobName: aws.String("good"), JobQueue: aws.String("training"), ServiceRequestPayload: s.training(t, trainScript, input, output),
		})
		bad := s.submitService(t, &batch.SubmitServiceJobInput{
			JobName: aws.String("bad"), JobQueue: aws.String("training"),
			ServiceRequestPayload: s.training(t, "echo it diverged >$SM_OUTPUT_DIR/failure; exit 3", input, output),
			RetryStrategy: &types.ServiceJobRetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.ServiceJobEvaluateOnExit{
				{Action: types.ServiceJobRetryActionExit, OnStatusReason: aws.String("Received status from SageMaker: AlgorithmError*")},
			}},
		})

		job := s.awaitService(t, good, "over", overService)
		resource := job.LatestAttempt.ServiceResourceId
		name := (*resource.Value)[strings.LastIndexByte(*resource.Value, '/')+1:]
		if job.Status != types.ServiceJobStatusSucceeded || *job.StatusReason != "Received status from SageMaker: Completed" ||
			resource.Name != "TrainingJobArn" || !strings.HasPrefix(name, "awsbatchgood") || job.ScheduledAt == nil {
			t.Errorf("the job is %s: %s, training job %s", job.Status, aws.ToString(job.StatusReason), *resource.Value)
		}
		entries, err := os.ReadDir(output)
		if err != nil {
			t.Fatal(err)
		}
		var made string
		for _, e := range entries {
			if strings.HasPrefix(strings.ToLower(e.Name()), "awsbatchgood") {
				made = filepath.Join(output, e.Name(), "output", "model.tar.gz")
			}
		}
		if got := unpack(t, made)["model"]; got != "1 2 3\n" {
			t.Errorf("the model is %q", got)
		}

		job = s.awaitService(t, bad, "over", overService)
		const why = "Received status from SageMaker: AlgorithmError: it diverged, exit code: 3"
		if job.Status != types.ServiceJobStatusFailed || *job.StatusReason != why || len(job.Attempts) != 1 {
			t.Errorf("the job is %s after %d attempts: %s", job.Status, len(job.Attempts), aws.ToString(job.StatusReason))
		}
		left, err := os.ReadDir(filepath.Join(s.dir, "data", "training"))
		if err != nil {
			t.Error(err)
		}
		if len(left) > 1 { // of the last one it may be under way
			t.Errorf("%d directories of attempts are left", len(left))
		}
	})
}

func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for in := tar.NewReader(zip); ; {
		header, err := in.Next()
		if err == io.EOF { //nolint:errorlint // it is returned as it is
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

// TestPreemption: a share that has lent takes back what is its own, and who is
// stopped for it runs again afterwards, over a death of the server.
func TestPreemption(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		s.serviceQueue(t, "shared", 2, map[string]int32{"a": 1, "b": 1})
		dir := filepath.Join(s.dir, "files")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		submit := func(share, script string) string {
			return s.submitService(t, &batch.SubmitServiceJobInput{
				JobName: aws.String("job"), JobQueue: aws.String("shared"), QuotaShareName: &share, ServiceRequestPayload: s.training(t, script, dir, dir),
			})
		}
		const long = "trap 'exit 143' TERM; sleep 600 & wait"
		first, second := submit("a", long), submit("a", long)
		s.awaitService(t, first, "running", inState(types.ServiceJobStatusRunning))
		s.awaitService(t, second, "running", inState(types.ServiceJobStatusRunning))
		owner := submit("b", "echo mine")
		s.kill()
		s.start()
		if job := s.awaitService(t, owner, "over", overService); job.Status != types.ServiceJobStatusSucceeded {
			t.Errorf("the owner's job is %s: %s", job.Status, aws.ToString(job.StatusReason))
		}
		job := s.awaitService(t, second, "running again", func(j *batch.DescribeServiceJobOutput) bool {
			return j.Status == types.ServiceJobStatusRunning && len(j.Attempts) == 1
		})
		p := job.PreemptionSummary
		if p == nil || *p.PreemptedAttemptCount != 1 || len(p.RecentPreemptedAttempts) != 1 ||
			*p.RecentPreemptedAttempts[0].StatusReason != "Cross-share preemption triggered to reclaim borrowed capacity" {
			t.Errorf("the preemption is described as %+v", p)
		}
		if job = s.awaitService(t, first, "running", inState(types.ServiceJobStatusRunning)); job.PreemptionSummary != nil {
			t.Error("a job within its share's limits was preempted")
		}
		for _, id := range []string{first, second} {
			if _, err := s.batch.TerminateServiceJob(t.Context(), &batch.TerminateServiceJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
				t.Fatal(err)
			}
			if job = s.awaitService(t, id, "over", overService); *job.StatusReason != "enough" || !*job.IsTerminated {
				t.Errorf("a terminated job is %s: %s", job.Status, *job.StatusReason)
			}
		}
	})
}

// TestContainerQuota: quota shares on a compute environment, with jobs that are no
// service jobs.
func TestContainerQuota(t *testing.T) {
	t.Parallel()
	s := newServer(t, "process", "not-used", "")
	policy, err := s.batch.CreateSchedulingPolicy(t.Context(), &batch.CreateSchedulingPolicyInput{
		Name: aws.String("lent"), QuotaSharePolicy: &types.QuotaSharePolicy{IdleResourceAssignmentStrategy: types.QuotaShareIdleResourceAssignmentStrategyFifo},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.batch.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{
		JobQueueName: aws.String("lent"), Priority: aws.Int32(1), SchedulingPolicyArn: policy.Arn,
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("env")}},
	}); err != nil {
		t.Fatal(err)
	}
	s.quotaShares(t, "lent", "vCPU", map[string]int32{"a": 32, "b": 32})
	submit := func(share, script string) string {
		definition := aws.String("quota-" + share)
		if _, err := s.batch.RegisterJobDefinition(t.Context(), &batch.RegisterJobDefinitionInput{
			JobDefinitionName: definition, Type: types.JobDefinitionTypeContainer,
			ContainerProperties: &types.ContainerProperties{
				Image: &s.image, Command: []string{"/bin/sh", "-c", script}, ResourceRequirements: requirements("32", "64"),
			},
		}); err != nil {
			t.Fatal(err)
		}
		out, err := s.batch.SubmitJob(t.Context(), &batch.SubmitJobInput{
			JobName: aws.String("quota"), JobQueue: aws.String("lent"), JobDefinition: definition, Tags: map[string]string{"barge:quota-share": share},
		})
		if err != nil {
			t.Fatal(err)
		}
		return *out.JobId
	}
	const long = "trap 'exit 143' TERM; sleep 600 & wait"
	first, second := submit("a", long), submit("a", long)
	s.await(t, first, types.JobStatusRunning)
	s.await(t, second, types.JobStatusRunning)
	owner := submit("b", "true")
	if job := s.ended(t, owner); job.Status != types.JobStatusSucceeded {
		t.Errorf("the owner's job is %s: %s", job.Status, aws.ToString(job.StatusReason))
	}
	until(t, "the second job to run again", func() bool {
		job := s.describe(t, second)
		return job.Status == types.JobStatusRunning && len(job.Attempts) == 1
	})
	if job := s.describe(t, first); len(job.Attempts) > 0 {
		t.Error("a job within its share's limits was preempted")
	}
}
