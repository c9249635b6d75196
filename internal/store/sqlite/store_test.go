package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
	"github.com/bargehq/barge/internal/store/storetest"
)

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		dir := t.TempDir()
		return storetest.Harness{
			Open: func(t testing.TB) store.Store { return openTest(t, dir) },
			Fill: func(t testing.TB, s store.Store) func() {
				// A limit on the pages of the file is reported as a full disk is.
				c := s.(*Store).writer.conn
				pages, err := c.number(t.Context(), "PRAGMA page_count")
				if err != nil {
					t.Fatal(err)
				}
				limit := func(n int64) {
					if err := c.exec(t.Context(), "PRAGMA max_page_count = "+strconv.FormatInt(n, 10)); err != nil {
						t.Fatal(err)
					}
				}
				limit(pages + 20)
				return func() { limit(1 << 30) }
			},
		}
	})
}

func TestRandomInputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		mine := filepath.Join(dir, strconv.Itoa(n))
		s, err := Open(t.Context(), Options{Dir: mine})
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(mine)
		defer s.Close()
		// What is compared are answers; syncing is for the other tests.
		if err := s.writer.exec(context.Background(), "PRAGMA synchronous = OFF"); err != nil {
			t.Fatal(err)
		}
		storetest.Same(t, s, memory.New())
	})
}
