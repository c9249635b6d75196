// Package awsapi holds what AWS's protocols have in common, whatever the
// service: request ids and the way from an error to what a client is told.
//
// [Explain] is the only place that decides which text of an error reaches a
// client: that of a [batch.Error], and nothing else. Any other error is logged
// once, under the id of the request, and the client is told the id.
//
// Protocols (restjson, awsjson, query) call it from the goroutine of the
// request. The package has no state.
//
// It deliberately writes no response: each protocol has its own form.
package awsapi
