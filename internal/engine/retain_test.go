package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store/memory"
)

// TestRetain lets a month pass for more jobs than one slice takes.
func TestRetain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 2*retainJobs + 7
		r := newRig(t, &gate{Store: memory.New()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Retain(ctx, 30*24*time.Hour) }()
		r.setUp(0)
		numbered := func(n int, size int32) core.Submit {
			in := submit(0)
			in.ID, in.Size = batch.JobID{byte(n >> 8), byte(n)}, size
			return in
		}
		for n := range many {
			r.must(numbered(n, 0))
			r.must(core.Cancel{Job: batch.JobRef{ID: numbered(n, 0).ID}})
		}
		r.must(numbered(9000, 2)) // one child ends and one goes on
		r.must(core.Cancel{Job: batch.ChildRef(numbered(9000, 2).ID, 0)})
		stored := func() (n int) {
			for i := range 9001 {
				jobs, err := r.store.Jobs(t.Context(), []batch.JobRef{{ID: numbered(i, 0).ID}})
				if err != nil {
					t.Fatal(err)
				}
				n += len(jobs)
			}
			return n
		}
		time.Sleep(30*24*time.Hour - time.Minute)
		if got := stored(); got != many+1 {
			t.Errorf("before their time is over %d jobs are stored, want %d", got, many+1)
		}
		time.Sleep(retainEvery + time.Minute)
		synctest.Wait()
		if got := stored(); got != 1 {
			t.Errorf("after it %d jobs are stored, want the one that is active", got)
		}
		r.must(core.Cancel{Job: batch.JobRef{ID: numbered(9000, 0).ID}})
		time.Sleep(31 * 24 * time.Hour)
		synctest.Wait()
		if got := stored(); got != 0 {
			t.Errorf("when its time is over too %d jobs are stored", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestRetainWaitsForSpace has commits fail for an hour.
func TestRetainWaitsForSpace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &gate{Store: memory.New()})
		r.setUp(0)
		r.must(submit(1))
		r.must(core.Cancel{Job: batch.JobRef{ID: submit(1).ID}})
		r.store.Fill(true)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Retain(ctx, time.Millisecond) }()
		time.Sleep(time.Hour)
		r.store.Fill(false)
		time.Sleep(retainEvery + time.Minute)
		synctest.Wait()
		if jobs, err := r.store.Jobs(t.Context(), []batch.JobRef{{ID: submit(1).ID}}); err != nil || len(jobs) != 0 {
			t.Errorf("when there is space again %d jobs are stored, %v", len(jobs), err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
