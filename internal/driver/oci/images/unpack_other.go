//go:build !linux

package images

import (
	"context"
	"errors"
	"io"
)

// localFault is a fault of this machine while a layer is unpacked.
type localFault struct{ error }

func unpack(context.Context, string, string, io.Reader) error {
	return errors.New("unpacking images needs Linux")
}
