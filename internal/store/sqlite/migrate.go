package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as Barge's: "brge".
const applicationID = 0x62726765

// migrate applies the numbered files that the database has not seen, each in a
// transaction that also records it. SQLite keeps the number for us
// (user_version), in the first page of the file.
func migrate(ctx context.Context, c *conn, files fs.FS) error {
	application, err := c.number(ctx, "PRAGMA application_id")
	if err != nil {
		return err
	}
	have, err := c.number(ctx, "PRAGMA user_version")
	if err != nil {
		return err
	}
	if application != applicationID && (application != 0 || have != 0) {
		return fmt.Errorf("the file is not a database of Barge (application id %#x)", application)
	}
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return err
	}
	if have > int64(len(names)) {
		return fmt.Errorf("the database has schema %d and this version of Barge knows up to %d: use the version that wrote it, or a newer one",
			have, len(names))
	}
	for i, name := range names {
		number := int64(i + 1)
		if prefix, _, _ := strings.Cut(name, "_"); prefix != fmt.Sprintf("%04d", number) {
			return fmt.Errorf("migration %s is not number %d", name, number)
		}
		if number <= have {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := apply(ctx, c, number, string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

func apply(ctx context.Context, c *conn, number int64, text string) (err error) {
	if err = c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // the cause is err
		}
	}()
	for _, sql := range []string{
		text,
		"PRAGMA application_id = " + strconv.Itoa(applicationID),
		"PRAGMA user_version = " + strconv.FormatInt(number, 10),
		"COMMIT",
	} {
		if err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
