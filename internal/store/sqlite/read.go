package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// view runs a read on one snapshot and for a bounded time.
func (s *Store) view(ctx context.Context, what string, read func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.readFor)
	defer cancel()
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		err = read(ctx, tx)
		_ = tx.Rollback() // a read has nothing to lose
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, s.explain(err))
	}
	return nil
}

// Environments implements [store.Store].
func (s *Store) Environments(ctx context.Context) (out []core.EnvironmentRow, err error) {
	return list(ctx, s, "environments", decodeEnvironment, `SELECT `+environmentColumns+` FROM environments WHERE status < 2 ORDER BY name`)
}

// Queues implements [store.Store].
func (s *Store) Queues(ctx context.Context) (out []core.QueueRow, err error) {
	return list(ctx, s, "queues", decodeQueue, `SELECT `+queueColumns+` FROM queues WHERE status < 2 ORDER BY name`)
}

// Definitions implements [store.Store].
func (s *Store) Definitions(ctx context.Context, f store.DefinitionFilter) ([]core.DefinitionRow, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if f.Name != "" {
		and("name = ?", f.Name)
	}
	if f.Revision != 0 {
		and("revision = ?", f.Revision)
	}
	if f.Active != nil {
		and("active = ?", *f.Active)
	}
	if f.AfterName != "" {
		// The first condition is the one that an index can be entered with.
		and("name >= ? AND (name > ? OR revision < ?)", f.AfterName, f.AfterName, f.BeforeRevision)
	}
	text := `SELECT ` + definitionColumns + ` FROM definitions`
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return list(ctx, s, "definitions", decodeDefinition, text+" ORDER BY name, revision DESC LIMIT ?", append(args, max(0, f.Limit))...)
}

// DefinitionsByID implements [store.Store].
func (s *Store) DefinitionsByID(ctx context.Context, ids []int64) ([]core.DefinitionRow, error) {
	return byID(ctx, s, "definitions", decodeDefinition, ids)
}

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context, ids []int64) ([]core.HostRow, error) {
	return byID(ctx, s, "hosts", decodeHost, ids)
}

// Policies implements [store.Store].
func (s *Store) Policies(ctx context.Context, ids []int64) ([]core.PolicyRow, error) {
	return byID(ctx, s, "policies", decodePolicy, ids)
}

// list runs a query of its own, which is one snapshot without a transaction.
func list[T any](ctx context.Context, s *Store, table string, decode func(record) (T, error), text string, args ...any) ([]T, error) {
	return listOf(ctx, s, table, decode, func(ctx context.Context) (*sql.Rows, error) { return s.reads.QueryContext(ctx, text, args...) })
}

// byID returns the rows with these keys of one of the tables of [keyed].
func byID[T any](ctx context.Context, s *Store, table string, decode func(record) (T, error), ids []int64) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	// As JSON, because the number of parameters is limited and that of ids is not.
	keys, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return listOf(ctx, s, table, decode, func(ctx context.Context) (*sql.Rows, error) {
		return s.hot.byID[table].QueryContext(ctx, string(keys))
	})
}

func listOf[T any](
	ctx context.Context, s *Store, table string, decode func(record) (T, error), query func(context.Context) (*sql.Rows, error),
) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.readFor)
	defer cancel()
	rows, err := query(ctx)
	out, err := all(rows, err, decode)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, s.explain(err))
	}
	return out, nil
}
