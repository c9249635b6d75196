package awsapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/batch"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	const incident = "Internal error. The server's log has it under the id r1"
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		err    error
		want   awsapi.Fault
		logged string // the level, empty for not at all
	}{
		{"user error", t.Context(), batch.Errorf(batch.Conflict, "no"), awsapi.Fault{Code: "ClientException", Status: 400, Message: "no"}, ""},
		{"wrapped user error", t.Context(), fmt.Errorf("open secret file: %w", batch.Errorf(batch.Unavailable, "full")), awsapi.Fault{Code: "ServerException", Status: 500, Message: "full"}, ""},
		{"own fault", t.Context(), batch.Errorf(batch.Internal, "broken"), awsapi.Fault{Code: "ServerException", Status: 500, Message: "broken"}, "ERROR"},
		{"any error", t.Context(), errors.New("secret"), awsapi.Fault{Code: "ServerException", Status: 500, Message: incident}, "ERROR"},
		{"client gone", gone, fmt.Errorf("wait: %w", context.Canceled), awsapi.Fault{Code: "ServerException", Status: 500, Message: incident}, "DEBUG"},
		{"cancelled by us", t.Context(), context.Canceled, awsapi.Fault{Code: "ServerException", Status: 500, Message: incident}, "ERROR"},
		{"failed while the client left", gone, errors.New("disk"), awsapi.Fault{Code: "ServerException", Status: 500, Message: incident}, "ERROR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			if diff := cmp.Diff(tt.want, awsapi.Explain(tt.ctx, logger, "Op", "r1", tt.err)); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
			if tt.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), tt.logged) {
				t.Errorf("logged %q, want the level %q", log.String(), tt.logged)
			}
		})
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	guarded := func(v any) (err error) {
		defer awsapi.Recover(&err)
		if v != nil {
			panic(v)
		}
		return nil
	}
	if err := guarded(nil); err != nil {
		t.Errorf("no panic gave the error %v", err)
	}
	if err := guarded("boom"); err == nil || err.Error() != "panic: boom" {
		t.Errorf("a panic gave the error %v", err)
	}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
			t.Errorf("the deliberate panic became %v", v)
		}
	}()
	err := guarded(http.ErrAbortHandler)
	t.Errorf("the deliberate panic became the error %v", err)
}

func TestNewRequestID(t *testing.T) {
	t.Parallel()
	a, b := awsapi.NewRequestID(), awsapi.NewRequestID()
	if len(a) != 36 || a[14] != '4' || a == b {
		t.Errorf("request ids %s and %s, want two different random UUIDs", a, b)
	}
}
