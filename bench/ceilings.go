package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// groupSize is how many rows the ceiling of the store commits together: as many
// as 64 clients that wait for each other's commit.
const groupSize = 64

// measureCeilings adds what bounds every one that does such work.
func (b *bench) measureCeilings(ctx context.Context, t *table) (err error) {
	g, err := b.generator()
	if err != nil {
		return err
	}
	e, err := startEcho()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	var raw lives
	var echoed, rows figures
	for i := range b.rounds {
		if _, err = measureRaw(ctx, b.jobs, &raw); err != nil {
			return err
		}
		l, err := g.run(ctx, e.addr, groupSize, b.length)
		if err != nil {
			return err
		}
		echoed = append(echoed, l.rate)
		r, err := insertGroups(ctx, filepath.Join(b.work, fmt.Sprintf("ceiling-%d.db", i)), b.length)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	t.row("", "", "fork+exec of /bin/true, /s", raw.rate.spread(short))
	t.row("", "", fmt.Sprintf("net/http echo, %d clients, /s", groupSize), echoed.spread(short))
	t.row("", "", fmt.Sprintf("SQLite, rows inserted in groups of %d, /s", groupSize), rows.spread(short))
	t.note("The ceilings do the least of the kind: processes started and awaited; the plain server of the other tables; "+
		"rows of %d bytes, each group in one transaction with a sync.", len(submitBody))
	return nil
}

// insertGroups inserts for so long and returns the rows per second.
func insertGroups(ctx context.Context, path string, length time.Duration) (_ float64, err error) {
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: pragmas.Encode()}).String())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err = db.ExecContext(ctx, `CREATE TABLE rows (id INTEGER PRIMARY KEY, spec BLOB)`); err != nil {
		return 0, err
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO rows (spec) VALUES (?)`)
	if err != nil {
		return 0, err
	}
	n, began := 0, time.Now()
	for time.Since(began) < length {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		in := tx.StmtContext(ctx, insert)
		for range groupSize {
			if _, err = in.ExecContext(ctx, []byte(submitBody)); err != nil {
				return 0, errors.Join(err, tx.Rollback())
			}
		}
		if err = tx.Commit(); err != nil {
			return 0, err
		}
		n += groupSize
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
