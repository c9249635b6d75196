package fit

import (
	"fmt"

	"github.com/bargehq/barge/internal/batch"
)

// Check recounts the index: for tests and simulation.
func (x *Index) Check() error {
	ready := 0
	for i, h := range x.list {
		if i > 0 && x.list[i-1].ID >= h.ID {
			return fmt.Errorf("host %d is listed behind host %d", h.ID, x.list[i-1].ID)
		}
		if h.Ready {
			ready++
		}
	}
	n, hosts := 0, 0
	var last *Host
	var walk func(h *Host) (most batch.Resources, err error)
	walk = func(h *Host) (batch.Resources, error) {
		if h == nil {
			return batch.Resources{}, nil
		}
		left, err := walk(h.left)
		if err != nil {
			return left, err
		}
		if last != nil && !before(last, h) {
			return left, fmt.Errorf("host %d is in the order behind host %d", h.ID, last.ID)
		}
		n, last = n+1, h
		right, err := walk(h.right)
		if most := left.Max(right).Max(h.Free); err == nil && h.most != most {
			err = fmt.Errorf("host %d says that %s is free below, not %s", h.ID, h.most, most)
		}
		return h.most, err
	}
	if _, err := walk(x.ready); err != nil {
		return err
	}
	for _, k := range x.kinds {
		hosts += k.hosts
	}
	if n != ready || ready != x.Ready() || hosts != len(x.list) {
		return fmt.Errorf("%d hosts are ready, %d are in the order, %d are counted; %d of %d are counted in all", ready, n, x.Ready(), hosts, len(x.list))
	}
	return nil
}
