package docker

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/driver"
)

// BenchmarkContainers compares whole lives of containers through the driver
// with the barest calls of the API that lead to the same.
func BenchmarkContainers(b *testing.B) {
	if err := Available(b.Context(), ""); err != nil {
		b.Skipf("needs an engine: %v", err)
	}
	if out, err := exec.Command("testdata/mkimage.sh", testImage).CombinedOutput(); err != nil {
		b.Fatalf("build the test image: %v\n%s", err, out)
	}
	for _, c := range []struct {
		network         string
		workers, starts int
	}{
		{"host", 2, 8}, {"host", 8, 8}, {"host", 16, 2}, {"host", 16, 4}, {"host", 16, 8}, {"host", 16, 16}, {"bridge", 8, 8},
	} {
		d, err := Open(b.Context(), Options{Owner: "bench", Network: c.network, Starts: c.starts})
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, life func(context.Context, *Driver) error) {
			b.Run(fmt.Sprintf("network=%s/workers=%d/starts=%d/%s", c.network, c.workers, c.starts, name), func(b *testing.B) {
				b.SetParallelism(max(1, c.workers/runtime.GOMAXPROCS(0)))
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := life(b.Context(), d); err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "containers/s")
			})
		}
		run("api", apiLife)
		run("driver", driverLife)
		run("driver+output", driverLifeWithOutput)
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	}
}

func driverLife(ctx context.Context, d *Driver) error {
	spec := driver.Spec{Unit: newAttempt(), Image: testImage, Command: []string{"true"}}
	if err := d.Start(ctx, spec); err != nil {
		return err
	}
	if _, err := d.Wait(ctx, spec.Unit); err != nil {
		return err
	}
	return d.Remove(ctx, spec.Unit)
}

func driverLifeWithOutput(ctx context.Context, d *Driver) error {
	spec := driver.Spec{Unit: newAttempt(), Image: testImage, Command: []string{"echo", "text"}}
	if err := d.Start(ctx, spec); err != nil {
		return err
	}
	outcome := make(chan error, 1)
	go func() {
		outcome <- d.Output(ctx, spec.Unit, 0, func(driver.Line) error { return nil })
	}()
	if _, err := d.Wait(ctx, spec.Unit); err != nil {
		return err
	}
	if err := <-outcome; err != nil {
		return err
	}
	return d.Remove(ctx, spec.Unit)
}

func apiLife(ctx context.Context, d *Driver) (err error) {
	c, err := d.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: testImage, Cmd: []string{"true"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(d.opt.Network)},
	})
	if err != nil {
		return err
	}
	defer func() {
		_, failed := d.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
		err = errors.Join(err, failed)
	}()
	if _, err := d.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	waiting := d.api.ContainerWait(ctx, c.ID, client.ContainerWaitOptions{})
	select {
	case <-waiting.Result:
		return nil
	case err := <-waiting.Error:
		return err
	}
}
