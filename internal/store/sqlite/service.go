package sqlite

import (
	"context"
	"fmt"

	"github.com/bargehq/barge/internal/core"
)

const serviceEnvironmentColumns = `id, name, enabled, spec, created_at`

func decodeServiceEnvironment(r record) (core.ServiceEnvironmentRow, error) {
	return core.ServiceEnvironmentRow{
		ID: r.int(0), Name: r.text(1), Enabled: r.int(2) != 0, Spec: r.bytes(3), CreatedAt: r.instant(4),
	}, nil
}

const quotaShareColumns = `id, queue, name, enabled, status, spec, created_at`

func decodeQuotaShare(r record) (core.QuotaShareRow, error) {
	return core.QuotaShareRow{
		ID: r.int(0), Queue: r.int(1), Name: r.text(2), Enabled: r.int(3) != 0, Status: core.Status(r.int(4)),
		Spec: r.bytes(5), CreatedAt: r.instant(6),
	}, nil
}

// putService writes what service jobs are about.
func (w *writer) putService(c core.Change) error {
	var err error
	switch c := c.(type) {
	case core.ServiceEnvironmentPut:
		r := &c.Row
		_, err = w.serviceEnvironment.run(r.ID, r.Name, flag(r.Enabled), blob(r.Spec), int64(r.CreatedAt))
	case core.ServiceEnvironmentDelete:
		_, err = w.deleteServiceEnvironment.run(c.ID)
	case core.QuotaSharePut:
		r := &c.Row
		_, err = w.quotaShare.run(r.ID, r.Queue, r.Name, flag(r.Enabled), int64(r.Status), blob(r.Spec), int64(r.CreatedAt))
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
