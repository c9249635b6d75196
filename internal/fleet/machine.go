package fleet

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// reservedMiB is what ECS's agent on AWS Batch's images keeps of an instance's
// memory for itself.
const reservedMiB = 32

// Machine is what this machine has for jobs: all CPUs that the server may use,
// and the memory that the operating system reports, or the limit of the control
// group that the server is in, less what ECS keeps for itself. Memory is
// unlimited where the system does not tell in the way of Linux.
//
// https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
func Machine() (batch.Resources, error) {
	r := batch.Resources{MilliVCPU: int64(runtime.NumCPU()) * 1000, MemoryMiB: batch.Unlimited}
	text, err := os.ReadFile("/proc/meminfo")
	if os.IsNotExist(err) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	total, err := memTotal(string(text))
	if err != nil {
		return r, err
	}
	if limit, failed := os.ReadFile("/sys/fs/cgroup/memory.max"); failed == nil {
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64); bad == nil { // or it is "max"
			total = min(total, n)
		}
	}
	r.MemoryMiB = max(total>>20-reservedMiB, 1)
	return r, nil
}

// memTotal reads the bytes of memory out of /proc/meminfo.
func memTotal(meminfo string) (int64, error) {
	for line := range strings.Lines(meminfo) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("MemTotal in /proc/meminfo: %w", err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal")
}
