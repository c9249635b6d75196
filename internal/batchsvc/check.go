package batchsvc

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// checkDefinition makes AWS's checks of a registration beyond the model's, and
// refuses what this version does not run.
func checkDefinition(in *batchapi.RegisterJobDefinitionRequest) error {
	if !namePattern.MatchString(in.JobDefinitionName) {
		return invalid("Job Definition name should match a valid pattern.")
	}
	switch {
	case in.Type == batchapi.JobDefinitionTypeMultinode || in.NodeProperties != nil:
		return notBuilt("A job definition of type multinode")
	case in.EcsProperties != nil:
		return notBuilt("ecsProperties")
	case in.EksProperties != nil:
		return notBuilt("eksProperties")
	case len(in.PlatformCapabilities) > 1:
		return invalid("Exactly 1 capability must be provided.")
	case in.ContainerProperties == nil || in.ContainerProperties.Image == "":
		return invalid("ECS Container Image must be provided.")
	case in.SchedulingPriority != nil && (*in.SchedulingPriority < 0 || *in.SchedulingPriority > 9999):
		return invalid("Scheduling priority must be between 0 and 9999.")
	}
	if err := checkExtensions(onDefinition, in.Tags); err != nil {
		return err
	}
	if err := checkRetry(in.RetryStrategy); err != nil {
		return err
	}
	if err := checkTimeout(in.Timeout); err != nil {
		return err
	}
	if _, err := consumedNeeds(in.ConsumableResourceProperties); err != nil {
		return err
	}
	p := in.ContainerProperties
	if err := checkBuilt(p); err != nil {
		return err
	}
	if err := checkEnvironment(p.Environment); err != nil {
		return err
	}
	if err := checkLog(p.LogConfiguration); err != nil {
		return err
	}
	if err := checkLegacy(p); err != nil {
		return err
	}
	if strings.Contains(p.Image+p.User+strings.Join(p.Command, ""), "\x00") {
		return invalid("image, user and command must not contain the character NUL.")
	}
	s := spec{definition: &definition{name: in.JobDefinitionName, req: in}}
	needs, err := s.needs()
	if err != nil {
		return err
	}
	if s.fargate() {
		if p.ExecutionRoleArn == "" {
			return invalid("executionRoleArn is required for Fargate jobs.")
		}
		switch {
		case deref(p.Privileged):
			return invalid("privileged is not applicable for Fargate.")
		case p.Vcpus != nil:
			return invalid("vcpus is not applicable for Fargate. Use resource requirements instead.")
		case p.Memory != nil:
			return invalid("memory is not applicable for Fargate. Use resource requirements instead.")
		case p.EphemeralStorage != nil && (deref(p.EphemeralStorage.SizeInGiB) < 21 || deref(p.EphemeralStorage.SizeInGiB) > 200):
			return invalid("Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB")
		}
		return checkFargate(needs)
	}
	switch {
	case p.FargatePlatformConfiguration != nil:
		return invalid("fargatePlatformConfiguration not applicable for EC2.")
	case p.NetworkConfiguration != nil:
		return invalid("networkConfiguration not applicable for EC2.")
	case p.RuntimePlatform != nil:
		return invalid("runtimePlatform is not applicable for EC2.")
	}
	return nil
}

// checkBuilt refuses settings that would change what runs and that no driver
// honours yet: silence would be worse.
func checkBuilt(p *batchapi.ContainerProperties) error {
	for _, m := range []struct {
		given bool
		name  string
	}{
		{deref(p.EnableExecuteCommand), "enableExecuteCommand"},
		{p.InstanceType != "", "instanceType"},
	} {
		if m.given {
			return notBuilt("containerProperties." + m.name)
		}
	}
	return nil
}

