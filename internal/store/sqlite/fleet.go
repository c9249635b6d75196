package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bargehq/barge/internal/core"
)

const fleetColumns = `environment, fleet, generation, desired, updated_at, tried_at, joined, invalid, backoffs, decided`

func decodeFleet(r record) (core.FleetRow, error) {
	row := core.FleetRow{
		Environment: r.int(0), Generation: r.int32(2), Desired: r.int(3), UpdatedAt: r.instant(4), TriedAt: r.instant(5),
		Joined: r.int(6) != 0, Invalid: r.text(7), Decided: r.int(9),
	}
	if err := errors.Join(json.Unmarshal([]byte(r.text(1)), &row.Fleet), json.Unmarshal([]byte(r.text(8)), &row.Backoffs)); err != nil {
		return row, fmt.Errorf("fleet of environment %d: %w", row.Environment, err)
	}
	return row, nil
}

const decisionColumns = `environment, slot, number, at, launched, ended, type, why, demand, have, price`

func decodeDecision(r record) (core.Decision, error) {
	return core.Decision{
		Environment: r.int(0), Number: r.int(2), At: r.instant(3), Launched: r.int32(4), Ended: r.int32(5), Type: r.text(6), Why: r.text(7),
		Demand: r.int(8), Have: r.int(9), Price: r.int(10),
	}, nil
}

// putFleet writes what is known of instances beside their rows.
func (w *writer) putFleet(c core.Change) error {
	switch c := c.(type) {
	case core.FleetPut:
		r := &c.Row
		fleet, err := json.Marshal(r.Fleet)
		if err != nil {
			return err
		}
		backoffs, err := json.Marshal(r.Backoffs)
		if err != nil {
			return err
		}
		_, err = w.fleet.run(r.Environment, string(fleet), int64(r.Generation), r.Desired, int64(r.UpdatedAt), int64(r.TriedAt),
			flag(r.Joined), r.Invalid, string(backoffs), r.Decided)
		return err
	case core.FleetDrop:
		if _, err := w.dropDecisions.run(c.Environment); err != nil {
			return err
		}
		_, err := w.dropFleet.run(c.Environment)
		return err
	case core.DecisionPut:
		r := &c.Row
		_, err := w.decision.run(r.Environment, r.Number%core.DecisionsKept, r.Number, int64(r.At), int64(r.Launched), int64(r.Ended),
			r.Type, r.Why, r.Demand, r.Have, r.Price)
		return err
	default:
		return errors.New("unknown change")
	}
}

// Fleets implements [store.Store].
func (s *Store) Fleets(ctx context.Context) ([]core.FleetRow, error) {
	return list(ctx, s, "fleets", decodeFleet, `SELECT `+fleetColumns+` FROM fleets ORDER BY environment`)
}

// Instances implements [store.Store].
func (s *Store) Instances(ctx context.Context, environment int64) (rows []core.HostRow, err error) {
	err = s.view(ctx, "instances", func(ctx context.Context, tx *sql.Tx) error {
		found, queryErr := tx.QueryContext(ctx, `SELECT `+hostColumns+` FROM hosts WHERE environment = ? AND state < 5 ORDER BY id`, environment)
		rows, queryErr = all(found, queryErr, decodeHost)
		return queryErr
	})
	return rows, err
}

// Decisions implements [store.Store].
func (s *Store) Decisions(ctx context.Context, environment int64) (rows []core.Decision, err error) {
	err = s.view(ctx, "decisions", func(ctx context.Context, tx *sql.Tx) error {
		found, queryErr := tx.QueryContext(ctx, `SELECT `+decisionColumns+` FROM decisions WHERE environment = ? ORDER BY number`, environment)
		rows, queryErr = all(found, queryErr, decodeDecision)
		return queryErr
	})
	return rows, err
}
