package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/fair"
)

func (w *writer) putResource(c core.Change) error {
	switch c := c.(type) {
	case core.SchedulingPolicyPut:
		r := &c.Row
		var policy driver.Value
		if r.Fair != nil {
			text, err := json.Marshal(r.Fair)
			if err != nil {
				return err
			}
			policy = string(text)
		}
		_, err := w.schedulingPolicy.run(r.ID, r.Name, policy, blob(r.Spec), int64(r.CreatedAt))
		return err
	case core.SchedulingPolicyDelete:
		_, err := w.dropSchedulingPolicy.run(c.ID)
		return err
	case core.TagsPut:
		of := c.Row.Of
		if c.Row.Tags == nil {
			_, err := w.dropTags.run(int64(of.Kind), of.ID)
			return err
		}
		tags, err := json.Marshal(c.Row.Tags)
		if err != nil {
			return err
		}
		_, err = w.tags.run(int64(of.Kind), of.ID, string(tags))
		return err
	default:
		return errors.New("unknown change")
	}
}

const schedulingPolicyColumns = `id, name, fair, spec, created_at`

func decodeSchedulingPolicy(r record) (core.SchedulingPolicyRow, error) {
	row := core.SchedulingPolicyRow{ID: r.int(0), Name: r.text(1), Spec: r.bytes(3), CreatedAt: r.instant(4)}
	text := r.text(2)
	if text == "" {
		return row, nil
	}
	row.Fair = new(fair.Policy)
	if err := json.Unmarshal([]byte(text), row.Fair); err != nil {
		return row, fmt.Errorf("scheduling policy %s: %w", row.Name, err)
	}
	return row, nil
}

const tagColumns = `kind, id, tags`

func decodeTags(r record) (core.TagsRow, error) {
	row := core.TagsRow{Of: core.Tagged{Kind: core.TagKind(r.int(0)), ID: r.int(1)}}
	if err := json.Unmarshal([]byte(r.text(2)), &row.Tags); err != nil {
		return row, fmt.Errorf("tags of resource %d of kind %d: %w", row.Of.ID, row.Of.Kind, err)
	}
	return row, nil
}

// SchedulingPolicies implements [store.Store].
func (s *Store) SchedulingPolicies(ctx context.Context) ([]core.SchedulingPolicyRow, error) {
	return list(ctx, s, "scheduling policies", decodeSchedulingPolicy,
		`SELECT `+schedulingPolicyColumns+` FROM scheduling_policies ORDER BY name`)
}

// EnvironmentsByID implements [store.Store].
func (s *Store) EnvironmentsByID(ctx context.Context, ids []int64) ([]core.EnvironmentRow, error) {
	return byID(ctx, s, "environments", decodeEnvironment, ids)
}

// QueuesByID implements [store.Store].
func (s *Store) QueuesByID(ctx context.Context, ids []int64) ([]core.QueueRow, error) {
	return byID(ctx, s, "queues", decodeQueue, ids)
}

// Tags implements [store.Store].
func (s *Store) Tags(ctx context.Context, of []core.Tagged) (map[core.Tagged]map[string]string, error) {
	found := make(map[core.Tagged]map[string]string)
	if len(of) == 0 {
		return found, ctx.Err()
	}
	keys := make([][2]int64, len(of))
	for i, k := range of {
		keys[i] = [2]int64{int64(k.Kind), k.ID}
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, "tags", func(ctx context.Context, tx *sql.Tx) error {
		rows, queryErr := tx.QueryContext(ctx, `SELECT t.kind, t.id, t.tags FROM json_each(?) k CROSS JOIN tags t
			ON t.kind = k.value ->> 0 AND t.id = k.value ->> 1`, string(text))
		tags, readErr := all(rows, queryErr, decodeTags)
		for _, row := range tags {
			found[row.Of] = row.Tags
		}
		return readErr
	})
	return found, err
}
