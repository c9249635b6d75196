//go:build !linux

package process

import (
	"context"
	"errors"

	"github.com/bargehq/barge/internal/driver"
)

var errLinuxOnly = errors.New("running jobs as plain processes needs Linux")

// Driver is not there: this is not Linux.
type Driver struct{ driver.Driver }

// Open fails: this is not Linux.
func Open(context.Context, Options) (*Driver, error) { return nil, errLinuxOnly }

// RunRunner fails: this is not Linux.
func RunRunner(context.Context, RunnerOptions) error { return errLinuxOnly }
