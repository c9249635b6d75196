package batchsvc

import (
	"context"
	"sync"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// capabilityEKS stands beside the model's platform capabilities for environments
// and jobs on Kubernetes, which have none.
const capabilityEKS = "EKS"

// capability is what the job asks of its queue's environments.
func (s *spec) capability() string {
	if s.task(0) == nil {
		return capabilityEKS
	}
	return s.platform.capability
}

// checkQueue refuses a job that no environment of its queue runs. A queue that
// there is not is the core's to refuse.
func (s *Service) checkQueue(ctx context.Context, queue string, job *spec) error {
	can, err := s.capabilities.of(ctx, s.o.Store, queue)
	if err != nil || can == "" || can == job.capability() {
		return err
	}
	return invalid("Job Queue is attached to Compute Environment that can not run Jobs with capability %s", job.capability())
}

// capabilities remembers which capability the environments of each queue have.
// They all have the same one. It is empty again whenever a queue or an
// environment has changed.
type capabilities struct {
	mu      sync.RWMutex // guards all; handlers share them
	byQueue map[string]string
	changes int // how often queues and environments have changed
}

// watch returns do, telling of what changes queues and environments.
func (c *capabilities) watch(do func(context.Context, core.Input) (core.Reply, error)) func(context.Context, core.Input) (core.Reply, error) {
	return func(ctx context.Context, in core.Input) (core.Reply, error) {
		reply, err := do(ctx, in)
		switch in.(type) {
		case core.Submit, core.Cancel, core.Terminate, core.RegisterDefinition, core.Recall:
		default:
			c.reset()
		}
		return reply, err
	}
}

func (c *capabilities) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byQueue = nil
	c.changes++
}

// of returns the capability of a queue's environments; empty if there is no such
// queue, or it is disabled.
func (c *capabilities) of(ctx context.Context, from store.Store, queue string) (string, error) {
	c.mu.RLock()
	can, known := c.byQueue[queue]
	changes := c.changes
	c.mu.RUnlock()
	if known {
		return can, nil
	}
	all, err := readCapabilities(ctx, from)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes { // or they were read before a change
		c.byQueue = all
	}
	return all[queue], nil
}

func readCapabilities(ctx context.Context, from store.Store) (map[string]string, error) {
	environments, err := from.Environments(ctx)
	if err != nil {
		return nil, err
	}
	can := make(map[int64]string, len(environments))
	for _, e := range environments {
		d, bad := decodeEnvironment(e)
		if bad != nil {
			return nil, bad
		}
		can[e.ID] = capabilityOf(d.EksConfiguration != nil, deref(d.ComputeResources).Type)
	}
	queues, err := from.Queues(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(queues))
	for _, q := range queues {
		if !q.Enabled {
			continue // it takes no jobs of any kind, says the core
		}
		for _, id := range q.Environments {
			all[q.Name] = can[id]
		}
	}
	return all, nil
}

// capabilityOf is what an environment runs. One of type UNMANAGED says nothing
// of its resources, which are instances.
func capabilityOf(kubernetes bool, kind string) string {
	switch {
	case kubernetes:
		return capabilityEKS
	case fargate(kind):
		return batchapi.PlatformCapabilityFargate
	case kind == batchapi.CRTypeEcsManagedInstances:
		return batchapi.PlatformCapabilityManagedInstances
	}
	return batchapi.PlatformCapabilityEc2
}
