//go:build linux

package e2e

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// machine makes an environment of one instance with four vCPUs.
func (s *server) machine(t *testing.T, name string) {
	t.Helper()
	_, err := s.batch.CreateComputeEnvironment(t.Context(), &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeManaged,
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(4), InstanceTypes: []string{"m5.xlarge"},
			Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("ecsInstanceRole"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *server) queueWith(t *testing.T, in *batch.CreateJobQueueInput, environment string) {
	t.Helper()
	in.ComputeEnvironmentOrder = []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &environment}}
	in.Priority = cmp.Or(in.Priority, aws.Int32(1))
	if _, err := s.batch.CreateJobQueue(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// work submits a job that needs so many vCPUs, and sleeps or ends at once.
func (s *server) work(t *testing.T, queue, vcpus, text string, change ...func(*batch.SubmitJobInput)) string {
	t.Helper()
	return s.submit(t, s.script(t, text), append([]func(*batch.SubmitJobInput){func(in *batch.SubmitJobInput) {
		in.JobQueue, in.Tags = &queue, map[string]string{"barge:stop-timeout": "1"}
		in.ContainerOverrides = &types.ContainerOverrides{ResourceRequirements: requirements(vcpus, "64")}
	}}, change...)...)
}

func (s *server) terminate(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := s.batch.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
			t.Fatal(err)
		}
	}
}

const forEver = "sleep 600"

// TestScheduling: which jobs start, on one machine of four vCPUs each.
func TestScheduling(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, s *server) {
		for name, test := range map[string]func(t *testing.T, s *server, machine string){
			"priorities": priorities, "shares": shares, "consumables": consumables, "backfill": backfill,
		} {
			t.Run(name, func(t *testing.T) {
				s.machine(t, "machine-"+name)
				test(t, s, "machine-"+name)
			})
		}
	})
}

// priorities: a queue with a higher one goes first, whoever came first.
func priorities(t *testing.T, s *server, machine string) {
	s.queueWith(t, &batch.CreateJobQueueInput{JobQueueName: aws.String("high"), Priority: aws.Int32(10)}, machine)
	s.queueWith(t, &batch.CreateJobQueueInput{JobQueueName: aws.String("low"), Priority: aws.Int32(1)}, machine)
	first := s.work(t, "low", "4", forEver)
	s.await(t, first, types.JobStatusRunning)
	want := make([]string, 4)
	for i, queue := range []string{"low", "low", "high", "high"} {
		want[(i+2)%4] = s.work(t, queue, "4", "exit 0")
	}
	s.terminate(t, first)
	started := make(map[string]int64)
	for _, id := range want {
		started[id] = *s.ended(t, id).StartedAt
	}
	got := slices.Clone(want)
	slices.SortStableFunc(got, func(a, b string) int { return cmp.Compare(started[a], started[b]) })
	if !slices.Equal(got, want) {
		t.Errorf("they started in the order %v, want %v", got, want)
	}
}

