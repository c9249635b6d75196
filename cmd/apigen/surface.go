package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// writeSurface lists what the model offers, for people: a new version of the
// model shows as a difference of this text.
func writeSurface(m *model, p *printer) {
	p.line("Operations")
	for _, op := range m.operations() {
		p.linef("  %s: %s %s, %s to %s", op.Name, op.HTTP.Method, op.HTTP.RequestURI, op.Input.Shape, op.Output.Shape)
	}
	p.line("")
	p.line("Errors")
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		if s := m.Shapes[name]; s.Exception && s.Error.HTTPStatusCode != 0 {
			p.linef("  %s: %d", s.Name, s.Error.HTTPStatusCode)
		}
	}
	for _, s := range m.structures() {
		p.line("")
		p.line(s.Name)
		for _, mb := range s.Members {
			p.linef("  %s: %s%s", mb.Name, m.describe(mb.of), remarks(s, mb))
		}
	}
}

// describe returns a shape in words.
func (m *model) describe(s *shape) string {
	text := s.Type
	switch {
	case s.Type == "structure":
		return s.Name
	case len(s.Enum) > 0:
		return s.Name + " (" + strings.Join(s.Enum, " | ") + ")"
	case s.Type == "list":
		text = "list of " + m.describe(m.Shapes[s.Member.Shape])
	case s.Type == "map":
		text = "map of " + m.describe(m.Shapes[s.Key.Shape]) + " to " + m.describe(m.Shapes[s.Value.Shape])
	}
	switch {
	case s.Min != nil:
		text += fmt.Sprintf(" [%d to %d]", *s.Min, *s.Max)
	case s.Max != nil:
		text += fmt.Sprintf(" [at most %d]", *s.Max)
	}
	return text
}

func remarks(s *shape, mb *member) string {
	var text string
	if s.requires(mb.Name) {
		text += ", required"
	}
	switch mb.Location {
	case "uri":
		text += ", in the path"
	case "querystring":
		text += ", in the query"
	}
	if path := s.Name + "." + mb.Name; emptyStructCounts[path] || emptyTextCounts[path] {
		text += ", counts even if empty"
	}
	return text
}
