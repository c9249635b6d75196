package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/bargehq/barge/internal/core"
)

const serviceEnvironmentColumns = `id, name, enabled, spec, created_at, limits`

func decodeServiceEnvironment(r record) (core.ServiceEnvironmentRow, error) {
	row := core.ServiceEnvironmentRow{
		ID: r.int(0), Name: r.text(1), Enabled: r.int(2) != 0, Spec: r.bytes(3), CreatedAt: r.instant(4),
	}
	if err := json.Unmarshal([]byte(r.text(5)), &row.Limits); err != nil {
		return row, fmt.Errorf("limits of service environment %s: %w", row.Name, err)
	}
	return row, nil
}

const quotaShareColumns = `id, queue, name, enabled, status, spec, created_at, rules, turn`

func decodeQuotaShare(r record) (core.QuotaShareRow, error) {
	row := core.QuotaShareRow{
		ID: r.int(0), Queue: r.int(1), Name: r.text(2), Enabled: r.int(3) != 0, Status: core.Status(r.int(4)),
		Spec: r.bytes(5), CreatedAt: r.instant(6), Turn: r.int(8),
	}
	if err := json.Unmarshal([]byte(r.text(7)), &row.Rules); err != nil {
		return row, fmt.Errorf("rules of quota share %s: %w", row.Name, err)
	}
	return row, nil
}

// encodeService returns as JSON what service jobs and jobs in quota shares have,
// and null for none of it.
func encodeService(r *core.JobRow) (instances, preempt driver.Value, err error) {
	if len(r.Instances) > 0 {
		if instances, err = textOf(r.Instances); err != nil {
			return nil, nil, err
		}
	}
	if r.Preempt != nil {
		preempt, err = textOf(r.Preempt)
	}
	return instances, preempt, err
}

func textOf(v any) (driver.Value, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func decodeService(instances, preempt string, j *core.JobRow) error {
	if instances != "" {
		if err := json.Unmarshal([]byte(instances), &j.Instances); err != nil {
			return fmt.Errorf("instances of job %d: %w", j.Seq, err)
		}
	}
	if preempt != "" {
		j.Preempt = new(core.Preempt)
		if err := json.Unmarshal([]byte(preempt), j.Preempt); err != nil {
			return fmt.Errorf("preemptions of job %d: %w", j.Seq, err)
		}
	}
	return nil
}

// putService writes what service jobs are about.
func (w *writer) putService(c core.Change) error {
	var err error
	switch c := c.(type) {
	case core.ServiceEnvironmentPut:
		r := &c.Row
		var limits driver.Value
		if limits, err = textOf(r.Limits); err == nil {
			_, err = w.serviceEnvironment.run(r.ID, r.Name, flag(r.Enabled), blob(r.Spec), int64(r.CreatedAt), limits)
		}
	case core.ServiceEnvironmentDelete:
		_, err = w.deleteServiceEnvironment.run(c.ID)
	case core.QuotaSharePut:
		r := &c.Row
		var rules driver.Value
		if rules, err = textOf(r.Rules); err == nil {
			_, err = w.quotaShare.run(r.ID, r.Queue, r.Name, flag(r.Enabled), int64(r.Status), blob(r.Spec), int64(r.CreatedAt), rules, r.Turn)
		}
	case core.QuotaTurn:
		_, err = w.quotaTurn.run(c.ID, c.Turn)
	case core.QuotaShareDelete:
		_, err = w.deleteQuotaShare.run(c.ID)
	default:
		err = fmt.Errorf("unknown change %T", c)
	}
	return err
}

// ServiceEnvironments implements [store.Store].
func (s *Store) ServiceEnvironments(ctx context.Context) ([]core.ServiceEnvironmentRow, error) {
	return list(ctx, s, "service environments", decodeServiceEnvironment,
		`SELECT `+serviceEnvironmentColumns+` FROM service_environments ORDER BY name`)
}

// QuotaShares implements [store.Store].
func (s *Store) QuotaShares(ctx context.Context, queue int64) ([]core.QuotaShareRow, error) {
	return list(ctx, s, "quota shares", decodeQuotaShare,
		`SELECT `+quotaShareColumns+` FROM quota_shares WHERE queue = ? ORDER BY name`, queue)
}
