package main

import (
	"fmt"
	"strings"
)

// writeService writes the Service interface and the answer to what is not
// built.
func writeService(m *model, p *printer) {
	p.imports("context", "", batchPath)
	p.line("// Service is AWS Batch. Methods are called concurrently, one goroutine per")
	p.line("// request. Inputs are normalised and checked, belong to the method and may be")
	p.line("// kept. A nil output is written as an empty one.")
	p.line("type Service interface {")
	for _, op := range m.operations() {
		p.linef("%s(ctx context.Context, in *%s) (*%s, error)", op.Name, op.Input.Shape, op.Output.Shape)
	}
	p.line("}")
	p.line("")
	p.line("// Unimplemented answers every operation with [batch.NotBuilt]. Services embed it")
	p.line("// and override what they do.")
	p.line("type Unimplemented struct{}")
	p.line("")
	p.line("var _ Service = Unimplemented{}")
	p.line("")
	for _, op := range m.operations() {
		p.linef("// %s says that it is not built.", op.Name)
		p.linef("func (Unimplemented) %s(context.Context, *%s) (*%s, error) {", op.Name, op.Input.Shape, op.Output.Shape)
		p.linef("return nil, notBuilt(%q)", op.Name)
		p.line("}")
		p.line("")
	}
	p.line("func notBuilt(operation string) error {")
	p.line(`return batch.Errorf(batch.NotBuilt, "Barge does not implement %s yet", operation)`)
	p.line("}")
}

// writeRoutes writes the table from requests to operations.
func writeRoutes(m *model, p *printer) {
	p.imports(restjsonPath, wirePath)
	p.line("func routes(svc Service) []restjson.Route {")
	p.line("return []restjson.Route{")
	for _, op := range m.operations() {
		decode := fmt.Sprintf("body(Decode%s)", op.Input.Shape)
		if m.located(op) {
			decode = "decode" + op.Name
		}
		p.linef("{Operation: %q, Method: %q, Path: %q, Serve: serve(%s, svc.%s)},",
			op.Name, op.HTTP.Method, op.HTTP.RequestURI, decode, op.Name)
	}
	p.line("}")
	p.line("}")
	for _, op := range m.operations() {
		if m.located(op) {
			writeLocated(m, p, op)
		}
	}
}

// located reports whether part of the input is not in the body.
func (m *model) located(op *operation) bool {
	for _, mb := range m.Shapes[op.Input.Shape].Members {
		if mb.Location != "" {
			return true
		}
	}
	return false
}

// writeLocated writes the decoder of an input that is not all in the body.
func writeLocated(m *model, p *printer, op *operation) {
	in := m.Shapes[op.Input.Shape]
	p.line("")
	p.linef("func decode%s(c *restjson.Call) (*%s, error) {", op.Name, in.Name)
	p.linef("v := new(%s)", in.Name)
	for _, mb := range in.Members {
		if mb.Location == "" {
			p.line("if p := wire.Decode(c.Body, v); p != nil {")
			p.line("return nil, p.Invalid()")
			p.line("}")
			break
		}
	}
	for _, mb := range in.Members {
		field := "v." + exported(mb.Name)
		switch {
		case mb.Location == "uri" && mb.of.Type == "string" && strings.HasSuffix(op.HTTP.RequestURI, "/{"+mb.LocationName+"}"):
			p.linef("%s = c.Label", field)
		case mb.Location == "querystring" && m.goType(mb.of) == "[]string":
			p.linef("%s = c.Query[%q]", field, mb.LocationName)
		case mb.Location != "":
			panic(fmt.Sprintf("%s.%s: location %s of a %s", in.Name, mb.Name, mb.Location, mb.of.Type))
		}
	}
	p.line("if p := v.check(); p != nil {")
	p.line("return nil, p.Invalid()")
	p.line("}")
	p.line("return v, nil")
	p.line("}")
}
