// Package awsjson is AWS's JSON 1.1 protocol over HTTP, as CloudWatch Logs
// speaks it: every request is a POST to /, its operation is named in the header
// `X-Amz-Target: Logs_20140328.GetLogEvents`, and bodies are JSON objects.
//
// [New] makes a handler from [Operation]s, and [Operate] an operation from a
// function between two structs with JSON tags. A request is read whole, at most
// [Options.MaxBody] bytes, and served in the goroutine of the connection.
//
// Every answer has `x-amzn-RequestId`; a middleware that wants to know the id
// sets the header before, and it is kept. An error has `x-amzn-ErrorType` and
// the body `{"__type": "…", "message": "…"}`. What the protocol refuses is a
// SerializationException (a member of the wrong type, by name) or an
// UnknownOperationException; names for the codes of a *batch.Error come from
// [Options.Name]; any other error, and a panic, is an InternalFailure whose
// text goes to the log only. The handler has no state of its own.
//
// It deliberately does no signatures and no validation beyond types: unknown
// members are ignored, and what a member may hold is the operation's business.
package awsjson
