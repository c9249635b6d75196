package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

const costColumns = `hour, queue, environment, definition, share, attempts, cost, on_demand`

func decodeCost(r record) (core.CostRow, error) {
	return core.CostRow{
		CostKey:  core.CostKey{Hour: r.int(0), Queue: r.int(1), Environment: r.int(2), Definition: r.int(3), Share: r.text(4)},
		Attempts: r.int(5), Cost: batch.Cost{NanoUSD: r.int(6), OnDemand: r.int(7)},
	}, nil
}

func (w *writer) putCost(r *core.CostRow) error {
	_, err := w.cost.run(r.Hour, r.Queue, r.Environment, r.Definition, r.Share, r.Attempts, r.Cost.NanoUSD, r.Cost.OnDemand)
	return err
}

// cost reads two columns.
func (r record) cost(i int) *batch.Cost {
	if r[i] == nil {
		return nil
	}
	return &batch.Cost{NanoUSD: r.int(i), OnDemand: r.int(i + 1)}
}

// encodeCost returns the two columns.
func encodeCost(c *batch.Cost) (cost, onDemand driver.Value) {
	if c == nil {
		return nil, nil
	}
	return c.NanoUSD, c.OnDemand
}

// EndedInstances implements [store.Store].
func (s *Store) EndedInstances(ctx context.Context, after batch.Instant, afterID int64, until batch.Instant, limit int) ([]core.HostRow, error) {
	return list(ctx, s, "instances", decodeHost, `SELECT `+hostColumns+` FROM hosts INDEXED BY hosts_ended
		WHERE state = 5 AND (ended_at, id) > (?, ?) AND ended_at < ? ORDER BY ended_at, id LIMIT ?`, int64(after), afterID, int64(until), limit)
}

// Costs implements [store.Store].
func (s *Store) Costs(ctx context.Context, after core.CostKey, until int64, limit int) ([]core.CostRow, error) {
	return list(ctx, s, "costs", decodeCost, `SELECT `+costColumns+` FROM costs
		WHERE (hour, queue, environment, definition, share) > (?, ?, ?, ?, ?) AND hour < ?
		ORDER BY hour, queue, environment, definition, share LIMIT ?`,
		after.Hour, after.Queue, after.Environment, after.Definition, after.Share, until, limit)
}

// JobCosts implements [store.Store].
func (s *Store) JobCosts(ctx context.Context, f store.CostFilter) ([]store.JobCost, error) {
	return list(ctx, s, "costs of jobs", func(r record) (store.JobCost, error) {
		j := store.JobCost{Seq: r.int(0), StoppedAt: r.instant(2), Name: r.text(3), Spec: r.bytes(4), Cost: r.cost(5)}
		copy(j.ID[:], r.bytes(1))
		return j, nil
	}, `SELECT j.seq, j.id, j.stopped_at, n.name, n.spec, j.cost, j.on_demand
		FROM jobs j INDEXED BY ended_jobs JOIN job_specs n ON n.seq = j.seq
		WHERE j.child = 0 AND j.state >= 6 AND (j.stopped_at, j.seq) > (?, ?) AND j.stopped_at < ?
		ORDER BY j.stopped_at, j.seq LIMIT ?`, int64(f.After), f.AfterSeq, int64(f.Until), f.Limit)
}
