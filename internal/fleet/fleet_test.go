package fleet

import (
	"regexp"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

func TestScale(t *testing.T) {
	t.Parallel()
	machine := batch.Resources{MilliVCPU: 4000, MemoryMiB: 8000, GPUs: 2}
	want := core.Scale{Environment: 7, VCPU: 256_000}
	a := Local{Owner: "a", Machine: machine}.Scale(want)
	if a != (Local{Owner: "a", Machine: machine}).Scale(want) {
		t.Error("an instance has another name after a restart")
	}
	if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(a.Name) {
		t.Errorf("%q is no instance id", a.Name)
	}
	if a.Name == (Local{Owner: "b"}).Scale(want).Name || a.Name == (Local{Owner: "a"}).Scale(core.Scale{Environment: 8}).Name {
		t.Error("two instances have one name")
	}
	if a.Capacity != (batch.Resources{MilliVCPU: 256_000, MemoryMiB: batch.Unlimited, GPUs: 2}) {
		t.Errorf("capacity is %v", a.Capacity)
	}
	want.Machine = true
	if got := (Local{Machine: machine}).Scale(want).Capacity; got != machine {
		t.Errorf("capacity of the machine is %v", got)
	}
}

func TestMachine(t *testing.T) {
	t.Parallel()
	got, err := Machine()
	if err != nil || got.MilliVCPU < 1000 || got.MemoryMiB < 1 {
		t.Errorf("this machine has %v, %v", got, err)
	}
	if n, err := memTotal("MemFree: 1 kB\nMemTotal:       16384 kB\n"); n != 16384<<10 || err != nil {
		t.Errorf("MemTotal is %d, %v", n, err)
	}
	for _, bad := range []string{"", "MemTotal: lots\n"} {
		if _, err := memTotal(bad); err == nil {
			t.Errorf("%q has a MemTotal", bad)
		}
	}
}
