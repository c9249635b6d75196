// Package fit says where a job fits. It owns the interned shapes (what a job
// needs, once per distinct need) and the arithmetic of a host's free capacity.
//
// Equal shapes get equal answers, so the core asks once per shape. Amounts are
// [batch.Resources]. Nothing here knows jobs, queues or order.
package fit

import "github.com/bargehq/barge/internal/batch"

// Shape names an interned need. The zero Shape is the first one interned.
type Shape uint32

// Shapes interns needs. There are as many as distinct needs ever seen; they
// are never forgotten. The zero value is empty and ready.
type Shapes struct {
	index map[batch.Resources]Shape
	needs []batch.Resources
}

// Of returns the shape of a need.
func (s *Shapes) Of(need batch.Resources) Shape {
	if shape, ok := s.index[need]; ok {
		return shape
	}
	if s.index == nil {
		s.index = make(map[batch.Resources]Shape)
	}
	shape := Shape(len(s.needs))
	s.index[need] = shape
	s.needs = append(s.needs, need)
	return shape
}

// Need returns what a shape needs.
func (s *Shapes) Need(shape Shape) batch.Resources { return s.needs[shape] }

// Host is a machine, or a share of one. Free is what jobs have left of
// Capacity. Only a Ready host takes more.
type Host struct {
	ID       int64
	Capacity batch.Resources
	Free     batch.Resources
	Ready    bool
}

// Take charges the host with a need that fits.
func (h *Host) Take(need batch.Resources) { h.Free = h.Free.Sub(need) }

// Give returns a need that was taken.
func (h *Host) Give(need batch.Resources) { h.Free = h.Free.Add(need) }

// First returns the first ready host with room for the need, or nil.
func First(hosts []*Host, need batch.Resources) *Host {
	for _, h := range hosts {
		if h.Ready && need.Fits(h.Free) {
			return h
		}
	}
	return nil
}
