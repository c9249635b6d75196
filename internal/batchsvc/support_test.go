package batchsvc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// support is what this version does with the members of an operation's request.
// One without any is not built.
type support struct {
	operation string
	works     string // members that do what they do on AWS
	kept      string // members that are checked, stored and described, and change nothing
	refused   string // members that answer NotImplementedException
	note      string
}

// supports is the table of which docs/api-support.md is made. Every member of
// the model has its place in it: a new version of the model makes the test fail
// until somebody has decided.
func supports() []support {
	return []support{
		{operation: "CancelJob", works: "jobId reason"},
		{operation: "CancelJobs", works: "jobs reason"},
		{
			operation: "CreateComputeEnvironment",
			works:     "computeEnvironmentName type state computeResources tags", kept: "unmanagedvCpus serviceRole context ecsSettings eksConfiguration",
			note: "See `compute.md`: jobs run on this machine, whatever instances are launched. Of `computeResources`, images, networks, key pairs and tags are for a provider that is a program. Environments of type `UNMANAGED` have this machine or nothing, those on EKS nothing.",
		},
		{operation: "CreateConsumableResource", works: "consumableResourceName totalQuantity resourceType tags"},
		{
			operation: "CreateJobQueue", works: "jobQueueName state priority computeEnvironmentOrder serviceEnvironmentOrder jobQueueType schedulingPolicyArn jobStateTimeLimitActions tags",
		},
		{operation: "CreateQuotaShare", works: "quotaShareName jobQueue state tags capacityLimits resourceSharingConfiguration preemptionConfiguration", note: "On queues with compute environments too; see docs/adr/0007-answers.md."},
		{operation: "CreateSchedulingPolicy", works: "name fairsharePolicy quotaSharePolicy tags"},
		{operation: "CreateServiceEnvironment", works: "serviceEnvironmentName serviceEnvironmentType tags state capacityLimits"},
		{operation: "DeleteComputeEnvironment", works: "computeEnvironment"},
		{operation: "DeleteConsumableResource", works: "consumableResource"},
		{operation: "DeleteJobQueue", works: "jobQueue"},
		{operation: "DeleteQuotaShare", works: "quotaShareArn"},
		{operation: "DeleteSchedulingPolicy", works: "arn"},
		{operation: "DeleteServiceEnvironment", works: "serviceEnvironment"},
		{operation: "DeregisterJobDefinition", works: "jobDefinition"},
		{operation: "DescribeComputeEnvironments", works: "computeEnvironments maxResults nextToken"},
		{operation: "DescribeConsumableResource", works: "consumableResource"},
		{operation: "DescribeJobDefinitions", works: "jobDefinitions maxResults jobDefinitionName status nextToken"},
		{operation: "DescribeJobQueues", works: "jobQueues maxResults nextToken"},
		{operation: "DescribeJobs", works: "jobs"},
		{operation: "DescribeQuotaShare", works: "quotaShareArn"},
		{operation: "DescribeSchedulingPolicies", works: "arns"},
		{operation: "DescribeServiceEnvironments", works: "serviceEnvironments maxResults nextToken"},
		{operation: "DescribeServiceJob", works: "jobId"},
		{operation: "GetJobQueueSnapshot", works: "jobQueue"},
		{operation: "ListConsumableResources", works: "filters maxResults nextToken"},
		{operation: "ListJobs", works: "jobQueue arrayJobId multiNodeJobId jobStatus maxResults nextToken filters"},
		{operation: "ListJobsByConsumableResource", works: "consumableResource filters maxResults nextToken"},
		{operation: "ListQuotaShares", works: "jobQueue maxResults nextToken"},
		{operation: "ListSchedulingPolicies", works: "maxResults nextToken"},
		{operation: "ListServiceJobs", works: "jobQueue jobStatus maxResults nextToken filters"},
		{operation: "ListTagsForResource", works: "resourceArn"},
		{
			operation: "RegisterJobDefinition",
			works: "jobDefinitionName type parameters containerProperties retryStrategy propagateTags timeout tags " +
				"platformCapabilities consumableResourceProperties nodeProperties ecsProperties schedulingPriority",
			kept: "eksProperties",
			note: "What cannot run yet is refused by SubmitJob, which names it.",
		},
		{
			operation: "SubmitJob",
			works: "jobName jobQueue shareIdentifier schedulingPriorityOverride arrayProperties dependsOn jobDefinition parameters containerOverrides retryStrategy " +
				"propagateTags timeout tags consumableResourcePropertiesOverride nodeOverrides ecsPropertiesOverride",
			refused: "eksPropertiesOverride",
			note:    "A share or a priority needs a queue with a fair share policy, as on AWS.",
		},
		{
			operation: "SubmitServiceJob", works: "jobName jobQueue schedulingPriority quotaShareName tags clientToken retryStrategy serviceRequestPayload serviceJobType shareIdentifier preemptionConfiguration timeoutConfig",
			note: "The training image runs on this machine, on one instance; see docs/training.md.",
		},
		{operation: "TagResource", works: "resourceArn tags"},
		{operation: "TerminateJob", works: "jobId reason"},
		{operation: "TerminateJobs", works: "jobs reason"},
		{operation: "TerminateServiceJob", works: "jobId reason"},
		{operation: "TerminateServiceJobs", works: "jobs reason"},
		{operation: "UntagResource", works: "resourceArn tagKeys"},
		{
			operation: "UpdateComputeEnvironment", works: "computeEnvironment state computeResources updatePolicy",
			kept: "unmanagedvCpus serviceRole context ecsSettings",
		},
		{operation: "UpdateConsumableResource", works: "consumableResource operation quantity clientToken"},
		{
			operation: "UpdateJobQueue", works: "jobQueue state priority computeEnvironmentOrder serviceEnvironmentOrder schedulingPolicyArn jobStateTimeLimitActions",
		},
		{operation: "UpdateQuotaShare", works: "quotaShareArn state capacityLimits resourceSharingConfiguration preemptionConfiguration"},
		{operation: "UpdateSchedulingPolicy", works: "arn fairsharePolicy quotaSharePolicy"},
		{operation: "UpdateServiceEnvironment", works: "serviceEnvironment state capacityLimits"},
		{operation: "UpdateServiceJob", works: "jobId schedulingPriority"},
	}
}

