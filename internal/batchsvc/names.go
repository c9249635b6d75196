package batchsvc

import (
	"context"
	"maps"
	"sync"
)

// maxNamesKept is how many names are remembered before all are forgotten.
const maxNamesKept = 4096

// names remembers the names of rows of one kind, which never change: each
// attempt asks for those of its queue and its compute environment.
type names struct {
	mu sync.Mutex // guards of, for moments
	of map[int64]string
}

// find returns the names of rows by key, those that are not known yet by load,
// which calls its function with each row that there is.
func (n *names) find(ctx context.Context, ids []int64, load func(context.Context, []int64, func(id int64, name string)) error) (map[int64]string, error) {
	found := make(map[int64]string, len(ids))
	var missing []int64
	n.mu.Lock()
	for _, id := range ids {
		if name, ok := n.of[id]; ok {
			found[id] = name
		} else {
			missing = append(missing, id)
		}
	}
	n.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	loaded := make(map[int64]string, len(missing))
	if err := load(ctx, missing, func(id int64, name string) { loaded[id] = name }); err != nil {
		return nil, err
	}
	maps.Copy(found, loaded)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil || len(n.of)+len(loaded) > maxNamesKept {
		n.of = make(map[int64]string)
	}
	maps.Copy(n.of, loaded)
	return found, nil
}

// queueNames returns the names of queues by key.
func (s *Service) queueNames(ctx context.Context, ids []int64) (map[int64]string, error) {
	return s.queuesKnown.find(ctx, ids, func(ctx context.Context, ids []int64, found func(int64, string)) error {
		rows, err := s.o.Store.QueuesByID(ctx, ids)
		for _, q := range rows {
			found(q.ID, q.Name)
		}
		return err
	})
}

// environmentNames returns the names of compute environments by key.
func (s *Service) environmentNames(ctx context.Context, ids []int64) (map[int64]string, error) {
	return s.environmentsKnown.find(ctx, ids, func(ctx context.Context, ids []int64, found func(int64, string)) error {
		rows, err := s.o.Store.EnvironmentsByID(ctx, ids)
		for _, e := range rows {
			found(e.ID, e.Name)
		}
		return err
	})
}
