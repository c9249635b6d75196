package core

import (
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/core/fair"
	"github.com/bargehq/barge/internal/core/retry"
)

// Input is something that happened. The set is closed.
type Input interface{ input() }

// CreateEnvironment adds a compute environment. The reply has its id.
type CreateEnvironment struct {
	Name    string
	Enabled bool
	MaxVCPU int64   // thousandths; zero where Barge provides no hosts
	Machine bool    // see [EnvironmentRow.Machine]
	Fleet   *Fleet  // how it gets instances; nil for one host of any size
	Fargate Fargate // see [EnvironmentRow.Fargate]
	Spec    []byte
}

// UpdateEnvironment changes a compute environment to what its members say.
type UpdateEnvironment struct {
	Name    string
	Enabled bool
	MaxVCPU int64   // thousandths
	Fleet   *Fleet  // nil as before, if it has none
	Fargate Fargate // see [EnvironmentRow.Fargate]
	Replace bool    // the instances of a fleet are to be replaced: it is an infrastructure update
	Spec    []byte
}

// DeleteEnvironment deletes a compute environment that is disabled and in no
// queue.
type DeleteEnvironment struct {
	Name string
	Spec []byte // kept for describing it until it is gone
}

// CreateQueue adds a job queue. The reply has its id.
type CreateQueue struct {
	Name               string
	Enabled            bool
	Priority           int32
	Environments       []string // names, in the order of preference
	SchedulingPolicy   string   // name, or empty
	ServiceEnvironment string   // name, or empty
	TimeLimits         []TimeLimit
	Settings           QueueSettings
	Spec               []byte
}

// UpdateQueue changes a job queue to what its members say; Environments may be
// nil to stay as they are.
type UpdateQueue struct {
	Name               string
	Enabled            bool
	Priority           int32
	Environments       []string
	SchedulingPolicy   string
	ServiceEnvironment string // empty to stay as it is
	TimeLimits         []TimeLimit
	Spec               []byte
}

// DeleteQueue deletes a disabled job queue with all its jobs.
type DeleteQueue struct {
	Name string
	Spec []byte // kept for describing it until it is gone
}

// CreateSchedulingPolicy adds a scheduling policy. The reply has its id.
type CreateSchedulingPolicy struct {
	Name string
	Fair *fair.Policy // nil for a quota-share policy
	Spec []byte
}

// UpdateSchedulingPolicy changes one.
type UpdateSchedulingPolicy struct {
	Name string
	Fair *fair.Policy // nil for a quota-share policy
	Spec []byte
}

// DeleteSchedulingPolicy deletes one that no queue has.
type DeleteSchedulingPolicy struct{ Name string }

// PutTags gives a resource these tags in place of those that it has. That the
// resource exists is known to who asks.
type PutTags struct {
	Of   Tagged
	Tags map[string]string // not nil
	// Queue is what the tags of a queue set, with its description; nil for another
	// resource, or if that does not change.
	Queue *QueueSettings
	Spec  []byte
}

// RegisterDefinition adds a revision. The reply has its id and revision.
type RegisterDefinition struct {
	Name string
	Spec []byte
}

// DeregisterDefinition takes a revision out of use. Row is the revision as it
// is stored: but for Active it never changes.
type DeregisterDefinition struct{ Row DefinitionRow }

// Submit adds a job, an array job where Size is not zero, or a multi-node
// parallel job where Gang is not nil, which says what it needs.
type Submit struct {
	ID             batch.JobID
	Queue          string // name
	Definition     int64
	Needs          batch.Resources
	MaxAttempts    int32
	Retry          retry.Policy
	TimeoutSeconds int32
	Size           int32
	MaxRunning     int32        // of an array job: how many children at once; zero for any number
	DefinitionMax  int32        // how many jobs of the definition at once, the same for all of them; zero for any number
	DependsOn      []Dependency // that name a job
	Sequential     bool         // of an array job: each child waits for the one before it
	Gang           *Gang
	Claim          Claim
	Consumes       []consume.Need // what each attempt takes, of five resources at most
	Service        *ServiceJob    // of a service job, which has no definition
	Quota          *QuotaJob      // in a queue with quota shares
	Fair           *FairJob       // in a queue with a fair-share policy
	New            NewJob
}

// Cancel ends a job that has not started: CancelJob. On anything else, ended
// jobs included, it does nothing.
type Cancel struct {
	Job    batch.JobRef
	Reason string
}

