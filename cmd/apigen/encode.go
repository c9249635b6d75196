package main

import "fmt"

// writeEncode writes what appends shapes as JSON.
func writeEncode(m *model, p *printer) {
	p.imports("maps", "slices", "strconv", "", wirePath)
	outputs := make(map[string]bool)
	for _, op := range m.operations() {
		outputs[op.Output.Shape] = true
	}
	for _, s := range m.sorted() {
		switch s.Type {
		case "structure":
			writeStructAppend(m, p, s, outputs[s.Name])
		case "list":
			if m.Shapes[s.Member.Shape].Type != "string" {
				writeListAppend(m, p, s)
			}
		case "map":
			if m.Shapes[s.Value.Shape].Type != "string" {
				writeMapAppend(m, p, s)
			}
		}
	}
}

func writeStructAppend(m *model, p *printer, s *shape, output bool) {
	if output {
		p.line("// AppendJSON appends v as a JSON object. Nil is an empty one.")
	} else {
		p.line("// AppendJSON appends v as a JSON object.")
	}
	p.linef("func (v *%s) AppendJSON(b []byte) []byte {", s.Name)
	if output {
		p.line("if v == nil {")
		p.line(`return append(b, "{}"...)`)
		p.line("}")
	}
	p.line("start := len(b)")
	for _, mb := range s.Members {
		field := "v." + exported(mb.Name)
		name := fmt.Sprintf("append(b, `,%q:`...)", mb.Name)
		absent, value := "nil", field
		switch {
		case emptyTextCounts[s.Name+"."+mb.Name]:
			value = "*" + field
		case mb.of.Type == "string":
			absent = `""`
		case mb.of.Type != "list" && mb.of.Type != "map" && mb.of.Type != "structure":
			value = "*" + field
		}
		p.linef("if %s != %s {", field, absent)
		p.linef("b = %s", m.appender(mb.of, name, value))
		p.line("}")
	}
	p.line("return wire.CloseObject(b, start)")
	p.line("}")
	p.line("")
}

// appender returns the expression that appends a value to b.
func (m *model) appender(s *shape, b, value string) string {
	switch s.Type {
	case "structure":
		return fmt.Sprintf("%s.AppendJSON(%s)", value, b)
	case "string":
		return fmt.Sprintf("wire.AppendString(%s, %s)", b, value)
	case "boolean":
		return fmt.Sprintf("strconv.AppendBool(%s, %s)", b, value)
	case "integer":
		return fmt.Sprintf("strconv.AppendInt(%s, int64(%s), 10)", b, value)
	case "long":
		return fmt.Sprintf("strconv.AppendInt(%s, %s, 10)", b, value)
	case "float", "double":
		return fmt.Sprintf("wire.AppendFloat(%s, %s)", b, value)
	case "list":
		if m.Shapes[s.Member.Shape].Type == "string" {
			return fmt.Sprintf("wire.AppendTexts(%s, %s)", b, value)
		}
	case "map":
		if m.Shapes[s.Value.Shape].Type == "string" {
			return fmt.Sprintf("wire.AppendTextMap(%s, %s)", b, value)
		}
	}
	return fmt.Sprintf("append%s(%s, %s)", s.Name, b, value)
}

func writeListAppend(m *model, p *printer, s *shape) {
	p.linef("func append%s(b []byte, list %s) []byte {", s.Name, m.elemType(s))
	p.line("start := len(b)")
	p.line("for i := range list {")
	p.line("b = list[i].AppendJSON(append(b, ','))")
	p.line("}")
	p.line("return wire.CloseArray(b, start)")
	p.line("}")
	p.line("")
}

func writeMapAppend(m *model, p *printer, s *shape) {
	p.linef("func append%s(b []byte, m %s) []byte {", s.Name, m.elemType(s))
	p.line("start := len(b)")
	p.line("for _, name := range slices.Sorted(maps.Keys(m)) {")
	p.line("b = wire.AppendString(append(b, ','), name)")
	p.linef("b = %s", m.appender(m.Shapes[s.Value.Shape], "append(b, ':')", "m[name]"))
	p.line("}")
	p.line("return wire.CloseObject(b, start)")
	p.line("}")
	p.line("")
}
