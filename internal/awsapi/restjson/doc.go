// Package restjson is AWS's rest-json protocol over HTTP, as AWS Batch speaks
// it: JSON bodies on fixed paths, errors with their code in a header.
//
// [New] makes a handler from routes, which generated code supplies. A request
// is read whole, at most [Options.MaxBody] bytes, served by its route's
// function in the goroutine of the connection, and answered in one write. A
// [Call] and its buffers are used again after the request, so a route's
// function must copy what it keeps.
//
// Every answer has `X-Amzn-Requestid`; a middleware that wants to know the id
// sets the header before, and it is kept. Errors have `X-Amzn-Errortype` and
// the body `{"message": "…"}`; awsapi.Explain decides what they say. A panic is
// such an error too. The handler has no state of its own.
//
// It deliberately does no signatures, policies, throttling or metrics: those
// wrap it in serve.
package restjson
