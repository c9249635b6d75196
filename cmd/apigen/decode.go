package main

// writeDecode writes what reads shapes from JSON.
func writeDecode(m *model, p *printer) {
	p.imports(wirePath)
	for _, op := range m.operations() {
		in := op.Input.Shape
		p.linef("// Decode%s reads, normalises and checks the input of %s.", in, op.Name)
		p.linef("func Decode%s(data []byte) (*%s, error) {", in, in)
		p.linef("v := new(%s)", in)
		p.line("if p := wire.Decode(data, v); p != nil {")
		p.line("return nil, p.Invalid()")
		p.line("}")
		if m.checked(m.Shapes[in]) {
			p.line("if p := v.check(); p != nil {")
			p.line("return nil, p.Invalid()")
			p.line("}")
		}
		p.line("return v, nil")
		p.line("}")
		p.line("")
	}
	for _, s := range m.sorted() {
		switch s.Type {
		case "structure":
			writeStructRead(m, p, s)
		case "list":
			if m.Shapes[s.Member.Shape].Type != "string" {
				writeListRead(m, p, s)
			}
		case "map":
			if m.Shapes[s.Value.Shape].Type != "string" {
				writeMapRead(m, p, s)
			}
		}
	}
}

func writeStructRead(m *model, p *printer, s *shape) {
	p.line("// UnmarshalJSON reads a stored record: it checks and normalises nothing.")
	p.linef("func (v *%s) UnmarshalJSON(data []byte) error {", s.Name)
	p.linef("*v = %s{}", s.Name)
	p.line("return wire.Unmarshal(data, v)")
	p.line("}")
	p.line("")
	p.line("// ReadJSON reads the next value of d.")
	p.linef("func (v *%s) ReadJSON(d *wire.Decoder) {", s.Name)
	p.line("for d.Object(); d.More(); {")
	if len(s.Members) == 0 {
		p.line("d.Name()")
		p.line("d.Skip()")
	} else {
		p.line("switch string(d.Name()) {")
		for _, mb := range s.Members {
			p.linef("case %q:", mb.Name)
			writeMemberRead(m, p, s, mb)
		}
		p.line("default:")
		p.line("d.Skip()")
		p.line("}")
	}
	p.line("}")
	p.line("d.Close()")
	p.line("}")
	p.line("")
}

func writeMemberRead(m *model, p *printer, s *shape, mb *member) {
	field := "v." + exported(mb.Name)
	if emptyTextCounts[s.Name+"."+mb.Name] {
		p.linef("%s = d.TextOrNil()", field)
		return
	}
	if mb.of.Type == "structure" {
		p.line("if d.Null() {")
		p.linef("%s = nil", field)
		p.line("} else {")
		p.linef("%s = new(%s)", field, mb.of.Name)
		p.linef("%s.ReadJSON(d)", field)
		p.line("}")
		return
	}
	p.linef("%s = %s", field, m.reader(mb.of))
}

// reader returns the expression that reads a value which is no structure.
func (m *model) reader(s *shape) string {
	switch s.Type {
	case "string":
		return "d.Text()"
	case "boolean":
		return "d.Bool()"
	case "integer":
		return "d.Int32()"
	case "long":
		return "d.Int64()"
	case "float", "double":
		return "d.Float()"
	case "list":
		if m.Shapes[s.Member.Shape].Type == "string" {
			return "d.Texts()"
		}
	case "map":
		if m.Shapes[s.Value.Shape].Type == "string" {
			return "d.TextMap()"
		}
	}
	return "read" + s.Name + "(d)"
}

func writeListRead(m *model, p *printer, s *shape) {
	elem := m.elemType(m.Shapes[s.Member.Shape])
	p.linef("func read%s(d *wire.Decoder) []%s {", s.Name, elem)
	p.line("if d.Null() {")
	p.line("return nil")
	p.line("}")
	p.linef("list := []%s{}", elem)
	p.line("for d.Array(); d.More(); d.Element() {")
	p.linef("list = append(list, %s{})", elem)
	p.line("list[len(list)-1].ReadJSON(d)")
	p.line("}")
	p.line("d.Close()")
	p.line("return list")
	p.line("}")
	p.line("")
}

func writeMapRead(m *model, p *printer, s *shape) {
	value := m.Shapes[s.Value.Shape]
	entry := "entry"
	if value.Type == "integer" {
		entry = "*entry"
	}
	p.linef("func read%s(d *wire.Decoder) %s {", s.Name, m.elemType(s))
	p.line("if d.Null() {")
	p.line("return nil")
	p.line("}")
	p.linef("m := %s{}", m.elemType(s))
	p.line("for d.Object(); d.More(); d.Element() {")
	p.line("name := string(d.Name())")
	p.linef("if entry := %s; entry != nil {", m.reader(value))
	p.linef("m[name] = %s", entry)
	p.line("} else {")
	p.line("delete(m, name)")
	p.line("}")
	p.line("}")
	p.line("d.Close()")
	p.line("return m")
	p.line("}")
	p.line("")
}
