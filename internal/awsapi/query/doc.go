// Package query is AWS's query protocol over HTTP, as STS speaks it: a form in
// the body of a POST (or in the URL) with the members Action and Version and
// the operation's parameters; answers and errors are XML.
//
// [New] makes a handler from [Operation]s. A request is read whole, at most
// 64 KiB, and served in the goroutine of the connection.
//
// Every answer has its request id in the body and in `x-amzn-RequestId`; a
// middleware that wants to know the id sets the header before, and it is kept.
// An unknown operation is AWS's InvalidAction; a *batch.Error has the name that
// [Options.Name] gives to its code; any other error, and a panic, is an
// InternalFailure whose text goes to the log only. The handler has no state.
//
// It deliberately does no signatures, and no lists or maps among the
// parameters, which no operation built here takes.
package query
