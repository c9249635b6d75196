package batchsvc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// joinOne makes the one part of a job that has no nodes.
func (s *spec) joinOne() error {
	r := &s.submit
	if r.NodeOverrides != nil {
		return invalid("nodeOverrides is not applicable for container jobs.")
	}
	if o := r.ContainerOverrides; o != nil && o.InstanceType != "" {
		return invalid("instanceType is applicable for multinode jobs only.")
	}
	p, err := s.join(partsOf(s.definition.req)[0], &batchapi.NodePropertyOverride{
		ContainerOverrides: r.ContainerOverrides, EcsPropertiesOverride: r.EcsPropertiesOverride,
		EksPropertiesOverride: r.EksPropertiesOverride, ConsumableResourcePropertiesOverride: r.ConsumableResourcePropertiesOverride,
	})
	s.parts = []part{p}
	return err
}

// joinNodes makes the parts of a multi-node job.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_NodeOverrides.html
func (s *spec) joinNodes(n *batchapi.NodeProperties) error {
	r, o := &s.submit, deref(s.submit.NodeOverrides)
	s.nodes = int(*n.NumNodes)
	if err := firstRefusal(
		refusal{r.ContainerOverrides != nil, "containerOverrides is not applicable for multinode jobs. Use nodeOverrides instead."},
		refusal{r.EcsPropertiesOverride != nil, "ecsPropertiesOverride is not applicable for multinode jobs. Use nodeOverrides instead."},
		refusal{r.EksPropertiesOverride != nil, "eksPropertiesOverride is not applicable for multinode jobs. Use nodeOverrides instead."},
		refusal{r.ArrayProperties != nil, "arrayProperties is not applicable for multinode jobs."},
		refusal{o.NumNodes != nil && !mayHave(n, *o.NumNodes), fmt.Sprintf("numNodes %d does not fit the job definition: a range of nodes without an end must begin below it, and mainNode must be less.", deref(o.NumNodes))},
	); err != nil {
		return err
	}
	if o.NumNodes != nil {
		s.nodes = int(*o.NumNodes)
	}
	over := make(map[int]*batchapi.NodePropertyOverride)
	var strangers []string
	for i := range o.NodePropertyOverrides {
		p := &o.NodePropertyOverrides[i]
		at, err := s.target(n, p.TargetNodes)
		switch {
		case err != nil:
			return err
		case at < 0:
			strangers = append(strangers, p.TargetNodes)
		case over[at] != nil:
			return invalid("nodePropertyOverrides must not name targetNodes %s twice.", p.TargetNodes)
		default:
			over[at] = p
		}
	}
	if len(strangers) > 0 {
		return invalid("NodeOverride targets should match job definition. Non matching targets - %s", strings.Join(strangers, ", "))
	}
	for i, p := range n.NodeRangeProperties {
		if over[i] == nil {
			over[i] = &batchapi.NodePropertyOverride{}
		}
		if r.ConsumableResourcePropertiesOverride != nil {
			p.ConsumableResourceProperties = r.ConsumableResourcePropertiesOverride
		}
		joined, err := s.join(p, over[i])
		if err != nil {
			return err
		}
		s.parts = append(s.parts, joined)
	}
	return nil
}

// mayHave reports whether a job of the definition can have that many nodes: a
// range must stretch with them.
func mayHave(n *batchapi.NodeProperties, nodes int32) bool {
	return nodes >= 1 && nodes <= maxNodes && *n.MainNode < nodes && slices.ContainsFunc(n.NodeRangeProperties, func(p part) bool {
		r, err := parseRange(p.TargetNodes, int(nodes))
		return err == nil && r.open && r.from < int(nodes)
	})
}

// target finds the range of the definition that an override is for; -1 if there
// is none. `1`, `1:1` and `:3`, `0:3` are the same, but `0:` is not `0:3` even
// where 3 is the last node: AWS was seen to refuse that.
func (s *spec) target(n *batchapi.NodeProperties, target string) (int, error) {
	want, err := parseRange(target, s.nodes)
	if err != nil {
		return -1, err
	}
	return slices.IndexFunc(n.NodeRangeProperties, func(p part) bool {
		r, err := parseRange(p.TargetNodes, s.nodes)
		return err == nil && r == want
	}), nil
}

