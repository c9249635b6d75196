package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// environmentSize is how many jobs run at once where throughput is measured.
// They are short, so more than there are processors: what one waits for is
// time for another.
const environmentSize = 32

// lives is what bringing jobs to their ends took, one figure per round: jobs per
// second, and milliseconds of processor time per job.
type lives struct{ rate, server, runner, children figures }

// measureJobs runs /bin/true as jobs with captured logs, as one array and as
// single jobs, beside raw fork and exec.
func measureJobs(ctx context.Context, b *bench) (_ *table, err error) {
	s, err := b.serve(ctx, filepath.Join(b.work, "jobs"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.setUp(ctx, environmentSize, 1); err != nil {
		return nil, err
	}
	if _, err = runArray(ctx, s, 200); err != nil { // to warm up
		return nil, err
	}
	var arrays, singles, raw lives
	best := 0
	for range b.rounds {
		if best, err = measureRaw(ctx, b.jobs, &raw); err != nil {
			return nil, err
		}
		if err := s.measure(b.jobs, &arrays, func() (time.Duration, error) { return runArray(ctx, s, b.jobs) }); err != nil {
			return nil, err
		}
		if err := s.measure(b.jobs, &singles, func() (time.Duration, error) { return runSingles(ctx, s, b.jobs) }); err != nil {
			return nil, err
		}
	}
	t := &table{head: []string{"/bin/true", "jobs/s", "CPU ms per job: server", "runner", "children", "of fork+exec"}}
	row := func(name string, l lives) {
		cells := []string{name, l.rate.spread(count)}
		for _, f := range []figures{l.server, l.runner, l.children} {
			if len(f) == 0 {
				cells = append(cells, "")
			} else {
				cells = append(cells, short(f.median()))
			}
		}
		t.row(append(cells, percent(l.rate.median()/raw.rate.median()))...)
	}
	b.keep("jobs of an array / fork+exec", arrays.rate.over(raw.rate), false)
	b.keep("single jobs / fork+exec", singles.rate.over(raw.rate), false)
	row(fmt.Sprintf("array of %d", b.jobs), arrays)
	row(fmt.Sprintf("%d single jobs, 16 clients submitting", b.jobs), singles)
	row(fmt.Sprintf("raw fork+exec, %d at once", best), raw)
	t.note("Medians of %d rounds (least–most). From the first submit until all have SUCCEEDED, their logs durable; %d jobs at once. "+
		"For fork+exec the parent stands under server. Limits by cgroups: %s.", b.rounds, environmentSize, cgroupsOf(s.dir))
	return t, nil
}

// measure runs jobs and notes what they took.
func (s *server) measure(jobs int, l *lives, run func() (time.Duration, error)) error {
	server, runner, err := s.cpu()
	if err != nil {
		return err
	}
	took, err := run()
	if err != nil {
		return err
	}
	server1, runner1, err := s.cpu()
	if err != nil {
		return err
	}
	server, runner = server1.since(server), runner1.since(runner)
	n := float64(jobs)
	l.rate = append(l.rate, n/took.Seconds())
	l.server = append(l.server, millis(server.own+server.children)/n)
	l.runner = append(l.runner, millis(runner.own)/n)
	l.children = append(l.children, millis(runner.children)/n)
	return nil
}

// poll calls done until it says true.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for deadline := time.Now().Add(5 * time.Minute); ; {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("jobs do not end")
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// runArray runs an array job to its end and looks at some of its logs.
func runArray(ctx context.Context, s *server, size int) (time.Duration, error) {
	began := time.Now()
	id, err := s.submit(ctx, size)
	if err != nil {
		return 0, err
	}
	err = poll(ctx, 10*time.Millisecond, func() (bool, error) {
		jobs, failed := s.describe(ctx, id)
		if failed == nil && jobs[0].Status == "FAILED" {
			failed = fmt.Errorf("the array job has failed: %s", jobs[0].StatusReason)
		}
		return failed == nil && jobs[0].Status == "SUCCEEDED", failed
	})
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	for i := range 5 {
		child := id + ":" + strconv.Itoa(i*(size-1)/4)
		if err := s.checkLog(ctx, child); err != nil {
			return 0, fmt.Errorf("job %s: %w", child, err)
		}
	}
	return took, nil
}

// checkLog makes sure that a job's log was kept. /bin/true prints nothing; the
// line is the server's own, about how the job is run.
func (s *server) checkLog(ctx context.Context, id string) error {
	jobs, err := s.describe(ctx, id)
	if err != nil {
		return err
	}
	var out struct{ Events []struct{ Message string } }
	err = s.logCall(ctx, "GetLogEvents", map[string]any{
		"logGroupName": "/aws/batch/job", "logStreamName": jobs[0].Container.LogStreamName, "startFromHead": true,
	}, &out)
	if err == nil && len(out.Events) == 0 {
		err = errors.New("its log is empty")
	}
	return err
}

// submitSingles submits jobs by 16 clients.
func submitSingles(ctx context.Context, s *server, jobs int) (time.Duration, error) {
	request := submitRequestBytes(s.addr, `{"jobName":"bench","jobQueue":"bench","jobDefinition":"bench"}`)
	errs := make([]error, peerClients)
	var all sync.WaitGroup
	var next atomic.Int64
	began := time.Now()
	for i := range peerClients {
		all.Go(func() {
			c, err := dial(ctx, s.addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer func() { _ = c.Close() }() // all answers are there
			for next.Add(1) <= int64(jobs) && errs[i] == nil {
				errs[i] = c.exchange(request)
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

// runSingles submits jobs and waits until the queue has none left that has not
// ended.
func runSingles(ctx context.Context, s *server, jobs int) (time.Duration, error) {
	began := time.Now()
	if _, err := submitSingles(ctx, s, jobs); err != nil {
		return 0, err
	}
	err := poll(ctx, 10*time.Millisecond, func() (bool, error) {
		// In the order in which jobs pass these, so that none slips through.
		for _, state := range []string{"RUNNABLE", "STARTING", "RUNNING"} {
			if some, err := s.has(ctx, state); some || err != nil {
				return false, err
			}
		}
		return true, nil
	})
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	failed, err := s.has(ctx, "FAILED")
	if err == nil && failed {
		err = errors.New("jobs have failed")
	}
	return took, err
}

// has tells whether the queue has jobs in a state.
func (s *server) has(ctx context.Context, state string) (bool, error) {
	var out struct{ JobSummaryList []struct{} }
	err := s.call(ctx, "listjobs", map[string]any{"jobQueue": "bench", "jobStatus": state, "maxResults": 1}, &out)
	return len(out.JobSummaryList) > 0, err
}

// measureRaw starts and awaits as many processes as fast as this program can,
// and returns how many at once were best.
func measureRaw(ctx context.Context, processes int, l *lives) (best int, err error) {
	var rate float64
	var parent, children time.Duration
	for _, at := range []int{1, 2, 4, 8, 16} {
		before, childrenBefore, err := usage()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err = forkExec(ctx, processes/2, at); err != nil {
			return 0, err
		}
		took := time.Since(began)
		after, childrenAfter, err := usage()
		if err != nil {
			return 0, err
		}
		if r := float64(processes/2) / took.Seconds(); r > rate {
			best, rate, parent, children = at, r, after-before, childrenAfter-childrenBefore
		}
	}
	l.rate = append(l.rate, rate)
	l.server = append(l.server, millis(parent)/float64(processes/2))
	l.children = append(l.children, millis(children)/float64(processes/2))
	return best, nil
}

func forkExec(ctx context.Context, processes, atOnce int) error {
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	var next atomic.Int64
	for i := range atOnce {
		all.Go(func() {
			for next.Add(1) <= int64(processes) && errs[i] == nil && ctx.Err() == nil {
				p, err := os.StartProcess("/bin/true", []string{"/bin/true"}, &os.ProcAttr{})
				if err == nil {
					_, err = p.Wait()
				}
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// usage is the processor time of this process and of the children it has
// awaited.
func usage() (own, children time.Duration, err error) {
	total := func(who int) (time.Duration, error) {
		var r syscall.Rusage
		failed := syscall.Getrusage(who, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano()), failed
	}
	own, err = total(syscall.RUSAGE_SELF)
	if err == nil {
		children, err = total(syscall.RUSAGE_CHILDREN)
	}
	return own, children, err
}

// cgroupsOf tells from the runner's own words whether jobs are limited.
func cgroupsOf(data string) string {
	text, err := os.ReadFile(filepath.Join(data, "process", "runner.log"))
	if err != nil {
		return "unknown"
	}
	if bytes.Contains(text, []byte("without limits")) {
		return "none here"
	}
	return "set for every job"
}

// measureLatency runs single jobs one at a time on an idle server.
func measureLatency(ctx context.Context, b *bench) (_ *table, err error) {
	const jobs = 200
	s, err := b.serve(ctx, filepath.Join(b.work, "latency"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.setUp(ctx, environmentSize, 1); err != nil {
		return nil, err
	}
	if _, err := runArray(ctx, s, 50); err != nil { // to warm up
		return nil, err
	}
	var answered, started, seen, ended figures
	for range jobs {
		began := time.Now()
		id, err := s.submit(ctx, 0)
		if err != nil {
			return nil, err
		}
		answered = append(answered, millis(time.Since(began)))
		running := time.Duration(0)
		var last job
		err = poll(ctx, 250*time.Microsecond, func() (bool, error) {
			described, failed := s.describe(ctx, id)
			if failed != nil {
				return false, failed
			}
			last = described[0]
			if running == 0 && last.StartedAt > 0 {
				running = time.Since(began)
			}
			if last.Status == "FAILED" {
				return false, errors.New(last.StatusReason)
			}
			return last.Status == "SUCCEEDED", nil
		})
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", id, err)
		}
		ended = append(ended, millis(time.Since(began)))
		seen = append(seen, millis(running))
		started = append(started, float64(last.StartedAt-last.CreatedAt))
		time.Sleep(2 * time.Millisecond) // for what follows an end
	}
	t := &table{head: []string{"from the submit on", "p50 ms", "p99 ms"}}
	for _, r := range []struct {
		name string
		f    figures
	}{
		{"answered, hence durable", answered},
		{"running, by the job's createdAt and startedAt", started},
		{"seen running, or further", seen},
		{"seen SUCCEEDED, its log durable", ended},
	} {
		t.row(r.name, short(r.f.quantile(0.5)), short(r.f.quantile(0.99)))
	}
	t.note("%d jobs of /bin/true, one after another, each described every 0.25 ms. createdAt and startedAt are whole milliseconds.", jobs)
	return t, nil
}
