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

// measureEnding submits jobs at a steady rate, in calm and while array jobs of
// 10,000 children are terminated, some of whose children run and some of whose
// wait for each other. A submit must not wait behind all the children of an
// array.
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
	var calm, busy [2]figures // p50 and p99 of each round
	for range b.rounds {
		took, failed := steady(ctx, s.addr, endingArrays*endingEvery, func() {})
		if failed != nil {
			return nil, failed
		}
		calm[0], calm[1] = append(calm[0], took.quantile(0.5)), append(calm[1], took.quantile(0.99))
		ids, failed := s.submitArrays(ctx)
		if failed != nil {
			return nil, failed
		}
		var ending error
		took, failed = steady(ctx, s.addr, endingArrays*endingEvery, func() { ending = s.terminate(ctx, ids) })
		if failed = errors.Join(failed, ending); failed != nil {
			return nil, failed
		}
		busy[0], busy[1] = append(busy[0], took.quantile(0.5)), append(busy[1], took.quantile(0.99))
		for _, id := range ids { // all of them must have come to an end
			if failed = poll(ctx, 10*time.Millisecond, func() (bool, error) {
				jobs, err := s.describe(ctx, id)
				return err == nil && jobs[0].Status == "FAILED", err
			}); failed != nil {
				return nil, failed
			}
		}
	}
	t := &table{head: []string{fmt.Sprintf("%s submits a second", count(endingRate)), "p50 ms", "p99 ms"}}
	t.row("in calm", calm[0].spread(short), calm[1].spread(short))
	t.row(fmt.Sprintf("while %d arrays of %s are terminated", endingArrays, count(endingSize)), busy[0].spread(short), busy[1].spread(short))
	t.note("Medians of %d rounds (least–most), from the moment when a submit was due to the end of its answer; an array is terminated "+
		"every %d ms. Of every second array %d children run, in the others each waits for the one before it.",
		b.rounds, endingEvery.Milliseconds(), endingRunning)
	return t, nil
}

// setUpArrays makes what array jobs run on, apart from the jobs that are submitted meanwhile.
func (s *server) setUpArrays(ctx context.Context) error {
	for _, c := range []struct{ operation, body string }{
		{"createcomputeenvironment", fmt.Sprintf(`{"computeEnvironmentName":"arrays","type":"MANAGED",
			"computeResources":{"type":"EC2","minvCpus":0,"maxvCpus":%d,"instanceTypes":["optimal"],
			"subnets":["subnet-1"],"securityGroupIds":["sg-1"],"instanceRole":"ecsInstanceRole"}}`, endingRunning)},
		{"createjobqueue", `{"jobQueueName":"arrays","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"arrays"}]}`},
		{"createjobqueue", `{"jobQueueName":"sequences","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"bench"}]}`},
		{"registerjobdefinition", `{"jobDefinitionName":"sleep","type":"container","containerProperties":
			{"image":"debian","command":["sleep","600"],"vcpus":1,"memory":16}}`},
	} {
		if err := s.call(ctx, c.operation, c.body, nil); err != nil {
			return err
		}
	}
	return nil
}

// submitArrays submits the arrays that are to be terminated.
func (s *server) submitArrays(ctx context.Context) (ids []string, err error) {
	for i := range endingArrays {
		in := map[string]any{
			"jobName": "array", "jobQueue": "arrays", "jobDefinition": "sleep",
			"arrayProperties": map[string]any{"size": endingSize},
		}
		if i%2 == 1 {
			in["jobQueue"], in["dependsOn"] = "sequences", []map[string]any{{"type": "SEQUENTIAL"}}
		}
		var out struct{ JobID string }
		if err = s.call(ctx, "submitjob", in, &out); err != nil {
			return nil, err
		}
		ids = append(ids, out.JobID)
	}
	return ids, poll(ctx, 10*time.Millisecond, func() (bool, error) {
		var out struct{ JobSummaryList []struct{} }
		err := s.call(ctx, "listjobs", map[string]any{"arrayJobId": ids[0], "jobStatus": "RUNNING"}, &out)
		return len(out.JobSummaryList) == endingRunning, err
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
