package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/fault"
	"github.com/bargehq/barge/internal/store"
)

// writer is the connection that commits, and its statements.
type writer struct {
	*conn
	dropAttempts, dropSpec, dropJob            *statement
	prepared                                   []*statement // all of them
	begin, commit, rollback, advance           *statement
	insertJob, updateJob, insertSpec           *statement
	attempt                                    *statement
	environment, queue, definition, policy     *statement
	host, putClaim, dropClaim                  *statement
	consumable, deleteConsumable, basket       *statement
	schedulingPolicy, dropSchedulingPolicy     *statement
	serviceEnvironment, quotaShare, quotaTurn  *statement
	fairShare, deleteFairShare, cost           *statement
	deleteServiceEnvironment, deleteQuotaShare *statement
	fleet, dropFleet, decision, dropDecisions  *statement
	tags, dropTags                             *statement
	event, dropOutbox, markOutbox              *statement
}

func (w *writer) prepare(ctx context.Context) error {
	for _, p := range []struct {
		to         **statement
		parameters int
		text       string
	}{
		{&w.begin, 0, `BEGIN IMMEDIATE`},
		{&w.commit, 0, `COMMIT`},
		{&w.rollback, 0, `ROLLBACK`},
		{&w.advance, 13, `UPDATE progress SET round = ?1, job = max(job, ?2), definition = max(definition, ?3),
			environment = max(environment, ?4), queue = max(queue, ?5), host = max(host, ?6), policy = max(policy, ?7),
			consumable = max(consumable, ?8), basket = max(basket, ?9), scheduling_policy = max(scheduling_policy, ?10),
			service_environment = max(service_environment, ?11), quota_share = max(quota_share, ?12), fair_share = max(fair_share, ?13)
			WHERE round = ?1 - 1`},
		{&w.insertJob, jobWidth, `INSERT INTO jobs (` + strings.ReplaceAll(jobColumns, "j.", "") + `)
			VALUES (` + parameters(jobWidth) + `)`},
		{&w.updateJob, 25, `UPDATE jobs SET state = ?, flags = ?, priority = ?, attempt = ?, host = ?, scheduled_at = ?, started_at = ?, stopped_at = ?,
			exit_code = ?, reason = ?, status_reason = ?, next = ?, rest = ?, rest_at = ?, counts = ?, gang = ?,
			retry_at = ?, waits = ?, rest_reason = ?, failed = ?, blocked_at = ?,
			cost = ?, on_demand = ?, preempt = ?
			WHERE seq = ? AND (state < 6 OR child < 0)`},
		{&w.insertSpec, 5, `INSERT INTO job_specs (seq, queue, name, share, spec) VALUES (?, ?, ?, ?, ?)`},
		{&w.attempt, 13, replace("attempts", attemptColumns, 2)},
		{&w.environment, 9, replace("environments", environmentColumns, 1)},
		{&w.queue, 14, replace("queues", queueColumns, 1)},
		{&w.definition, 6, replace("definitions", definitionColumns, 1)},
		{&w.host, 19, replace("hosts", hostColumns, 1)},
		{&w.fleet, 10, replace("fleets", fleetColumns, 1)},
		{&w.dropFleet, 1, `DELETE FROM fleets WHERE environment = ?`},
		{&w.decision, 11, replace("decisions", decisionColumns, 2)},
		{&w.dropDecisions, 1, `DELETE FROM decisions WHERE environment = ?`},
		{&w.policy, 2, replace("policies", policyColumns, 1)},
		{&w.putClaim, 4, replace("claims", claimColumns, 1)},
		// The job's children are those with its id; its own row says that it has
		// ended, and is the one that has to be there.
		{&w.dropAttempts, 1, `DELETE FROM attempts WHERE job IN (SELECT seq FROM jobs WHERE id = ?)`},
		{&w.dropSpec, 1, `DELETE FROM job_specs WHERE seq = ?`},
		{&w.dropJob, 2, `DELETE FROM jobs WHERE id = ?1 AND EXISTS
			(SELECT 1 FROM jobs p WHERE p.seq = ?2 AND p.id = ?1 AND p.child = 0 AND p.state >= 6)`},
		{&w.dropClaim, 1, `DELETE FROM claims WHERE token = ?`},
		{&w.consumable, 7, replace("consumables", consumableColumns, 1)},
		{&w.deleteConsumable, 1, `DELETE FROM consumables WHERE id = ?`},
		{&w.basket, 2, replace("baskets", basketColumns, 1)},
		{&w.serviceEnvironment, 6, replace("service_environments", serviceEnvironmentColumns, 1)},
		{&w.deleteServiceEnvironment, 1, `DELETE FROM service_environments WHERE id = ?`},
		{&w.quotaShare, 9, strings.TrimSuffix(replace("quota_shares", quotaShareColumns, 1), ", turn = excluded.turn")},
		{&w.quotaTurn, 2, `UPDATE quota_shares SET turn = ?2 WHERE id = ?1`},
		{&w.deleteQuotaShare, 1, `DELETE FROM quota_shares WHERE id = ?`},
		{&w.fairShare, 7, replace("fair_shares", fairShareColumns, 1)},
		{&w.deleteFairShare, 1, `DELETE FROM fair_shares WHERE id = ?`},
		{&w.cost, 8, replace("costs", costColumns, 5)},
		{&w.schedulingPolicy, 5, replace("scheduling_policies", schedulingPolicyColumns, 1)},
		{&w.dropSchedulingPolicy, 1, `DELETE FROM scheduling_policies WHERE id = ?`},
		{&w.tags, 3, replace("tags", tagColumns, 2)},
		{&w.dropTags, 2, `DELETE FROM tags WHERE kind = ? AND id = ?`},
		{&w.event, outboxWidth, `INSERT INTO outbox (` + outboxColumns + `) VALUES (` + parameters(outboxWidth) + `)`},
		{&w.dropOutbox, 2, `DELETE FROM outbox WHERE (round, place) < (?, ?)`},
		{&w.markOutbox, 3, `UPDATE outbox SET done = max(done, ?3) WHERE round = ?1 AND place = ?2`},
	} {
		s, err := w.conn.prepare(ctx, p.text, p.parameters)
		if err != nil {
			return err
		}
		*p.to, w.prepared = s, append(w.prepared, s)
	}
	return nil
}

