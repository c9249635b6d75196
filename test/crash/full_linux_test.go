package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
)

// TestFullDisk fills the disk of the data directory. Submits are refused with an
// error that says why, reads go on, and when there is space again everything
// works without a restart; nothing that was acknowledged is lost.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newServer(t, "process")
	if err := s.smallDisk("size=16m"); err != nil {
		need(t, "root", err)
	}
	s.start()
	if err := s.setUp(t.Context(), 8, "unused"); err != nil {
		t.Fatal(err)
	}
	var orders []*order
	submit := func() error {
		o := &order{name: fmt.Sprintf("order-%d", len(orders)), lines: 5, pause: "0.1"}
		err := o.submit(t.Context(), s.client, s.marks)
		orders = append(orders, o)
		return err
	}
	for range 20 {
		if err := submit(); err != nil {
			t.Fatalf("submit with space left: %v", err)
		}
	}
	ballast := filepath.Join(s.data, "ballast")
	fill(t, ballast)
	var refused error
	for range 1000 {
		if refused = submit(); refused != nil {
			break
		}
	}
	var fault smithy.APIError
	if !errors.As(refused, &fault) || fault.ErrorCode() != "ServerException" || !strings.Contains(fault.ErrorMessage(), "space") {
		t.Errorf("a submit to a full disk: %v, want a ServerException that speaks of space", refused)
	}
	if jobs := s.must(t, []string{orders[0].id}); len(jobs) != 1 {
		t.Errorf("a full disk hides jobs: %v", jobs)
	}
	if s.down() {
		t.Fatalf("the server ended by itself: %v", s.cmd.ProcessState)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "a submit to work again", func() bool { return submit() == nil })
	s.account(t, orders)
}

// fill writes a file until there is no space left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 64<<10); len(chunk) > 0; {
		if _, err = f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
