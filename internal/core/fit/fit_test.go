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

func TestFirst(t *testing.T) {
	t.Parallel()
	need := batch.Resources{MilliVCPU: 2000, MemoryMiB: 100}
	host := func(id, milli, mem int64, ready bool) *Host {
		r := batch.Resources{MilliVCPU: milli, MemoryMiB: mem}
		return &Host{ID: id, Capacity: r, Free: r, Ready: ready}
	}
	hosts := []*Host{host(1, 1000, 1000, true), host(2, 4000, 99, true), host(3, 4000, 1000, false), host(4, 2000, batch.Unlimited, true)}
	h := First(hosts, need)
	if h == nil || h.ID != 4 {
		t.Fatalf("First gave %v, want host 4: too few vCPUs, too little memory and not ready before it", h)
	}
	h.Take(need)
	if First(hosts, need) != nil {
		t.Error("host 4 is full and takes another")
	}
	if h.Free.MemoryMiB != batch.Unlimited {
		t.Errorf("unlimited memory became %d", h.Free.MemoryMiB)
	}
	h.Give(need)
	if h.Free != h.Capacity {
		t.Errorf("after giving back %v is free of %v", h.Free, h.Capacity)
	}
}