// join puts overrides over a part, and parameters in.
func (s *spec) join(p part, o *batchapi.NodePropertyOverride) (part, error) {
	err := firstRefusal(
		refusal{o.ContainerOverrides != nil && p.Container == nil, "containerOverrides is not applicable for jobs without containerProperties."},
		refusal{o.EcsPropertiesOverride != nil && p.EcsProperties == nil, "ecsPropertiesOverride is not applicable for jobs without ecsProperties."},
		refusal{o.EksPropertiesOverride != nil && p.EksProperties == nil, "eksPropertiesOverride is not applicable for jobs without eksProperties."},
		refusal{len(o.InstanceTypes) > 0 && p.EcsProperties == nil, "Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs."},
		refusal{len(o.InstanceTypes) > 1, "instanceTypes can have at most 1 element."},
	)
	if err != nil {
		return p, err
	}
	if len(o.InstanceTypes) > 0 {
		p.InstanceTypes = o.InstanceTypes
	}
	if o.ConsumableResourcePropertiesOverride != nil {
		p.ConsumableResourceProperties = o.ConsumableResourcePropertiesOverride
	}
	switch {
	case p.Container != nil:
		p.Container, err = s.joinContainer(p.Container, deref(o.ContainerOverrides))
	case p.EcsProperties != nil:
		p.EcsProperties, err = s.joinECS(p.EcsProperties, deref(o.EcsPropertiesOverride))
	case p.EksProperties != nil:
		p.EksProperties, err = joinEKS(p.EksProperties, deref(deref(o.EksPropertiesOverride).PodProperties))
	}
	return p, err
}

// joinContainer puts overrides over a container. The deprecated vcpus and memory
// count only where the definition has them.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html
func (s *spec) joinContainer(base *batchapi.ContainerProperties, o batchapi.ContainerOverrides) (*batchapi.ContainerProperties, error) {
	if err := firstRefusal(
		refusal{s.fargate() && o.Vcpus != nil, "vcpus is not applicable for Fargate. Use resource requirements instead."},
		refusal{s.fargate() && o.Memory != nil, "memory is not applicable for Fargate. Use resource requirements instead."},
	); err != nil {
		return nil, err
	}
	c := *base
	if c.Vcpus != nil && o.Vcpus != nil {
		c.Vcpus = o.Vcpus
	}
	if c.Memory != nil && o.Memory != nil {
		c.Memory = o.Memory
	}
	if o.InstanceType != "" {
		c.InstanceType = o.InstanceType
	}
	var err error
	c.Command, c.Environment, c.ResourceRequirements, err = s.overridden(
		[2][]string{c.Command, o.Command}, [2][]batchapi.KeyValuePair{c.Environment, o.Environment},
		[2][]batchapi.ResourceRequirement{c.ResourceRequirements, o.ResourceRequirements})
	return &c, err
}

// overridden puts together what can be overridden in any container on ECS: each
// pair is what the definition has and what the submit has.
func (s *spec) overridden(command [2][]string, environment [2][]batchapi.KeyValuePair, requirements [2][]batchapi.ResourceRequirement) (
	[]string, []batchapi.KeyValuePair, []batchapi.ResourceRequirement, error,
) {
	if slices.Contains(command[1], "") {
		return nil, nil, nil, invalid("command of an override must not contain an empty string.")
	}
	if _, err := checkTypes(requirements[1]); err != nil {
		return nil, nil, nil, err
	}
	if err := checkEnvironment(environment[1]); err != nil {
		return nil, nil, nil, err
	}
	if len(command[1]) > 0 {
		command[0] = command[1]
	}
	words, err := s.substitute(command[0])
	return words, mergeEnvironment(environment[0], environment[1]), mergeRequirements(requirements[0], requirements[1]), err
}

// substitute puts the parameters in a command. Only an element that is
// `Ref::name` as a whole is replaced: that is what AWS was seen to do.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html
func (s *spec) substitute(command []string) ([]string, error) {
	out := make([]string, 0, len(command))
	for _, word := range command {
		if name, ok := strings.CutPrefix(word, "Ref::"); ok {
			if word, ok = s.parameters[name]; !ok {
				return nil, invalid("Unable to substitute value. No parameter found for reference %s", name)
			}
		}
		if strings.Contains(word, "\x00") {
			return nil, invalid("command must not contain the character NUL.")
		}
		out = append(out, word)
	}
	return out, nil
}

// mergeEnvironment puts variables over others by name and drops those without a
// value, as AWS does.
func mergeEnvironment(base, over []batchapi.KeyValuePair) []batchapi.KeyValuePair {
	out := make([]batchapi.KeyValuePair, 0, len(base)+len(over))
	at := make(map[string]int, len(base)+len(over))
	for _, list := range [2][]batchapi.KeyValuePair{base, over} {
		for _, v := range list {
			if i, ok := at[v.Name]; ok {
				out[i] = v
				continue
			}
			at[v.Name] = len(out)
			out = append(out, v)
		}
	}
	return slices.DeleteFunc(out, func(v batchapi.KeyValuePair) bool { return v.Value == "" })
}

// mergeRequirements puts requirements over others by type.
func mergeRequirements(base, over []batchapi.ResourceRequirement) []batchapi.ResourceRequirement {
	out := slices.Clone(or(base))
	for _, r := range over {
		i := slices.IndexFunc(out, func(x batchapi.ResourceRequirement) bool { return x.Type == r.Type })
		if i < 0 {
			out = append(out, r)
		} else {
			out[i] = r
		}
	}
	return out
}

