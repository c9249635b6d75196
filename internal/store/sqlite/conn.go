package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"modernc.org/sqlite"
)

// conn is one connection below database/sql: for one goroutine at a time.
type conn struct{ driver.Conn }

// What the driver's connections can do beside driver.Conn.
type (
	execer  = driver.ExecerContext
	queryer = driver.QueryerContext
)

// pragmas are settings of a connection.
type pragmas []string

// dsn names the database in the way of SQLite's URIs. An empty vfs is SQLite's
// own file system.
func dsn(path, mode, vfs string, settings pragmas) string {
	values := url.Values{"mode": {mode}, "_pragma": settings}
	if vfs != "" {
		values.Set("vfs", vfs)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}).String()
}

// writing are the settings of the connections that write.
func writing(busyMillis int) pragmas {
	return pragmas{
		// How long to wait for a lock. The write connection is alone, but the
		// very first readers after a crash recover the write-ahead log.
		"busy_timeout(" + strconv.Itoa(busyMillis) + ")",
		// Readers do not block the writer nor the writer them, and a commit
		// is one append and one sync.
		"journal_mode(WAL)",
		// Sync the write-ahead log at each commit: what is committed survives
		// power loss. NORMAL would survive only a crash of the process.
		"synchronous(FULL)",
		// 64 MiB. The hot pages are the ends of the tables and the indexes of
		// what is active.
		"cache_size(-65536)",
		// References are part of the constraints that a bug must not pass.
		"foreign_keys(ON)",
		// Sorting never needs a file.
		"temp_store(MEMORY)",
		// A backstop at 64 MiB for when nothing checkpoints beside us; see Run.
		"wal_autocheckpoint(" + strconv.Itoa(backstopPages) + ")",
		// Give back what a long reader made the log grow to beyond this.
		"journal_size_limit(67108864)",
	}
}

// reading are the settings of the connections that only read.
func reading() pragmas {
	return pragmas{
		// In WAL mode a reader waits only while a log is recovered or reset.
		"busy_timeout(5000)",
		// A second guard beside mode=ro.
		"query_only(ON)",
		// 8 MiB for each connection of the pool; the kernel has the rest. The
		// file is not mapped into memory: a read error would then be a signal
		// that ends the process, and not an error of one read.
		"cache_size(-8192)",
		"temp_store(MEMORY)",
	}
}

// connect opens a connection of our own.
func connect(ctx context.Context, dsn string) (*conn, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c}, nil
}

// pool opens the connections for reads.
func pool(dsn string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

func (c *conn) exec(ctx context.Context, text string) error {
	_, err := c.Conn.(execer).ExecContext(ctx, text, nil)
	return err
}

// query calls row for each row of the result. The values are reused.
func (c *conn) query(ctx context.Context, text string, row func(record) error, args ...driver.Value) (err error) {
	rows, err := c.Conn.(queryer).QueryContext(ctx, text, named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make(record, len(rows.Columns()))
	for n := 1; ; n++ {
		// The driver watches the context only while the query begins.
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// number returns the first column of the first row.
func (c *conn) number(ctx context.Context, text string) (n int64, err error) {
	err = c.query(ctx, text, func(r record) error {
		n = r.int(0)
		return nil
	})
	return n, err
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values
}

// statement is a prepared statement of a connection and room for its arguments.
type statement struct {
	driver.Stmt
	execer driver.StmtExecContext
	args   []driver.NamedValue
}

func (c *conn) prepare(ctx context.Context, text string, parameters int) (*statement, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	return &statement{s, s.(driver.StmtExecContext), named(make([]driver.Value, parameters))}, nil
}

// run executes the statement and returns how many rows it changed. There is no
// context: one that can be cancelled costs the driver a goroutine for each
// statement, and a commit that has begun is finished anyway.
func (s *statement) run(args ...driver.Value) (int64, error) {
	for i, a := range args {
		s.args[i].Value = a
	}
	result, err := s.execer.ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
