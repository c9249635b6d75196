package awsapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/bargehq/barge/internal/batch"
)

// Fault is what a client is told about an error.
type Fault struct {
	Code    string // AWS's name of the error, on which SDKs decide about retries
	Status  int    // of the HTTP response
	Message string
}

// FaultFor returns the fault of a code without its message. The names are those
// of AWS Batch; SDKs retry the throttle and every 500.
func FaultFor(code batch.Code) Fault {
	switch code {
	case batch.Invalid, batch.NotFound, batch.Conflict:
		return Fault{Code: "ClientException", Status: http.StatusBadRequest}
	case batch.Denied:
		return Fault{Code: "AccessDeniedException", Status: http.StatusForbidden}
	case batch.Throttled:
		return Fault{Code: "TooManyRequestsException", Status: http.StatusTooManyRequests}
	case batch.NotBuilt:
		return Fault{Code: "NotImplementedException", Status: http.StatusNotImplemented}
	case batch.Internal, batch.Unavailable:
	}
	return Fault{Code: "ServerException", Status: http.StatusInternalServerError}
}

// Explain returns what to tell a client about an error. The message is the
// error's own, without AWS's envelope `Error executing request, Exception : …`,
// which clients strip or search through anyway.
func Explain(ctx context.Context, log *slog.Logger, operation, requestID string, err error) Fault {
	if e, ok := errors.AsType[*batch.Error](err); ok {
		fault := FaultFor(e.Code)
		fault.Message = e.Message
		if e.Code == batch.Internal {
			log.ErrorContext(ctx, "request failed", "op", operation, "id", requestID, "err", err)
		}
		return fault
	}
	fault := FaultFor(batch.Internal)
	fault.Message = "Internal error. The server's log has it under the id " + requestID
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		log.DebugContext(ctx, "client gone", "op", operation, "id", requestID)
		return fault
	}
	args := []any{"op", operation, "id", requestID, "err", err}
	if p, ok := errors.AsType[*panicked](err); ok {
		args = append(args, "stack", p.stack)
	}
	log.ErrorContext(ctx, "request failed", args...)
	return fault
}

// panicked is a panic on its way to the log.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// Recover turns a panic into an error for [Explain]. It is called deferred.
// The panic by which a handler hangs up on purpose goes on.
func Recover(err *error) {
	v := recover()
	if v == nil {
		return
	}
	if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
		panic(v)
	}
	*err = &panicked{value: v, stack: string(debug.Stack())}
}

// NewRequestID returns a fresh request id, a random UUID.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand crashes the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return batch.JobID(b).String()
}