func (s *support) built() bool { return s.works != "" || s.kept != "" || s.refused != "" }

// notYet are the operations that this version does not have.
func notYet() (names []string) {
	for _, s := range supports() {
		if !s.built() {
			names = append(names, s.operation)
		}
	}
	return names
}

// members are those of the requests of all operations.
func members() map[string][]string {
	all := make(map[string][]string)
	service := reflect.TypeFor[batchapi.Service]()
	for i := range service.NumMethod() {
		m := service.Method(i)
		request := m.Type.In(1).Elem()
		for f := range request.NumField() {
			name := request.Field(f).Name
			all[m.Name] = append(all[m.Name], strings.ToLower(name[:1])+name[1:])
		}
	}
	return all
}

func TestDocsSupport(t *testing.T) {
	t.Parallel()
	all := members()
	var b strings.Builder
	rows, built := "", 0
	for _, s := range supports() {
		listed := strings.Fields(s.works + " " + s.kept + " " + s.refused)
		slices.Sort(listed)
		want := slices.Sorted(slices.Values(all[s.operation]))
		if diff := cmp.Diff(want, listed); diff != "" && s.built() {
			t.Errorf("members of %s (-of the API +in the table):\n%s", s.operation, diff)
		}
		delete(all, s.operation)
		if s.built() {
			built++
		} else {
			s.note = "not built: answers `NotImplementedException`"
		}
		rows += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", s.operation, code(s.works), code(s.kept), code(s.refused), s.note)
	}
	for name := range all {
		t.Errorf("operation %s is not in the table", name)
	}
	fmt.Fprintf(&b, `<!-- Made by %smake gen%s from internal/batchsvc/support_test.go; do not edit. -->

# What of the API works

%d of %d operations are built. The members are those of the requests: what is **kept** is checked, stored and described,
and changes nothing; what is **refused** answers %sNotImplementedException%s and names itself. Members that AWS's model
does not have are ignored, as on AWS.

| operation | works | kept | refused | |
| --- | --- | --- | --- | --- |
%s`, "`", "`", built, len(supports()), "`", "`", rows)
	path := filepath.Join("..", "..", "docs", "api-support.md")
	if updating() {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), b.String()); diff != "" {
		t.Errorf("%s is not what the table says; `make gen` writes it (-file +table):\n%s", path, diff)
	}
}

// code prints names as code.
func code(names string) string {
	if names == "" {
		return ""
	}
	return "`" + strings.Join(strings.Fields(names), "` `") + "`"
}
