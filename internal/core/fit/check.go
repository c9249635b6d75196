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
	if err := x.checkHolds(); err != nil {
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

// checkHolds recounts what ends when.
func (x *Index) checkHolds() error {
	var last *Hold
	var sum func(h *Hold) (batch.Resources, error)
	sum = func(h *Hold) (total batch.Resources, err error) {
		if h == nil {
			return total, nil
		}
		if total, err = sum(h.left); err != nil {
			return total, err
		}
		if last != nil && !last.before(h) || h.Until == Never {
			return total, fmt.Errorf("hold %d ends at %d, after one that ends at %d", h.Seq, h.Until, last.Until)
		}
		last = h
		right, err := sum(h.right)
		if total = total.Add(right).Add(h.Need); err == nil && total != h.sum {
			err = fmt.Errorf("hold %d says that %s ends below, not %s", h.Seq, h.sum, total)
		}
		return total, err
	}
	_, err := sum(x.holds)
	return err
}
