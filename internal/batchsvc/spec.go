package batchsvc

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/retry"
)

// spec is the effective specification of a job: a definition with what the
// submit puts over it.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html
type spec struct {
	definition *definition
	submit     batchapi.SubmitJobRequest // zero for the definition alone
}

func (s *spec) properties() *batchapi.ContainerProperties {
	return s.definition.req.ContainerProperties
}

func (s *spec) overrides() batchapi.ContainerOverrides { return deref(s.submit.ContainerOverrides) }

func (s *spec) fargate() bool {
	return slices.Contains(s.definition.req.PlatformCapabilities, batchapi.PlatformCapabilityFargate)
}

// parameters are the definition's, with the submit's over them.
func (s *spec) parameters() map[string]string {
	all := maps.Clone(orMap(s.definition.req.Parameters))
	maps.Copy(all, s.submit.Parameters)
	return all
}

// command is the effective command with its parameters put in. Only an element
// that is `Ref::name` as a whole is replaced: that is what AWS was seen to do.
//
// https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html
func (s *spec) command() ([]string, error) {
	command := s.properties().Command
	if o := s.overrides().Command; len(o) > 0 {
		command = o
	}
	parameters := s.parameters()
	out := make([]string, 0, len(command))
	for _, word := range command {
		if name, ok := strings.CutPrefix(word, "Ref::"); ok {
			if word, ok = parameters[name]; !ok {
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

// environment is the definition's with the submit's over it.
func (s *spec) environment() []batchapi.KeyValuePair {
	return mergeEnvironment(s.properties().Environment, s.overrides().Environment)
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

// requirements are the definition's, each replaced by the submit's of its type.
func (s *spec) requirements() []batchapi.ResourceRequirement {
	out := slices.Clone(or(s.properties().ResourceRequirements))
	for _, r := range s.overrides().ResourceRequirements {
		i := slices.IndexFunc(out, func(x batchapi.ResourceRequirement) bool { return x.Type == r.Type })
		if i < 0 {
			out = append(out, r)
		} else {
			out[i] = r
		}
	}
	return out
}

// legacy are the deprecated vcpus and memory, whose overrides count only where
// the definition uses them.
func (s *spec) legacy() (vcpus, memory *int32) {
	p, o := s.properties(), s.overrides()
	if vcpus = p.Vcpus; vcpus != nil && o.Vcpus != nil {
		vcpus = o.Vcpus
	}
	if memory = p.Memory; memory != nil && o.Memory != nil {
		memory = o.Memory
	}
	return vcpus, memory
}

// amounts are requirements as numbers.
type amounts struct{ milliVCPU, memoryMiB, gpus int64 }

func (a amounts) resources() batch.Resources {
	return batch.Resources{MilliVCPU: a.milliVCPU, MemoryMiB: a.memoryMiB, GPUs: a.gpus}
}

// needs reads and checks what the job requires.
func (s *spec) needs() (amounts, error) {
	var n amounts
	vcpus, memory := s.legacy()
	if vcpus != nil {
		n.milliVCPU = int64(*vcpus) * 1000
	}
	if memory != nil {
		n.memoryMiB = int64(*memory)
	}
	hasVCPU, hasMemory := vcpus != nil, memory != nil
	for _, r := range s.requirements() {
		if r.Type == batchapi.ResourceTypeVcpu && s.fargate() {
			milli, ok := fraction(r.Value)
			if !ok {
				return n, badAmount(r)
			}
			n.milliVCPU, hasVCPU = milli, true
			continue
		}
		value, err := strconv.ParseInt(r.Value, 10, 32)
		if err != nil {
			return n, badAmount(r)
		}
		switch r.Type {
		case batchapi.ResourceTypeVcpu:
			n.milliVCPU, hasVCPU = value*1000, true
		case batchapi.ResourceTypeMemory:
			n.memoryMiB, hasMemory = value, true
		case batchapi.ResourceTypeGpu:
			if value < 0 {
				return n, badAmount(r)
			}
			n.gpus = value
		}
	}
	switch {
	case !hasVCPU:
		return n, invalid("vCPU is required.")
	case !hasMemory:
		return n, invalid("Memory is required.")
	case !s.fargate() && n.milliVCPU < 1000:
		return n, invalid("vCPU must be at least 1, got %d.", n.milliVCPU/1000)
	case n.memoryMiB < 4:
		return n, invalid("Memory must be at least 4 Mib, got %d Mib.", n.memoryMiB)
	}
	return n, nil
}

func badAmount(r batchapi.ResourceRequirement) error {
	return invalid("Value %s for type %s in resourceRequirement is not valid. Please provide a numeric value.", r.Value, r.Type)
}

// fraction reads a decimal of up to three digits after the point as thousandths.
func fraction(s string) (milli int64, ok bool) {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 3 || len(whole) == 0 || len(whole) > 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+(part + "000")[:3], 10, 32)
	return int64(n), err == nil
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

// defaultLogGroup is where AWS Batch puts output by default.
const defaultLogGroup = "/aws/batch/job"

// log returns the group of the job's output and the stream of an attempt. Both
// are empty where the output goes elsewhere.
//
// https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
func (s *spec) log(attempt batch.AttemptID) (group, stream string) {
	group, prefix := defaultLogGroup, s.definition.name
	if len(prefix) > 200 {
		prefix = prefix[:200]
	}
	if l := s.properties().LogConfiguration; l != nil {
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
	return group, prefix + "/default/" + attempt.TaskID()
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
