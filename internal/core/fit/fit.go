// Package fit says where a job fits. It owns the interned shapes (what a job
// needs, once per distinct need) and, in an [Index], what each host has free.
//
// Equal shapes get equal answers, so the core asks once per shape. Amounts are
// [batch.Resources]. Nothing here knows jobs, queues or order.
package fit

import (
	"encoding/binary"

	"github.com/bargehq/barge/internal/batch"
)

// Shape names an interned need: that of one host or, of a gang, of several at
// once. The zero Shape is the first one interned.
type Shape uint32

// Shapes interns needs. There are as many as distinct needs ever seen; they
// are never forgotten. The zero value is empty and ready.
type Shapes struct {
	index  map[batch.Resources]Shape
	gangs  map[string]Shape
	needs  []batch.Resources
	groups map[Shape][]Group // of gangs
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

// OfGroups returns the shape of the needs of a gang.
func (s *Shapes) OfGroups(groups []Group) Shape {
	var name []byte
	var sum batch.Resources
	for _, g := range groups {
		for _, n := range []int64{g.Need.MilliVCPU, g.Need.MemoryMiB, g.Need.GPUs, int64(g.Count)} {
			name = binary.AppendVarint(name, n)
		}
		sum = sum.Add(g.Need.Times(g.Count))
	}
	if shape, ok := s.gangs[string(name)]; ok {
		return shape
	}
	if s.gangs == nil {
		s.gangs, s.groups = make(map[string]Shape), make(map[Shape][]Group)
	}
	shape := Shape(len(s.needs))
	s.gangs[string(name)] = shape
	s.groups[shape] = groups
	s.needs = append(s.needs, sum)
	return shape
}

// Groups returns what a shape needs host by host.
func (s *Shapes) Groups(shape Shape) []Group {
	if groups, ok := s.groups[shape]; ok {
		return groups
	}
	return []Group{{Need: s.needs[shape], Count: 1}}
}

// Need returns what a shape needs in all.
func (s *Shapes) Need(shape Shape) batch.Resources { return s.needs[shape] }

// Host is a machine, or a share of one. Free is what jobs have left of
// Capacity. Only a Ready host takes more. The host of an [Index] is changed by
// the index.
type Host struct {
	ID       int64
	Capacity batch.Resources
	Free     batch.Resources
	Ready    bool

	left, right *Host           // of a tree, see Index
	most        batch.Resources // the most of each amount that is free in the tree below

	looked uint64          // the last Earliest that has come here
	then   batch.Resources // what it has found to be free
}
