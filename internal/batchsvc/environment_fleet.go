package batchsvc

import (
	"context"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Environments of types EC2 and SPOT have a fleet of instances, which the core
// scales. All others have one host as large as their maxvCpus: FARGATE and
// FARGATE_SPOT because there are no instances, ECS_MANAGED_INSTANCES because AWS
// chooses them, and those of this machine because it is one.

// fleetOf is how an environment gets instances; nil where it has none.
func fleetOf(d *batchapi.ComputeEnvironmentDetail, machine bool) *core.Fleet {
	r := d.ComputeResources
	if machine || r == nil || d.EksConfiguration != nil || !onInstances(r.Type) {
		return nil
	}
	policy := deref(d.UpdatePolicy)
	return &core.Fleet{
		Spot: r.Type == batchapi.CRTypeSpot, Types: r.InstanceTypes, Strategy: r.AllocationStrategy,
		MinVCPU: int64(deref(r.MinvCpus)) * 1000, DesiredVCPU: int64(deref(r.DesiredvCpus)) * 1000,
		BidPercent: deref(r.BidPercentage), DelayMinutes: deref(deref(r.ScalingPolicy).MinScaleDownDelayMinutes),
		StopOnUpdate: deref(policy.TerminateJobsOnUpdate), UpdateMinutes: int32(deref(policy.JobExecutionTimeoutMinutes)),
	}
}

// updatedFleet is the fleet of an environment after an update.
func updatedFleet(d *batchapi.ComputeEnvironmentDetail, machine bool, in *batchapi.UpdateComputeEnvironmentRequest) *core.Fleet {
	f := fleetOf(d, machine)
	if f != nil && deref(in.ComputeResources).DesiredvCpus == nil {
		f.DesiredVCPU = 0 // nobody asks for a number now
	}
	return f
}

// checkProvider refuses the choice of a provider that the server does not have,
// or for an environment without instances.
func (s *Service) checkProvider(f *core.Fleet, x extensions) error {
	switch {
	case x.provider == "":
		return nil
	case f == nil:
		return badTag(providerTag, "has no meaning on an environment without instances of its own.")
	case x.provider == providerCommand && !s.o.HasCommand:
		return badTag(providerTag, "names a provider that this server was not started with (barge serve --provider command=PATH).")
	}
	return nil
}

// providerOf is the name of the provider of an environment's instances.
func (s *Service) providerOf(d *batchapi.ComputeEnvironmentDetail) string {
	if named := d.Tags[providerTag]; named != "" {
		return named
	}
	return s.o.Provider
}

// FleetEnvironment tells what a provider of instances has to know of an
// environment: its name, the provider's, and its computeResources as JSON.
func (s *Service) FleetEnvironment(ctx context.Context, id int64) (name, provider string, resources []byte, err error) {
	rows, err := s.o.Store.Environments(ctx)
	if err != nil {
		return "", "", nil, err
	}
	for _, row := range rows {
		if row.ID != id {
			continue
		}
		d, err := decodeEnvironment(row)
		if err != nil {
			return "", "", nil, err
		}
		return row.Name, s.providerOf(d), d.ComputeResources.AppendJSON(nil), nil
	}
	return "", "", nil, batch.Errorf(batch.NotFound, "environment %d does not exist", id)
}

// fleets are the fleets of all environments, by the id of their environment.
func (s *Service) fleets(ctx context.Context) (map[int64]*core.FleetRow, error) {
	rows, err := s.o.Store.Fleets(ctx)
	if err != nil {
		return nil, err
	}
	fleets := make(map[int64]*core.FleetRow, len(rows))
	for i := range rows {
		fleets[rows[i].Environment] = &rows[i]
	}
	return fleets, nil
}

// describeFleet says how the fleet of an environment is doing, as AWS does.
func describeFleet(d *batchapi.ComputeEnvironmentDetail, f *core.FleetRow) {
	setDesired(d, f)
	switch {
	case d.Status == batchapi.CEStatusDeleting:
	case f.Invalid != "":
		d.Status, d.StatusReason = batchapi.CEStatusInvalid, f.Invalid
	case f.UpdatedAt != 0:
		d.Status, d.StatusReason = batchapi.CEStatusUpdating, ""
	}
}

// setDesired puts in how many vCPUs the environment should have now.
func setDesired(d *batchapi.ComputeEnvironmentDetail, f *core.FleetRow) {
	r := *d.ComputeResources
	r.DesiredvCpus = ptr(int32((f.Desired + 999) / 1000))
	d.ComputeResources = &r
}

// The most instances and decisions that an environment is described with.
const (
	mostInstances = 200
	mostDecisions = 50
)

// bargeEnvironment is what Barge says of an environment beyond AWS: its
// instances, the oldest first, and the latest decisions about them.
func (s *Service) bargeEnvironment(ctx context.Context, row core.EnvironmentRow, d *batchapi.ComputeEnvironmentDetail, f *core.FleetRow) (*batchapi.BargeEnvironment, error) {
	b := &batchapi.BargeEnvironment{Capacity: capacityUnlimited}
	if row.Machine {
		b.Capacity = capacityHost
	}
	if f == nil {
		return b, nil
	}
	b.Provider = s.providerOf(d)
	rows, err := s.o.Store.Instances(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	now := batch.InstantOf(time.Now())
	var vcpus int64
	for _, r := range rows {
		vcpus += r.Capacity.MilliVCPU
	}
	b.InstanceCount, b.Vcpus = ptr(int32(len(rows))), ptr(vcpusOf(vcpus))
	rows = rows[:min(len(rows), mostInstances)]
	held := s.held(ctx, rows)
	for i, r := range rows {
		one := batchapi.BargeInstance{
			InstanceId: r.Name, InstanceType: r.Type, Spot: ptr(r.Spot), State: hostStates[r.State], Vcpus: ptr(vcpusOf(r.Capacity.MilliVCPU)),
			Memory: ptr(r.Capacity.MemoryMiB), Gpus: ptr(r.Capacity.GPUs), LaunchedAt: instant(r.LaunchedAt), RegisteredAt: instant(r.SeenAt),
			StopsJobsAt: instant(r.StopAt), InterruptedAt: instant(r.GoneAt), UsdPerHour: s.priceOf(r, now),
		}
		if held != nil {
			one.Jobs = ptr(int32(held[i]))
		}
		b.Instances = append(b.Instances, one)
	}
	for _, x := range f.Backoffs {
		if x.Until > now {
			b.Backoffs = append(b.Backoffs, batchapi.BargeBackoff{InstanceType: x.Type, Reason: launchFailures[x.Kind], Until: instant(x.Until)})
		}
	}
	decisions, err := s.o.Store.Decisions(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	for _, x := range decisions[max(0, len(decisions)-mostDecisions):] {
		one := batchapi.BargeDecision{
			At: instant(x.At), InstanceType: x.Type, Why: x.Why, DemandvCpus: ptr(vcpusOf(x.Demand)), Vcpus: ptr(vcpusOf(x.Have)),
		}
		if x.Launched > 0 {
			one.Launched = ptr(x.Launched)
		}
		if x.Ended > 0 {
			one.Terminated = ptr(x.Ended)
		}
		if x.Price >= 0 {
			one.UsdPerHour = ptr(perHour(x.Price))
		}
		b.Decisions = append(b.Decisions, one)
	}
	return b, nil
}

// held is how many attempts each instance holds; nil without an answer.
func (s *Service) held(ctx context.Context, rows []core.HostRow) (counts []int) {
	if len(rows) == 0 || s.o.View(ctx, func(state *core.State) {
		for _, r := range rows {
			counts = append(counts, state.Held(r.ID))
		}
	}) != nil {
		return nil
	}
	return counts
}

// priceOf is what an instance costs now in US dollars an hour; nil if unknown.
func (s *Service) priceOf(r core.HostRow, now batch.Instant) *float64 {
	t := s.o.Catalog.Type(r.Type)
	if t == nil {
		return nil
	}
	price, ok := t.OnDemand()
	if r.Spot {
		price, ok = t.SpotAt(now)
	}
	if !ok {
		return nil
	}
	return ptr(perHour(price))
}

func perHour(millionths int64) float64 { return float64(millionths) / 1e6 }

func vcpusOf(milli int64) float64 { return float64(milli) / 1000 }

// hostStates are the states of instances in words, after ECS's.
var hostStates = map[core.HostState]string{ //nolint:gochecknoglobals // a table that nothing writes
	core.HostLaunching: "REGISTERING", core.HostUp: "ACTIVE", core.HostDraining: "DRAINING", core.HostTerminating: "DEREGISTERING", core.HostGone: "LOST",
}

var launchFailures = map[core.LaunchFailure]string{ //nolint:gochecknoglobals // a table that nothing writes
	core.FailedOther: "FAILED", core.NoCapacity: "CAPACITY", core.Unsupported: "UNSUPPORTED",
}
