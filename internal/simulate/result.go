package simulate

import (
	"slices"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// slowdownBound is the runtime below which a job's slowdown counts as if it had
// taken that long, in milliseconds: Feitelson's ten seconds.
const slowdownBound = 10_000

// Result is what a run has come to. Times are seconds.
type Result struct {
	Policy   string `json:"policy,omitempty"`
	Jobs     int    `json:"jobs"` // that were run
	Failed   int    `json:"failedJobs"`
	TimedOut int    `json:"timedOutJobs"` // ended by their timeout
	Attempts int    `json:"attempts"`
	Skipped  `json:"skippedJobs"`

	MeanWait            float64 `json:"meanWaitSeconds"` // from the submit to the first start
	MedianWait          float64 `json:"medianWaitSeconds"`
	P95Wait             float64 `json:"p95WaitSeconds"`
	MaxWait             float64 `json:"maxWaitSeconds"`
	MeanBoundedSlowdown float64 `json:"meanBoundedSlowdown"`
	P95BoundedSlowdown  float64 `json:"p95BoundedSlowdown"`
	// Utilization is what jobs used of the vCPUs that were there, from the first
	// submit to the last end, which is the makespan.
	Utilization float64 `json:"utilization"`
	Makespan    float64 `json:"makespanSeconds"`
	UsedVCPU    float64 `json:"usedVcpuSeconds"`
	MaxQueued   int64   `json:"maxQueuedJobs"`
	MeanQueued  float64 `json:"meanQueuedJobs"`
	Shares      int     `json:"shares"`
	Jain        float64 `json:"jainIndex"`
	// WaitByBound is the longest wait beside its fair-share bound.
	WaitByBound  float64          `json:"maxWaitByFairShareBound"`
	Environments []EnvironmentUse `json:"computeEnvironments"`
	// Cost is that of all instances, from their launch to their end or that of
	// the last job; nil where there are none, or a price is not known.
	Cost *float64 `json:"costUsd,omitempty"`
	// StartsHash tells runs apart in which any job started at another time or in
	// another order.
	StartsHash  string   `json:"startsSha256"`
	WallSeconds float64  `json:"wallSeconds"`
	Notes       []string `json:"notes,omitempty"`

	Course []Point `json:"-"`
	Starts []Start `json:"-"` // in the order of submission
}

// Start is when a job ran: its last attempt.
type Start struct {
	Job                string
	Share              string
	Submit, Start, End float64 // seconds after the beginning; a job that never started has no Start
	VCPUs              float64
	Attempts           int
	Environment        string
	Outcome            string
}

// result sums the run up.
func (m *meter) result() *Result {
	r := &Result{
		Jobs: len(m.jobs), Skipped: m.scenario.Skipped, Notes: m.scenario.Notes,
		Makespan: float64(m.lastAt-m.firstAt) / 1000, UsedVCPU: m.sum.used / 1000, MaxQueued: m.maxQueued,
		StartsHash: m.hash(), Course: m.series.points(),
	}
	waits, slowdowns := make([]float64, 0, len(m.jobs)), make([]float64, 0, len(m.jobs))
	for i := range m.jobs {
		j := &m.jobs[i]
		r.Attempts += int(j.attempts)
		if j.timedOut {
			r.TimedOut++
		}
		if j.failed {
			r.Failed++
		}
		if j.first != 0 {
			waits = append(waits, float64(j.first-j.submitted)/1000)
		}
		if j.first != 0 && !j.failed {
			slowdowns = append(slowdowns, j.slowdown())
		}
	}
	slices.Sort(waits)
	slices.Sort(slowdowns)
	r.MeanWait, r.MedianWait, r.P95Wait, r.MaxWait = mean(waits), quantile(waits, 0.5), quantile(waits, 0.95), quantile(waits, 1)
	r.MeanBoundedSlowdown, r.P95BoundedSlowdown = mean(slowdowns), quantile(slowdowns, 0.95)
	if m.sum.capacity > 0 {
		r.Utilization = m.sum.used / m.sum.capacity
	}
	if r.Makespan > 0 {
		r.MeanQueued = m.sum.queued / 1000 / r.Makespan
	}
	var got, due, squares float64
	for _, q := range m.queues {
		for _, s := range q.list {
			r.Shares++
			if s.wasDue > 0 {
				got, due, squares = got+s.got, due+s.wasDue, squares+s.got*s.got/s.wasDue
			}
		}
		r.WaitByBound = max(r.WaitByBound, q.worst())
	}
	r.Environments, r.Cost = m.costs()
	// With nobody ever waiting, nobody got less than another.
	r.Jain = 1
	if squares > 0 {
		r.Jain = got * got / (due * squares)
	}
	r.WallSeconds = time.Since(m.began).Seconds()
	return r
}

// costs tells of every environment, and what all have cost.
func (m *meter) costs() (uses []EnvironmentUse, all *float64) {
	total, known := int64(0), false
	for i := range m.environments {
		e := &m.environments[i]
		if m.scenario.Environments[i].Fleet != nil {
			known = true
			if e.unpriced {
				return m.uses(), nil
			}
			usd := float64(e.nanoUSD) / 1e9
			e.Cost = &usd
			total += e.nanoUSD
		}
	}
	if known {
		usd := float64(total) / 1e9
		all = &usd
	}
	return m.uses(), all
}

func (m *meter) uses() (uses []EnvironmentUse) {
	for i := range m.environments {
		uses = append(uses, m.environments[i].EnvironmentUse)
	}
	return uses
}

// slowdown is by how much the job took longer than on an empty machine.
func (j *measured) slowdown() float64 {
	ran := max(float64(j.end-j.last), slowdownBound)
	return max(1, float64(j.end-j.submitted)/ran)
}

// list tells of every job.
func (m *meter) list() []Start {
	list := make([]Start, len(m.jobs))
	seconds := func(at batch.Instant) float64 { return float64(at-Epoch) / 1000 }
	for i := range m.jobs {
		j, job := &m.jobs[i], &m.scenario.Jobs[i]
		list[i] = Start{
			Job: job.Name, Share: job.Share, Submit: seconds(j.submitted), End: seconds(j.end),
			VCPUs: job.vcpus(), Attempts: int(j.attempts), Outcome: "SUCCEEDED",
		}
		if j.first != 0 {
			list[i].Start = seconds(j.last)
		}
		if j.first != 0 && j.environment >= 0 {
			list[i].Environment = m.scenario.Environments[j.environment].Name
		}
		switch {
		case j.timedOut:
			list[i].Outcome = "TIMED_OUT"
		case j.failed:
			list[i].Outcome = "FAILED"
		}
	}
	return list
}

func mean(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range of {
		sum += x
	}
	return sum / float64(len(of))
}

// quantile is that of sorted numbers: the least one that so many are not above.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, min(len(sorted)-1, int(q*float64(len(sorted))+0.999999)-1))]
}
