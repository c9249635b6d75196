package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

const consumableColumns = `id, name, spent, total, in_use, spec, created_at`

func decodeConsumable(r record) (core.ConsumableRow, error) {
	return core.ConsumableRow{
		ID: r.int(0), Name: r.text(1), Spent: r.int(2) != 0, Total: r.int(3), InUse: r.int(4), Spec: r.bytes(5), CreatedAt: r.instant(6),
	}, nil
}

const basketColumns = `id, needs`

func decodeBasket(r record) (core.BasketRow, error) {
	c := core.BasketRow{ID: r.int(0)}
	if err := json.Unmarshal([]byte(r.text(1)), &c.Needs); err != nil {
		return c, fmt.Errorf("needs of basket %d: %w", c.ID, err)
	}
	return c, nil
}

// putOther writes what is neither a job nor what jobs run on.
func (w *writer) putOther(c core.Change) error {
	var err error
	switch c := c.(type) {
	case core.ConsumablePut:
		r := &c.Row
		_, err = w.consumable.run(r.ID, r.Name, flag(r.Spent), r.Total, r.InUse, blob(r.Spec), int64(r.CreatedAt))
	case core.ConsumableDelete:
		_, err = w.deleteConsumable.run(c.ID)
	case core.BasketPut:
		var needs []byte
		if needs, err = json.Marshal(c.Row.Needs); err != nil {
			return err
		}
		_, err = w.basket.run(c.Row.ID, string(needs))
	default:
		err = fmt.Errorf("unknown change %T", c)
	}
	return err
}

// conditions are the parts of a WHERE, joined by AND, with their values.
type conditions struct {
	text string
	args []any
}

func (c *conditions) and(condition string, values ...any) {
	if c.text != "" {
		c.text += " AND "
	}
	c.text += condition
	c.args = append(c.args, values...)
}

// like adds a condition on a column. Names are ASCII, so lower folds all of them.
func (c *conditions) like(column string, p store.NamePattern) {
	switch {
	case p.Prefix:
		c.and("substr(lower("+column+"), 1, ?) = ?", len(p.Name), p.Name)
	case p.Name != "":
		c.and("lower("+column+") = ?", p.Name)
	}
}

// Consumables implements [store.Store].
func (s *Store) Consumables(ctx context.Context, f store.ConsumableFilter) ([]core.ConsumableRow, error) {
	var c conditions
	c.and("name > ?", f.After)
	if f.Name != "" {
		c.and("name = ?", f.Name)
	}
	c.like("name", f.Like)
	return list(ctx, s, "consumable resources", decodeConsumable, `SELECT `+consumableColumns+` FROM consumables
		WHERE `+c.text+` ORDER BY name LIMIT ?`, append(c.args, max(0, f.Limit))...)
}

// Consumers implements [store.Store].
func (s *Store) Consumers(ctx context.Context, f store.ConsumerFilter) (out []store.Job, err error) {
	if f.Limit <= 0 {
		return nil, nil
	}
	err = s.view(ctx, "jobs", func(ctx context.Context, tx *sql.Tx) (err error) {
		out, err = consumers(ctx, tx, f)
		return err
	})
	return out, err
}

// consumers reads each basket and state along the index, newest first, so that a
// page looks at few jobs however many there are.
func consumers(ctx context.Context, tx *sql.Tx, f store.ConsumerFilter) (out []store.Job, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT b.id FROM baskets b, json_each(b.needs) n WHERE n.value ->> 'resource' = ?`, f.Resource)
	baskets, err := all(rows, err, func(r record) (int64, error) { return r.int(0), nil })
	if err != nil {
		return nil, err
	}
	for _, basket := range baskets {
		for state := range batch.JobState(batch.JobStates) {
			if f.State != nil && *f.State != state {
				continue
			}
			c := conditions{text: "j.child = 0"}
			c.and("j.basket = ? AND j.basket > 0 AND j.state = ?", basket, int64(state))
			if f.Before != 0 {
				c.and("j.seq < ?", f.Before)
			}
			c.like("s.name", f.Like)
			rows, err := tx.QueryContext(ctx, `SELECT `+jobColumns+`, s.name, s.share FROM jobs j INDEXED BY jobs_by_basket
				JOIN job_specs s ON s.seq = j.seq WHERE `+c.text+` ORDER BY j.seq DESC LIMIT ?`, append(c.args, f.Limit)...)
			jobs, err := all(rows, err, decodeNamedJob)
			if err != nil {
				return nil, err
			}
			out = append(out, jobs...)
		}
	}
	slices.SortFunc(out, func(a, b store.Job) int { return cmp.Compare(b.Seq, a.Seq) })
	return out[:min(len(out), f.Limit)], nil
}

// Baskets implements [store.Store].
func (s *Store) Baskets(ctx context.Context, ids []int64) ([]core.BasketRow, error) {
	return byID(ctx, s, "baskets", decodeBasket, ids)
}
