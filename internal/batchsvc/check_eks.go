package batchsvc

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// checkEKS checks a pod.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EksPodProperties.html
func checkEKS(e *batchapi.EksProperties) error {
	p := deref(e.PodProperties)
	if err := firstRefusal(
		refusal{len(p.Containers) == 0, "Containers must be provided for Batch on EKS jobs."},
		refusal{len(p.Containers) > maxContainers, fmt.Sprintf("Number of containers must be between 1 and %d", maxContainers)},
		refusal{len(p.InitContainers) > maxContainers, fmt.Sprintf("Number of initContainers must be at most %d", maxContainers)},
		refusal{!oneOf(p.DnsPolicy, "", "Default", "ClusterFirst", "ClusterFirstWithHostNet"), fmt.Sprintf("dnsPolicy %s is not valid. Valid values are: [Default, ClusterFirst, ClusterFirstWithHostNet]", p.DnsPolicy)},
	); err != nil {
		return err
	}
	return firstError(
		func() error { return checkMetadata(p.Metadata) },
		func() error { return checkPodVolumes(&p) },
		func() error { return checkPodContainers(&p) },
	)
}

// checkPodContainers checks all containers of a pod: those that prepare it have
// names among the others'.
func checkPodContainers(p *batchapi.EksPodProperties) error {
	names := make(map[string]bool)
	for _, list := range [2][]batchapi.EksContainer{p.Containers, p.InitContainers} {
		for i := range list {
			c := &list[i]
			if names[c.Name] {
				return invalid("Container names must be unique")
			}
			names[c.Name] = true
			if err := checkPodContainer(p, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPodContainer(p *batchapi.EksPodProperties, c *batchapi.EksContainer) error {
	if err := checkTexts(c.Image, "", append(c.Command[:len(c.Command):len(c.Command)], c.Args...)); err != nil {
		return err
	}
	if !oneOf(c.ImagePullPolicy, "", "Always", "IfNotPresent", "Never") {
		return invalid("imagePullPolicy %s is not valid. Valid values are: [Always, IfNotPresent, Never]", c.ImagePullPolicy)
	}
	for _, v := range c.Env {
		if err := checkVariable(v.Name, v.Value); err != nil {
			return err
		}
	}
	for _, m := range c.VolumeMounts {
		if !hasVolume(p, m.Name) {
			return invalid("volumeMounts name %s must reference a defined volume.", m.Name)
		}
	}
	return checkPodResources(deref(c.Resources))
}

func hasVolume(p *batchapi.EksPodProperties, name string) bool {
	for _, v := range p.Volumes {
		if v.Name == name {
			return true
		}
	}
	return false
}

// podResources are the resources that a container of a pod may have: what a
// value must look like, and what AWS says of one that does not.
//
// https://docs.aws.amazon.com/batch/latest/userguide/memory-cpu-batch-eks.html
var podResources = map[string]struct { //nolint:gochecknoglobals // a table that nothing writes
	good func(value string) bool
	text string
}{
	"cpu":            {func(v string) bool { return quarters(v) > 0 }, "Value %s for type cpu in resources is not valid. Provide a valid number and unit."},
	"memory":         {func(v string) bool { return mebibytes(v) >= 4 }, "Value %s for type memory is not valid."},
	"nvidia.com/gpu": {func(v string) bool { return whole(v) >= 0 }, "Value %s for type nvidia.com/gpu in resources is not valid."},
}

func checkPodResources(r batchapi.EksContainerResourceRequirements) error {
	for _, m := range [2]map[string]string{r.Limits, r.Requests} {
		for _, key := range sortedKeys(m) {
			resource, ok := podResources[key]
			switch {
			case !ok:
				return invalid("%s is not a supported type for resources.", key)
			case !resource.good(m[key]):
				return invalid(resource.text, m[key])
			}
		}
	}
	both := func(key string) (limit, request string, ok bool) {
		limit, inLimits := r.Limits[key]
		request, inRequests := r.Requests[key]
		return limit, request, inLimits && inRequests
	}
	if limit, request, ok := both("cpu"); ok && quarters(request) > quarters(limit) {
		return invalid("cpu request must be <= to cpu limit if both are provided.")
	}
	if limit, request, ok := both("memory"); ok && mebibytes(request) != mebibytes(limit) {
		return invalid("memory request must be equal to memory limit if both are provided.")
	}
	if limit, request, ok := both("nvidia.com/gpu"); ok && whole(request) != whole(limit) {
		return invalid("gpu request must be equal to gpu limit if both are provided.")
	}
	return nil
}

// quarters reads a number of CPUs as quarters; -1 where it is no multiple of
// one.
func quarters(s string) int64 {
	milli, ok := fraction(s)
	if !ok || milli%250 != 0 {
		return -1
	}
	return milli / 250
}

// mebibytes reads an amount of memory in whole MiB; -1 where it is none.
func mebibytes(s string) int64 {
	n, ok := strings.CutSuffix(s, "Mi")
	if !ok {
		return -1
	}
	return whole(n)
}

// whole reads a number without a sign; -1 where it is none.
func whole(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return -1
	}
	return int64(n)
}

var (
	namespacePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	labelPattern     = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
)

// checkMetadata checks where a pod is and what it is marked with.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EksMetadata.html
func checkMetadata(m *batchapi.EksMetadata) error {
	if m == nil {
		return nil
	}
	for _, key := range sortedKeys(m.Labels) {
		if !labelPattern.MatchString(key) {
			return invalid("The name %s of the pod label key does not match a valid pattern.", key)
		}
	}
	for _, key := range sortedKeys(m.Annotations) {
		if !labelPattern.MatchString(key) {
			return invalid("The name %s of the pod annotation key does not match a valid pattern.", key)
		}
	}
	n := m.Namespace
	return firstRefusal(
		refusal{n == "default", "kubernetesNamespace cannot be the default Kubernetes namespace."},
		refusal{strings.HasPrefix(n, "kube-"), "kubernetesNamespace cannot be a reserved Kubernetes system namespace."},
		refusal{n != "" && (len(n) > 63 || !namespacePattern.MatchString(n)), "kubernetesNamespace " + n + " does not match a valid pattern."},
	)
}

// checkPodVolumes checks the volumes of a pod.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EksVolume.html
func checkPodVolumes(p *batchapi.EksPodProperties) error {
	names := make(map[string]bool)
	for _, v := range p.Volumes {
		kinds := 0
		for _, given := range [4]bool{v.EmptyDir != nil, v.HostPath != nil, v.Secret != nil, v.PersistentVolumeClaim != nil} {
			if given {
				kinds++
			}
		}
		if err := firstRefusal(
			refusal{names[v.Name], "Volume names must be unique: " + v.Name},
			refusal{kinds > 1, "When the volume parameter is specified, only one volume configuration type should be used."},
			refusal{v.EmptyDir != nil && !oneOf(v.EmptyDir.Medium, "", "Memory"), "Invalid Volume mount. Allowed values - Memory or null."},
		); err != nil {
			return err
		}
		names[v.Name] = true
	}
	return nil
}
