package batchsvc

import (
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
)

// amounts are requirements as numbers.
type amounts struct{ milliVCPU, memoryMiB, gpus int64 }

func (a amounts) resources() batch.Resources {
	return batch.Resources{MilliVCPU: a.milliVCPU, MemoryMiB: a.memoryMiB, GPUs: a.gpus}
}

// needsOf reads and checks what the containers of a task need together.
func needsOf(p platform, t *batchapi.EcsTaskProperties) (sum amounts, err error) {
	for i := range t.Containers {
		n, err := containerNeeds(p, t, t.Containers[i].ResourceRequirements)
		if err != nil {
			return sum, err
		}
		sum.milliVCPU += n.milliVCPU
		sum.memoryMiB += n.memoryMiB
		sum.gpus += n.gpus
	}
	return sum, nil
}

func containerNeeds(p platform, t *batchapi.EcsTaskProperties, list []batchapi.ResourceRequirement) (n amounts, err error) {
	hasVCPU, hasMemory := false, false
	for _, r := range list {
		value, ok := quantity(r, p.fargate())
		if !ok {
			return n, invalid("Value %s for type %s in resourceRequirement is not valid. Please provide a numeric value.", r.Value, r.Type)
		}
		switch r.Type {
		case batchapi.ResourceTypeVcpu:
			n.milliVCPU, hasVCPU = value, true
		case batchapi.ResourceTypeMemory:
			n.memoryMiB, hasMemory = value, true
		case batchapi.ResourceTypeGpu:
			n.gpus = value
		}
	}
	switch {
	case !hasVCPU:
		return n, invalid("vCPU is required.")
	case !hasMemory:
		return n, invalid("Memory is required.")
	case onWindows(t) && n.milliVCPU < 1000:
		return n, invalid("vCPU must be at least 1 for Windows Job definition, got %s.", vcpus(n.milliVCPU))
	case !p.fargate() && n.milliVCPU < 1000:
		return n, invalid("vCPU must be at least 1, got %s.", vcpus(n.milliVCPU))
	case n.memoryMiB < 4:
		return n, invalid("Memory must be at least 4 Mib, got %d Mib.", n.memoryMiB)
	}
	return n, nil
}

// quantity reads an amount: vCPUs in thousandths, which only Fargate has in
// fractions, MiB, GPUs.
func quantity(r batchapi.ResourceRequirement, fractions bool) (n int64, ok bool) {
	if r.Type == batchapi.ResourceTypeVcpu && fractions {
		return fraction(r.Value)
	}
	n, err := strconv.ParseInt(r.Value, 10, 32)
	switch r.Type {
	case batchapi.ResourceTypeVcpu:
		n *= 1000
	case batchapi.ResourceTypeGpu:
		return n, err == nil && n >= 0
	}
	return n, err == nil
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

// vcpus prints thousandths of vCPUs.
func vcpus(milli int64) string {
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64)
}
