package batch

import "fmt"

// Code says what kind of "no" an [Error] is. Each API maps it to its own
// error shape.
type Code uint8

// The codes.
const (
	Internal    Code = iota // our fault; the message is safe to show
	Invalid                 // the request is wrong
	NotFound                // the thing named does not exist
	Conflict                // the thing's state forbids it
	Denied                  // not allowed
	Throttled               // too much at once; trying again later helps
	NotBuilt                // this version does not do it yet
	Unavailable             // we cannot right now (disk full, shutting down); trying again later helps
)

// Error is the only error whose text reaches a user.
type Error struct {
	Code    Code
	Message string
	Field   string // the request member at fault, where there is one
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf makes an [Error].
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
