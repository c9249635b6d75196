// Package driver is the seam between Barge and what runs a job: the Docker
// Engine, plain processes, a script in tests.
//
// A [Driver] holds units: the containers of attempts, which have one each, or
// several. A unit is known from Start until Remove, also while the server is
// dead: a driver must find again, after a restart of the server, what it had
// started, with its exit and all of its output. Every call is keyed by the unit,
// and doing a thing twice does it once.
//
// The host package is the only caller, from one goroutine per unit, so methods
// are called concurrently for different units, and Wait, Output and Stop
// concurrently for the same one. Drivers import this package, batch and
// libraries; nothing else of Barge.
//
// It deliberately knows nothing of queues, retries or what an exit means.
package driver

import (
	"context"
	"errors"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// ErrUnknown says that the driver holds no such unit.
var ErrUnknown = errors.New("unknown unit")

// Exit is how an attempt ended. A nil Code means that no exit code is known,
// as when the container never ran or vanished.
type Exit struct {
	Code *int32
	// Reason is ECS's container reason: empty on a plain exit,
	// `OutOfMemoryError: Container killed due to memory usage` and the like.
	Reason    string
	StartedAt batch.Instant // zero if it never ran
	StoppedAt batch.Instant
	// Usage is what it has used; nil if it never ran, or nothing is known.
	Usage *batch.Usage
}

// StartError says that an attempt could not be started and never ran. Reason
// is ECS's container reason, such as `CannotPullContainerError: …`.
type StartError struct{ Reason string }

// Error returns the reason.
func (e *StartError) Error() string { return e.Reason }

// MaxLine is the longest line in bytes that Output hands over in one piece;
// a longer one comes in pieces of at most this size. It is CloudWatch Logs'
// largest event (256 KiB) less its overhead of 26 bytes.
const MaxLine = 256<<10 - 26

// Line is one line of output without its end. Text is what the process wrote,
// whatever bytes it holds, and is valid during the call of emit only.
type Line struct {
	At   batch.Instant // when the driver read it
	Text []byte
	// Cursor, given to Output, continues after this line. It is opaque and
	// grows within an attempt; zero is the beginning.
	Cursor int64
}

// Driver runs units.
type Driver interface {
	// Name is `docker`, `process` or `script`.
	Name() string

	// Notes says what the head of the log tells about the way this driver
	// runs the spec, one line each. Start has been called before.
	Notes(spec Spec) []string

	// Start runs the unit and returns when it runs (or has already
	// ended). When the unit is known already it does nothing and returns
	// nil. A *StartError is final and leaves nothing behind; any other error
	// is a fault of the driver (its daemon does not answer, the disk is
	// full), after which Start may be called again.
	// Cancelling ctx gives up waiting; what was started is then found by List.
	Start(ctx context.Context, spec Spec) error

	// Wait blocks until the unit has ended and may be called again.
	// ErrUnknown if there is none.
	Wait(ctx context.Context, id batch.UnitID) (Exit, error)

	// Output calls emit for every line after cursor, in order, follows while
	// the unit runs and returns nil after the last line of an ended one.
	// An error of emit ends it and is returned. It holds back the process
	// rather than grow when emit is slow. ErrUnknown if there is none.
	Output(ctx context.Context, id batch.UnitID, cursor int64, emit func(Line) error) error

	// Stop sends SIGTERM, and SIGKILL after grace, to the unit with all its
	// processes and returns without waiting for the end. On a unit that
	// has ended it does nothing. ErrUnknown if there is none.
	Stop(ctx context.Context, id batch.UnitID, grace time.Duration) error

	// Remove forgets an ended unit with its output, and kills it if it still runs. Unknown units are no error.
	Remove(ctx context.Context, id batch.UnitID) error

	// List returns the units that the driver holds, running and ended, in no order.
	List(ctx context.Context) ([]batch.UnitID, error)

	// Close lets go of the runtime and leaves units running.
	Close() error
}
