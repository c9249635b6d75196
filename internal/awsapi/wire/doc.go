// Package wire reads and writes the JSON of AWS's protocols for generated
// code.
//
// It owns the rules that hold for every shape: null means absent, of equal
// names the last one counts, unknown members are skipped, a number may stand
// where a string is wanted, input is bounded in depth and in elements. The
// shapes themselves are generated.
//
// A [Decoder] walks a document held in memory, in bytes, at most as deep as 64
// levels, and remembers the first problem: after it every method does nothing,
// so generated code needs no error checks. A Decoder belongs to one goroutine
// for the time of one [Decode] and keeps nothing of the document: strings are
// copied. The Append functions add to a byte slice and cannot fail.
//
// Problems of a document are values of type [*Problem], which name the member
// at fault as a client would write it: `computeEnvironmentOrder[0].order`.
// [Problem.Invalid] turns one into the error that a user sees.
//
// It deliberately knows no shape, no protocol and no validation beyond a
// document's form.
package wire
