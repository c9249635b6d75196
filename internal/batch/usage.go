package batch

// Usage is what an attempt, or one of its containers, has used from its start to
// its end. A member is nil where nobody has measured it.
type Usage struct {
	CPU        *int64 `json:"cpu,omitempty"`        // microseconds of processor time
	PeakMemory *int64 `json:"peakMemory,omitempty"` // bytes
	// ReadBytes and WriteBytes went from and to block devices; what the page
	// cache answers is in neither.
	ReadBytes  *int64 `json:"readBytes,omitempty"`
	WriteBytes *int64 `json:"writeBytes,omitempty"`
}

// SumUsage adds up what containers have used; nil stands for one that did not
// run. What is unknown of one is unknown of all. Of memory it is the sum of the
// peaks, which need not have been at the same time.
func SumUsage(of []*Usage) (sum *Usage) {
	for _, u := range of {
		switch {
		case u == nil:
		case sum == nil:
			sum = u
		default:
			sum = &Usage{
				CPU: plus(sum.CPU, u.CPU), PeakMemory: plus(sum.PeakMemory, u.PeakMemory),
				ReadBytes: plus(sum.ReadBytes, u.ReadBytes), WriteBytes: plus(sum.WriteBytes, u.WriteBytes),
			}
		}
	}
	return sum
}

func plus(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	n := *a + *b
	return &n
}
