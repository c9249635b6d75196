package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// What measureEnding does.
const (
	endingRate    = 1000 // submits per second
	endingClients = 16
	endingArrays  = 10     // terminated while jobs are submitted, one after another
	endingSize    = 10_000 // children of each
	endingRunning = 64     // of them run when it is terminated
	endingEvery   = 300 * time.Millisecond
)

// endingKind is what the children of the arrays do when they are terminated.
type endingKind struct {
	name, queue string
	sequential  bool
	running     int
}

func endingKinds() []endingKind {
	return []endingKind{
		{name: "whose children wait", queue: "blocked"},
		{name: "whose children wait for each other", queue: "blocked", sequential: true},
		{name: fmt.Sprintf("of whose children %d run", endingRunning), queue: "arrays", running: endingRunning},
	}
}

// measureEnding submits jobs at a steady rate, in calm and while array jobs of
// 10,000 children are terminated. A submit must not wait behind all the children
// of an array.
func measureEnding(ctx context.Context, b *bench) (_ *table, err error) {
	s, err := b.serve(ctx, filepath.Join(b.work, "ending"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.setUp(ctx, 1, 2); err != nil {
		return nil, err
	}
	if err = s.setUpArrays(ctx); err != nil {
		return nil, err
	}
	if _, err = steady(ctx, s.addr, time.Second, func() {}); err != nil { // to warm up
		return nil, err
	}
	var calm turns
	kinds := endingKinds()
	busy := make([]turns, len(kinds))
	for range b.rounds {
		took, failed := steady(ctx, s.addr, endingArrays*endingEvery, func() {})
		if failed != nil {
			return nil, failed
		}
		calm.add(took)
		for i, k := range kinds {
			if took, failed = s.endArrays(ctx, k); failed != nil {
				return nil, fmt.Errorf("arrays %s: %w", k.name, failed)
			}
			busy[i].add(took)
		}
	}
	t := &table{head: []string{fmt.Sprintf("%s submits a second", count(endingRate)), "p50 ms", "p99 ms"}}
	t.row("in calm", calm.p50.spread(short), calm.p99.spread(short))
	for i, k := range kinds {
		t.row("while arrays are terminated "+k.name, busy[i].p50.spread(short), busy[i].p99.spread(short))
	}
	t.note("Medians of %d rounds (least–most), from the moment when a submit was due to the end of its answer. %d arrays of %s, one "+
		"every %d ms. Where children run, each time as many processes end, and those of the next array start: that is what is felt.",
		b.rounds, endingArrays, count(endingSize), endingEvery.Milliseconds())
	return t, nil
}

func (t *turns) add(took figures) {
	t.p50, t.p99 = append(t.p50, took.quantile(0.5)), append(t.p99, took.quantile(0.99))
}

// endArrays submits jobs while arrays are terminated, which all must come to an end.
func (s *server) endArrays(ctx context.Context, k endingKind) (figures, error) {
	ids, err := s.submitArrays(ctx, k)
	if err != nil {
		return nil, err
	}
	var ending error
	took, err := steady(ctx, s.addr, endingArrays*endingEvery, func() { ending = s.terminate(ctx, ids) })
	if err = errors.Join(err, ending); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err = poll(ctx, 10*time.Millisecond, func() (bool, error) {
			jobs, failed := s.describe(ctx, id)
			return failed == nil && jobs[0].Status == "FAILED", failed
		}); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// setUpArrays makes what array jobs run on, apart from the jobs that are submitted meanwhile.
func (s *server) setUpArrays(ctx context.Context) error {
	for _, c := range []struct{ operation, body string }{
		{"createcomputeenvironment", fmt.Sprintf(`{"computeEnvironmentName":"arrays","type":"MANAGED",
			"computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":%d,"instanceTypes":["optimal"],
			"subnets":["subnet-1"],"securityGroupIds":["sg-1"],"instanceRole":"ecsInstanceRole"}}`, endingRunning)},
		{"createjobqueue", `{"jobQueueName":"arrays","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"arrays"}]}`},
		{"createjobqueue", `{"jobQueueName":"blocked","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"bench"}]}`},
		{"registerjobdefinition", `{"jobDefinitionName":"bench-sleep","type":"container","containerProperties":
			{"image":"debian","command":["sleep","600"],"vcpus":1,"memory":16}}`},
	} {
		if err := s.call(ctx, c.operation, c.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// submitArrays submits the arrays that are to be terminated.
func (s *server) submitArrays(ctx context.Context, k endingKind) (ids []string, err error) {
	in := map[string]any{
		"jobName": "array", "jobQueue": k.queue, "jobDefinition": "bench-sleep",
		"arrayProperties": map[string]any{"size": endingSize},
	}
	if k.sequential {
		in["dependsOn"] = []map[string]any{{"type": "SEQUENTIAL"}}
	}
	if k.queue == "blocked" {
		in["jobDefinition"] = "bench" // two vCPUs where there is one
	}
	for range endingArrays {
		var out struct{ JobID string }
		if err = s.call(ctx, "submitjob", in, &out); err != nil {
			return nil, err
		}
		ids = append(ids, out.JobID)
	}
	return ids, poll(ctx, 10*time.Millisecond, func() (bool, error) {
		var out struct{ JobSummaryList []struct{} }
		err := s.call(ctx, "listjobs", map[string]any{"arrayJobId": ids[0], "jobStatus": "RUNNING"}, &out)
		return len(out.JobSummaryList) == k.running, err
	})
}

// terminate ends the arrays one after another.
func (s *server) terminate(ctx context.Context, ids []string) error {
	for i, id := range ids {
		if i > 0 {
			time.Sleep(endingEvery)
		}
		if err := s.call(ctx, "terminatejob", map[string]any{"jobId": id, "reason": "measured"}, nil); err != nil {
			return err
		}
	}
	return nil
}

// steady submits jobs at a steady rate for so long, while something else goes
// on, and returns the milliseconds from when each was due until it was answered.
func steady(ctx context.Context, addr string, length time.Duration, meanwhile func()) (figures, error) {
	request := submitRequestBytes(addr, submitBody)
	total := int64(length.Seconds() * endingRate)
	took := make([]figures, endingClients)
	errs := make([]error, endingClients)
	var all sync.WaitGroup
	var next atomic.Int64
	all.Go(meanwhile)
	began := time.Now()
	for i := range endingClients {
		all.Go(func() {
			c, err := dial(ctx, addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer func() { _ = c.Close() }() // all answers are there
			for n := next.Add(1) - 1; n < total && ctx.Err() == nil; n = next.Add(1) - 1 {
				due := began.Add(time.Duration(n) * time.Second / endingRate)
				time.Sleep(time.Until(due))
				if errs[i] = c.exchange(request); errs[i] != nil {
					return
				}
				took[i] = append(took[i], millis(time.Since(due)))
			}
		})
	}
	all.Wait()
	var whole figures
	for _, t := range took {
		whole = append(whole, t...)
	}
	return whole, errors.Join(append(errs, ctx.Err())...)
}
