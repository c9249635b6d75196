package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/depend"
	"github.com/bargehq/barge/internal/core/fair"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/core/retry"
)

// Status is where a compute environment or a queue is in its life. It is valid
// from the round that makes it; a change takes effect in the round that makes it.
type Status uint8

// The statuses. A deleted resource is out of the state and its name is free; its
// row is kept for the ended jobs that refer to it.
const (
	Valid Status = iota
	Deleting
	Deleted
)

// EnvironmentRow is a compute environment as stored.
type EnvironmentRow struct {
	ID        int64
	Name      string
	Enabled   bool
	Status    Status
	MaxVCPU   int64   // thousandths that jobs may have at once; zero where Barge provides no hosts
	Machine   bool    // its one host is this machine, whose capacity all such environments share; never changes
	Fargate   Fargate // what its jobs cost, where it has no instances
	Spec      []byte  // its description as JSON; nil once it is deleted
	CreatedAt batch.Instant
}

// QueueRow is a job queue as stored.
type QueueRow struct {
	ID                 int64
	Name               string
	Enabled            bool
	Status             Status
	Priority           int32
	Environments       []int64 // environment ids in the order of preference
	SchedulingPolicy   int64   // zero for none
	ServiceEnvironment int64   // zero unless it is for service jobs
	TimeLimits         []TimeLimit
	Settings           QueueSettings
	Spec               []byte // its description as JSON; nil once it is deleted
	CreatedAt          batch.Instant
}

// QueueSettings are what Barge adds to a queue.
type QueueSettings struct {
	Backfill        bool  // jobs may pass the head where that does not delay it
	MaxRunning      int32 // how many of its jobs may be starting or running at once; zero for any number
	ShareMaxRunning int32 // how many of each of its fair shares
}

// SchedulingPolicyRow is a scheduling policy as stored.
type SchedulingPolicyRow struct {
	ID        int64
	Name      string
	Fair      *fair.Policy // never changed, only replaced; nil for a quota-share policy
	Spec      []byte       // its description as JSON
	CreatedAt batch.Instant
}

// TagKind says what a tagged resource is.
type TagKind uint8

// The kinds of resources whose tags can be changed after they were made. The
// numbers are stored.
const (
	TagEnvironment        TagKind = 1
	TagQueue              TagKind = 2
	TagDefinition         TagKind = 3
	TagSchedulingPolicy   TagKind = 4
	TagJob                TagKind = 5
	TagServiceEnvironment TagKind = 6
	TagQuotaShare         TagKind = 7
	TagConsumable         TagKind = 8
)

// Tagged names a resource that has tags: ID is its row key, of a job its Seq.
type Tagged struct {
	Kind TagKind
	ID   int64
}

// TagsRow are the tags of a resource since they were changed; before that they
// are in its Spec. Nil means that there is no such row.
type TagsRow struct {
	Of   Tagged
	Tags map[string]string
}

// DefinitionRow is one revision of a job definition. It never changes but for
// Active.
type DefinitionRow struct {
	ID        int64
	Name      string
	Revision  int32
	Active    bool
	Spec      []byte // the register request as JSON
	CreatedAt batch.Instant
}

// HostRow is a machine, or a share of one, that holds attempts of one
// environment.
type HostRow struct {
	ID          int64
	Environment int64
	Name        string // an instance id such as i-0123456789abcdef0; empty until it has registered
	Capacity    batch.Resources
	SeenAt      batch.Instant // when it first registered; zero before
	State       HostState

	// Of an instance of a fleet.
	Type       string
	Spot       bool
	Generation int32 // of the fleet, when it was launched
	Gang       int64 // the Seq of the multi-node job that it was launched for; zero for any
	Used       bool  // it has held a job
	LaunchedAt batch.Instant
	StopAt     batch.Instant // while it drains, when what it holds is stopped; zero for not at all
	GoneAt     batch.Instant // when it is interrupted, whatever it holds; zero for not
	EndedAt    batch.Instant // when it was lost or terminated; zero before
	Cost       *batch.Cost   // since its launch, when it is terminated; nil before, and if nobody knows
}

// PolicyRow is an interned way to retry.
type PolicyRow struct {
	ID     int64
	Policy retry.Policy
}

// Flags say what was done to a job.
type Flags uint8

// The flags.
const (
	Cancelled  Flags = 1 << iota // by CancelJob
	Terminated                   // by TerminateJob
	TimedOut                     // its attempt ran longer than its timeout
	Evicted                      // its attempt is stopped because its environment is being deleted
	Preempted                    // its attempt is stopped to make room for another job
)