// joinECS puts overrides over the containers of a task, by their names.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TaskContainerOverrides.html
func (s *spec) joinECS(base *batchapi.EcsProperties, o batchapi.EcsPropertiesOverride) (*batchapi.EcsProperties, error) {
	if len(o.TaskProperties) > 1 {
		return nil, invalid("ecsPropertiesOverride.taskProperties can have at most 1 element, got %d.", len(o.TaskProperties))
	}
	var over []batchapi.TaskContainerOverrides
	for _, t := range o.TaskProperties {
		over = t.Containers
	}
	t := base.TaskProperties[0]
	t.Containers = slices.Clone(t.Containers)
	if err := byName(over, func(o batchapi.TaskContainerOverrides) string { return o.Name }, func(name string) bool {
		return slices.ContainsFunc(t.Containers, func(c batchapi.TaskContainerProperties) bool { return c.Name == name })
	}); err != nil {
		return nil, err
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		var o batchapi.TaskContainerOverrides
		if n := slices.IndexFunc(over, func(o batchapi.TaskContainerOverrides) bool { return o.Name == c.Name }); n >= 0 {
			o = over[n]
		}
		var err error
		c.Command, c.Environment, c.ResourceRequirements, err = s.overridden(
			[2][]string{c.Command, o.Command}, [2][]batchapi.KeyValuePair{c.Environment, o.Environment},
			[2][]batchapi.ResourceRequirement{c.ResourceRequirements, o.ResourceRequirements})
		if err != nil {
			return nil, err
		}
	}
	return &batchapi.EcsProperties{TaskProperties: []batchapi.EcsTaskProperties{t}}, nil
}

// byName checks that overrides name containers that there are, each once.
func byName[T any](over []T, name func(T) string, defined func(string) bool) error {
	seen := make(map[string]bool)
	for _, o := range over {
		switch n := name(o); {
		case !defined(n):
			return invalid("containerName %s must reference a defined container.", n)
		case seen[n]:
			return invalid("Container names must be unique")
		default:
			seen[n] = true
		}
	}
	return nil
}

// joinEKS puts overrides over a pod. Parameters are not put in: Kubernetes has
// variables of its own.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EksPodPropertiesOverride.html
func joinEKS(base *batchapi.EksProperties, o batchapi.EksPodPropertiesOverride) (*batchapi.EksProperties, error) {
	p := *base.PodProperties
	var err error
	if p.Containers, err = joinPod(p.Containers, o.Containers); err != nil {
		return nil, err
	}
	if p.InitContainers, err = joinPod(p.InitContainers, o.InitContainers); err != nil {
		return nil, err
	}
	if m := o.Metadata; m != nil {
		joined := deref(p.Metadata)
		joined.Labels, joined.Annotations = over(joined.Labels, m.Labels), over(joined.Annotations, m.Annotations)
		if m.Namespace != "" {
			joined.Namespace = m.Namespace
		}
		p.Metadata = &joined
	}
	return &batchapi.EksProperties{PodProperties: &p}, nil
}

// podName is the name of a container of a pod: one that has none is called so.
func podName(name string) string {
	if name == "" || name == "Default" {
		return defaultContainer
	}
	return name
}

func joinPod(base []batchapi.EksContainer, list []batchapi.EksContainerOverride) ([]batchapi.EksContainer, error) {
	out := slices.Clone(base)
	find := func(name string) int {
		return slices.IndexFunc(out, func(c batchapi.EksContainer) bool { return podName(c.Name) == name })
	}
	err := byName(list, func(o batchapi.EksContainerOverride) string { return podName(o.Name) }, func(name string) bool { return find(name) >= 0 })
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		c := &out[find(podName(o.Name))]
		if o.Image != "" {
			c.Image = o.Image
		}
		if len(o.Command) > 0 {
			c.Command = o.Command
		}
		if len(o.Args) > 0 {
			c.Args = o.Args
		}
		if o.Resources != nil {
			r := deref(c.Resources)
			c.Resources = &batchapi.EksContainerResourceRequirements{Limits: over(r.Limits, o.Resources.Limits), Requests: over(r.Requests, o.Resources.Requests)}
		}
		c.Env = slices.Clone(c.Env)
		for _, v := range o.Env {
			if i := slices.IndexFunc(c.Env, func(x batchapi.EksContainerEnvironmentVariable) bool { return x.Name == v.Name }); i >= 0 {
				c.Env[i] = v
			} else {
				c.Env = append(c.Env, v)
			}
		}
	}
	return out, nil
}

// over puts entries over others; nil over nil is nil.
func over(base, entries map[string]string) map[string]string {
	if base == nil && entries == nil {
		return nil
	}
	out := maps.Clone(orMap(base))
	maps.Copy(out, entries)
	return out
}
