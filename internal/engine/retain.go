package engine

import (
	"context"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

const (
	// retainEvery is how often ended jobs are looked through.
	retainEvery = 10 * time.Minute
	// retainJobs and retainRows bound one slice. An array job goes as a whole.
	retainJobs = 256
	retainRows = 4096
)

// Retain forgets jobs that have ended longer ago than keep, slice by slice, until
// ctx ends. It runs beside Run. A failure is logged: the next turn tries again.
func (e *Engine) Retain(ctx context.Context, keep time.Duration) error {
	turn := time.NewTicker(retainEvery)
	defer turn.Stop()
	for {
		for {
			n, err := e.prune(ctx, keep)
			if err != nil && ctx.Err() == nil {
				e.log.Warn("ended jobs could not be forgotten", "err", err)
			}
			if err != nil || n == 0 {
				break
			}
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// prune forgets one slice and returns how many jobs went.
func (e *Engine) prune(ctx context.Context, keep time.Duration) (int, error) {
	jobs, err := e.store.Ended(ctx, batch.InstantOf(time.Now().Add(-keep)), retainJobs)
	if err != nil || len(jobs) == 0 {
		return 0, err
	}
	rows := int32(0)
	for i, j := range jobs {
		if rows += j.Rows; rows > retainRows && i > 0 {
			jobs = jobs[:i]
			break
		}
	}
	reply, err := e.Do(ctx, core.Prune{Keep: keep.Milliseconds(), Jobs: jobs})
	return reply.Count, err
}
