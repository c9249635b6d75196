package main

import (
	"bytes"
	_ "embed" // additions.json
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// model is a service description in the service-2 layout, as far as the
// generator reads it.
type model struct {
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	Name string
	HTTP struct {
		Method     string
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input, Output *ref
}

type shape struct {
	Name      string `json:"-"`
	Type      string
	Members   members
	Required  []string
	Member    *ref // of a list
	Key       *ref // of a map
	Value     *ref // of a map
	Enum      []string
	Min, Max  *int64
	Exception bool
	Error     struct {
		HTTPStatusCode int `json:"httpStatusCode"`
	}

	input, output bool // whether an operation's input or output contains it
}

type ref struct {
	Shape        string
	Location     string // "uri", "querystring"; empty means the body
	LocationName string
}

type member struct {
	ref
	Name string
	of   *shape
}

// members keeps the order of the model, which a Go map would lose.
type members []*member

func (m *members) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		next := &member{Name: name.(string)}
		if err := dec.Decode(&next.ref); err != nil {
			return err
		}
		*m = append(*m, next)
	}
	return nil
}

// parse reads a model and refuses what the generator could not translate.
func parse(data []byte) (*model, error) {
	m := new(model)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if err := m.extend(); err != nil {
		return nil, err
	}
	for name, s := range m.Shapes {
		s.Name = name
		for _, mb := range s.Members {
			if mb.of = m.Shapes[mb.Shape]; mb.of == nil {
				return nil, fmt.Errorf("%s.%s: no shape %s", name, mb.Name, mb.Shape)
			}
		}
		for _, r := range []*ref{s.Member, s.Key, s.Value} {
			if r != nil && m.Shapes[r.Shape] == nil {
				return nil, fmt.Errorf("%s: no shape %s", name, r.Shape)
			}
		}
	}
	for name, op := range m.Operations {
		op.Name = name
		if op.Input == nil || op.Output == nil {
			return nil, fmt.Errorf("%s: an operation without input or output", name)
		}
		for _, r := range []*ref{op.Input, op.Output} {
			if s := m.Shapes[r.Shape]; s == nil || m.recursive(s, nil) {
				return nil, fmt.Errorf("%s: shape %s is missing or recursive", name, r.Shape)
			}
		}
		m.reach(m.Shapes[op.Input.Shape], func(s *shape) *bool { return &s.input })
		m.reach(m.Shapes[op.Output.Shape], func(s *shape) *bool { return &s.output })
	}
	for _, s := range m.sorted() {
		if err := m.translatable(s); err != nil {
			return nil, fmt.Errorf("shape %s: %w", s.Name, err)
		}
	}
	return m, m.quirksExist()
}

// additions are shapes of our own, and members for shapes of AWS's: what Barge
// says beyond AWS's model, all of it under members called barge.
//
//go:embed additions.json
var additions []byte

// extend adds the additions to a model that has what they belong to.
func (m *model) extend() error {
	more := new(model)
	if err := json.Unmarshal(additions, more); err != nil {
		return fmt.Errorf("read additions: %w", err)
	}
	if m.Shapes["JobDetail"] == nil {
		return nil // a model of a test
	}
	for name, s := range more.Shapes {
		if old := m.Shapes[name]; old != nil {
			old.Members = append(old.Members, s.Members...)
		} else {
			m.Shapes[name] = s
		}
	}
	return nil
}

// reach marks a shape and all that it contains.
func (m *model) reach(s *shape, mark func(*shape) *bool) {
	if *mark(s) {
		return
	}
	*mark(s) = true
	for _, part := range m.parts(s) {
		m.reach(part, mark)
	}
}

// recursive reports whether s contains itself or a shape above it.
func (m *model) recursive(s *shape, above []*shape) bool {
	if slices.Contains(above, s) {
		return true
	}
	above = append(slices.Clip(above), s)
	return slices.ContainsFunc(m.parts(s), func(part *shape) bool { return m.recursive(part, above) })
}

// parts returns the shapes directly in s.
func (m *model) parts(s *shape) []*shape {
	var list []*shape
	for _, mb := range s.Members {
		list = append(list, mb.of)
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil {
			list = append(list, m.Shapes[r.Shape])
		}
	}
	return list
}

// translatable refuses what the templates do not know.
func (m *model) translatable(s *shape) error {
	if s.Min != nil && s.Max == nil {
		return errors.New("a least length without a greatest")
	}
	switch s.Type {
	case "structure", "string", "boolean", "integer", "long", "float", "double":
		return nil
	case "list":
		if t := m.Shapes[s.Member.Shape].Type; t != "string" && t != "structure" {
			return fmt.Errorf("a list of %s", t)
		}
		return nil
	case "map":
		if e := m.Shapes[s.Value.Shape]; e.Type != "string" && e.Type != "integer" && e.Type != "list" || len(e.Enum) > 0 {
			return fmt.Errorf("a map to %s", e.Type)
		}
		return nil
	}
	return fmt.Errorf("the type %s", s.Type)
}

// sorted returns the shapes that operations use, by name.
func (m *model) sorted() []*shape {
	var list []*shape
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		if s := m.Shapes[name]; s.input || s.output {
			list = append(list, s)
		}
	}
	return list
}

func (m *model) structures() []*shape {
	return slices.DeleteFunc(m.sorted(), func(s *shape) bool { return s.Type != "structure" })
}

func (m *model) operations() []*operation {
	var list []*operation
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		list = append(list, m.Operations[name])
	}
	return list
}

func (s *shape) requires(member string) bool { return slices.Contains(s.Required, member) }

// exported returns a member's Go name.
func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// constant returns the Go name of an enumeration's value: JobStatusRunnable.
func constant(enum, value string) string {
	words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	name := enum
	for _, w := range words {
		if w == strings.ToUpper(w) {
			w = strings.ToLower(w)
		}
		name += exported(w)
	}
	return name
}

// goType returns the type of a member of the given shape: pointers where
// absence must show, values elsewhere.
func (m *model) goType(s *shape) string {
	switch s.Type {
	case "structure", "boolean", "integer", "long", "float", "double":
		return "*" + m.elemType(s)
	}
	return m.elemType(s)
}

// elemType returns the type of a list element or map value.
func (m *model) elemType(s *shape) string {
	switch s.Type {
	case "structure":
		return s.Name
	case "string":
		return "string"
	case "boolean":
		return "bool"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "float", "double":
		return "float64"
	case "list":
		return "[]" + m.elemType(m.Shapes[s.Member.Shape])
	}
	return "map[string]" + m.elemType(m.Shapes[s.Value.Shape])
}

// memberType is goType with the quirks applied.
func (m *model) memberType(s *shape, mb *member) string {
	if emptyTextCounts[s.Name+"."+mb.Name] {
		return "*string"
	}
	return m.goType(mb.of)
}
