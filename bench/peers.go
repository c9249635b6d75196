package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// peerClients submit jobs at once, to each of the peers.
const peerClients = 16

// contest is one quantity of both, a figure per round each.
type contest struct {
	what        string
	barge, peer figures
}

func (c *contest) row(t *table, peer string) {
	ratio := c.barge.over(c.peer)
	t.row(c.what, c.barge.spread(short), peer, c.peer.spread(short), ratio.spread(short))
}

// measurePeers sets Barge beside what else runs jobs on one machine: Slurm with
// its packages' programs, and the Docker Engine without anybody in between.
// Both take turns within each round.
func measurePeers(ctx context.Context, b *bench) (*table, error) {
	t := &table{head: []string{"", "Barge", "beside", "the other", "Barge / other"}}
	if err := b.besideSlurm(ctx, t); err != nil {
		return nil, fmt.Errorf("beside Slurm: %w", err)
	}
	if err := b.besideEngine(ctx, t); err != nil {
		return nil, fmt.Errorf("beside the engine: %w", err)
	}
	if err := b.measureCeilings(ctx, t); err != nil {
		return nil, fmt.Errorf("ceilings: %w", err)
	}
	t.note("Medians of %d rounds (least–most); the ratio is that within each round.", b.rounds)
	return t, nil
}

// besideSlurm runs jobs to their ends, and then queues as many that do not start.
func (b *bench) besideSlurm(ctx context.Context, t *table) (err error) {
	if !hasSlurm() {
		t.note("Without Slurm, which is not installed: `make bench-peers` does that.")
		return nil
	}
	s, err := b.serve(ctx, filepath.Join(b.work, "beside-slurm"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	queued, err := b.serve(ctx, filepath.Join(b.work, "queued"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, queued.stop()) }()
	if err = errors.Join(s.setUp(ctx, environmentSize, 1), queued.setUp(ctx, 1, 2)); err != nil {
		return err
	}
	slurm, err := startSlurm(ctx, filepath.Join(b.work, "slurm"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, slurm.stop()) }()
	if _, err = runArray(ctx, s, 100); err != nil { // to warm up
		return err
	}
	if _, err = slurm.runArray(ctx, 20); err != nil {
		return err
	}

	singles := contest{what: "single jobs, submit to end, jobs/s"}
	arrays := contest{what: fmt.Sprintf("array of %s, jobs/s", count(float64(b.jobs)))}
	for range b.rounds {
		for _, turn := range []struct {
			to  *figures
			run func() (float64, error)
		}{
			{&singles.barge, func() (float64, error) { return rate(b.jobs)(runSingles(ctx, s, b.jobs)) }},
			{&singles.peer, func() (float64, error) { return rate(b.jobs)(slurm.runSingles(ctx, b.jobs)) }},
			{&arrays.barge, func() (float64, error) { return rate(b.jobs)(runArray(ctx, s, b.jobs)) }},
			{&arrays.peer, func() (float64, error) { return rate(b.jobs)(slurm.runArray(ctx, b.jobs)) }},
		} {
			got, err := turn.run()
			if err != nil {
				return err
			}
			*turn.to = append(*turn.to, got)
		}
	}
	submits := contest{what: "submits/s"}
	memory := contest{what: "resident bytes per queued job"}
	var before [2]int64
	pids := [2]int{queued.pid(), slurm.controller()}
	for round := range b.rounds + 1 { // the first one is to warm up
		for i, turn := range []struct {
			to  *figures
			run func() (time.Duration, error)
		}{
			{&submits.barge, func() (time.Duration, error) { return submitSingles(ctx, queued, b.jobs) }},
			{&submits.peer, func() (time.Duration, error) { return slurm.submitSingles(ctx, b.jobs, true) }},
		} {
			got, err := rate(b.jobs)(turn.run())
			if err != nil {
				return err
			}
			if round > 0 {
				*turn.to = append(*turn.to, got)
			} else if before[i], err = residentOf(pids[i]); err != nil {
				return err
			}
		}
	}
	for i, to := range []*figures{&memory.barge, &memory.peer} {
		after, err := residentOf(pids[i])
		if err != nil {
			return err
		}
		*to = figures{float64(after-before[i]) / float64(b.rounds*b.jobs)}
	}
	for _, c := range []*contest{&singles, &arrays, &submits, &memory} {
		c.row(t, slurm.version)
	}
	t.note("Jobs are /bin/true with output kept, %s at a time, %d of them at once; Barge has the process driver and makes everything durable, "+
		"with limits by cgroups: %s. Slurm runs without accounting, tracking and cgroups, with `sched_min_interval=0`, on one node; "+
		"%d clients submit to each, by HTTP here and by `sbatch`, Slurm's own client, there.",
		count(float64(b.jobs)), environmentSize, cgroupsOf(s.dir), peerClients)
	t.note("Memory is what the server's process has grown by from the first %s queued jobs to %s, garbage included.",
		count(float64(b.jobs)), count(float64(b.jobs*(b.rounds+1))))
	return nil
}

// rate turns what a run of so many jobs took into jobs per second.
func rate(jobs int) func(time.Duration, error) (float64, error) {
	return func(took time.Duration, err error) (float64, error) { return float64(jobs) / took.Seconds(), err }
}
