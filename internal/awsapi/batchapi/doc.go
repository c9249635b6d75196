// Package batchapi is the API surface of AWS Batch: its shapes, the [Service]
// interface and the HTTP handler in front of one.
//
// Nearly all of it is generated from the pinned model in spec by cmd/apigen.
// Shapes and members have the model's names with a capital in front. Strings
// and enumerations are strings, empty for absent; numbers, booleans and
// structures are pointers, nil for absent; elements of lists are values; a nil
// list or map is absent, an empty one was sent. Times are int64 milliseconds
// since the epoch, as on the wire.
//
// Each input has a Decode function, which reads the body of a request as AWS
// does: unknown members are skipped, an empty string and an empty structure
// count as absent, enumerations match whatever their case, and the model's
// traits are checked. Its error is a batch.Error with code Invalid that names
// the member. Each structure has AppendJSON and UnmarshalJSON for stored
// records, which give back exactly what was put in and check nothing. Members
// are written in the model's order and map entries sorted by name, so equal
// values have equal bytes.
//
// [Handler] is called by serve, services are implemented in batchsvc and embed
// [Unimplemented]. The package has no state and starts no goroutine.
//
// It deliberately holds no rule that the model does not state, apart from the
// few in cmd/apigen/quirks.go. Rules between members belong to the service.
package batchapi
