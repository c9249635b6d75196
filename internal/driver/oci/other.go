//go:build !linux

package oci

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/driver/process"
)

var errLinuxOnly = errors.New("the oci driver needs Linux")

// Driver is not there: this is not Linux.
type Driver struct{ driver.Driver }

// Maker is not there either.
type Maker struct{ process.Maker }

// Available says that it is not.
func Available(string) error { return errLinuxOnly }

// Open fails.
func Open(context.Context, Options) (*Driver, error) { return nil, errLinuxOnly }

// NewMaker fails.
func NewMaker(string, *slog.Logger) (*Maker, error) { return nil, errLinuxOnly }

// Init fails.
func Init([]string) (int, error) { return 1, errLinuxOnly }
