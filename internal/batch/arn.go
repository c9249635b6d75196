package batch

import "strings"

// Scope is where this installation pretends to be: the first fields of every
// ARN it prints.
type Scope struct {
	Partition string // aws
	Region    string // us-east-1
	Account   string // 12 digits
}

// The resource types in Batch's ARNs.
const (
	ARNComputeEnvironment = "compute-environment"
	ARNJobQueue           = "job-queue"
	ARNJobDefinition      = "job-definition"
	ARNJob                = "job"
	ARNConsumable         = "consumable-resource"
	ARNServiceEnvironment = "service-environment"
	ARNServiceJob         = "service-job"
	ARNQuotaShare         = "quota-share"
	ARNSchedulingPolicy   = "scheduling-policy"
)

// ARN returns the ARN of a Batch resource: kind is one of the ARN constants,
// name what stands behind it (for a definition with `:revision`).
func (s Scope) ARN(kind, name string) string {
	return "arn:" + s.Partition + ":batch:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}

// ECS returns the ARN of an ECS resource, which Batch reports for the clusters,
// instances and tasks that it drives.
func (s Scope) ECS(kind, name string) string {
	return "arn:" + s.Partition + ":ecs:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}

// SplitARN takes a Batch ARN apart. It says false for what is no Batch ARN.
func SplitARN(arn string) (kind, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "batch" {
		return "", "", false
	}
	kind, name, ok = strings.Cut(parts[5], "/")
	return kind, name, ok && name != ""
}

// NameOf returns the name behind an ARN of the given kind, or s itself when it
// is no ARN at all. It says false for an ARN of another kind.
func NameOf(kind, s string) (string, bool) {
	if !strings.HasPrefix(s, "arn:") {
		return s, true
	}
	k, name, ok := SplitARN(s)
	return name, ok && k == kind
}
