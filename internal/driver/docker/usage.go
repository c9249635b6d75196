package docker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bargehq/barge/internal/batch"
)

// An engine says what a container uses while it runs, and forgets it when it has
// ended. So it is asked from time to time, often in the beginning, and what it
// said last is what is known. Of containers that end before the first time,
// nothing is: asking is work for the engine, which short ones would feel.
const (
	firstLook  = 700 * time.Millisecond
	rarestLook = 10 * time.Second
)

// sample is what is known of a container.
type sample struct {
	used *batch.Usage // never changed, only replaced
	busy bool         // somebody asks already
}

// watch has the engine asked for as long as somebody waits for the container,
// by one of those who do: until stop, which has to be called.
func (d *Driver) watch(ctx context.Context, id batch.UnitID) (stop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.samples[id]
	if s == nil {
		s = new(sample)
		d.samples[id] = s
	}
	if s.busy {
		return func() {}
	}
	s.busy = true
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.ask(ctx, id, s)
	}()
	return func() {
		cancel()
		<-done
		d.mu.Lock()
		defer d.mu.Unlock()
		if s.busy = false; s.used == nil && d.samples[id] == s {
			delete(d.samples, id)
		}
	}
}

func (d *Driver) ask(ctx context.Context, id batch.UnitID, s *sample) {
	for pause := firstLook; ; pause = min(2*pause, rarestLook) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		now := d.look(ctx, id)
		if now == nil {
			continue
		}
		d.mu.Lock()
		if s.used != nil {
			*now.PeakMemory = max(*now.PeakMemory, *s.used.PeakMemory)
		}
		s.used = now
		d.mu.Unlock()
	}
}

// used is what is known of the container; nil if nothing is.
func (d *Driver) used(id batch.UnitID) *batch.Usage {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.samples[id]; s != nil {
		return s.used
	}
	return nil
}

func (d *Driver) forget(id batch.UnitID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.samples, id)
}

// look returns nil where the engine does not say, as when the container does not
// run any more.
func (d *Driver) look(ctx context.Context, id batch.UnitID) *batch.Usage {
	answer, err := d.api.ContainerStats(ctx, containerName(id), client.ContainerStatsOptions{})
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var s container.StatsResponse
	if json.NewDecoder(answer.Body).Decode(&s) != nil {
		return nil
	}
	return usageOf(&s)
}

func usageOf(s *container.StatsResponse) *batch.Usage {
	if s.CPUStats.CPUUsage.TotalUsage == 0 || s.MemoryStats.Usage == 0 {
		return nil // it has ended
	}
	cpu := int64(s.CPUStats.CPUUsage.TotalUsage / 1000)
	peak := int64(max(s.MemoryStats.Usage, s.MemoryStats.MaxUsage)) // the second by version 1 of cgroups only
	u := &batch.Usage{CPU: &cpu, PeakMemory: &peak}
	if list := s.BlkioStats.IoServiceBytesRecursive; list != nil {
		u.ReadBytes, u.WriteBytes = new(int64), new(int64)
		for _, e := range list {
			switch e.Op {
			case "read", "Read":
				*u.ReadBytes += int64(e.Value)
			case "write", "Write":
				*u.WriteBytes += int64(e.Value)
			}
		}
	}
	return u
}
