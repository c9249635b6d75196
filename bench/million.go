package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/sqlite"
)

// measureMillion queues very many jobs and looks at what they weigh and how long
// a restart takes with them.
func measureMillion(ctx context.Context, b *bench) (*table, error) {
	empty, full := filepath.Join(b.work, "empty"), filepath.Join(b.work, "million")
	for _, dir := range []string{empty, full} {
		s, err := b.serve(ctx, dir)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(s.setUp(ctx, 1, 2), s.stop()); err != nil {
			return nil, err
		}
	}
	filled, err := fill(ctx, full, b.queued)
	if err != nil {
		return nil, fmt.Errorf("queue the jobs: %w", err)
	}
	fmt.Fprintf(b.log, "queued %s jobs in process in %.0f s\n", count(float64(b.queued)), filled.Seconds())

	light, err := hold(ctx, empty)
	if err != nil {
		return nil, err
	}
	heavy, err := hold(ctx, full)
	if err != nil {
		return nil, err
	}
	var ready [2]figures
	var resident [2]figures
	for range b.rounds {
		for i, dir := range []string{empty, full} {
			start, rss, failed := b.weigh(ctx, dir)
			if failed != nil {
				return nil, failed
			}
			ready[i] = append(ready[i], start.Seconds())
			resident[i] = append(resident[i], mib(rss))
		}
	}
	file, err := os.Stat(filepath.Join(full, "barge.db"))
	if err != nil {
		return nil, err
	}
	n := float64(b.queued)
	t := &table{head: []string{"", "no job", count(n) + " queued", "per job"}}
	t.row("start to first answer, s", ready[0].spread(short), ready[1].spread(short),
		fmt.Sprintf("%s µs", short((ready[1].median()-ready[0].median())*1e6/n)))
	t.row("resident when ready, MiB", short(resident[0].median()), short(resident[1].median()),
		fmt.Sprintf("%s B", count((resident[1].median()-resident[0].median())*(1<<20)/n)))
	t.row("store and engine in process, resident after a collection, MiB", short(mib(light.Resident)), short(mib(heavy.Resident)),
		fmt.Sprintf("%s B", count(float64(heavy.Resident-light.Resident)/n)))
	t.row("the same, live heap, MiB", short(mib(light.Heap)), short(mib(heavy.Heap)),
		fmt.Sprintf("%s B", count(float64(heavy.Heap-light.Heap)/n)))
	if err := b.measureReads(ctx, full, t); err != nil {
		return nil, err
	}
	t.row("database, MiB", "", short(mib(file.Size())), fmt.Sprintf("%s B", count(float64(file.Size())/n)))
	t.note("Starts are medians of %d (least–most), the files in the page cache. The jobs were queued by the engine's own rounds and "+
		"the store in this program's process, not over HTTP: %s jobs/s, each durable. "+
		"When just ready, the server's resident memory still has the garbage of loading in it.", b.rounds, count(n/filled.Seconds()))
	return t, nil
}

// weigh starts a server once: the time until it answers, and its resident bytes
// then.
func (b *bench) weigh(ctx context.Context, dir string) (ready time.Duration, resident int64, err error) {
	s, err := b.serve(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	resident, err = residentOf(s.pid())
	return s.ready, resident, errors.Join(err, s.stop())
}

// fill queues jobs in a data directory as a server would, in full rounds.
func fill(ctx context.Context, dir string, jobs int) (_ time.Duration, err error) {
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	background, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(background) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended, s.Close())
	}()
	l := core.NewLoader()
	last, err := s.Load(ctx, l)
	if err != nil {
		return 0, err
	}
	state, err := l.State()
	if err != nil {
		return 0, err
	}
	definitions, err := s.Definitions(ctx, store.DefinitionFilter{Name: "bench", Limit: 1})
	if err != nil || len(definitions) == 0 {
		return 0, errors.Join(err, errors.New("no definition"))
	}
	spec, err := storedSpec()
	if err != nil {
		return 0, err
	}
	rounds := engine.NewRounds(state, last, false)
	began := time.Now()
	for queued := 0; queued < jobs; {
		calls := make([]engine.Call, 0, min(8000, jobs-queued))
		now := batch.InstantOf(time.Now())
		for range cap(calls) {
			queued++
			calls = append(calls, engine.Call{
				Input: core.Submit{
					ID: batch.NewJobID(now), Queue: "bench", Definition: definitions[0].ID,
					Needs: batch.Resources{MilliVCPU: 2000, MemoryMiB: 2048}, MaxAttempts: 3, TimeoutSeconds: 3600,
					New: core.NewJob{Name: "nightly-render-0042", Spec: spec},
				},
				Done: func(_ core.Reply, failed error) { err = errors.Join(err, failed) },
			})
		}
		round := rounds.New()
		if rest := rounds.Fill(round, now, calls); len(rest) > 0 {
			return 0, fmt.Errorf("%d submits found no room in a round", len(rest))
		}
		if rounds.Seal(round) {
			if failed := s.Commit(ctx, round.Round); failed != nil {
				return 0, failed
			}
		}
		round.Release(engine.Sinks{})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// storedSpec is what a server stores of submitBody: all but what the row says.
func storedSpec() ([]byte, error) {
	var members map[string]any
	if err := json.Unmarshal([]byte(submitBody), &members); err != nil {
		return nil, err
	}
	for _, name := range []string{"jobName", "jobQueue", "jobDefinition"} {
		delete(members, name)
	}
	return json.Marshal(members)
}

// weight is the memory of a process that has loaded a data directory, in bytes.
type weight struct{ Resident, Heap int64 }

// hold has a process of its own load a data directory.
func hold(ctx context.Context, dir string) (w weight, err error) {
	self, err := os.Executable()
	if err != nil {
		return w, err
	}
	cmd := exec.CommandContext(ctx, self, "-hold", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return w, fmt.Errorf("load %s: %w", dir, err)
	}
	return w, json.Unmarshal(out, &w)
}

// holdState is that process: it collects garbage, gives it back to the system
// and tells what is left.
func holdState(ctx context.Context, dir string, out io.Writer) (err error) {
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := engine.Open(ctx, engine.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w := weight{Heap: int64(m.HeapAlloc)}
	if w.Resident, err = residentOf(os.Getpid()); err != nil {
		return err
	}
	runtime.KeepAlive(e)
	return json.NewEncoder(out).Encode(w)
}
