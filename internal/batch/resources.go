package batch

import (
	"fmt"
	"math"
)

// Unlimited is the amount of a resource that no job exhausts.
const Unlimited = math.MaxInt64

// Resources is an amount of what a host has and a job needs. The zero value is
// nothing. Arithmetic saturates: an [Unlimited] amount stays unlimited.
type Resources struct {
	MilliVCPU int64 // vCPUs in thousandths: Fargate jobs ask for 250
	MemoryMiB int64
	GPUs      int64
}

// Fits reports whether r is available in free.
func (r Resources) Fits(free Resources) bool {
	return r.MilliVCPU <= free.MilliVCPU && r.MemoryMiB <= free.MemoryMiB && r.GPUs <= free.GPUs
}

// Add returns r + o.
func (r Resources) Add(o Resources) Resources {
	return Resources{add(r.MilliVCPU, o.MilliVCPU), add(r.MemoryMiB, o.MemoryMiB), add(r.GPUs, o.GPUs)}
}

// Sub returns r - o.
func (r Resources) Sub(o Resources) Resources {
	return Resources{sub(r.MilliVCPU, o.MilliVCPU), sub(r.MemoryMiB, o.MemoryMiB), sub(r.GPUs, o.GPUs)}
}

// Times returns n times r, which is not unlimited.
func (r Resources) Times(n int32) Resources {
	return Resources{r.MilliVCPU * int64(n), r.MemoryMiB * int64(n), r.GPUs * int64(n)}
}

// Max returns the larger amount of each.
func (r Resources) Max(o Resources) Resources {
	return Resources{max(r.MilliVCPU, o.MilliVCPU), max(r.MemoryMiB, o.MemoryMiB), max(r.GPUs, o.GPUs)}
}

// Min returns the smaller amount of each.
func (r Resources) Min(o Resources) Resources {
	return Resources{min(r.MilliVCPU, o.MilliVCPU), min(r.MemoryMiB, o.MemoryMiB), min(r.GPUs, o.GPUs)}
}

// String prints the amounts for logs and scripts.
func (r Resources) String() string {
	return fmt.Sprintf("vcpu=%s mem=%s gpu=%s", milli(r.MilliVCPU), amount(r.MemoryMiB), amount(r.GPUs))
}

func add(a, b int64) int64 {
	if a == Unlimited || b == Unlimited || a > Unlimited-b {
		return Unlimited
	}
	return a + b
}

func sub(a, b int64) int64 {
	if a == Unlimited {
		return Unlimited
	}
	return a - b
}

func milli(n int64) string {
	if n == Unlimited {
		return "unlimited"
	}
	if n%1000 == 0 {
		return fmt.Sprint(n / 1000)
	}
	return fmt.Sprintf("%.3f", float64(n)/1000)
}

func amount(n int64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(n)
}
