package batchsvc

import (
	"context"

	"github.com/bargehq/barge/internal/core"
)

// command steps an input and returns after its commit.
type command func(core.Input) (core.Reply, error)

// change runs a change of resources: what it reads stays so until it is through,
// because changes run one after the other. A caller who gives up waiting does not
// let the next one in before the command has been committed or refused.
func (s *Service) change(ctx context.Context, f func(command) error) error {
	select {
	case s.changing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.changing }()
	return f(func(in core.Input) (core.Reply, error) { return s.o.Do(context.WithoutCancel(ctx), in) })
}
