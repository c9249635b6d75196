package catalog

import (
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// bundles are the entries that stand for several families. Which ones optimal
// stands for depends on the region and is becoming those of default_x86_64.
//
// https://docs.aws.amazon.com/batch/latest/userguide/instance-type-compute-table.html
func bundles(entry string) []string {
	switch entry {
	case "optimal", "default_x86_64":
		return []string{"m6i", "c6i", "r6i", "c7i"}
	case "default_arm64":
		return []string{"m6g", "c6g", "r6g", "c7g"}
	}
	return nil
}

// Resolve returns the types that entries of a compute environment's
// instanceTypes stand for, each once, in the order of the entries and within
// one by size: exact types, families, which do not include metal, and bundles.
// It refuses what AWS Batch refuses: types that it does not know or offer, and
// those of two architectures at once.
func (c *Catalog) Resolve(entries []string) ([]*Type, error) {
	var types []*Type
	seen := make(map[*Type]bool)
	for _, entry := range entries {
		found := c.entry(entry)
		if len(found) == 0 {
			return nil, batch.Errorf(batch.Invalid, "Instance type can only be one of [%s]", strings.Join(c.choices(), ", "))
		}
		for _, t := range found {
			if t.Arch != found[0].Arch || len(types) > 0 && t.Arch != types[0].Arch {
				return nil, batch.Errorf(batch.Invalid, "arm-based instance type cannot be used with other instance types")
			}
			if !seen[t] {
				seen[t] = true
				types = append(types, t)
			}
		}
	}
	return types, nil
}

// entry returns the types that one entry stands for; none if it is unknown.
func (c *Catalog) entry(entry string) (types []*Type) {
	if t := c.byName[entry]; t != nil {
		if t.offered() {
			return []*Type{t}
		}
		return nil
	}
	families := bundles(entry)
	if families == nil {
		families = []string{entry}
	}
	for _, family := range families {
		for _, t := range c.families[family] {
			if t.offered() {
				types = append(types, t)
			}
		}
	}
	return types
}

// offered reports whether AWS Batch takes the type: Macs run no containers, and
// the burstable families are not among its choices.
func (t *Type) offered() bool {
	return t.Arch != "" && (t.Own || !slices.Contains([]string{"t1", "t2", "t3", "t3a", "t4g"}, t.Family))
}

// choices are all entries that Resolve takes.
func (c *Catalog) choices() []string {
	list := []string{"optimal", "default_x86_64", "default_arm64"}
	family := ""
	for _, t := range c.types {
		if !t.offered() {
			continue
		}
		if !t.Metal && t.Family != family {
			family = t.Family
			list = append(list, family)
		}
		list = append(list, t.Name)
	}
	return list
}
