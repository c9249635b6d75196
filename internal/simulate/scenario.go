package simulate

import (
	"fmt"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/fair"
)

// Epoch is the moment at which a simulation begins.
const Epoch batch.Instant = 1_700_000_000_000

// Scenario is what a run carries out.
type Scenario struct {
	Environments []Environment
	Queues       []Queue
	Jobs         []Job // by time of submission
	Faults       []Fault
	Skipped      Skipped
	Notes        []string // to be said with the result
	Seed         uint64   // of what the machine does by chance
}

// Environment is a compute environment: of one host, or of instances.
type Environment struct {
	Name     string
	Capacity batch.Resources // of instances, only maxvCpus

	// Of instances.
	Fleet     *core.Fleet
	Boot      spread // how long one takes to register
	Interrupt spread // how long a Spot instance lives, with a mean; zero for any time

	Largest int64 // vCPUs of one
}

// widest is how many vCPUs a job can have there.
func (e *Environment) widest() int64 {
	if e.Fleet != nil {
		return e.Largest
	}
	return e.Capacity.MilliVCPU / 1000
}

// Queue is a job queue.
type Queue struct {
	Name         string
	Priority     int32
	Environments []string     // names, in the order of preference
	Fair         *fair.Policy // nil for a queue without shares
	Backfill     bool         // jobs may pass the first one where that does not delay it
}

// Job is a job to be submitted.
type Job struct {
	Name     string
	Queue    int // index
	Share    string
	Priority int32
	Submit   int64           // milliseconds after the beginning
	Runtime  int64           // milliseconds of each attempt
	Limit    int32           // seconds that an attempt may run; zero for no limit
	Needs    batch.Resources // of each node
	Nodes    int32           // of a multi-node parallel job; else zero
	Attempts int32           // at most
}

// vcpus are those of all nodes.
func (j *Job) vcpus() float64 { return vcpus(j.Needs) * float64(max(1, j.Nodes)) }

// FaultKind is what goes wrong.
type FaultKind uint8

// The faults.
const (
	Lose         FaultKind = iota // hosts are gone, with all that they run
	Interruption                  // the same of Spot instances, which are told before
	NoCapacity                    // there are no further instances
)

// Fault is what goes wrong in an environment.
type Fault struct {
	Kind        FaultKind
	At          int64 // milliseconds after the beginning
	Environment int   // index
	Percent     int64 // of its hosts, the oldest first
	// For is how many milliseconds there is no capacity or, of an environment with
	// one host, until that is back, empty.
	For int64
}

// work is for how long an attempt runs that nothing disturbs, in milliseconds.
func (j *Job) work() int64 {
	if j.Limit > 0 {
		return min(j.Runtime, int64(j.Limit)*1000)
	}
	return j.Runtime
}

// Policy is how all queues of a scenario choose the next job.
type Policy string

// The policies.
const (
	AsWritten Policy = "as written" // what the queues of the scenario say
	Strict    Policy = "strict"
	Backfill  Policy = "backfill"
	FairShare Policy = "fair-share"
	// FairBackfill is shares whose jobs may pass the one whose turn it is.
	FairBackfill Policy = "fair-share+backfill"
)

// ParsePolicies reads a list with commas.
func ParsePolicies(list string) (policies []Policy, err error) {
	for name := range strings.SplitSeq(list, ",") {
		switch p := Policy(name); p {
		case Strict, Backfill, FairShare, FairBackfill:
			policies = append(policies, p)
		default:
			return nil, fmt.Errorf("policy %q is none of strict, backfill, fair-share, fair-share+backfill", name)
		}
	}
	return policies, nil
}

// With returns the scenario with all queues under the policy. A queue that has a
// fair-share policy keeps its weights under [FairShare]; others get equal shares.
func (s Scenario) With(p Policy) Scenario {
	if p == AsWritten {
		return s
	}
	queues := make([]Queue, len(s.Queues))
	for i, q := range s.Queues {
		q.Backfill = p == Backfill || p == FairBackfill
		switch shares := p == FairShare || p == FairBackfill; {
		case !shares:
			q.Fair = nil
		case q.Fair == nil:
			q.Fair = &fair.Policy{}
		}
		queues[i] = q
	}
	s.Queues = queues
	return s
}

// Scenario makes one queue and one environment of so many vCPUs for the jobs of a
// trace: a processor is a vCPU, a user is a share.
//
// The time that a user asked for is the job's timeout, by which it is killed, as
// the machine of the trace would have done. Where that is not known, the timeout is
// the time that the job takes: a perfect estimate.
func (t *Trace) Scenario(vcpus int64) (Scenario, error) {
	if vcpus < 1 || vcpus > maxProcessors {
		return Scenario{}, fmt.Errorf("%d vCPUs are not between 1 and %d", vcpus, maxProcessors)
	}
	s := Scenario{
		Environments: []Environment{{Name: "machine", Capacity: batch.Resources{MilliVCPU: vcpus * 1000, MemoryMiB: batch.Unlimited}}},
		Queues:       []Queue{{Name: "trace", Priority: 1, Environments: []string{"machine"}}},
		Skipped:      t.Skipped,
	}
	perfect := 0
	for _, j := range t.Jobs {
		if j.Processors > vcpus {
			s.Skipped.TooLarge++
			continue
		}
		limit := j.Requested
		if limit == 0 {
			limit = max(1, (j.Runtime+999)/1000)
			perfect++
		}
		s.Jobs = append(s.Jobs, Job{
			Name: fmt.Sprint(j.Number), Share: j.User, Submit: j.Submit - t.Jobs[0].Submit, Runtime: j.Runtime, Limit: int32(limit),
			Needs: batch.Resources{MilliVCPU: j.Processors * 1000, MemoryMiB: 1}, Attempts: 1,
		})
	}
	if perfect > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d jobs do not say how long they may run: what they take is taken for it, a perfect estimate", perfect))
	}
	return s, nil
}
