// Package store is the seam of persistence: rounds go in, rows come out.
//
// A [Store] is written by one goroutine, the engine's committer, and read by
// many. Its seam is intentions, not queries: Commit, Load and a few named
// reads. A read sees every round whose Commit has returned.
//
// A round is applied whole or not at all, also across kill -9 and power loss.
// The store repeats the state machine as constraints (a terminal row has an
// end, and no other row does), so that a bug cannot be stored.
//
// Stores import core for its row types; SQL stays inside them.
package store

import (
	"context"
	"errors"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// ErrFull says that there is no space for a commit. Nothing was written, and a
// later commit can succeed.
var ErrFull = errors.New("no space left for the database")

// Round is what one turn of the engine has changed. Rounds are numbered from 1
// without gaps.
type Round struct {
	Number  int64
	Changes []core.Change // at most one per row, but for those that are only ever added
}

// Job is a job as read: its row, the part that never changes, and its ended
// attempts in order. For a child of an array NewJob is its parent's, for a node of
// a multi-node job NewJob and Gang are.
type Job struct {
	core.JobRow
	core.NewJob
	Attempts []core.AttemptRow
}

// JobFilter selects jobs either of a queue (children of arrays and nodes
// excepted), or the children of an array job, or the nodes of a multi-node job.
// For a queue one more condition can be given; zero values are
// none.
type JobFilter struct {
	Queue    int64       // or zero
	Parent   batch.JobID // or zero
	Nodes    bool        // of Parent, not its children
	State    batch.JobState
	AnyState bool // State does not matter; for a queue with one more condition

	Name NamePattern
	// Definition is the name of the job's definition or, with
	// DefinitionPrefix, what it begins with; Revision its revision or zero
	// for any.
	Definition       string
	DefinitionPrefix bool
	Revision         int32
	Share            string
	// CreatedAfter and CreatedBefore are exclusive.
	CreatedAfter, CreatedBefore batch.Instant

	// Before continues a listing of a queue: only rows with a smaller Seq, and,
	// where the condition is one of time, only those created at BeforeAt or
	// earlier. For children and nodes it is After: only those with a larger
	// index. Zero values mean from the beginning (After counts from 1).
	Before   int64
	BeforeAt batch.Instant
	After    int32
	Limit    int
}

// Timed reports whether the condition is one of time. Such a listing is in the
// order of creation, which is that of Seq unless the clock was set back.
func (f *JobFilter) Timed() bool { return f.CreatedAfter != 0 || f.CreatedBefore != 0 }

// DefinitionFilter selects revisions of definitions, newest first within a
// name, names in order.
type DefinitionFilter struct {
	Name     string // or empty
	Revision int32  // or zero
	Active   *bool  // or nil
	// AfterName and BeforeRevision continue a listing.
	AfterName      string
	BeforeRevision int32
	Limit          int
}

// Store persists rounds and answers reads. Reads return rows that the caller
// may keep. What is not found is left out, never an error.
type Store interface {
	// Load feeds the active rows to l, in the order that it asks for, and
	// returns the number of the last committed round.
	Load(ctx context.Context, l *core.Loader) (round int64, err error)

	// Commit makes the round durable. A round whose number is not the last
	// one plus one is an error, except that the last one itself is accepted
	// and changes nothing. ErrFull (wrapped) if there is no space.
	Commit(ctx context.Context, r Round) error

	// Jobs returns the jobs named, in the order of refs. Children of an array
	// and nodes without a row of their own are made from their parent's.
	Jobs(ctx context.Context, refs []batch.JobRef) ([]Job, error)
	// ListJobs returns a page: newest first for a queue, by index for an
	// array. Attempts and Spec are not filled in.
	ListJobs(ctx context.Context, f JobFilter) ([]Job, error)

	// Ended returns up to limit jobs, no children, that have ended at or
	// before a moment, the longest ago first. Those with events in the outbox are
	// left out.
	Ended(ctx context.Context, until batch.Instant, limit int) ([]core.EndedJob, error)

	// Outbox returns the oldest events of the outbox from the one that the mark
	// names on, in their order. The zero mark is before all of them.
	Outbox(ctx context.Context, from core.Mark, limit int) ([]core.Event, error)

	// Environments, Queues and SchedulingPolicies return all rows that are not
	// deleted, in the order of their names.
	Environments(ctx context.Context) ([]core.EnvironmentRow, error)
	Queues(ctx context.Context) ([]core.QueueRow, error)
	SchedulingPolicies(ctx context.Context) ([]core.SchedulingPolicyRow, error)
	// EnvironmentsByID and QueuesByID return the rows with the given keys, in no
	// order, those of deleted ones too: jobs refer to them.
	EnvironmentsByID(ctx context.Context, ids []int64) ([]core.EnvironmentRow, error)
	QueuesByID(ctx context.Context, ids []int64) ([]core.QueueRow, error)
	// Tags returns the tags of those of the resources whose tags were changed
	// after they were made.
	Tags(ctx context.Context, of []core.Tagged) (map[core.Tagged]map[string]string, error)
	Definitions(ctx context.Context, f DefinitionFilter) ([]core.DefinitionRow, error)
	// DefinitionsByID and Hosts return the rows with the given keys, in no order.
	DefinitionsByID(ctx context.Context, ids []int64) ([]core.DefinitionRow, error)
	Hosts(ctx context.Context, ids []int64) ([]core.HostRow, error)
	Policies(ctx context.Context, ids []int64) ([]core.PolicyRow, error)

	// Fleets returns the fleets of all environments that have one, in the order
	// of their environments, Instances the hosts of an environment that are not
	// terminated, by id, and Decisions the latest about its instances, the
	// oldest first.
	Fleets(ctx context.Context) ([]core.FleetRow, error)
	Instances(ctx context.Context, environment int64) ([]core.HostRow, error)
	Decisions(ctx context.Context, environment int64) ([]core.Decision, error)

	// ServiceEnvironments returns all rows in the order of their names, and
	// QuotaShares those of a queue.
	ServiceEnvironments(ctx context.Context) ([]core.ServiceEnvironmentRow, error)
	QuotaShares(ctx context.Context, queue int64) ([]core.QuotaShareRow, error)
	// Consumables returns consumable resources in the order of their names.
	Consumables(ctx context.Context, f ConsumableFilter) ([]core.ConsumableRow, error)
	// Consumers returns the jobs that need a consumable resource, newest
	// first, children of arrays excepted. Attempts and Spec are not filled in.
	Consumers(ctx context.Context, f ConsumerFilter) ([]Job, error)
	// Baskets returns the rows with the given keys, in no order.
	Baskets(ctx context.Context, ids []int64) ([]core.BasketRow, error)

	// EndedInstances returns a page of the instances that are terminated, in the
	// order of their ends: those behind one and that ended before a moment.
	EndedInstances(ctx context.Context, after batch.Instant, afterID int64, until batch.Instant, limit int) ([]core.HostRow, error)
	// Costs returns a page of what attempts have cost, by key: rows behind one,
	// of hours before another.
	Costs(ctx context.Context, after core.CostKey, until int64, limit int) ([]core.CostRow, error)
	// JobCosts returns a page of what jobs have cost that have ended, no
	// children, in the order of their ends.
	JobCosts(ctx context.Context, f CostFilter) ([]JobCost, error)

	Close() error
}

// CostFilter selects jobs that have ended.
type CostFilter struct {
	// After and AfterSeq continue a listing; Until is exclusive.
	After    batch.Instant
	AfterSeq int64
	Until    batch.Instant
	Limit    int
}

// JobCost is what a job that has ended has cost with all its attempts, children
// and nodes.
type JobCost struct {
	Seq       int64
	ID        batch.JobID
	StoppedAt batch.Instant
	Name      string
	Spec      []byte
	Cost      *batch.Cost // nil if unknown
}

// NamePattern matches names without regard to case: Name, in lower case, or
// all that begin with it. The zero value matches all.
type NamePattern struct {
	Name   string
	Prefix bool
}

// Match reports whether the pattern matches a name.
func (p NamePattern) Match(name string) bool {
	name = strings.ToLower(name)
	return p.Prefix && strings.HasPrefix(name, p.Name) || !p.Prefix && (p.Name == "" || p.Name == name)
}

// ConsumableFilter selects consumable resources.
type ConsumableFilter struct {
	Name  string // or empty
	Like  NamePattern
	After string // continues a listing: only names behind it
	Limit int
}

// ConsumerFilter selects jobs that need a consumable resource.
type ConsumerFilter struct {
	Resource string // its name
	State    *batch.JobState
	Like     NamePattern // of the job's name
	Before   int64       // continues a listing: only rows with a smaller Seq; or zero
	Limit    int
}

// Node returns the node of multi-node job parent with the given index as it
// stands before the first attempt.
func Node(parent Job, index int) Job {
	n := Job{NewJob: parent.NewJob}
	p := parent.JobRow
	n.JobRow = core.JobRow{
		Seq: p.Seq, Ref: batch.NodeRef(p.Ref.ID, index), Queue: p.Queue, Definition: p.Definition, State: p.State, Flags: p.Flags,
		Needs: p.Gang.NodeNeeds(index), MaxAttempts: p.MaxAttempts, CreatedAt: p.CreatedAt, StoppedAt: p.StoppedAt,
		StatusReason: p.StatusReason, Priority: p.Priority, Gang: p.Gang,
	}
	return n
}

// Child returns the child of array job parent with the given index as it
// stands while it has no row of its own.
func Child(parent Job, index int) Job {
	c := Job{NewJob: parent.NewJob}
	p := parent.JobRow
	c.JobRow = core.JobRow{
		Seq: p.Seq, Ref: batch.ChildRef(p.Ref.ID, index), Queue: p.Queue, Definition: p.Definition,
		State: p.Rest, Needs: p.Needs, MaxAttempts: p.MaxAttempts, Policy: p.Policy,
		TimeoutSeconds: p.TimeoutSeconds, Priority: p.Priority, FairShare: p.FairShare, CreatedAt: p.CreatedAt,
	}
	switch {
	case p.Waits != nil && p.Waits.Ready.Has(int32(index)):
		c.State = batch.Runnable
	case p.Rest == batch.Failed && p.RestReason != "":
		c.StoppedAt, c.StatusReason = p.RestAt, p.RestReason
	case p.Rest == batch.Failed:
		c.StoppedAt, c.StatusReason, c.Flags = p.RestAt, p.StatusReason, p.Flags
	}
	return c
}
