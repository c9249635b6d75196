package docker

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// TestGPUs: two containers have different GPUs, a third has none, until one has
// ended. The engine creates such containers without having any GPU.
func TestGPUs(t *testing.T) {
	needEngine(t)
	t.Parallel()
	opt := newOptions(t)
	opt.GPUs = []string{opt.Owner + "-a", opt.Owner + "-b", opt.Owner + "-c"} // that nobody else has
	d := open(t, opt)
	create := func(gpus int64) (string, error) {
		t.Helper()
		spec := newSpec(t, d, "exit 0")
		spec.Resources.GPUs = gpus
		if _, err := d.create(t.Context(), spec); err != nil {
			return "", err
		}
		c, err := d.inspect(t.Context(), spec.Unit)
		if err != nil {
			return "", err
		}
		request := c.HostConfig.DeviceRequests[0]
		if diff := cmp.Diff([][]string{{"gpu"}}, request.Capabilities); diff != "" {
			t.Error(diff)
		}
		if !slices.Contains(c.Config.Env, "NVIDIA_VISIBLE_DEVICES="+c.Config.Labels[gpuLabel]) {
			t.Errorf("the variables are %q", c.Config.Env)
		}
		if n := len(request.DeviceIDs); n != int(gpus) {
			t.Errorf("%d GPUs were requested, want %d", n, gpus)
		}
		return c.Config.Labels[gpuLabel], nil
	}
	for _, c := range []struct {
		gpus int64
		want string
		err  error
	}{{2, opt.GPUs[0] + "," + opt.GPUs[1], nil}, {2, "", errNoGPU}, {1, opt.GPUs[2], nil}, {1, "", errNoGPU}} {
		got, err := create(c.gpus)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%d GPUs: %q, %v, want %q, %v", c.gpus, got, err, c.want, c.err)
		}
	}
	spec := newSpec(t, d, "exit 0")
	spec.Resources.GPUs = 4
	wantRefused(t, d, spec, "CannotCreateContainerError: resourceRequirements GPU: 4 are asked for")
}

func TestPin(t *testing.T) {
	t.Parallel()
	options := client.ContainerCreateOptions{Config: &container.Config{Labels: map[string]string{}, Env: []string{"NVIDIA_VISIBLE_DEVICES=all", "A=1"}}, HostConfig: &container.HostConfig{}}
	pin([]string{"0", "3"}, &options)
	want := client.ContainerCreateOptions{
		Config: &container.Config{
			Labels: map[string]string{gpuLabel: "0,3"}, Env: []string{"A=1", "NVIDIA_VISIBLE_DEVICES=0,3"},
		},
		HostConfig: &container.HostConfig{Resources: container.Resources{
			DeviceRequests: []container.DeviceRequest{{DeviceIDs: []string{"0", "3"}, Capabilities: [][]string{{"gpu"}}}},
		}},
	}
	if diff := cmp.Diff(want, options); diff != "" {
		t.Errorf("what is asked for (-want +got):\n%s", diff)
	}
}
