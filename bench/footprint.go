package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// idleTime is how long a server is left alone before it counts as idle, and
// again while its processor time is watched.
const idleTime = 5 * time.Second

// startOnce tells how long a server takes until it answers.
func (b *bench) startOnce(ctx context.Context, dir string) (time.Duration, error) {
	s, err := b.serve(ctx, dir)
	if err != nil {
		return 0, err
	}
	return s.ready, s.stop()
}

// measureFootprint starts a server on a new directory.
func measureFootprint(ctx context.Context, b *bench) (_ *table, err error) {
	var fresh figures
	for i := range b.rounds {
		ready, failed := b.startOnce(ctx, filepath.Join(b.work, fmt.Sprintf("fresh-%d", i)))
		if failed != nil {
			return nil, failed
		}
		fresh = append(fresh, millis(ready))
	}
	s, err := b.serve(ctx, filepath.Join(b.work, "idle"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	time.Sleep(idleTime)
	server, runner, err := s.cpu()
	if err != nil {
		return nil, err
	}
	time.Sleep(idleTime)
	server1, runner1, err := s.cpu()
	if err != nil {
		return nil, err
	}
	t := &table{head: []string{"", ""}}
	program, err := os.Stat(b.barge)
	if err != nil {
		return nil, err
	}
	t.row("program, MiB", short(mib(program.Size())))
	t.row("start on a new directory to first answer, ms", fresh.spread(short))
	resident, err := residentOf(s.pid())
	if err != nil {
		return nil, err
	}
	t.row("server idle, resident MiB", short(mib(resident)))
	if pid := s.runner(); pid > 0 {
		if resident, err = residentOf(pid); err != nil {
			return nil, err
		}
		t.row("its runner idle, resident MiB", short(mib(resident)))
	}
	idle := server1.since(server).own + runner1.since(runner).own
	t.row("both idle, processor time per second, ms", short(millis(idle)/idleTime.Seconds()))
	t.note("Starts are medians of %d (least–most). The runner is the process driver's other half: the parent of jobs, which "+
		"outlives the server. Both are the same program, so that much of what is resident is shared.", b.rounds)
	return t, nil
}