// JobRow is the part of a job that changes, as stored. A child of an array gets
// a row of its own when something happens to it alone (see [JobRow.Next]).
type JobRow struct {
	Seq        int64 // row key, in the order of submission; a child's comes later than its parent's
	Ref        batch.JobRef
	Queue      int64
	Definition int64
	State      batch.JobState
	Flags      Flags
	Needs      batch.Resources

	DefinitionMax  int32 // how many jobs of the definition may be starting or running at once; zero for any number
	MaxAttempts    int32
	Policy         int64 // PolicyRow; zero means no rules
	TimeoutSeconds int32 // zero means none
	Basket         int64 // BasketRow; zero means no consumable resources

	Kind       Kind
	Priority   int32         // where the queue has a scheduling policy
	FairShare  int64         // FairShareRow, which goes when the share is not active any more; zero for none
	QuotaShare int64         // QuotaShareRow; zero for none
	Instances  quota.Amounts // that a service job needs, by type
	Preempt    *Preempt      // what there is to say of preemptions; nil for nothing

	// Attempt is the number of the latest attempt, from 1; zero before the
	// first. Host, StartedAt and ExitCode and Reason speak of that attempt.
	Attempt      int32
	Host         int64
	CreatedAt    batch.Instant
	ScheduledAt  batch.Instant // when the latest attempt was given to a host; zero before
	StartedAt    batch.Instant // zero until an attempt ran
	StoppedAt    batch.Instant // set exactly in the terminal states
	ExitCode     *int32        // nil where no process told one
	Reason       string        // ECS's container reason; empty on a plain exit
	StatusReason string
	RetryAt      batch.Instant // while a job waits for its next attempt, when that may start; else zero
	Cost         *batch.Cost   // of all attempts that have ended, of children and nodes too; nil if nobody knows
	BlockedAt    batch.Instant // while StatusReason says what blocks it at the head of its queue, since when; else zero

	// Waits is what a job that has not started waits for; nil if for nothing.
	Waits *depend.Waits

	// An array job. Children with an index below Next have a row of their
	// own, and so have some above it that could start before others or were
	// ended one by one. Those in Waits.Ready are runnable; all others share the
	// state Rest, which is Pending, Runnable, or Failed from RestAt on, because
	// of RestReason or, where that is empty, as the array job itself.
	// Counts has every child, by state. Failed are the children with a row that
	// have failed and, when the array job has ended, all that have failed.
	Size       int32 // zero for a job that is no array
	MaxRunning int32 // how many children may be starting or running at once; zero for any number
	Next       int32
	Rest       batch.JobState
	RestAt     batch.Instant
	RestReason string
	Counts     [batch.JobStates]int32
	Failed     depend.Set

	// Gang is that of a multi-node parallel job, whose row otherwise says of
	// its attempts what the main node's does. Nodes get rows of their own when
	// they are first started, all at once. Those are no jobs: what has ended
	// in them starts again with the next attempt of the job.
	Gang *Gang
}

// Gang is what a multi-node parallel job has beside its row. It is never
// changed, only replaced.
type Gang struct {
	Size int32 // the number of nodes
	Main int32 // the index of the main node
	// Network is the number of the network that the nodes of the latest attempt
	// share, from 1 to batch.Networks; zero before the first. No two live gangs
	// have the same.
	Network int32
	Groups  []NodeGroup // runs of nodes with equal needs, by index
}

// NodeGroup is the nodes from First to the next group's First.
type NodeGroup struct {
	First int32
	Needs batch.Resources
}

// IsArray reports whether the job is an array's parent.
func (r *JobRow) IsArray() bool { return r.Size > 0 }

// AttemptRow is one ended attempt.
type AttemptRow struct {
	Job          int64 // JobRow.Seq
	Number       int32
	Host         int64
	StartedAt    batch.Instant // zero if it never ran
	StoppedAt    batch.Instant
	ExitCode     *int32
	Reason       string
	StatusReason string
	Containers   []byte       // see [AttemptEnded.Containers]
	Usage        *batch.Usage // of all containers; nil if unknown
	// Cost is the attempt's share of its instance's price; nil if unknown, and
	// for a multi-node job, whose nodes have it.
	Cost      *batch.Cost
	Preempted bool // it was stopped to make room for another job
}

// Change is one row-level fact to persist. Applying a round's changes in order
// is idempotent: each writes a whole row.
type Change interface{ change() }

// JobPut writes a job. New is set with the first change of a row only.
type JobPut struct {
	Row JobRow
	New *NewJob
}

// NewJob is the part of a job that never changes and that the core does not
// keep. Children of an array have none: they share their parent's.
type NewJob struct {
	Name  string
	Share string // the share identifier, or empty
	Spec  []byte // the submit request as JSON
}

// AttemptPut adds an ended attempt.
type AttemptPut struct{ Row AttemptRow }

// EnvironmentPut writes a compute environment.
type EnvironmentPut struct{ Row EnvironmentRow }

// QueuePut writes a job queue.
type QueuePut struct{ Row QueueRow }

// DefinitionPut writes a revision of a job definition.
type DefinitionPut struct{ Row DefinitionRow }

// HostPut writes a host.
type HostPut struct{ Row HostRow }

// SchedulingPolicyPut writes a scheduling policy.
type SchedulingPolicyPut struct{ Row SchedulingPolicyRow }

// SchedulingPolicyDelete removes one.
type SchedulingPolicyDelete struct{ ID int64 }

// TagsPut writes the tags of a resource, or removes them where they are nil.
type TagsPut struct{ Row TagsRow }

// PolicyPut adds a way to retry.
type PolicyPut struct{ Row PolicyRow }

func (JobPut) change()         {}
func (AttemptPut) change()     {}
func (EnvironmentPut) change() {}
func (QueuePut) change()       {}
func (DefinitionPut) change()  {}
func (HostPut) change()        {}
func (PolicyPut) change()      {}

func (SchedulingPolicyPut) change()    {}
func (SchedulingPolicyDelete) change() {}
func (TagsPut) change()                {}

// Counters are the highest row keys ever given out.
type Counters struct {
	Job, Definition, Environment, Queue, Host, Policy, Consumable, Basket, SchedulingPolicy int64
	ServiceEnvironment, QuotaShare, FairShare                                               int64
}
