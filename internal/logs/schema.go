package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver named sqlite
)

const schemaVersion = 1

// A group without a name is deleted and waits for its streams to be removed;
// group 0 is where deleted streams wait.
//
// Two writers share a stream's row without treading on each other: commits set
// created, last, ingested, written, cursor and next, all to absolute values so
// that a commit can be repeated; expiry sets oldest and expired.
const schema = `
CREATE TABLE groups (
	id             INTEGER PRIMARY KEY,
	name           TEXT UNIQUE,
	created        INTEGER NOT NULL,
	retention_days INTEGER NOT NULL DEFAULT 0,
	written        INTEGER NOT NULL DEFAULT 0,
	expired        INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO groups (id, name, created) VALUES (0, NULL, 0);

CREATE TABLE streams (
	id       INTEGER PRIMARY KEY,
	group_id INTEGER NOT NULL,
	name     TEXT NOT NULL,
	created  INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	ingested INTEGER NOT NULL,
	written  INTEGER NOT NULL,
	expired  INTEGER NOT NULL DEFAULT 0,
	cursor   INTEGER NOT NULL,
	oldest   INTEGER NOT NULL DEFAULT 0,
	next     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX streams_by_name ON streams (group_id, name);
CREATE INDEX streams_by_time ON streams (group_id, last);

CREATE TABLE chunks (
	id       INTEGER PRIMARY KEY,
	group_id INTEGER NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	ingested INTEGER NOT NULL,
	data     BLOB NOT NULL
) STRICT;
CREATE INDEX chunks_by_time ON chunks (group_id, first, last);

PRAGMA user_version = 1;
`

// openFile opens the database for one writer and some readers.
func openFile(dir string) (write, read *sql.DB, err error) {
	if dir == "" {
		return nil, nil, errors.New("log store needs a directory")
	}
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make log directory: %w", err)
	}
	path := filepath.Join(dir, "logs.db")
	write, err = sql.Open("sqlite", dsn(path, "journal_mode(wal)", "synchronous(full)", "busy_timeout(10000)"))
	if err != nil {
		return nil, nil, fmt.Errorf("open log store: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err = migrate(write); err != nil {
		_ = write.Close()
		return nil, nil, fmt.Errorf("open log store %s: %w", path, err)
	}
	read, err = sql.Open("sqlite", dsn(path, "query_only(1)", "busy_timeout(10000)"))
	if err != nil {
		_ = write.Close()
		return nil, nil, fmt.Errorf("open log store: %w", err)
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return write, read, nil
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func migrate(db *sql.DB) error {
	ctx := context.Background()
	var version int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return fmt.Errorf("the file was written by a newer version (schema %d, this one knows %d)", version, schemaVersion)
	}
	return inTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema)
		return err
	})
}

func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
