package batchsvc

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// checkContainerProperties checks a job, or a node, of one container.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html
func checkContainerProperties(p platform, c *batchapi.ContainerProperties) error {
	types, err := checkTypes(c.ResourceRequirements)
	if err != nil {
		return err
	}
	if err = firstRefusal(
		refusal{c.Image == "", "ECS Container Image must be provided."},
		refusal{c.InstanceType != "" && !p.nodes, "instanceType is applicable for multinode jobs only."},
		refusal{p.fargate() && c.ExecutionRoleArn == "", "executionRoleArn is required for Fargate jobs."},
		refusal{p.fargate() && c.Vcpus != nil, "vcpus is not applicable for Fargate. Use resource requirements instead."},
		refusal{p.fargate() && c.Memory != nil, "memory is not applicable for Fargate. Use resource requirements instead."},
		refusal{c.Vcpus != nil && types[batchapi.ResourceTypeVcpu], "Cannot use both ECS containerProperties vcpus and resourceRequirement VCPU."},
		refusal{c.Memory != nil && types[batchapi.ResourceTypeMemory], "Cannot use both ECS containerProperties memory and resourceRequirement MEMORY."},
		refusal{!p.fargate() && c.FargatePlatformConfiguration != nil, "fargatePlatformConfiguration not applicable for EC2."},
	); err != nil {
		return err
	}
	return checkTask(p, taskOf(c))
}

// checkTask checks what containers that run together have, on any platform of
// ECS.
func checkTask(p platform, t *batchapi.EcsTaskProperties) error {
	for i := range t.Containers {
		if err := checkContainer(t, &t.Containers[i]); err != nil {
			return err
		}
	}
	if err := checkVolumes(t); err != nil {
		return err
	}
	if err := checkRuntimePlatform(t); err != nil {
		return err
	}
	if p.fargate() {
		return checkFargate(p, t)
	}
	return firstError(
		func() error { return checkInstances(p, t) },
		func() error { _, err := needsOf(p, t); return err },
	)
}

// checkInstances refuses what only Fargate has.
func checkInstances(p platform, t *batchapi.EcsTaskProperties) error {
	if p.managed() {
		if r := t.RuntimePlatform; r != nil && !oneOf(r.OperatingSystemFamily, "", "LINUX") {
			return invalid("runtimePlatform for MANAGED_INSTANCES only supports LINUX operating system family.")
		}
		return nil
	}
	return firstRefusal(
		refusal{t.PlatformVersion != "", "platformVersion is not applicable for EC2."},
		refusal{t.NetworkConfiguration != nil, "networkConfiguration not applicable for EC2."},
		refusal{t.RuntimePlatform != nil, "runtimePlatform is not applicable for EC2."},
		refusal{t.EphemeralStorage != nil, "ephemeralStorage is not applicable for EC2."},
	)
}

// checkContainer checks one container of a task.
func checkContainer(t *batchapi.EcsTaskProperties, c *batchapi.TaskContainerProperties) error {
	return firstError(
		func() error { return checkTexts(c.Image, c.User, c.Command) },
		func() error { return checkUser(c.User) },
		func() error { return checkEnvironment(c.Environment) },
		func() error { _, err := checkTypes(c.ResourceRequirements); return err },
		func() error { return checkUlimits(c.Ulimits) },
		func() error { return checkLinux(c.LinuxParameters) },
		func() error { return checkLog(c.LogConfiguration) },
		func() error {
			secret := len(c.Secrets) > 0 || c.LogConfiguration != nil && len(c.LogConfiguration.SecretOptions) > 0
			if secret && t.ExecutionRoleArn == "" {
				return invalid("executionRoleArn cannot be empty when using secrets or secretOptions")
			}
			return nil
		},
	)
}

// maxImage is AWS's limit of an image's name, in characters.
const maxImage = 255

