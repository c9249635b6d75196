package main

import (
	"fmt"
	"math"
	"strings"
)

// writeCheck writes what normalises and checks inputs: empty structures become
// absent, enumerations get the model's spelling, and the traits hold.
func writeCheck(m *model, p *printer) {
	p.imports(wirePath)
	blank := make(map[string]bool)
	for _, s := range m.structures() {
		if !s.input {
			continue
		}
		for _, mb := range s.Members {
			if mb.of.Type == "structure" && !emptyStructCounts[s.Name+"."+mb.Name] {
				m.needBlank(mb.of, blank)
			}
		}
	}
	for _, s := range m.sorted() {
		switch {
		case !s.input:
		case s.Type == "structure":
			if m.checked(s) {
				writeStructCheck(m, p, s)
			}
			if blank[s.Name] {
				writeBlank(p, s)
			}
		case len(s.Enum) > 0:
			var names []string
			for _, v := range s.Enum {
				names = append(names, constant(s.Name, v))
			}
			p.linef("func check%s(s *string) *wire.Problem {", s.Name)
			p.linef("return wire.Match(s, %s)", strings.Join(names, ", "))
			p.line("}")
			p.line("")
		}
	}
}

// needBlank collects the structures whose emptiness is asked for.
func (m *model) needBlank(s *shape, into map[string]bool) {
	if into[s.Name] {
		return
	}
	into[s.Name] = true
	for _, mb := range s.Members {
		if mb.of.Type == "structure" && !emptyStructCounts[s.Name+"."+mb.Name] {
			m.needBlank(mb.of, into)
		}
	}
}

// checked reports whether values of the shape can be wrong or not normal.
func (m *model) checked(s *shape) bool {
	switch s.Type {
	case "structure":
		for _, mb := range s.Members {
			if s.requires(mb.Name) || mb.of.Type == "structure" || m.checked(mb.of) {
				return true
			}
		}
		return false
	case "list":
		return s.Max != nil || m.checked(m.Shapes[s.Member.Shape])
	case "map":
		return s.Max != nil || m.checked(m.Shapes[s.Key.Shape]) || m.checked(m.Shapes[s.Value.Shape])
	}
	return len(s.Enum) > 0 || s.Min != nil || s.Max != nil
}

func writeStructCheck(m *model, p *printer, s *shape) {
	p.linef("func (v *%s) check() *wire.Problem {", s.Name)
	for _, mb := range s.Members {
		if leftToService[s.Name+"."+mb.Name] {
			continue
		}
		field, required := "v."+exported(mb.Name), s.requires(mb.Name)
		absent := "nil"
		if mb.of.Type == "string" && !emptyTextCounts[s.Name+"."+mb.Name] {
			absent = `""`
		}
		if mb.of.Type == "structure" && !emptyStructCounts[s.Name+"."+mb.Name] {
			p.linef("if %s != nil && %s.blank() {", field, field)
			p.linef("%s = nil", field)
			p.line("}")
		}
		if required {
			p.linef("if %s == %s {", field, absent)
			p.linef("return wire.Missing(%q)", mb.Name)
			p.line("}")
		}
		if !m.checked(mb.of) {
			continue
		}
		guard := !required && mb.of.Type != "list" && mb.of.Type != "map"
		if guard {
			p.linef("if %s != %s {", field, absent)
		}
		writeMemberCheck(m, p, mb, field, required)
		if guard {
			p.line("}")
		}
	}
	p.line("return nil")
	p.line("}")
	p.line("")
}

func writeMemberCheck(m *model, p *printer, mb *member, field string, required bool) {
	problem := func(expr, where string) {
		p.linef("if p := %s; p != nil {", expr)
		p.linef("return p.%s", where)
		p.line("}")
	}
	in := fmt.Sprintf("In(%q)", mb.Name)
	s := mb.of
	if (s.Type == "list" || s.Type == "map") && s.Max != nil {
		// Clients send empty lists and maps for none, so a least number
		// counts only where the member must be there.
		lo := int64(0)
		if required && s.Min != nil {
			lo = *s.Min
		}
		things := map[string]string{"list": "elements", "map": "entries"}[s.Type]
		problem(fmt.Sprintf("wire.Count(len(%s), %d, %d, %q)", field, lo, *s.Max, things), in)
	}
	switch s.Type {
	case "list":
		if elem := m.Shapes[s.Member.Shape]; m.checked(elem) {
			p.linef("for i := range %s {", field)
			problem(checkExpr(elem, field+"[i]"), fmt.Sprintf("At(%q, i)", mb.Name))
			p.line("}")
		}
	case "map":
		key, value := m.Shapes[s.Key.Shape], m.Shapes[s.Value.Shape]
		if m.checked(key) || m.checked(value) {
			keyLo, keyHi := bounds(key)
			lo, hi := bounds(value)
			problem(fmt.Sprintf("wire.Entries(%s, %d, %d, %d, %d)", field, keyLo, keyHi, lo, hi), in)
		}
	default:
		problem(checkExpr(s, field), in)
	}
}

// checkExpr returns the expression that checks a value which is there.
func checkExpr(s *shape, value string) string {
	switch {
	case s.Type == "structure":
		return value + ".check()"
	case len(s.Enum) > 0:
		return fmt.Sprintf("check%s(&%s)", s.Name, value)
	case s.Type == "string":
		lo, hi := bounds(s)
		return fmt.Sprintf("wire.TextLength(%s, %d, %d)", value, lo, hi)
	default:
		return fmt.Sprintf("wire.Within(int64(*%s), %d, %d)", value, *s.Min, *s.Max)
	}
}

// bounds returns the allowed length of a text.
func bounds(s *shape) (lo, hi int64) {
	hi = math.MaxInt32
	if s.Min != nil {
		lo = *s.Min
	}
	if s.Max != nil {
		hi = *s.Max
	}
	return lo, hi
}

func writeBlank(p *printer, s *shape) {
	var terms []string
	for _, mb := range s.Members {
		field := "v." + exported(mb.Name)
		switch {
		case mb.of.Type == "string" && !emptyTextCounts[s.Name+"."+mb.Name]:
			terms = append(terms, field+` == ""`)
		case mb.of.Type == "structure" && !emptyStructCounts[s.Name+"."+mb.Name]:
			terms = append(terms, fmt.Sprintf("(%s == nil || %s.blank())", field, field))
		default:
			terms = append(terms, field+" == nil")
		}
	}
	p.linef("func (v *%s) blank() bool {", s.Name)
	p.linef("return %s", strings.Join(terms, " &&\n"))
	p.line("}")
	p.line("")
}
