package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
)

// call is an operation on the one job that has a name, which is also the token
// with which it is submitted. The job never starts.
type call struct {
	op     string // submit, cancel, terminate, describe, list
	name   string
	id     string // for all but submit and list
	reason string // of an end, its own
}

// seen is an answer: the job as it is, or for submit its id alone.
type seen struct {
	lost   bool // there was no answer: it has happened, or happens at any time later, or never does
	id     string
	status types.JobStatus
	reason string
}

// plain is what a server does that does one thing after the other: the state of
// a job in the simplest words.
type plain struct {
	id     string // empty if it does not exist; "?" if nobody has seen its id yet
	ended  bool
	reason string
}

// step says whether the answer is right in that state, and what the state is
// then.
func (p plain) step(c call, s seen) (bool, plain) {
	same := func() bool {
		if p.id == "?" {
			p.id = s.id
		}
		return p.id == s.id
	}
	switch c.op {
	case "submit":
		if p.id == "" {
			p.id = "?"
		}
		return s.lost || same(), p
	case "cancel", "terminate":
		if p.id == "?" {
			p.id = c.id
		}
		if p.id != c.id {
			return false, p // the id was acknowledged, so it exists
		}
		if !p.ended {
			p.ended, p.reason = true, c.reason
		}
		return true, p
	default:
		switch {
		case s.lost:
			return true, p
		case p.id == "" || s.id == "":
			return p.id == s.id, p
		case !same():
			return false, p
		case p.ended:
			return s.status == types.JobStatusFailed && s.reason == p.reason, p
		default:
			return s.status == types.JobStatusRunnable, p
		}
	}
}

// model is [plain] for the checker, which looks at each name by itself.
var model = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		parts := make(map[string][]porcupine.Operation)
		for _, op := range all {
			name := op.Input.(call).name
			parts[name] = append(parts[name], op)
		}
		return slices.Collect(maps.Values(parts))
	},
	Init: func() any { return plain{} },
	Step: func(state, in, out any) (bool, any) { return state.(plain).step(in.(call), out.(seen)) },
	DescribeOperation: func(in, out any) string {
		return fmt.Sprintf("%+v → %+v", in, out)
	},
}

// TestLinear has clients submit, cancel, terminate, describe and list few jobs,
// all at once, and asks whether one after the other could have led to the same
// answers; also while the server is killed, and what was in flight has no answer.
func TestLinear(t *testing.T) {
	t.Parallel()
	for name, deaths := range map[string]int{"alive": 0, "killed": max(4, *crashes/4)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Logf("-seed=%d", *seed)
			s := newSmallServer(t)
			h := &history{s: s, began: time.Now(), ids: make(map[string]string)}
			ctx, stop := context.WithCancel(t.Context())
			var clients sync.WaitGroup
			for i := range 8 {
				clients.Go(func() { h.client(ctx, rand.New(rand.NewPCG(uint64(*seed), uint64(i))), i) })
			}
			c := newCampaign(s)
			for range deaths {
				c.kill(ctx)
			}
			if deaths == 0 {
				pace(ctx, c.rng, 3000)
			}
			s.kill()
			s.fault = ""
			s.start()
			stop()
			clients.Wait()
			h.check(t)
		})
	}
}

// kill kills the server at a point around commits and replies, or at random.
func (c *campaign) kill(ctx context.Context) {
	names := []string{"commit.before", "commit.after", "store.commit", "reply.before", "reply.next", ""}
	if name := names[c.rng.IntN(len(names))]; name != "" {
		c.s.kill()
		c.s.fault = fmt.Sprintf("%s:%d", name, 1+c.rng.IntN(60))
		c.s.start()
		c.point(ctx)
	} else {
		pace(ctx, c.rng, 600)
		c.s.kill()
	}
	c.s.fault = ""
	c.s.start()
}

// history is what clients have asked and heard.
type history struct {
	s     *server
	began time.Time

	mu  sync.Mutex // guards what follows
	ops []porcupine.Operation
	ids map[string]string // by name, of those that are acknowledged
}

// client does one thing after the other to one of the few jobs of the moment.
func (h *history) client(ctx context.Context, rng *rand.Rand, number int) {
	for n := 0; ctx.Err() == nil; n++ {
		c := call{name: fmt.Sprintf("job-%d", time.Since(h.began).Milliseconds()/150*4+rng.Int64N(4))}
		h.mu.Lock()
		c.id = h.ids[c.name]
		h.mu.Unlock()
		ops := []string{"submit", "list", "submit", "list"}
		if c.id != "" {
			ops = []string{"submit", "list", "describe", "describe", "cancel", "terminate"}
		}
		c.op, c.reason = ops[rng.IntN(len(ops))], fmt.Sprintf("reason %d of client %d", n, number)
		op := porcupine.Operation{ClientId: number, Input: c, Call: time.Since(h.began).Nanoseconds()}
		answer, err := h.s.do(context.WithoutCancel(ctx), c)
		op.Return = time.Since(h.began).Nanoseconds()
		var fault smithy.APIError
		if errors.As(err, &fault) && fault.ErrorFault() == smithy.FaultClient {
			h.s.t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			answer, op.Return = seen{lost: true}, math.MaxInt64
			number += 1000 // whose operation does not end does no other
			pace(ctx, rng, 50)
		}
		op.Output = answer
		h.mu.Lock()
		h.ops = append(h.ops, op)
		if c.op == "submit" && err == nil {
			h.ids[c.name] = answer.id
		}
		h.mu.Unlock()
	}
}

