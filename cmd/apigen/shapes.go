package main

import (
	"slices"
	"strings"
)

// writeShapes writes one Go struct per structure.
func writeShapes(m *model, p *printer) {
	role := make(map[string]string)
	for _, op := range m.operations() {
		role[op.Input.Shape] = "the input of " + op.Name
		role[op.Output.Shape] = "the output of " + op.Name
	}
	for _, s := range m.structures() {
		what := role[s.Name]
		if what == "" {
			what = "part of " + strings.Join(m.owners(s), ", ")
		}
		p.linef("// %s is %s.", s.Name, what)
		if len(s.Required) > 0 && s.input {
			p.linef("// Required: %s.", strings.Join(s.Required, ", "))
		}
		p.linef("type %s struct {", s.Name)
		for _, mb := range s.Members {
			p.linef("%s %s", exported(mb.Name), m.memberType(s, mb))
		}
		p.line("}")
		p.line("")
	}
}

// owners names the structures that contain s, directly or in a list or map.
func (m *model) owners(s *shape) []string {
	var names []string
	for _, o := range m.structures() {
		if slices.ContainsFunc(o.Members, func(mb *member) bool { return m.leaf(mb.of) == s }) {
			names = append(names, o.Name)
		}
	}
	return names
}

// leaf looks through lists and maps.
func (m *model) leaf(s *shape) *shape {
	for {
		switch s.Type {
		case "list":
			s = m.Shapes[s.Member.Shape]
		case "map":
			s = m.Shapes[s.Value.Shape]
		default:
			return s
		}
	}
}

// writeEnums writes the values of enumerations as string constants.
func writeEnums(m *model, p *printer) {
	for _, s := range m.sorted() {
		if len(s.Enum) == 0 {
			continue
		}
		p.linef("// The values of %s.", s.Name)
		p.line("const (")
		for _, v := range s.Enum {
			p.linef("%s = %q", constant(s.Name, v), v)
		}
		p.line(")")
		p.line("")
	}
}
