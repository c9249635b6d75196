package fleet

import (
	"regexp"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

func TestScale(t *testing.T) {
	t.Parallel()
	want := core.Scale{Environment: 7, VCPU: 256_000}
	a := Local{Owner: "a"}.Scale(want)
	if a != (Local{Owner: "a"}).Scale(want) {
		t.Error("an instance has another name after a restart")
	}
	if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(a.Name) {
		t.Errorf("%q is no instance id", a.Name)
	}
	if a.Name == (Local{Owner: "b"}).Scale(want).Name || a.Name == (Local{Owner: "a"}).Scale(core.Scale{Environment: 8}).Name {
		t.Error("two instances have one name")
	}
	if a.Capacity != (batch.Resources{MilliVCPU: 256_000, MemoryMiB: batch.Unlimited}) {
		t.Errorf("capacity is %v", a.Capacity)
	}
}
