package catalog

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed ec2-instance-types.csv
var published string

// The columns of the published list.
const (
	colName = iota
	colVCPUs
	colMemory
	colArch
	colGPUs
	_ // what kind of GPUs
	_ // and their memory
	_ // local disk
	_ // Elastic Fabric Adapters
	colCurrent
	colSpot
	colMetal
	_ // network
	colPrice
	columns
)

// Builtin returns EC2's types. It reads the list the first time, in about a
// millisecond.
var Builtin = sync.OnceValue(func() *Catalog { //nolint:gochecknoglobals // a constant that takes a moment to make
	types, err := parsePublished(published)
	if err != nil {
		panic("catalog: the list that is compiled in: " + err.Error())
	}
	return newCatalog(types, publishedFargate())
})

func parsePublished(text string) ([]*Type, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
	table := make([]Type, len(lines))
	types := make([]*Type, len(lines))
	for i, line := range lines {
		if err := table[i].parse(strings.Split(line, ",")); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		types[i] = &table[i]
	}
	return types, nil
}

func (t *Type) parse(cell []string) (err error) {
	if len(cell) != columns {
		return fmt.Errorf("%d columns, not %d", len(cell), columns)
	}
	number := func(column int) (n int64) {
		if err == nil {
			n, err = strconv.ParseInt(cell[column], 10, 64)
		}
		return n
	}
	family, _, _ := strings.Cut(cell[colName], ".")
	*t = Type{
		Name: cell[colName], Family: family, Arch: cell[colArch],
		VCPUs: number(colVCPUs), MemoryMiB: number(colMemory), GPUs: number(colGPUs),
		Metal: cell[colMetal] == "true", Current: cell[colCurrent] == "true", Spot: cell[colSpot] == "true",
		Score: DefaultScore, Interruption: DefaultInterruption,
	}
	if t.Arch == ARM {
		t.GPUs = 0 // AWS Batch gives out the GPUs of x86_64 instances only: g5g is not supported
	}
	if text := cell[colPrice]; text != "" && err == nil {
		t.onDemand.known = true
		t.onDemand.perHour, err = parseUSD(text)
	}
	return err
}
