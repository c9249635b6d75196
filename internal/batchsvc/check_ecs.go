package batchsvc

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// maxContainers is AWS's limit of containers of each kind in a task or a pod.
const maxContainers = 10

var containerPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{0,255}$`)

// checkECS checks a job, or a node, of several containers.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EcsTaskProperties.html
func checkECS(p platform, e *batchapi.EcsProperties) error {
	if n := len(e.TaskProperties); n != 1 {
		return invalid("ecsProperties.taskProperties must have exactly 1 element, got %d.", n)
	}
	t := &e.TaskProperties[0]
	if err := firstRefusal(
		refusal{len(t.Containers) < 1 || len(t.Containers) > maxContainers, fmt.Sprintf("Number of containers must be between 1 and %d", maxContainers)},
		refusal{!oneOf(t.IpcMode, "", "host", "task", "none"), fmt.Sprintf("ipcMode %s is not valid. Valid values are: [host, task, none]", t.IpcMode)},
		refusal{!oneOf(t.PidMode, "", "host", "task"), fmt.Sprintf("Capability %s is not valid. Valid capabilities: [host, task]", t.PidMode)},
	); err != nil {
		return err
	}
	return firstError(
		func() error { return checkContainers(t) },
		func() error { return checkDependencies(t) },
		func() error { return checkFirelens(t) },
		func() error { return checkTask(p, t) },
	)
}

// checkContainers checks the names of containers and that one is essential.
func checkContainers(t *batchapi.EcsTaskProperties) error {
	names := make(map[string]bool)
	essential := false
	for _, c := range t.Containers {
		if err := firstRefusal(
			refusal{!containerPattern.MatchString(c.Name), fmt.Sprintf("Container name %s must have at most 255 letters, digits, hyphens and underscores.", c.Name)},
			refusal{names[c.Name], "Container names must be unique"},
		); err != nil {
			return err
		}
		names[c.Name] = true
		essential = essential || isEssential(&c)
	}
	if !essential {
		return invalid("At least one container must be set as essential")
	}
	return nil
}

func isEssential(c *batchapi.TaskContainerProperties) bool {
	return c.Essential == nil || *c.Essential
}

// checkDependencies checks which containers wait for which.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TaskContainerDependency.html
func checkDependencies(t *batchapi.EcsTaskProperties) error {
	for _, c := range t.Containers {
		for _, d := range c.DependsOn {
			if len(t.Containers) == 1 {
				return invalid("Container dependency can not be used in a single-container job.")
			}
			i := slices.IndexFunc(t.Containers, func(x batchapi.TaskContainerProperties) bool { return x.Name == d.ContainerName })
			if err := firstRefusal(
				refusal{!oneOf(d.Condition, "START", "COMPLETE", "SUCCESS"), fmt.Sprintf("TaskContainer dependency %s is not valid. Valid values are: [START, COMPLETE, SUCCESS]", d.Condition)},
				refusal{i < 0, fmt.Sprintf("containerName %s must reference a defined container.", d.ContainerName)},
			); err != nil {
				return err
			}
			if d.Condition != "START" && isEssential(&t.Containers[i]) {
				return invalid("The container target of a dependency can not have condition %s if the target is essential", d.Condition)
			}
		}
	}
	return checkCycle(t)
}

// checkCycle refuses containers that wait for each other: they would for ever.
// It takes away, again and again, those that wait for none that is left.
func checkCycle(t *batchapi.EcsTaskProperties) error {
	left := slices.Clone(t.Containers)
	for len(left) > 0 {
		waits := func(c batchapi.TaskContainerProperties) bool {
			return slices.ContainsFunc(c.DependsOn, func(d batchapi.TaskContainerDependency) bool {
				return slices.ContainsFunc(left, func(x batchapi.TaskContainerProperties) bool { return x.Name == d.ContainerName })
			})
		}
		var next []batchapi.TaskContainerProperties
		for _, c := range left {
			if waits(c) {
				next = append(next, c)
			}
		}
		if len(next) == len(left) {
			return invalid("Container dependencies must not form a cycle: %s", left[0].Name)
		}
		left = next
	}
	return nil
}

// checkFirelens checks that a log router can read the others' sockets.
func checkFirelens(t *batchapi.EcsTaskProperties) error {
	router, root := false, false
	for _, c := range t.Containers {
		user, _, _ := strings.Cut(c.User, ":")
		router = router || c.FirelensConfiguration != nil
		root = root || oneOf(user, "", "0", "root")
	}
	if router && !root {
		return invalid("When a firelensConfiguration object is specified, at least one container has to run as root")
	}
	return nil
}
