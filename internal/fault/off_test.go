//go:build !torture

package fault

import "testing"

// TestInert: a program that is built for use cannot be ended by its environment.
func TestInert(t *testing.T) {
	t.Setenv("BARGE_FAULT", "here:1")
	t.Setenv("BARGE_FAULT_CLOCK", t.TempDir())
	if On {
		t.Error("faults are on")
	}
	if n := testing.AllocsPerRun(10, func() { Point("here") }); n != 0 {
		t.Errorf("a point allocates %v times", n)
	}
	if off := Skew(); off != 0 {
		t.Errorf("the clock is off by %v", off)
	}
}
