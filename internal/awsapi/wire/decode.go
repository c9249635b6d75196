package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth is how deep a document may nest; the deepest shape needs 12.
	maxDepth = 64
	// maxElements is how many list elements and map entries a document may
	// have in all. An element of two bytes can become a struct of hundreds.
	maxElements = 50_000
)

// Decoder reads one document. Its methods are for generated code: each reads
// the next value, or does nothing after a problem.
type Decoder struct {
	dec      *jsontext.Decoder
	src      bytes.Buffer
	elements int
	problem  *Problem
	scratch  []byte
}

// Value is a structure that can read itself from an open decoder.
type Value interface{ ReadJSON(d *Decoder) }

// decoders holds idle decoders.
var decoders = sync.Pool{New: func() any { //nolint:gochecknoglobals // it caches memory, not state
	return &Decoder{dec: jsontext.NewDecoder(new(bytes.Buffer))}
}}

// Unmarshal is [Decode] for implementations of [encoding/json.Unmarshaler].
func Unmarshal(data []byte, v Value) error {
	if p := Decode(data, v); p != nil {
		return p
	}
	return nil
}

// Decode reads the one JSON object that data holds into v. Blank data counts
// as an empty object.
func Decode(data []byte, v Value) *Problem {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	d.elements, d.problem = 0, nil
	d.src = *bytes.NewBuffer(data)
	d.dec.Reset(&d.src, jsontext.AllowDuplicateNames(true))
	if len(bytes.TrimLeft(data, " \t\r\n")) > 0 {
		v.ReadJSON(d)
		d.end()
	}
	d.src = bytes.Buffer{}
	d.dec.Reset(&d.src)
	return d.problem
}

// end checks that nothing follows the document.
func (d *Decoder) end() {
	if d.problem != nil {
		return
	}
	if _, err := d.dec.ReadToken(); err == nil {
		d.problem = &Problem{Text: "must be one JSON object with nothing behind it"}
	} else if !errors.Is(err, io.EOF) {
		d.malformed(err)
	}
}

// Object opens an object.
func (d *Decoder) Object() { d.open('{', "an object") }

// Array opens an array.
func (d *Decoder) Array() { d.open('[', "a list") }

func (d *Decoder) open(kind jsontext.Kind, what string) {
	if !d.want(kind, what) {
		return
	}
	if d.dec.StackDepth() >= maxDepth {
		d.tooDeep()
		return
	}
	if _, err := d.dec.ReadToken(); err != nil {
		d.malformed(err)
	}
}

// More reports whether the open object or array has another member.
func (d *Decoder) More() bool {
	if d.problem != nil {
		return false
	}
	k := d.dec.PeekKind()
	return k != '}' && k != ']'
}

// Close closes the open object or array.
func (d *Decoder) Close() {
	if d.problem != nil {
		return
	}
	if _, err := d.dec.ReadToken(); err != nil {
		d.malformed(err)
	}
}

// Element counts a list element or map entry.
func (d *Decoder) Element() {
	if d.elements++; d.elements > maxElements && d.problem == nil {
		d.problem = &Problem{Text: "has more than " + strconv.Itoa(maxElements) + " list elements"}
	}
}

// Name reads the name of the next member. It is valid until the next call.
func (d *Decoder) Name() []byte {
	raw := d.raw()
	if len(raw) < 2 {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw)
	return d.scratch
}

// Skip passes over the next value, whatever it is.
func (d *Decoder) Skip() {
	if d.problem != nil {
		return
	}
	for depth := d.dec.StackDepth(); ; {
		if _, err := d.dec.ReadToken(); err != nil {
			d.malformed(err)
			return
		}
		switch now := d.dec.StackDepth(); {
		case now > maxDepth:
			d.tooDeep()
			return
		case now <= depth:
			return
		}
	}
}

// Null reads a null and reports true, or leaves any other value and reports
// false. After a problem it reports true, so that callers read no further.
func (d *Decoder) Null() bool {
	if d.problem != nil {
		return true
	}
	if d.dec.PeekKind() != 'n' {
		return false
	}
	d.raw()
	return true
}

// Text reads a string. Null is the empty string, and a number counts as its
// own text.
func (d *Decoder) Text() string {
	if d.Null() {
		return ""
	}
	return d.text()
}

// Item reads a string inside a list, where null has no meaning.
func (d *Decoder) Item() string {
	if d.problem != nil {
		return ""
	}
	return d.text()
}

// TextOrNil reads a string whose emptiness means something.
func (d *Decoder) TextOrNil() *string {
	if d.Null() {
		return nil
	}
	s := d.text()
	return &s
}

func (d *Decoder) text() string {
	switch d.dec.PeekKind() {
	case '0':
		return string(d.raw())
	case '"':
	default:
		d.want('"', "a string")
		return ""
	}
	raw := d.raw()
	if len(raw) < 2 {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw)
	return string(d.scratch)
}

// Texts reads a list of strings, or nil.
func (d *Decoder) Texts() []string {
	if d.Null() {
		return nil
	}
	list := []string{}
	for d.Array(); d.More(); d.Element() {
		list = append(list, d.Item())
	}
	d.Close()
	return list
}

