package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// Load implements [store.Store]. It reads one snapshot on a connection of its
// own, as long as that takes, and below database/sql, which would convert each
// of tens of millions of values by reflection.
func (s *Store) Load(ctx context.Context, l *core.Loader) (round int64, err error) {
	c, err := connect(ctx, s.dsn("ro", reading()))
	if err != nil {
		return 0, fmt.Errorf("load: %w", s.explain(err))
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err = c.exec(ctx, "BEGIN"); err != nil {
		return 0, fmt.Errorf("load: %w", s.explain(err))
	}
	round, err = load(ctx, c, l)
	if err != nil {
		return 0, fmt.Errorf("load: %w", s.explain(err))
	}
	return round, c.exec(ctx, "COMMIT")
}

func load(ctx context.Context, c *conn, l *core.Loader) (round int64, err error) {
	if err := c.query(ctx, `SELECT round, job, definition, environment, queue, host, policy, consumable, basket, scheduling_policy, service_environment, quota_share, fair_share
		FROM progress`, func(r record) error {
		round = r.int(0)
		l.Counters(core.Counters{
			Job: r.int(1), Definition: r.int(2), Environment: r.int(3), Queue: r.int(4), Host: r.int(5), Policy: r.int(6),
			Consumable: r.int(7), Basket: r.int(8), SchedulingPolicy: r.int(9), ServiceEnvironment: r.int(10), QuotaShare: r.int(11), FairShare: r.int(12),
		})
		return nil
	}); err != nil {
		return 0, err
	}
	var queues []core.QueueRow
	if err := errors.Join(
		feed(ctx, c, `SELECT `+environmentColumns+` FROM environments WHERE status < 2 ORDER BY id`, decodeEnvironment, func(e core.EnvironmentRow) error {
			l.Environment(e)
			return nil
		}),
		feed(ctx, c, `SELECT `+fleetColumns+` FROM fleets ORDER BY environment`, decodeFleet, l.Fleet),
		feed(ctx, c, `SELECT `+serviceEnvironmentColumns+` FROM service_environments ORDER BY id`, decodeServiceEnvironment,
			func(row core.ServiceEnvironmentRow) error {
				l.ServiceEnvironment(row)
				return nil
			}),
		feed(ctx, c, `SELECT `+schedulingPolicyColumns+` FROM scheduling_policies ORDER BY id`, decodeSchedulingPolicy,
			func(row core.SchedulingPolicyRow) error {
				l.SchedulingPolicy(row)
				return nil
			}),
		feed(ctx, c, `SELECT `+queueColumns+` FROM queues WHERE status < 2 ORDER BY id`, decodeQueue, func(q core.QueueRow) error {
			queues = append(queues, core.QueueRow{ID: q.ID, ServiceEnvironment: q.ServiceEnvironment})
			return l.Queue(q)
		}),
		feed(ctx, c, `SELECT `+hostColumns+` FROM hosts
			WHERE state < 5 AND environment IN (SELECT id FROM environments WHERE status < 2) ORDER BY id`, decodeHost, l.Host),
		feed(ctx, c, `SELECT `+costColumns+` FROM costs WHERE hour = (SELECT max(hour) FROM costs)`, decodeCost, func(row core.CostRow) error {
			l.Cost(row)
			return nil
		}),
		feed(ctx, c, `SELECT `+policyColumns+` FROM policies ORDER BY id`, decodePolicy, l.Policy),
		feed(ctx, c, `SELECT `+consumableColumns+` FROM consumables ORDER BY id`, decodeConsumable, func(row core.ConsumableRow) error {
			l.Consumable(row)
			return nil
		}),
		feed(ctx, c, `SELECT `+quotaShareColumns+` FROM quota_shares ORDER BY id`, decodeQuotaShare, l.QuotaShare),
		feed(ctx, c, `SELECT `+fairShareColumns+` FROM fair_shares ORDER BY id`, decodeFairShare, l.FairShare),
		feed(ctx, c, `SELECT `+basketColumns+` FROM baskets ORDER BY id`, decodeBasket, l.Basket),
		c.query(ctx, `SELECT name, max(revision) FROM definitions GROUP BY name`, func(r record) error {
			l.Revision(r.text(0), r.int32(1))
			return nil
		}),
		feed(ctx, c, `SELECT `+claimColumns+` FROM claims ORDER BY until, token`, decodeClaim, l.Claim),
	); err != nil {
		return 0, err
	}
	return round, loadJobs(ctx, c, l, queues)
}

// loadJobs feeds the active jobs, queue by queue and state by state along the
// listing index, so that ended ones are not even looked at; then the children.
func loadJobs(ctx context.Context, c *conn, l *core.Loader, queues []core.QueueRow) error {
	var gangs []batch.JobID
	job := func(j core.JobRow) error {
		if j.Gang != nil {
			gangs = append(gangs, j.Ref.ID)
		}
		return l.Job(j)
	}
	for _, q := range queues {
		whole, single := []batch.JobState{batch.Submitted, batch.Pending}, []batch.JobState{batch.Runnable, batch.Starting, batch.Running}
		if q.ServiceEnvironment != 0 { // few, and with more to say
			whole, single = append(append(whole, batch.Scheduled), single...), nil
		}
		for _, state := range whole {
			if err := feed(ctx, c, `SELECT `+jobColumns+` FROM jobs j INDEXED BY jobs_by_queue
				WHERE child = 0 AND queue = ? AND state = ? ORDER BY seq`, decodeJob, job, q.ID, int64(state)); err != nil {
				return err
			}
		}
		for _, state := range single {
			if err := loadSingle(ctx, c, job, q.ID, state); err != nil {
				return err
			}
		}
	}
	if err := feed(ctx, c, `SELECT `+jobColumns+` FROM jobs j INDEXED BY active_children
		WHERE child > 0 AND state < 6 ORDER BY seq`, decodeJob, l.Job); err != nil {
		return err
	}
	for _, id := range gangs {
		if err := feed(ctx, c, `SELECT `+jobColumns+` FROM jobs j WHERE id = ? AND child < 0 ORDER BY child DESC`, decodeJob, l.Job, id[:]); err != nil {
			return err
		}
	}
	// Children that ended before it was their turn, of arrays that are active:
	// those are pending.
	for _, q := range queues {
		if err := feed(ctx, c, `SELECT `+jobColumns+` FROM jobs p INDEXED BY jobs_by_queue
			CROSS JOIN jobs j ON j.id = p.id AND j.child > p.next
			WHERE p.child = 0 AND p.queue = ? AND p.state = ? AND p.size > 0 AND j.state >= 6
			ORDER BY p.seq, j.child`, decodeJob, l.Job, q.ID, int64(batch.Pending)); err != nil {
			return err
		}
	}
	target := func(r core.JobRow) error {
		l.Target(r)
		return nil
	}
	for _, ref := range l.Targets() {
		if err := feed(ctx, c, `SELECT `+jobColumns+` FROM jobs j WHERE j.id = ? AND j.child = ?`,
			decodeJob, target, ref.ID[:], int64(ref.Child)); err != nil {
			return err
		}
	}
	return nil
}

// loadSingle feeds jobs in a state that array jobs are never in. These are the
// millions, and the driver takes a lock twice for each column, so only what the
// core keeps of them is read.
func loadSingle(ctx context.Context, c *conn, to func(core.JobRow) error, queue int64, state batch.JobState) error {
	return c.query(ctx, `SELECT seq, id, definition, flags, vcpu, memory, gpus, max_attempts, policy, timeout, basket, created_at,
		attempt, host, scheduled_at, started_at, status_reason, gang, retry_at, blocked_at, priority, fair_share, cost, on_demand, definition_max, quota_share, preempt FROM jobs INDEXED BY jobs_by_queue
		WHERE child = 0 AND queue = ? AND state = ? ORDER BY seq`, func(r record) error {
		j := core.JobRow{
			Seq: r.int(0), Queue: queue, Definition: r.int(2), State: state, Flags: core.Flags(r.int(3)),
			Needs:       batch.Resources{MilliVCPU: r.int(4), MemoryMiB: r.int(5), GPUs: r.int(6)},
			MaxAttempts: r.int32(7), Policy: r.int(8), TimeoutSeconds: r.int32(9), Basket: r.int(10), CreatedAt: r.instant(11),
			Attempt: r.int32(12), Host: r.int(13), ScheduledAt: r.instant(14), StartedAt: r.instant(15), StatusReason: r.text(16),
			RetryAt: r.instant(18), BlockedAt: r.instant(19), Priority: r.int32(20), FairShare: r.int(21), Cost: r.cost(22), DefinitionMax: r.int32(24), QuotaShare: r.int(25),
		}
		copy(j.Ref.ID[:], r.bytes(1))
		if err := errors.Join(decodeGang(r.text(17), &j), decodeService("", r.text(26), &j)); err != nil {
			return err
		}
		return to(j)
	}, queue, int64(state))
}

// feed decodes each row of a query and hands it on.
func feed[T any](ctx context.Context, c *conn, text string, decode func(record) (T, error), to func(T) error, args ...driver.Value) error {
	return c.query(ctx, text, func(r record) error {
		row, err := decode(r)
		if err != nil {
			return err
		}
		return to(row)
	}, args...)
}
