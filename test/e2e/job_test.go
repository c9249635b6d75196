//go:build linux

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

func requirements(vcpus, memory string) []types.ResourceRequirement {
	return []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: &vcpus}, {Type: types.ResourceTypeMemory, Value: &memory},
	}
}

// name turns a test's name into one for a definition and a job.
func name(t *testing.T) *string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}
	return aws.String(strings.Map(keep, t.Name()))
}

// script is a definition whose container runs a shell script.
func (s *server) script(t *testing.T, text string) *batch.RegisterJobDefinitionInput {
	return &batch.RegisterJobDefinitionInput{
		JobDefinitionName: name(t), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{
			Image: &s.image, Command: []string{"/bin/sh", "-c", text}, ResourceRequirements: requirements("1", "64"),
			ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/execution"),
		},
	}
}

// submit registers a definition and submits a job of it.
func (s *server) submit(t *testing.T, d *batch.RegisterJobDefinitionInput, change ...func(*batch.SubmitJobInput)) string {
	t.Helper()
	if _, err := s.batch.RegisterJobDefinition(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	in := &batch.SubmitJobInput{JobName: name(t), JobQueue: aws.String(queue), JobDefinition: d.JobDefinitionName}
	for _, f := range change {
		f(in)
	}
	out, err := s.batch.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

// summary prints how a job ended: its state and status reason, code and reason
// of its container, and the same of each attempt.
func summary(j types.JobDetail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", j.Status, aws.ToString(j.StatusReason))
	if c := j.Container; c != nil {
		b.WriteString(result(c.ExitCode, c.Reason))
	}
	for _, a := range j.Attempts {
		fmt.Fprintf(&b, "\nattempt: %s", aws.ToString(a.StatusReason))
		if a.Container != nil {
			b.WriteString(result(a.Container.ExitCode, a.Container.Reason))
		}
		if a.StartedAt == nil {
			b.WriteString(", never ran")
		}
		for _, task := range a.TaskProperties {
			for _, c := range task.Containers {
				fmt.Fprintf(&b, "\n%s%s", *c.Name, result(c.ExitCode, c.Reason))
			}
		}
	}
	return b.String()
}

func result(code *int32, reason *string) string {
	s := ""
	if code != nil {
		s = fmt.Sprintf(", code %d", *code)
	}
	if reason != nil {
		s += ", " + *reason
	}
	return s
}

func write(path string) error { return os.WriteFile(path, nil, 0o644) }

// says waits until a job that runs has printed a line.
func (s *server) says(t *testing.T, id, line string) {
	t.Helper()
	until(t, "job "+id+" to say "+line, func() bool {
		return slices.Contains(s.log(t, s.describe(t, id).Container.LogStreamName), line)
	})
}
