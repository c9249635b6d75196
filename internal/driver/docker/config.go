package docker

import (
	"maps"
	"math"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
)

// What Linux and Docker accept.
const (
	minShares   = 2
	maxShares   = 1 << 18
	minMemory   = 6 << 20 // bytes; AWS Batch allows 4 MiB, and the ECS agent raises that too
	maxMemoryMi = math.MaxInt64 >> 21
)

func (d *Driver) config(spec driver.Spec) *container.Config {
	labels := make(map[string]string, len(spec.Labels)+2)
	maps.Copy(labels, spec.Labels)
	labels[ownerLabel] = d.opt.Owner
	labels[attemptLabel] = spec.Unit.String()
	// For whoever stops the container other than through us.
	stopTimeout := seconds(spec.StopTimeout)
	return &container.Config{
		Image:       spec.Image,
		Entrypoint:  spec.Entrypoint,
		Cmd:         spec.Command,
		Env:         environment(spec.Env),
		User:        spec.User,
		Labels:      labels,
		StopTimeout: &stopTimeout,
	}
}

func (d *Driver) hostConfig(spec driver.Spec) *container.HostConfig {
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(d.opt.Network),
		LogConfig:   d.engine.logConfig,
		Resources:   container.Resources{CPUShares: shares(spec.Resources.MilliVCPU)},
	}
	if m := memory(spec.Resources.MemoryMiB); m > 0 {
		host.Memory = m
		// AWS documents that without swap settings a container may use twice
		// its memory including swap, which is also Docker's default.
		// https://docs.aws.amazon.com/batch/latest/APIReference/API_LinuxParameters.html
		host.MemorySwap = 2 * m
	}
	if spec.MaxProcesses > 0 {
		host.PidsLimit = &spec.MaxProcesses
	}
	if spec.Network != nil {
		host.NetworkMode = container.NetworkMode(networkName(spec.Unit.Attempt))
	}
	d.settings(&spec, host)
	return host
}

// environment lets the last of equal names win; given both, programs differ in
// which one they see.
func environment(vars []driver.Var) []string {
	env := make([]string, 0, len(vars))
	at := make(map[string]int, len(vars))
	for _, v := range vars {
		entry := v.Name + "=" + v.Value
		if i, again := at[v.Name]; again {
			env[i] = entry
			continue
		}
		at[v.Name] = len(env)
		env = append(env, entry)
	}
	return env
}

// shares are 1024 per vCPU.
func shares(milliVCPU int64) int64 {
	if milliVCPU >= maxShares {
		return maxShares
	}
	return min(max(milliVCPU*1024/1000, minShares), maxShares)
}

// memory returns bytes, or zero for no limit.
func memory(miB int64) int64 {
	if miB <= 0 || miB == batch.Unlimited || miB >= maxMemoryMi {
		return 0
	}
	return max(miB<<20, minMemory)
}

// seconds rounds up, because the engine's grace is in whole seconds.
func seconds(d time.Duration) int {
	return int((max(d, 0) + time.Second - 1) / time.Second)
}