// Terminate ends a job whatever it does: TerminateJob.
type Terminate struct {
	Job    batch.JobRef
	Kind   Kind // of the job; on others it does nothing
	Reason string
}

// HostSeen says that a host is there and takes work: it has registered, or
// registered again after a restart of either side.
type HostSeen struct {
	Environment int64
	Host        int64 // that a Launch spoke of; zero for the host of an environment without a fleet
	Name        string
	Capacity    batch.Resources
}

// HostLost says that a host is gone with all that it held. Where there is no
// such host, or it is known to be gone, it does nothing.
type HostLost struct {
	Environment int64
	Host        int64  // or zero, and then
	Name        string // is its name
}

// AttemptStarting reports that what an attempt needs is being brought together:
// of a service job, which is Scheduled until then.
type AttemptStarting struct{ Attempt batch.AttemptID }

// AttemptRunning reports that an attempt runs.
type AttemptRunning struct {
	Attempt batch.AttemptID
	At      batch.Instant
}

// AttemptEnded reports the end of an attempt, whether it ran or not. It may
// come without an AttemptRunning before it, and more than once.
type AttemptEnded struct {
	Attempt batch.AttemptID
	// StartedAt is zero if the attempt never ran.
	StartedAt, StoppedAt batch.Instant
	ExitCode             *int32
	Reason               string
	// StatusReason is AWS's word for why it ended.
	StatusReason string
	// Containers are the ends of the containers of a task that has several,
	// as batchsvc writes and reads them.
	Containers []byte
	Usage      *batch.Usage // of all containers; nil if unknown
}

// Tick says that time has passed: deadlines that are due take effect.
type Tick struct{}

func (CreateEnvironment) input()  {}
func (CreateQueue) input()        {}
func (RegisterDefinition) input() {}
func (Submit) input()             {}
func (Cancel) input()             {}
func (Terminate) input()          {}
func (HostSeen) input()           {}
func (HostLost) input()           {}
func (AttemptStarting) input()    {}
func (AttemptRunning) input()     {}
func (AttemptEnded) input()       {}
func (Tick) input()               {}

func (UpdateEnvironment) input()      {}
func (DeleteEnvironment) input()      {}
func (UpdateQueue) input()            {}
func (DeleteQueue) input()            {}
func (CreateSchedulingPolicy) input() {}
func (UpdateSchedulingPolicy) input() {}
func (DeleteSchedulingPolicy) input() {}
func (DeregisterDefinition) input()   {}
func (PutTags) input()                {}

// Reply answers an accepted input. Which members are set depends on the input.
type Reply struct {
	ID       int64       // the row key of what was made
	Revision int32       // of a definition
	Job      batch.JobID // that was made, now or by an earlier submit with the same claim
	Count    int         // of jobs that were dropped
	Total    int64       // of a consumable resource
}

// Effect is something to do outside once the changes before it are durable.
// Effects are hints: all of them can be recomputed from the state and from what
// hosts report, so they are not stored. The set is closed.
type Effect interface{ effect() }

// Start asks a host to run an attempt. It is repeated after a restart until a
// report comes back; hosts start an attempt at most once.
type Start struct {
	Host    int64
	Attempt batch.AttemptID
}

// Attach asks a host to take up an attempt that is known to have run there, and
// to report its end, or that it is lost.
type Attach struct {
	Host    int64
	Attempt batch.AttemptID
}

// Stop asks a host to end an attempt.
type Stop struct {
	Host    int64
	Attempt batch.AttemptID
	Kill    bool // at once: the host is gone, and if it is not, what it runs has no say any more
}

// Scale asks for hosts of an environment with this many vCPUs (in thousandths).
type Scale struct {
	Environment int64
	VCPU        int64
	Machine     bool // the host is the machine itself, with what it really has
}

func (Start) effect()  {}
func (Attach) effect() {}
func (Stop) effect()   {}
func (Scale) effect()  {}

// Output collects what steps have decided.
type Output struct {
	Reply   Reply // of the last accepted input
	Changes []Change
	Effects []Effect

	// Events asks for the events of the changes, which go among them.
	Events bool

	now batch.Instant // of the call that fills it
}

// Reset empties the output and keeps its memory and what it asks for.
func (o *Output) Reset() {
	o.Reply = Reply{}
	clear(o.Changes)
	clear(o.Effects)
	o.Changes, o.Effects = o.Changes[:0], o.Effects[:0]
}
