package batchapi

import (
	"context"
	"net/http"

	"github.com/bargehq/barge/internal/awsapi/restjson"
)

// Handler serves svc over HTTP.
func Handler(svc Service, opts restjson.Options, more ...restjson.Route) http.Handler {
	return restjson.New(append(routes(svc), more...), opts)
}

// body adapts the decoder of an input that is all in the body.
func body[I any](decode func([]byte) (*I, error)) func(*restjson.Call) (*I, error) {
	return func(c *restjson.Call) (*I, error) { return decode(c.Body) }
}

// serve joins an operation with the reading and writing of its shapes.
func serve[I any, O interface{ AppendJSON([]byte) []byte }](
	decode func(*restjson.Call) (*I, error),
	do func(context.Context, *I) (O, error),
) func(context.Context, *restjson.Call) error {
	return func(ctx context.Context, c *restjson.Call) error {
		in, err := decode(c)
		if err != nil {
			return err
		}
		out, err := do(ctx, in)
		if err != nil {
			return err
		}
		c.Reply = out.AppendJSON(c.Reply)
		return nil
	}
}