// TextMap reads an object whose values are strings, or nil. Entries that are
// null are absent.
func (d *Decoder) TextMap() map[string]string {
	if d.Null() {
		return nil
	}
	m := map[string]string{}
	for d.Object(); d.More(); d.Element() {
		name := string(d.Name())
		if d.Null() {
			delete(m, name)
		} else {
			m[name] = d.text()
		}
	}
	d.Close()
	return m
}

// Bool reads a boolean, or nil.
func (d *Decoder) Bool() *bool {
	if d.Null() {
		return nil
	}
	switch d.dec.PeekKind() {
	case 't', 'f':
	default:
		d.want('t', "true or false")
		return nil
	}
	raw := d.raw()
	if raw == nil {
		return nil
	}
	b := raw[0] == 't'
	return &b
}

// Int32 reads an integer of 32 bits, or nil.
func (d *Decoder) Int32() *int32 {
	n, ok := d.integer(math.MinInt32, math.MaxInt32)
	if !ok {
		return nil
	}
	i := int32(n)
	return &i
}

// Int64 reads an integer of 64 bits, or nil.
func (d *Decoder) Int64() *int64 {
	n, ok := d.integer(math.MinInt64, math.MaxInt64)
	if !ok {
		return nil
	}
	return &n
}

// integer accepts every spelling of a whole number, 2.0 and 1e3 included:
// some languages have but one kind of number.
func (d *Decoder) integer(lo, hi int64) (int64, bool) {
	raw := d.number("an integer")
	if raw == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		const exact = 1 << 53 // whole numbers below it are exact as float64
		f, _ := strconv.ParseFloat(string(raw), 64)
		if f != math.Trunc(f) {
			d.refuse("must be an integer, not " + shorten(string(raw)))
			return 0, false
		}
		if n = int64(f); math.Abs(f) < exact {
			err = nil
		}
	}
	if err != nil || n < lo || n > hi {
		d.refuse("must be an integer between " + strconv.FormatInt(lo, 10) + " and " + strconv.FormatInt(hi, 10))
		return 0, false
	}
	return n, true
}

// Float reads a number, or nil.
func (d *Decoder) Float() *float64 {
	raw := d.number("a number")
	if raw == nil {
		return nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		d.refuse("must be a smaller number")
		return nil
	}
	return &f
}

func (d *Decoder) number(what string) []byte {
	if d.Null() || !d.want('0', what) {
		return nil
	}
	return d.raw()
}

// raw reads a value that has no parts.
func (d *Decoder) raw() []byte {
	if d.problem != nil {
		return nil
	}
	v, err := d.dec.ReadValue()
	if err != nil {
		d.malformed(err)
		return nil
	}
	return v
}

// want reports whether the next value is of the given kind, and says what was
// expected instead if it is not.
func (d *Decoder) want(kind jsontext.Kind, what string) bool {
	if d.problem != nil {
		return false
	}
	got := d.dec.PeekKind()
	if got == kind {
		return true
	}
	var not string
	switch got {
	case 'n':
		not = "null"
	case 't', 'f':
		not = "a boolean"
	case '"':
		not = "a string"
	case '0':
		not = "a number"
	case '{':
		not = "an object"
	case '[':
		not = "a list"
	default: // no value at all: reading it tells why
		if _, err := d.dec.ReadToken(); err != nil {
			d.malformed(err)
			return false
		}
		not = "nothing"
	}
	d.problem = &Problem{Path: d.path(false), Text: "must be " + what + ", not " + not}
	return false
}

// refuse complains about the value just read.
func (d *Decoder) refuse(text string) {
	d.problem = &Problem{Path: d.path(true), Text: text}
}

func (d *Decoder) tooDeep() {
	d.problem = &Problem{Text: "nests more than " + strconv.Itoa(maxDepth) + " levels deep"}
}

func (d *Decoder) malformed(err error) {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		d.problem = &Problem{Text: "is not valid JSON: it ends too early"}
	case errors.As(err, &syntax) && syntax.Err != nil:
		d.problem = &Problem{Text: "is not valid JSON: " + syntax.Err.Error() + " at byte " + strconv.FormatInt(syntax.ByteOffset, 10)}
	default:
		d.problem = &Problem{Text: "is not valid JSON"}
	}
}

// path names the value about to be read, or the one just read.
func (d *Decoder) path(read bool) string {
	var names []string
	for name := range d.dec.StackPointer().Tokens() {
		names = append(names, name)
	}
	path := ""
	last := d.dec.StackDepth()
	for level := 1; level <= last; level++ {
		kind, n := d.dec.StackIndex(level)
		switch {
		case kind == '[' && (read || level < last):
			path += "[" + strconv.FormatInt(n-1, 10) + "]"
		case kind == '[':
			path += "[" + strconv.FormatInt(n, 10) + "]"
		case level <= len(names) && path == "":
			path = shorten(names[level-1])
		case level <= len(names):
			path += "." + shorten(names[level-1])
		}
	}
	return path
}
