package sqlite

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func openConn(t *testing.T, dir string) *conn {
	t.Helper()
	c, err := connect(t.Context(), dsn(filepath.Join(dir, "barge.db"), "rwc", "", writing(5000)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	c := openConn(t, t.TempDir())
	files := fstest.MapFS{
		"0001_a.sql": {Data: []byte("CREATE TABLE a (x); INSERT INTO a VALUES (1);")},
		"0002_b.sql": {Data: []byte("UPDATE a SET x = x + 1;")},
	}
	for range 2 { // the second time changes nothing
		if err := migrate(t.Context(), c, files); err != nil {
			t.Fatal(err)
		}
		if x, err := c.number(t.Context(), "SELECT x FROM a"); err != nil || x != 2 {
			t.Fatalf("x is %d, %v; want 2", x, err)
		}
	}
	files["0003_c.sql"] = &fstest.MapFile{Data: []byte("UPDATE a SET x = 100; UPDATE nothing SET x = 1;")}
	if err := migrate(t.Context(), c, files); err == nil {
		t.Fatal("a migration that fails was accepted")
	}
	if x, err := c.number(t.Context(), "SELECT x FROM a"); err != nil || x != 2 {
		t.Errorf("a migration that failed left x = %d, %v; want 2", x, err)
	}
	files["0003_c.sql"].Data = []byte("UPDATE a SET x = 3;")
	if err := migrate(t.Context(), c, files); err != nil {
		t.Fatal(err)
	}
	delete(files, "0003_c.sql")
	if err := migrate(t.Context(), c, files); err == nil || !strings.Contains(err.Error(), "schema 3") {
		t.Errorf("a database that is newer than the program: %v; want it refused", err)
	}
	delete(files, "0002_b.sql")
	files["0003_c.sql"] = &fstest.MapFile{}
	if err := migrate(t.Context(), c, fs.FS(files)); err == nil {
		t.Error("a gap in the numbers was accepted")
	}
}

func TestForeignFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := openConn(t, dir)
	if err := c.exec(t.Context(), "PRAGMA user_version = 7"); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Options{Dir: dir}); err == nil {
		_ = s.Close()
		t.Error("another program's database was opened")
	}
}

func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTest(t, dir)
	if err := s.writer.exec(t.Context(), "PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the refusal gives the directory back
		s, err := Open(t.Context(), Options{Dir: dir})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "schema 1000") {
			t.Fatalf("a database from a newer version: %v; want it refused", err)
		}
	}
}
