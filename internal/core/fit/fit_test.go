package fit

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	var s Shapes
	small, large := batch.Resources{MilliVCPU: 1000, MemoryMiB: 128}, batch.Resources{MilliVCPU: 4000, MemoryMiB: 128}
	if first, again := s.Of(small), s.Of(small); first != again || first == s.Of(large) {
		t.Error("equal needs must have one shape, different ones two")
	}
	if got := s.Need(s.Of(large)); got != large {
		t.Errorf("the shape of %v needs %v", large, got)
	}
}

func TestShapesOfGroups(t *testing.T) {
	t.Parallel()
	var s Shapes
	need := batch.Resources{MilliVCPU: 1000, MemoryMiB: 128}
	one := s.Of(need)
	two := s.OfGroups([]Group{{need, 1}, {need, 1}})
	if two == one || s.OfGroups([]Group{{need, 2}}) == two || s.OfGroups([]Group{{need, 1}, {need, 1}}) != two {
		t.Error("equal groups must have one shape, different ones two, and no job's")
	}
	if got := s.Need(two); got != need.Add(need) {
		t.Errorf("two of %v need %v", need, got)
	}
	if got := s.Groups(one); len(got) != 1 || got[0] != (Group{need, 1}) {
		t.Errorf("one of %v needs %v", need, got)
	}
}