// replace returns the statement that writes a whole row, whose key is the first
// columns. It is no REPLACE: that would also delete other rows that are in the
// way of a unique name.
func replace(table, columns string, keys int) string {
	names := strings.Split(strings.ReplaceAll(columns, " ", ""), ",")
	sets := make([]string, 0, len(names))
	for _, n := range names[keys:] {
		sets = append(sets, n+" = excluded."+n)
	}
	return "INSERT INTO " + table + " (" + columns + ") VALUES (" + parameters(len(names)) + ") ON CONFLICT (" +
		strings.Join(names[:keys], ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func parameters(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, r store.Round) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.writer.round(r); err != nil {
		return s.explain(fmt.Errorf("commit round %d: %w", r.Number, err))
	}
	s.grown()
	return nil
}

// errRepeated ends the transaction of a round that is there already.
var errRepeated = errors.New("round is committed already")

// round writes a round in one transaction, which is over when it returns.
func (w *writer) round(r store.Round) error {
	if _, err := w.begin.run(); err != nil {
		return err
	}
	fault.Point("store.write")
	err := w.write(r)
	if err == nil {
		fault.Point("store.commit")
		if _, err = w.commit.run(); err == nil {
			return nil
		}
	}
	// SQLite rolls back by itself after some errors and not after others, so
	// this may find no transaction. Whether it is gone shows at the next BEGIN.
	_, _ = w.rollback.run()
	if errors.Is(err, errRepeated) {
		return nil
	}
	return err
}

func (w *writer) write(r store.Round) error {
	if r.Number < 1 {
		return errors.New("rounds are numbered from 1")
	}
	top := highest(r.Changes)
	n, err := w.advance.run(r.Number, top.Job, top.Definition, top.Environment, top.Queue, top.Host, top.Policy,
		top.Consumable, top.Basket, top.SchedulingPolicy,
		top.ServiceEnvironment, top.QuotaShare, top.FairShare)
	if err != nil {
		return err
	}
	if n == 0 {
		last, err := w.number(context.Background(), "SELECT round FROM progress")
		if err != nil {
			return err
		}
		if last == r.Number {
			return errRepeated
		}
		return fmt.Errorf("it is not the next one: the last is %d", last)
	}
	index := int32(0)
	for _, c := range r.Changes {
		if e, ok := c.(core.EventPut); ok {
			if err := w.putEvent(r.Number, index, &e.Row); err != nil {
				return err
			}
			index++
			continue
		}
		if err := w.put(c); err != nil {
			return err
		}
	}
	return nil
}

// highest returns the highest keys among the rows written.
func highest(changes []core.Change) (top core.Counters) {
	for _, c := range changes {
		switch c := c.(type) {
		case core.JobPut:
			top.Job = max(top.Job, c.Row.Seq)
		case core.AttemptPut, core.ClaimPut, core.ClaimDrop, core.JobDrop, core.EventPut, core.OutboxDrop, core.CostPut:
		case core.EnvironmentPut:
			top.Environment = max(top.Environment, c.Row.ID)
		case core.QueuePut:
			top.Queue = max(top.Queue, c.Row.ID)
		case core.DefinitionPut:
			top.Definition = max(top.Definition, c.Row.ID)
		case core.HostPut:
			top.Host = max(top.Host, c.Row.ID)
		case core.PolicyPut:
			top.Policy = max(top.Policy, c.Row.ID)
		case core.ConsumablePut:
			top.Consumable = max(top.Consumable, c.Row.ID)
		case core.ConsumableDelete:
			top.Consumable = max(top.Consumable, c.ID) // it may be made and deleted in one round
		case core.BasketPut:
			top.Basket = max(top.Basket, c.Row.ID)
		case core.ServiceEnvironmentPut:
			top.ServiceEnvironment = max(top.ServiceEnvironment, c.Row.ID)
		case core.ServiceEnvironmentDelete:
			top.ServiceEnvironment = max(top.ServiceEnvironment, c.ID)
		case core.QuotaSharePut:
			top.QuotaShare = max(top.QuotaShare, c.Row.ID)
		case core.QuotaShareDelete:
			top.QuotaShare = max(top.QuotaShare, c.ID)
		case core.FairSharePut:
			top.FairShare = max(top.FairShare, c.Row.ID)
		case core.FairShareDelete:
			top.FairShare = max(top.FairShare, c.ID)
		case core.SchedulingPolicyPut:
			top.SchedulingPolicy = max(top.SchedulingPolicy, c.Row.ID)
		case core.SchedulingPolicyDelete: // it may have been made in the same round
			top.SchedulingPolicy = max(top.SchedulingPolicy, c.ID)
		case core.TagsPut, core.FleetPut, core.FleetDrop, core.DecisionPut, core.QuotaTurn:
		}
	}
	return top
}

func (w *writer) put(c core.Change) error {
	var err error
	switch c := c.(type) {
	case core.JobPut:
		if err = w.putJob(&c.Row, c.New); err != nil {
			return fmt.Errorf("job %d: %w", c.Row.Seq, err)
		}
	case core.AttemptPut:
		r := &c.Row
		var usage driver.Value
		if usage, err = encodeUsage(r.Usage); err != nil {
			return err
		}
		cost, onDemand := encodeCost(r.Cost)
		_, err = w.attempt.run(r.Job, int64(r.Number), r.Host, int64(r.StartedAt), int64(r.StoppedAt),
			code(r.ExitCode), nullable(r.Reason), nullable(r.StatusReason), blob(r.Containers), usage, cost, onDemand, flag(r.Preempted))
	case core.EnvironmentPut:
		r := &c.Row
		_, err = w.environment.run(r.ID, r.Name, flag(r.Enabled), int64(r.Status), r.MaxVCPU, flag(r.Machine), int64(r.Fargate), blob(r.Spec), int64(r.CreatedAt))
	case core.QueuePut:
		r := &c.Row
		var environments []byte
		if environments, err = json.Marshal(r.Environments); err != nil {
			return err
		}
		var limits driver.Value
		if len(r.TimeLimits) > 0 {
			var text []byte
			if text, err = json.Marshal(r.TimeLimits); err != nil {
				return err
			}
			limits = string(text)
		}
		_, err = w.queue.run(r.ID, r.Name, flag(r.Enabled), int64(r.Status), int64(r.Priority), string(environments),
			r.SchedulingPolicy, r.ServiceEnvironment, blob(r.Spec), int64(r.CreatedAt), limits,
			flag(r.Settings.Backfill), int64(r.Settings.MaxRunning), int64(r.Settings.ShareMaxRunning))
	case core.DefinitionPut:
		r := &c.Row
		_, err = w.definition.run(r.ID, r.Name, int64(r.Revision), flag(r.Active), blob(r.Spec), int64(r.CreatedAt))
	case core.HostPut:
		r := &c.Row
		cost, onDemand := encodeCost(r.Cost)
		_, err = w.host.run(r.ID, r.Environment, r.Name, r.Capacity.MilliVCPU, r.Capacity.MemoryMiB, r.Capacity.GPUs, int64(r.SeenAt),
			int64(r.State), r.Type, flag(r.Spot), int64(r.Generation), r.Gang, flag(r.Used),
			int64(r.LaunchedAt), int64(r.StopAt), int64(r.GoneAt), int64(r.EndedAt), cost, onDemand)
	case core.PolicyPut:
		var policy []byte
		if policy, err = json.Marshal(c.Row.Policy); err != nil {
			return err
		}
		_, err = w.policy.run(c.Row.ID, string(policy))
	case core.CostPut:
		err = w.putCost(&c.Row)
	case core.JobDrop:
		err = w.drop(c)
	case core.ClaimPut:
		r := &c.Row
		_, err = w.putClaim.run(r.Token[:], r.Request[:], r.Job[:], int64(r.Until))
	case core.OutboxDrop:
		err = w.dropEvents(c.Mark)
	case core.ClaimDrop:
		_, err = w.dropClaim.run(c.Token[:])
	case core.SchedulingPolicyPut, core.SchedulingPolicyDelete, core.TagsPut:
		err = w.putResource(c)
	case core.FairSharePut, core.FairShareDelete:
		err = w.putFairShare(c)
	case core.FleetPut, core.FleetDrop, core.DecisionPut:
		err = w.putFleet(c)
	case core.ServiceEnvironmentPut, core.ServiceEnvironmentDelete, core.QuotaSharePut, core.QuotaTurn, core.QuotaShareDelete:
		err = w.putService(c)
	default:
		err = w.putOther(c)
	}
	if err != nil {
		return fmt.Errorf("%T: %w", c, err)
	}
	return nil
}

// putJob writes a job's row: an insert with the first change of a job, an
// update with the others. A child's first change does not say that it is the
// first, so there the update is tried before the insert. A terminal row is not
// found by the update and in the way of the insert, unless it is a node's: nodes
// start again with their job.
func (w *writer) putJob(r *core.JobRow, first *core.NewJob) error {
	retryAt, waits, maxRunning, restReason, failed := rare(r)
	var counts driver.Value
	if r.IsArray() {
		counts = encodeCounts(&r.Counts)
	}
	gang, err := encodeGang(r.Gang)
	if err != nil {
		return err
	}
	cost, onDemand := encodeCost(r.Cost)
	instances, preempt, err := encodeService(r)
	if err != nil {
		return err
	}
	if first == nil {
		n, failure := w.updateJob.run(int64(r.State), int64(r.Flags), int64(r.Priority), int64(r.Attempt), r.Host, int64(r.ScheduledAt),
			int64(r.StartedAt), int64(r.StoppedAt), code(r.ExitCode), nullable(r.Reason), nullable(r.StatusReason),
			int64(r.Next), int64(r.Rest), int64(r.RestAt), counts, gang,
			retryAt, waits, restReason, failed, moment(r.BlockedAt), cost, onDemand, preempt, r.Seq)
		if failure != nil || n == 1 {
			return failure
		}
		if r.Ref.Child == 0 {
			return errors.New("it has no row, or one that is terminal")
		}
	}
	if _, err = w.insertJob.run(r.Seq, r.Ref.ID[:], int64(r.Ref.Child), r.Queue, r.Definition, int64(r.State), int64(r.Flags),
		r.Needs.MilliVCPU, r.Needs.MemoryMiB, r.Needs.GPUs, int64(r.MaxAttempts), r.Policy, int64(r.TimeoutSeconds),
		r.Basket, int64(r.CreatedAt), int64(r.Attempt), r.Host, int64(r.ScheduledAt), int64(r.StartedAt), int64(r.StoppedAt),
		code(r.ExitCode), nullable(r.Reason), nullable(r.StatusReason),
		int64(r.Size), int64(r.Next), int64(r.Rest), int64(r.RestAt), counts, gang,
		retryAt, waits, maxRunning, restReason, failed,
		int64(r.Kind), int64(r.Priority), r.QuotaShare, moment(r.BlockedAt), r.FairShare, cost, onDemand, positive(r.DefinitionMax), instances, preempt); err != nil {
		return err
	}
	if first == nil {
		return nil
	}
	_, err = w.insertSpec.run(r.Seq, r.Queue, first.Name, nullable(first.Share), blob(first.Spec))
	return err
}

// drop removes a job, its children, and what belongs to them. References are
// checked at the end of the round.
func (w *writer) drop(c core.JobDrop) error {
	if _, err := w.dropAttempts.run(c.Ref.ID[:]); err != nil {
		return err
	}
	n, err := w.dropJob.run(c.Ref.ID[:], c.Seq)
	if err != nil || n > 0 {
		if err == nil {
			_, err = w.dropSpec.run(c.Seq)
		}
		if err == nil {
			_, err = w.dropTags.run(int64(core.TagJob), c.Seq)
		}
		return err
	}
	return w.query(context.Background(), `SELECT state FROM jobs WHERE id = ? AND child = 0`, func(record) error {
		return fmt.Errorf("job %s has no row %d that is terminal", c.Ref, c.Seq)
	}, c.Ref.ID[:])
}
