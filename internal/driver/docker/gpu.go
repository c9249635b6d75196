package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/driver"
)

// gpuLabel holds the GPUs of a container, joined by commas. So a restarted
// server knows which are taken.
const gpuLabel = "org.bargehq.barge.gpus"

// errNoGPU is a fault that passes: compute environments share the machine's
// GPUs, each as if they were its own.
var errNoGPU = errors.New("all GPUs of this machine are taken")

// freeGPUs chooses n GPUs that no container has which may still run. The caller
// holds d.gpuTurn until its container is there.
func (d *Driver) freeGPUs(ctx context.Context, n int) ([]string, error) {
	found, err := d.api.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", gpuLabel),
	})
	if err != nil {
		return nil, fmt.Errorf("look for free GPUs: %w", err)
	}
	free := slices.Clone(d.opt.GPUs)
	for _, c := range found.Items {
		if c.State == container.StateExited || c.State == container.StateDead {
			continue
		}
		for _, id := range strings.Split(c.Labels[gpuLabel], ",") {
			free = slices.DeleteFunc(free, func(have string) bool { return have == id })
		}
	}
	if len(free) < n {
		return nil, errNoGPU
	}
	return free[:n], nil
}

// pin gives a container these GPUs alone, as the ECS agent does.
func pin(ids []string, options *client.ContainerCreateOptions) {
	all := strings.Join(ids, ",")
	options.Config.Labels[gpuLabel] = all
	const visible = "NVIDIA_VISIBLE_DEVICES="
	env := slices.DeleteFunc(options.Config.Env, func(v string) bool { return strings.HasPrefix(v, visible) })
	options.Config.Env = append(env, visible+all)
	options.HostConfig.DeviceRequests = []container.DeviceRequest{{DeviceIDs: ids, Capabilities: [][]string{{"gpu"}}}}
}

// checkGPUs refuses more than the machine has, which would wait for ever.
func checkGPUs(have int) func(*driver.Spec) string {
	return func(s *driver.Spec) string {
		if s.Resources.GPUs > int64(have) {
			return fmt.Sprintf("%d are asked for, and the server was told of %d", s.Resources.GPUs, have)
		}
		return ""
	}
}
