package catalog

import (
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// The architectures, as EC2 spells them.
const (
	X86 = "x86_64"
	ARM = "arm64"
)

// What is assumed of a type of which nobody has said more. All types have the
// same, so that strategies which look at them fall back to prices.
const (
	DefaultScore        = 5 // of 0..10
	DefaultInterruption = 2 // of 0..4: between 10 and 15 % a month
)

// Type is an instance type.
type Type struct {
	Name      string // m5.large
	Family    string // m5
	Arch      string // X86 or ARM; empty for those that run no Linux
	VCPUs     int64
	MemoryMiB int64 // installed; see Usable
	GPUs      int64 // that jobs can ask for
	Metal     bool  // not part of its family where that is named
	Current   bool  // generation
	Spot      bool  // it is offered as Spot
	Own       bool  // it is the user's, who also says what it costs

	// Score is how deep the pool of spare instances is, from 0 to 10, as EC2's
	// Spot placement score. Interruption is how often Spot instances are taken
	// back, in the five classes of the Spot Instance Advisor: 0 is below 5 % a
	// month, 4 is above 20 %.
	Score, Interruption uint8

	usable   int64 // MiB, where it was measured; else zero
	onDemand price
	spot     []SpotPrice // by time
}

// price is in millionths of a US dollar per hour.
type price struct {
	perHour int64
	known   bool
}

// Catalog is a set of types. Make one with [Builtin] and [Catalog.With].
type Catalog struct {
	types    []*Type // by name
	byName   map[string]*Type
	families map[string][]*Type // without metal, by size
	fargate  map[string]FargatePrice
}

func newCatalog(types []*Type, fargate map[string]FargatePrice) *Catalog {
	c := &Catalog{types: types, byName: make(map[string]*Type, len(types)), families: make(map[string][]*Type), fargate: fargate}
	slices.SortFunc(c.types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range c.types {
		c.byName[t.Name] = t
		if !t.Metal {
			c.families[t.Family] = append(c.families[t.Family], t)
		}
	}
	for _, family := range c.families {
		slices.SortStableFunc(family, bySize)
	}
	return c
}

// Type returns the type of that name, or nil.
func (c *Catalog) Type(name string) *Type { return c.byName[name] }

// Types returns all types by name. The caller must not change the slice.
func (c *Catalog) Types() []*Type { return c.types }

// LimitGPUs returns the catalogue of a place where no instance has more GPUs for
// jobs than the given number.
func (c *Catalog) LimitGPUs(most int64) *Catalog {
	types := make([]*Type, len(c.types))
	for i, t := range c.types {
		limited := *t
		limited.GPUs = min(t.GPUs, most)
		types[i] = &limited
	}
	return newCatalog(types, c.fargate)
}

// bySize orders types from the smallest.
func bySize(a, b *Type) int {
	switch {
	case a.VCPUs != b.VCPUs:
		return int(a.VCPUs - b.VCPUs)
	case a.MemoryMiB != b.MemoryMiB:
		return int(a.MemoryMiB - b.MemoryMiB)
	}
	return strings.Compare(a.Name, b.Name)
}

// Usable is what jobs get of an instance under ECS: all vCPUs and GPUs, and the
// memory that the operating system counts less 32 MiB for the agent. Where it
// was not measured, the system is taken to keep 2.6 % of what is installed, and
// 200 MiB at least: of AWS's one example, an m4.large with 8,192 MiB, which has
// 7,953 for jobs, that leaves 7,947.
//
// https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
func (t *Type) Usable() batch.Resources {
	memory := t.usable
	if memory == 0 {
		memory = t.counted() - reserved
	}
	return batch.Resources{MilliVCPU: t.VCPUs * 1000, MemoryMiB: max(0, memory), GPUs: t.GPUs}
}

// reserved is ECS_RESERVED_MEMORY of AWS Batch's images, in MiB.
const reserved = 32

// counted is the memory in MiB that the operating system counts.
func (t *Type) counted() int64 {
	kept := (26*t.MemoryMiB + 999) / 1000
	return t.MemoryMiB - max(kept, 200)
}

// UsableEKS is what pods get of an instance under EKS that may have that many
// pods: the kubelet keeps a part of the vCPUs that grows ever slower with their
// number, and memory by the number of pods.
//
// https://docs.aws.amazon.com/batch/latest/userguide/memory-cpu-batch-eks.html
func (t *Type) UsableEKS(pods int64) batch.Resources {
	counted := t.counted()
	if t.usable > 0 {
		counted = t.usable + reserved
	}
	const eviction = 100
	r := t.Usable()
	r.MemoryMiB = max(0, counted-(11*pods+255)-eviction)
	for i := range t.VCPUs {
		switch i {
		case 0:
			r.MilliVCPU -= 60
		case 1:
			r.MilliVCPU -= 10
		case 2, 3:
			r.MilliVCPU -= 5
		}
	}
	r.MilliVCPU -= (max(0, t.VCPUs-4)*25 + 9) / 10 // a quarter of a percent of each of the rest
	return r
}