// shares: of two users who both want all, each gets half.
func shares(t *testing.T, s *server, machine string) {
	policy, err := s.batch.CreateSchedulingPolicy(t.Context(), &batch.CreateSchedulingPolicyInput{
		Name: aws.String("equal"), FairsharePolicy: &types.FairsharePolicy{},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.queueWith(t, &batch.CreateJobQueueInput{JobQueueName: aws.String("shared"), SchedulingPolicyArn: policy.Arn}, machine)
	of := func(user string) func(*batch.SubmitJobInput) {
		return func(in *batch.SubmitJobInput) {
			in.ShareIdentifier, in.SchedulingPriorityOverride = &user, aws.Int32(1)
		}
	}
	first := s.work(t, "shared", "4", forEver, of("other"))
	s.await(t, first, types.JobStatusRunning)
	var all []string
	for _, user := range []string{"ann", "bob"} {
		for range 4 {
			all = append(all, s.work(t, "shared", "1", forEver, of(user)))
		}
	}
	s.terminate(t, first)
	var running []string
	until(t, "four jobs to run", func() bool {
		running = nil
		for _, id := range all {
			if j := s.describe(t, id); j.Status == types.JobStatusRunning {
				running = append(running, *j.ShareIdentifier)
			}
		}
		return len(running) == 4
	})
	if !slices.Equal(running, []string{"ann", "ann", "bob", "bob"}) {
		t.Errorf("what runs is of %v", running)
	}
	s.terminate(t, all...)
	for _, id := range all {
		s.ended(t, id)
	}
}

// consumables: no more jobs run than there are licences for, and who waits for one
// holds up the queue.
func consumables(t *testing.T, s *server, machine string) {
	s.queueWith(t, &batch.CreateJobQueueInput{JobQueueName: aws.String("licensed")}, machine)
	_, err := s.batch.CreateConsumableResource(t.Context(), &batch.CreateConsumableResourceInput{
		ConsumableResourceName: aws.String("licence"), TotalQuantity: aws.Int64(2), ResourceType: aws.String("REPLENISHABLE"),
	})
	if err != nil {
		t.Fatal(err)
	}
	one := func(in *batch.SubmitJobInput) {
		in.ConsumableResourcePropertiesOverride = &types.ConsumableResourceProperties{ConsumableResourceList: []types.ConsumableResourceRequirement{
			{ConsumableResource: aws.String("licence"), Quantity: aws.Int64(1)},
		}}
	}
	a, b := s.work(t, "licensed", "1", forEver, one), s.work(t, "licensed", "1", forEver, one)
	c, d := s.work(t, "licensed", "1", forEver, one), s.work(t, "licensed", "1", forEver)
	s.await(t, a, types.JobStatusRunning)
	s.await(t, b, types.JobStatusRunning)
	r, err := s.batch.DescribeConsumableResource(t.Context(), &batch.DescribeConsumableResourceInput{ConsumableResource: aws.String("licence")})
	if err != nil || *r.InUseQuantity != 2 || *r.AvailableQuantity != 0 {
		t.Errorf("of the licences %v are in use, %v are not (%v)", r.InUseQuantity, r.AvailableQuantity, err)
	}
	for _, id := range []string{c, d} {
		if j := s.describe(t, id); j.Status != types.JobStatusRunnable {
			t.Errorf("without a licence one is %s", j.Status)
		}
	}
	s.terminate(t, a)
	s.await(t, c, types.JobStatusRunning)
	s.await(t, d, types.JobStatusRunning)
	s.terminate(t, b, c, d)
	for _, id := range []string{a, b, c, d} {
		s.ended(t, id)
	}
}

// backfill: what is over in time passes the head of the queue, and nothing else
// does.
func backfill(t *testing.T, s *server, machine string) {
	s.queueWith(t, &batch.CreateJobQueueInput{JobQueueName: aws.String("filled"), Tags: map[string]string{"barge:order": "backfill"}}, machine)
	limit := func(seconds int32) func(*batch.SubmitJobInput) {
		return func(in *batch.SubmitJobInput) { in.Timeout = &types.JobTimeout{AttemptDurationSeconds: &seconds} }
	}
	first := s.work(t, "filled", "3", forEver, limit(3600))
	s.await(t, first, types.JobStatusRunning)
	head := s.work(t, "filled", "4", forEver, limit(3600))
	long, unknown := s.work(t, "filled", "1", forEver, limit(7200)), s.work(t, "filled", "1", forEver)
	short := s.work(t, "filled", "1", forEver, limit(1200))
	s.await(t, short, types.JobStatusRunning)
	for _, id := range []string{head, long, unknown} {
		if j := s.describe(t, id); j.Status != types.JobStatusRunnable {
			t.Errorf("job %s (of %s) is %s", id, strings.Join([]string{head, long, unknown}, ", "), j.Status)
		}
	}
	s.terminate(t, first, short)
	s.await(t, head, types.JobStatusRunning)
	s.terminate(t, long, unknown, head)
	for _, id := range []string{first, short, head, long, unknown} {
		s.ended(t, id)
	}
}
