package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// endReason is what clients give when they end a job.
const endReason = "not wanted any more"

// load is what clients do to a server, and what they know of it.
type load struct {
	t    *testing.T
	s    *server
	pace int // how long a submitter waits at most between two orders, in milliseconds

	mu     sync.Mutex // guards what follows
	orders []*order
	last   map[string]types.JobStatus // as described, by id
	saw    [4]int                     // submits and ends with an answer, and without
}

// pick returns up to n orders that have an answer.
func (l *load) pick(rng *rand.Rand, n int) []*order {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []*order
	for range n {
		if len(l.orders) == 0 {
			break
		}
		// The latest ones are of most interest.
		back := rng.IntN(min(len(l.orders), 40))
		if o := l.orders[len(l.orders)-1-back]; o.id != "" {
			some = append(some, o)
		}
	}
	return some
}

func (l *load) count(i int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		i++
	}
	l.saw[i]++
}

// submitter asks for jobs of all kinds.
func (l *load) submitter(ctx context.Context, rng *rand.Rand, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		kinds := []order{
			{lines: 3},
			{lines: 0},
			{lines: 2, attempts: 2, good: 3},
			{lines: 4, attempts: 3, good: 2},
			{lines: 10, pause: "0.2"},
			{lines: 5, pause: "0.1", attempts: 2, good: 2},
			{lines: 2, size: 2 + rng.IntN(4)},
			{lines: 2, size: 3, bad: 2},
			{lines: 3, size: 2, pause: "0.5", attempts: 2, bad: 1},
		}
		o := kinds[rng.IntN(len(kinds))]
		o.name, o.insists, o.journal = fmt.Sprintf("c%d-%d", client, n), rng.IntN(2) == 0, l.s.journal
		if before := l.pick(rng, 1); len(before) > 0 && rng.IntN(4) == 0 {
			o.after = before[0]
		}
		// Not ctx: a submit that was cut off by the end of the test would
		// be one more kind of crash.
		err := o.submit(context.WithoutCancel(ctx), l.s.client, l.s.marks)
		l.count(0, err)
		for o.insists && err != nil && ctx.Err() == nil {
			pace(ctx, rng, 100)
			err = o.submit(context.WithoutCancel(ctx), l.s.client, l.s.marks)
		}
		if o.insists && err == nil && rng.IntN(4) == 0 {
			pace(ctx, rng, 2000)
			_ = o.submit(context.WithoutCancel(ctx), l.s.client, l.s.marks) // the server may be down again
		}
		l.mu.Lock()
		l.orders = append(l.orders, &o)
		l.mu.Unlock()
		pace(ctx, rng, l.pace)
	}
}

// ender cancels and terminates.
func (l *load) ender(ctx context.Context, rng *rand.Rand) {
	for ; ctx.Err() == nil; pace(ctx, rng, 2*l.pace) {
		for _, o := range l.pick(rng, 1) {
			l.mu.Lock()
			o.ended = true
			l.mu.Unlock()
			id := o.id
			if o.size > 0 && rng.IntN(2) == 0 {
				id = o.ids()[rng.IntN(o.size)]
			}
			var err error
			if rng.IntN(2) == 0 {
				_, err = l.s.batch.CancelJob(context.WithoutCancel(ctx), &batch.CancelJobInput{JobId: &id, Reason: aws.String(endReason)})
			} else {
				_, err = l.s.batch.TerminateJob(context.WithoutCancel(ctx), &batch.TerminateJobInput{JobId: &id, Reason: aws.String(endReason)})
			}
			l.count(2, err)
		}
	}
}

// describer looks: what was acknowledged is there at any time, and what has
// ended stays so.
func (l *load) describer(ctx context.Context, rng *rand.Rand) {
	for ; ctx.Err() == nil; pace(ctx, rng, 100) {
		var ids []string
		for _, o := range l.pick(rng, 20) {
			ids = append(ids, o.id)
		}
		jobs, err := l.s.describe(ctx, ids)
		if err != nil {
			continue // the server is down
		}
		l.mu.Lock()
		for _, id := range ids {
			j, ok := jobs[id]
			if before := l.last[id]; !ok || over(before) && j.Status != before {
				l.t.Errorf("job %s was acknowledged, then %q, and is now %q", id, before, j.Status)
			}
			l.last[id] = j.Status
		}
		l.mu.Unlock()
	}
}

// pace waits a moment of at most so many milliseconds.
func pace(ctx context.Context, rng *rand.Rand, most int) {
	select {
	case <-time.After(time.Duration(rng.IntN(most)) * time.Millisecond):
	case <-ctx.Done():
	}
}
