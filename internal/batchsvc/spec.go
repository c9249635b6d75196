package batchsvc

import (
	"maps"
	"slices"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/retry"
)

// spec is the effective specification of a job: a definition with what the
// submit puts over it.
//
// What runs is in parts (one, or one for each range of nodes of a multi-node
// job), and [spec.task] shows any of them as the containers that run together on
// one node, whatever the kind of the definition.
type spec struct {
	definition *definition
	submit     batchapi.SubmitJobRequest // zero for the definition alone
	platform   platform
	parameters map[string]string // the definition's, with the submit's over them
	nodes      int               // how many; one for a job that is not multi-node
	parts      []part            // with overrides and parameters put in
}

// newSpec joins a definition with a submit. Errors are those of a submit.
func newSpec(d *definition, submit *batchapi.SubmitJobRequest) (*spec, error) {
	s := &spec{definition: d, submit: *submit, platform: platformOf(d.req), nodes: 1}
	s.parameters = maps.Clone(orMap(d.req.Parameters))
	maps.Copy(s.parameters, submit.Parameters)
	var err error
	if d.req.NodeProperties != nil {
		err = s.joinNodes(d.req.NodeProperties)
	} else {
		err = s.joinOne()
	}
	return s, err
}

func (s *spec) fargate() bool { return s.platform.fargate() }

// multinode reports whether the job has nodes.
func (s *spec) multinode() bool { return s.platform.nodes }

// part returns what a node runs. A job that is not multi-node has node 0 only.
func (s *spec) part(node int) *part { return &s.parts[s.partOf(node)] }

// partOf finds the part of a node: where ranges are nested, the innermost counts.
// They are nested as the definition has them, however many nodes this job has.
func (s *spec) partOf(node int) int {
	if !s.multinode() {
		return 0
	}
	found, registered := -1, int(*s.definition.req.NodeProperties.NumNodes)
	var innermost nodeRange
	for i := range s.parts {
		r, err := parseRange(s.parts[i].TargetNodes, s.nodes)
		if err != nil || node < r.from || node > r.to {
			continue // ranges were checked when they were registered
		}
		if r.open {
			r.to = registered - 1
		}
		if found < 0 || innermost.contains(r) {
			found, innermost = i, r
		}
	}
	return found
}

// task returns the containers that a node runs together, with what they share;
// nil where it runs a pod.
func (s *spec) task(node int) *batchapi.EcsTaskProperties { return taskOfPart(s.part(node)) }

func taskOfPart(p *part) *batchapi.EcsTaskProperties {
	switch {
	case p.Container != nil:
		return taskOf(p.Container)
	case p.EcsProperties != nil:
		return &p.EcsProperties.TaskProperties[0]
	}
	return nil
}

// defaultContainer is how AWS calls the container of a job that has one.
const defaultContainer = "default"

// taskOf shows a container's properties as a task of one container.
func taskOf(p *batchapi.ContainerProperties) *batchapi.EcsTaskProperties {
	return &batchapi.EcsTaskProperties{
		Containers: []batchapi.TaskContainerProperties{{
			Name: defaultContainer, Image: p.Image, Command: p.Command, Environment: p.Environment, User: p.User,
			ResourceRequirements: allRequirements(p), LinuxParameters: p.LinuxParameters, LogConfiguration: p.LogConfiguration,
			MountPoints: p.MountPoints, Privileged: p.Privileged, ReadonlyRootFilesystem: p.ReadonlyRootFilesystem,
			RepositoryCredentials: p.RepositoryCredentials, Secrets: p.Secrets, Ulimits: p.Ulimits,
		}},
		TaskRoleArn: p.JobRoleArn, ExecutionRoleArn: p.ExecutionRoleArn, Volumes: p.Volumes,
		PlatformVersion:  deref(p.FargatePlatformConfiguration).PlatformVersion,
		EphemeralStorage: p.EphemeralStorage, NetworkConfiguration: p.NetworkConfiguration, RuntimePlatform: p.RuntimePlatform,
		EnableExecuteCommand: p.EnableExecuteCommand,
	}
}

// allRequirements are the requirements of a container with the deprecated vcpus
// and memory among them. Those that are not deprecated count more.
func allRequirements(p *batchapi.ContainerProperties) []batchapi.ResourceRequirement {
	var old []batchapi.ResourceRequirement
	if p.Vcpus != nil {
		old = append(old, batchapi.ResourceRequirement{Type: batchapi.ResourceTypeVcpu, Value: itoa(int64(*p.Vcpus))})
	}
	if p.Memory != nil {
		old = append(old, batchapi.ResourceRequirement{Type: batchapi.ResourceTypeMemory, Value: itoa(int64(*p.Memory))})
	}
	if len(old) == 0 {
		return p.ResourceRequirements
	}
	return mergeRequirements(old, p.ResourceRequirements)
}

func (s *spec) retryStrategy() *batchapi.RetryStrategy {
	if s.submit.RetryStrategy != nil {
		return s.submit.RetryStrategy
	}
	return s.definition.req.RetryStrategy
}

// rules are the retry rules in the core's form.
func (s *spec) rules() (attempts int32, rules []retry.Rule) {
	r := s.retryStrategy()
	if r == nil {
		return 1, nil
	}
	for _, e := range r.EvaluateOnExit {
		rules = append(rules, retry.Rule{
			OnExitCode: e.OnExitCode, OnReason: e.OnReason, OnStatusReason: e.OnStatusReason,
			Exit: e.Action == batchapi.RetryActionExit,
		})
	}
	return deref(r.Attempts), rules
}

func (s *spec) timeout() *batchapi.JobTimeout {
	if s.submit.Timeout != nil {
		return s.submit.Timeout
	}
	return s.definition.req.Timeout
}

func (s *spec) propagateTags() *bool {
	if s.submit.PropagateTags != nil {
		return s.submit.PropagateTags
	}
	return s.definition.req.PropagateTags
}

// defaultLogGroup is where AWS Batch puts output by default.
const defaultLogGroup = "/aws/batch/job"

// log returns the group of a container's output and the stream of an attempt.
// Both are empty where the output goes elsewhere.
//
// https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
func (s *spec) log(c *batchapi.TaskContainerProperties, attempt batch.AttemptID) (group, stream string) {
	group, prefix := defaultLogGroup, s.definition.name
	if len(prefix) > 200 {
		prefix = prefix[:200]
	}
	if l := c.LogConfiguration; l != nil {
		if l.LogDriver != batchapi.LogDriverAwslogs {
			return "", ""
		}
		if g := l.Options["awslogs-group"]; g != "" {
			group = g
		}
		if p := l.Options["awslogs-stream-prefix"]; p != "" {
			prefix = p
		}
	}
	name := c.Name
	if name == "" {
		name = defaultContainer
	}
	return group, prefix + "/" + name + "/" + attempt.TaskID()
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