// do carries out a call.
func (s *server) do(ctx context.Context, c call) (seen, error) {
	switch c.op {
	case "submit":
		out, err := s.batch.SubmitJob(ctx, &batch.SubmitJobInput{
			JobName: &c.name, JobQueue: aws.String(name), JobDefinition: aws.String(name),
			Tags: map[string]string{"barge:client-token": c.name},
			ContainerOverrides: &types.ContainerOverrides{ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("2")}, // of one
			}},
		})
		if err != nil {
			return seen{}, err
		}
		return seen{id: *out.JobId}, nil
	case "cancel":
		_, err := s.batch.CancelJob(ctx, &batch.CancelJobInput{JobId: &c.id, Reason: &c.reason})
		return seen{}, err
	case "terminate":
		_, err := s.batch.TerminateJob(ctx, &batch.TerminateJobInput{JobId: &c.id, Reason: &c.reason})
		return seen{}, err
	case "describe":
		out, err := s.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{c.id}})
		if err != nil || len(out.Jobs) == 0 {
			return seen{}, err
		}
		j := out.Jobs[0]
		return seen{id: *j.JobId, status: j.Status, reason: aws.ToString(j.StatusReason)}, nil
	default:
		out, err := s.batch.ListJobs(ctx, &batch.ListJobsInput{
			JobQueue: aws.String(name), Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{c.name}}},
		})
		if err != nil || len(out.JobSummaryList) == 0 {
			return seen{}, err
		}
		j := out.JobSummaryList[0]
		if len(out.JobSummaryList) > 1 {
			s.t.Errorf("%d jobs are called %s", len(out.JobSummaryList), c.name)
		}
		return seen{id: *j.JobId, status: j.Status, reason: aws.ToString(j.StatusReason)}, nil
	}
}

// check asks whether the history is one of a server that does one thing after
// the other.
func (h *history) check(t *testing.T) {
	t.Helper()
	lost := 0
	for _, op := range h.ops {
		if op.Output.(seen).lost {
			lost++
		}
	}
	t.Logf("%d calls to %d jobs, %d without an answer", len(h.ops), len(h.ids), lost)
	result, info := porcupine.CheckOperationsVerbose(model, h.ops, time.Minute)
	switch result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Error("it could not be found out in time whether the history is linear")
	case porcupine.Illegal:
		f, err := os.CreateTemp("", "barge-history-*.html")
		if err == nil {
			err = errors.Join(porcupine.Visualize(model, info, f), f.Close())
		}
		t.Errorf("no order of the calls explains the answers: see %s, %v", f.Name(), err)
	}
}

// TestModel: the model refuses what is wrong.
func TestModel(t *testing.T) {
	t.Parallel()
	op := func(from, to int64, c call, s seen) porcupine.Operation {
		c.name = "j"
		return porcupine.Operation{Input: c, Output: s, Call: from, Return: to}
	}
	a, gone := seen{id: "a"}, seen{lost: true}
	waits := seen{id: "a", status: types.JobStatusRunnable}
	ended := seen{id: "a", status: types.JobStatusFailed, reason: "x"}
	for name, c := range map[string]struct {
		ops  []porcupine.Operation
		good bool
	}{
		"a life":                   {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 3, call{op: "list"}, waits), op(4, 5, call{op: "cancel", id: "a", reason: "x"}, seen{}), op(6, 7, call{op: "describe", id: "a"}, ended)}, true},
		"lost after the answer":    {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 3, call{op: "list"}, seen{})}, false},
		"not yet there":            {[]porcupine.Operation{op(0, 4, call{op: "submit"}, a), op(2, 3, call{op: "list"}, seen{})}, true},
		"made twice":               {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 3, call{op: "submit"}, seen{id: "b"})}, false},
		"no answer, and there":     {[]porcupine.Operation{op(0, math.MaxInt64, call{op: "submit"}, gone), op(2, 3, call{op: "list"}, waits)}, true},
		"no answer, and not there": {[]porcupine.Operation{op(0, math.MaxInt64, call{op: "submit"}, gone), op(2, 3, call{op: "list"}, seen{})}, true},
		"there, and gone":          {[]porcupine.Operation{op(0, math.MaxInt64, call{op: "submit"}, gone), op(2, 3, call{op: "list"}, waits), op(4, 5, call{op: "list"}, seen{})}, false},
		"ended, and waiting again": {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 3, call{op: "cancel", id: "a", reason: "x"}, seen{}), op(4, 5, call{op: "list"}, waits)}, false},
		"ended by the second":      {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 3, call{op: "cancel", id: "a", reason: "y"}, seen{}), op(4, 5, call{op: "cancel", id: "a", reason: "x"}, seen{}), op(6, 7, call{op: "list"}, ended)}, false},
		"ended by either at once":  {[]porcupine.Operation{op(0, 1, call{op: "submit"}, a), op(2, 5, call{op: "cancel", id: "a", reason: "y"}, seen{}), op(2, 5, call{op: "cancel", id: "a", reason: "x"}, seen{}), op(6, 7, call{op: "list"}, ended)}, true},
	} {
		if got := porcupine.CheckOperations(model, c.ops); got != c.good {
			t.Errorf("%s: %t", name, got)
		}
	}
}
