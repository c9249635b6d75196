package drivertest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// usage runs what takes more than a second of CPU and holds 32 MiB, which shows,
// in part at least where it is sampled, and then what takes next to nothing.
func (s *suite) usage(t *testing.T) {
	spec := s.specOf(t, "/bin/sh", "-c", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; "+
		"dd if=/dev/zero bs=32M count=1 2>/dev/null | { sleep 1; cat >/dev/null; }; "+
		"i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done")
	spec.Resources = batch.Resources{MilliVCPU: 1000, MemoryMiB: 256}
	exit := s.exit(t, s.startSpec(t, spec))
	wantCode(t, exit, 0)
	u := exit.Usage
	switch {
	case u == nil || u.CPU == nil || u.PeakMemory == nil:
		t.Fatalf("the usage is %+v, want CPU and memory", u)
	case *u.CPU < 20_000 || *u.CPU > 120_000_000:
		t.Errorf("a loop has taken %d µs", *u.CPU)
	case *u.PeakMemory < 1<<20 || *u.PeakMemory > 256<<20:
		t.Errorf("the peak of memory is %d bytes", *u.PeakMemory)
	case s.h.ExactUsage && *u.PeakMemory < 32<<20:
		t.Errorf("the peak of memory is %d bytes, want what dd holds", *u.PeakMemory)
	}
	if !s.h.ExactUsage {
		return
	}
	spec = s.specOf(t, "/bin/true")
	spec.Resources = batch.Resources{MilliVCPU: 1000, MemoryMiB: 256}
	small := s.exit(t, s.startSpec(t, spec)).Usage
	if small == nil || *small.PeakMemory >= 32<<20 || *small.CPU >= *u.CPU {
		t.Errorf("the usage of what does nothing is %+v, that of a loop %+v", small, u)
	}
	unlimited := s.exit(t, s.startShell(t, "true")).Usage
	if unlimited == nil || unlimited.CPU == nil || unlimited.PeakMemory == nil {
		t.Errorf("the usage of what has no limits is %+v", unlimited)
	}
}
