package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// target is one of the two servers that take turns.
type target struct {
	name string
	addr string
	pid  int
}

// turns are what a target did with so many clients, one figure per round.
type turns struct {
	rate, p50, p99 figures
	cpu            figures // microseconds of the server's per request
}

// measureSubmit has clients submit jobs, each durable before it is answered,
// and has the plain server take the same requests in turn. The jobs need two
// vCPUs where the environment has one: the scheduler looks at the queue's head
// every round, and nothing starts.
func measureSubmit(ctx context.Context, b *bench) (_ *table, err error) {
	g, err := b.generator()
	if err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, filepath.Join(b.work, "submit"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.setUp(ctx, 1, 2); err != nil {
		return nil, err
	}
	e, err := startEcho()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.stop()) }()

	targets := [2]target{{"barge", s.addr, s.pid()}, {"echo", e.addr, e.cmd.Process.Pid}}
	levels := []int{1, 16, 64, 256}
	got := make(map[string]map[int]*turns)
	for _, t := range targets {
		got[t.name] = make(map[int]*turns)
		for _, n := range levels {
			got[t.name][n] = &turns{}
		}
		if _, err := g.run(ctx, t.addr, 16, time.Second); err != nil { // to warm up
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for round := range b.rounds {
		for _, clients := range levels {
			for i := range targets {
				t := targets[(i+round)%2] // nobody is always first
				if err := turn(ctx, g, t, clients, b.length, got[t.name][clients]); err != nil {
					return nil, fmt.Errorf("%s with %d clients: %w", t.name, clients, err)
				}
			}
		}
	}
	return submitTable(b, g, levels, got), nil
}

func turn(ctx context.Context, g generator, t target, clients int, length time.Duration, to *turns) error {
	before, err := cpuOf(t.pid)
	if err != nil {
		return err
	}
	began := time.Now()
	l, err := g.run(ctx, t.addr, clients, length)
	if err != nil {
		return err
	}
	elapsed := time.Since(began)
	after, err := cpuOf(t.pid)
	if err != nil {
		return err
	}
	to.rate = append(to.rate, l.rate)
	to.p50, to.p99 = append(to.p50, millis(l.p50)), append(to.p99, millis(l.p99))
	to.cpu = append(to.cpu, micros(after.since(before).own)/(l.rate*elapsed.Seconds()))
	return nil
}

func submitTable(b *bench, g generator, levels []int, got map[string]map[int]*turns) *table {
	t := &table{head: []string{
		"clients", "SubmitJob/s", "p50 ms", "p99 ms", "CPU µs each", "echo/s", "p50 ms", "p99 ms", "CPU µs each", "Barge / echo",
	}}
	for _, clients := range levels {
		x, y := got["barge"][clients], got["echo"][clients]
		ratio := x.rate.over(y.rate)
		b.keep(fmt.Sprintf("SubmitJob / echo, %d clients", clients), ratio, false)
		t.row(strconv.Itoa(clients), x.rate.spread(count), short(x.p50.median()), short(x.p99.median()), short(x.cpu.median()),
			y.rate.spread(count), short(y.p50.median()), short(y.p99.median()), short(y.cpu.median()), ratio.spread(percent))
	}
	t.note("Medians of %d rounds (least–most). Load by %s, which shares the processors with the servers; "+
		"a request has %d bytes, a body of %d.", b.rounds, g.name, len(submitRequestBytes("127.0.0.1:8642", submitBody)), len(submitBody))
	return t
}