func checkRetry(r *batchapi.RetryStrategy) error {
	switch {
	case r == nil:
		return nil
	case r.Attempts == nil:
		return invalid("RetryAttempts must be provided with retry strategy.")
	case *r.Attempts < 1 || *r.Attempts > 10:
		return invalid("RetryAttempts must be between 1 and 10.")
	case len(r.EvaluateOnExit) > 5:
		return invalid("Up to 5 evaluateOnExit condition can be specified.")
	}
	for _, e := range r.EvaluateOnExit {
		if e.OnExitCode == "" && e.OnReason == "" && e.OnStatusReason == "" {
			return invalid("EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason")
		}
		for _, c := range []struct{ pattern, characters string }{
			{e.OnExitCode, digits}, {e.OnReason, digits + letters + ".: \t\n\r\v\f"}, {e.OnStatusReason, digits + letters + ".: \t\n\r\v\f"},
		} {
			if len(c.pattern) > 512 {
				return invalid("Evaluate on exit condition cannot exceed 512 characters.")
			}
			if strings.Trim(strings.TrimSuffix(c.pattern, "*"), c.characters) != "" {
				return invalid("Evaluate on exit condition contains restricted characters.")
			}
		}
	}
	return nil
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func checkTimeout(t *batchapi.JobTimeout) error {
	if t != nil && deref(t.AttemptDurationSeconds) < 60 {
		return invalid("AttemptDurationSeconds in Timeout must be at least 60 seconds.")
	}
	return nil
}

// checkEnvironment refuses nameless and reserved variables. AWS documents that
// names starting with AWS_BATCH are reserved, but not what it answers.
func checkEnvironment(list []batchapi.KeyValuePair) error {
	for _, v := range list {
		switch {
		case v.Name == "":
			return invalid("Environment variable name is required.")
		case strings.HasPrefix(v.Name, "AWS_BATCH"):
			return invalid("Environment variable names must not start with AWS_BATCH, which is reserved: %s", v.Name)
		case strings.ContainsAny(v.Name, "=\x00") || strings.Contains(v.Value, "\x00"):
			return invalid("Environment variable %q holds a character that no variable can hold.", v.Name)
		}
	}
	return nil
}

// awslogsOptions are the options of the awslogs driver. Those that shape how a
// stream is cut into events or delivered need nothing here, but for the two that
// join lines.
var awslogsOptions = map[string]bool{ //nolint:gochecknoglobals // a table that nothing writes
	"awslogs-group": true, "awslogs-stream-prefix": true, "awslogs-region": true, "awslogs-create-group": true,
	"awslogs-endpoint": true, "mode": true, "max-buffer-size": true,
	"awslogs-datetime-format": false, "awslogs-multiline-pattern": false,
}

// groupPattern and prefixPattern are CloudWatch Logs' rules for names. AWS does
// not apply them before a job starts, and then fails it; a prefix leaves room
// for the rest of a stream's name.
var (
	groupPattern  = regexp.MustCompile(`^[./_#A-Za-z0-9-]{0,512}$`)
	prefixPattern = regexp.MustCompile(`^[^:*\x00-\x1f]{0,400}$`)
)

func checkLog(l *batchapi.LogConfiguration) error {
	if l == nil {
		return nil
	}
	switch l.LogDriver {
	case batchapi.LogDriverAwslogs:
	case batchapi.LogDriverAwsfirelens: // a container of its own
		return notBuilt("logConfiguration.logDriver " + l.LogDriver)
	default:
		return nil // options are between the job and the container engine
	}
	if len(l.SecretOptions) > 0 {
		return notBuilt("logConfiguration.secretOptions")
	}
	for _, key := range sortedKeys(l.Options) {
		built, known := awslogsOptions[key]
		if !known {
			return invalid("Log driver awslogs disallows options: [%s]", key)
		}
		if !built {
			return notBuilt("logConfiguration.options." + key)
		}
	}
	if !groupPattern.MatchString(l.Options["awslogs-group"]) {
		return invalid("awslogs-group must be the name of a log group: up to 512 letters, digits and ./_#-")
	}
	if !prefixPattern.MatchString(l.Options["awslogs-stream-prefix"]) {
		return invalid("awslogs-stream-prefix must have at most 400 characters, and neither a colon nor an asterisk.")
	}
	return nil
}

// checkLegacy refuses one requirement in both of its forms, and twice.
func checkLegacy(p *batchapi.ContainerProperties) error {
	seen, err := checkTypes(p.ResourceRequirements)
	switch {
	case err != nil:
		return err
	case p.Vcpus != nil && seen[batchapi.ResourceTypeVcpu]:
		return invalid("Cannot use both ECS containerProperties vcpus and resourceRequirement VCPU.")
	case p.Memory != nil && seen[batchapi.ResourceTypeMemory]:
		return invalid("Cannot use both ECS containerProperties memory and resourceRequirement MEMORY.")
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

// fargateSizes are the memory sizes in MiB that a Fargate job may have, by its
// vCPUs in thousandths: from, to, step.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
var fargateSizes = map[int64][3]int64{ //nolint:gochecknoglobals // a table that nothing writes
	250: {512, 2048, 512}, 500: {1024, 4096, 1024}, 1000: {2048, 8192, 1024}, 2000: {4096, 16384, 1024},
	4000: {8192, 30720, 1024}, 8000: {16384, 61440, 4096}, 16000: {32768, 122880, 8192},
}

func checkFargate(n amounts) error {
	if n.gpus > 0 {
		return invalid("GPU is not applicable for Fargate.")
	}
	size, ok := fargateSizes[n.milliVCPU]
	ok = ok && n.memoryMiB >= size[0] && n.memoryMiB <= size[1] && (n.memoryMiB-size[0])%size[2] == 0
	if n.milliVCPU == 250 && n.memoryMiB == 1536 {
		ok = false // the smallest size doubles: 512, 1024, 2048
	}
	if !ok {
		return invalid("Fargate resource requirements (%s vCPU, %d MiB) are not valid.", strconv.FormatFloat(float64(n.milliVCPU)/1000, 'f', -1, 64), n.memoryMiB)
	}
	return nil
}
