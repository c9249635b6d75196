package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fleet"
)

// instances are where instances come from and what happens to them, as the flags
// of `barge serve` say.
type instances struct {
	Provider string        // local or command=PATH
	Poll     time.Duration // how often a program is asked for its instances
	Boot     time.Duration // of virtual instances
	Idle     time.Duration // how long instances are kept that hold nothing

	Capacity      string // host or unlimited
	MachineVCPUs  int32  // what jobs may have of this machine, zero for all
	MachineMemory int32  // the same in MiB

	InterruptRate  float64 // of Spot instances within an hour, from 0 to 1
	InterruptEvery time.Duration
	InterruptSeed  uint64
	Notice         time.Duration
}

func defaultInstances() instances {
	return instances{Provider: "local", Poll: 10 * time.Second, Idle: 5 * time.Minute, Capacity: "unlimited", InterruptSeed: 1, Notice: 2 * time.Minute}
}

func (s *instances) flags(f *pflag.FlagSet) {
	f.StringVar(&s.Capacity, "capacity", s.Capacity, "what managed compute environments without the tag barge:capacity have: unlimited virtual instances, or together what this machine has (host)")
	f.Int32Var(&s.MachineVCPUs, "machine-vcpus", 0, "vCPUs of this machine for compute environments with barge:capacity=host (default all)")
	f.Int32Var(&s.MachineMemory, "machine-memory", 0, "MiB of this machine's memory for the same (default all)")
	f.StringVar(&s.Provider, "provider", s.Provider, "where instances come from, unless the tag barge:provider says otherwise: local (virtual ones on this machine), or command=PATH (a program that launches, lists and terminates them; see docs/compute.md)")
	f.DurationVar(&s.Poll, "provider-poll", s.Poll, "how often the program is asked which instances there are")
	f.DurationVar(&s.Boot, "instance-boot", 0, "how long virtual instances take until they can be used")
	f.DurationVar(&s.Idle, "instance-idle", s.Idle, "how long an instance is kept when its last job has ended, unless minScaleDownDelayMinutes says otherwise; one that has had none is kept twice as long")
	f.Float64Var(&s.InterruptRate, "spot-interrupt-rate", 0, "which part of all Spot instances is interrupted within an hour, such as 0.05; to try out how jobs take it")
	f.DurationVar(&s.InterruptEvery, "spot-interrupt-every", 0, "interrupt one Spot instance of each compute environment every so often, in whole minutes counted from midnight UTC")
	f.Uint64Var(&s.InterruptSeed, "spot-seed", s.InterruptSeed, "which instances --spot-interrupt-rate and --spot-interrupt-every hit")
	f.DurationVar(&s.Notice, "spot-notice", s.Notice, "how long before their end such instances are told")
}

// check returns all that is wrong.
func (s *instances) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Capacity != "host" && s.Capacity != "unlimited" {
		bad("--capacity must be host or unlimited, not %q", s.Capacity)
	}
	if s.MachineVCPUs < 0 || s.MachineMemory < 0 {
		bad("--machine-vcpus and --machine-memory must not be negative")
	}
	if path, command := s.command(); s.Provider != "local" && !command {
		bad("--provider must be local or command=PATH, not %q", s.Provider)
	} else if command && path == "" {
		bad("--provider command=PATH names no program")
	}
	if s.Poll < 100*time.Millisecond || s.Poll > time.Hour {
		bad("--provider-poll must be from 100ms to 1h, not %s", s.Poll)
	}
	if s.Boot < 0 || s.Boot > time.Hour {
		bad("--instance-boot must be from 0s to 1h, not %s", s.Boot)
	}
	if s.Idle < time.Second || s.Idle > 7*24*time.Hour {
		bad("--instance-idle must be from 1s to 168h, not %s", s.Idle)
	}
	if !(s.InterruptRate >= 0 && s.InterruptRate <= 1) {
		bad("--spot-interrupt-rate must be from 0 to 1, not %v", s.InterruptRate)
	}
	if s.InterruptEvery < 0 || s.InterruptEvery%time.Minute != 0 {
		bad("--spot-interrupt-every must be in whole minutes, not %s", s.InterruptEvery)
	}
	if s.Notice < 0 || s.Notice > 24*time.Hour {
		bad("--spot-notice must be from 0s to 24h, not %s", s.Notice)
	}
	return errors.Join(errs...)
}

// command is the program that stands for a provider.
func (s *instances) command() (path string, ok bool) {
	return strings.CutPrefix(s.Provider, "command=")
}

// machine is what this machine has for jobs.
func (s *instances) machine(gpus int) (batch.Resources, error) {
	m, err := fleet.Machine()
	if err != nil {
		return m, fmt.Errorf("find out what this machine has: %w", err)
	}
	if s.MachineVCPUs > 0 {
		m.MilliVCPU = int64(s.MachineVCPUs) * 1000
	}
	if s.MachineMemory > 0 {
		m.MemoryMiB = int64(s.MachineMemory)
	}
	m.GPUs = int64(gpus)
	return m, nil
}

// providers are those that environments can choose, by name.
func (s *instances) providers(owner string) (map[string]fleet.Provider, error) {
	all := map[string]fleet.Provider{"local": &fleet.Local{Boot: s.Boot}}
	if given, ok := s.command(); ok {
		path, err := filepath.Abs(given)
		if err != nil {
			return nil, err
		}
		all["command"] = &fleet.Command{Path: path, Owner: owner, Poll: s.Poll}
	}
	return all, nil
}

// defaultProvider is that of environments that say nothing.
func (s *instances) defaultProvider() string {
	if _, ok := s.command(); ok {
		return "command"
	}
	return "local"
}

func (s *instances) scaling(types *catalog.Catalog) core.Scaling {
	idle := batch.Instant(s.Idle.Milliseconds())
	return core.Scaling{Catalog: types, Idle: idle, Unused: 2 * idle}
}

func (s *instances) interruptions() fleet.Interruptions {
	return fleet.Interruptions{PerHour: int64(s.InterruptRate * 1e6), Every: s.InterruptEvery, Notice: s.Notice, Seed: s.InterruptSeed}
}

// fleetEnvironment tells the fleet of an environment.
func fleetEnvironment(s *batchsvc.Service) func(context.Context, int64) (fleet.Environment, error) {
	return func(ctx context.Context, id int64) (e fleet.Environment, err error) {
		e.Name, e.Provider, e.Resources, err = s.FleetEnvironment(ctx, id)
		return e, err
	}
}