func checkTexts(image, user string, command []string) error {
	if n := utf8.RuneCountInString(image); n > maxImage {
		return invalid("image must have at most %d characters, got %d.", maxImage, n)
	}
	if strings.Contains(image+user+strings.Join(command, ""), "\x00") {
		return invalid("image, user and command must not contain the character NUL.")
	}
	return nil
}

// userPattern is what AWS has said a user must match; it holds for both halves
// of `user:group`.
var userPattern = regexp.MustCompile(`^([a-z0-9_][a-z0-9_-]{0,30})$`)

func checkUser(user string) error {
	if user == "" {
		return nil
	}
	for _, half := range strings.SplitN(user, ":", 2) {
		if !userPattern.MatchString(half) {
			return invalid("User '%s' does not match regex", half)
		}
	}
	return nil
}

// checkEnvironment refuses nameless and reserved variables. AWS documents that
// names starting with AWS_BATCH are reserved, but not what it answers.
func checkEnvironment(list []batchapi.KeyValuePair) error {
	for _, v := range list {
		if v.Name == "" {
			return invalid("Environment variable name is required.")
		}
		if err := checkVariable(v.Name, v.Value); err != nil {
			return err
		}
	}
	return nil
}

func checkVariable(name, value string) error {
	switch {
	case strings.HasPrefix(name, "AWS_BATCH"):
		return invalid("Environment variable names must not start with AWS_BATCH, which is reserved: %s", name)
	case strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00"):
		return invalid("Environment variable %q holds a character that no variable can hold.", name)
	}
	return nil
}

// checkTypes refuses two requirements of one type and returns the types.
func checkTypes(list []batchapi.ResourceRequirement) (seen map[string]bool, err error) {
	seen = make(map[string]bool, len(list))
	for _, r := range list {
		if seen[r.Type] {
			return nil, invalid("Cannot provide duplicates in resourceRequirements.")
		}
		seen[r.Type] = true
	}
	return seen, nil
}

// ulimitNames are those that Docker knows.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_Ulimit.html
var ulimitNames = []string{ //nolint:gochecknoglobals // a table that nothing writes
	"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
	"sigpending", "stack",
}

func checkUlimits(list []batchapi.Ulimit) error {
	for _, u := range list {
		if !oneOf(u.Name, ulimitNames...) {
			return invalid("ulimits name %s is not valid. Valid values are: [%s]", u.Name, strings.Join(ulimitNames, ", "))
		}
	}
	return nil
}

// mountOptions are what a tmpfs may be mounted with; some take a value.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_Tmpfs.html
const mountOptions = `defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand
	atime noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave
	relatime norelatime strictatime nostrictatime mode uid gid nr_inodes nr_blocks mpol`

func checkLinux(l *batchapi.LinuxParameters) error {
	if l == nil {
		return nil
	}
	for _, t := range l.Tmpfs {
		if deref(t.Size) < 1 {
			return invalid("Size of a tmpfs is invalid. The size is required and must be a positive integer.")
		}
		for _, option := range t.MountOptions {
			if name, _, _ := strings.Cut(option, "="); !oneOf(name, strings.Fields(mountOptions)...) {
				return invalid("tmpfs mountOptions %s is not valid.", option)
			}
		}
	}
	return firstRefusal(
		refusal{deref(l.MaxSwap) < 0, fmt.Sprintf("Invalid swap memory size: %d, must be non-negative.", deref(l.MaxSwap))},
		refusal{deref(l.Swappiness) < 0 || deref(l.Swappiness) > 100, fmt.Sprintf("Invalid swappiness: %d, must be between 0 and 100.", deref(l.Swappiness))},
		refusal{l.MaxSwap != nil && l.Swappiness == nil, "When container specified swap memory, swappiness value is required."},
		refusal{deref(l.SharedMemorySize) < 0, fmt.Sprintf("Invalid sharedMemorySize: %d, must be non-negative.", deref(l.SharedMemorySize))},
	)
}
