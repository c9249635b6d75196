package awsapi

import "context"

// ClientTokenHeader is a header by which a client makes a request idempotent
// whose shape has no member for that.
const ClientTokenHeader = "X-Barge-Client-Token"

type clientTokenKey struct{}

// WithClientToken returns a context that carries what the request's header said.
func WithClientToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, clientTokenKey{}, token)
}

// ClientToken returns what the request's header said, or nothing. It is not
// checked.
func ClientToken(ctx context.Context) string {
	token, _ := ctx.Value(clientTokenKey{}).(string)
	return token
}
