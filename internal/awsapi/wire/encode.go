package wire

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return appendUnusual(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendUnusual(b []byte, s string) []byte {
	n := len(b)
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		b, _ = jsontext.AppendQuote(b[:n], strings.ToValidUTF8(s, "\uFFFD"))
	}
	return b
}

// AppendFloat appends a number. What JSON cannot say (infinities, NaN) becomes
// null; it cannot come from a decoded document.
func AppendFloat(b []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(b, "null"...)
	}
	return jsontext.AppendFloat(b, f, 64)
}

// CloseObject ends an object that began at b[start] and whose members were
// each written with a comma in front, the first one included.
func CloseObject(b []byte, start int) []byte { return enclose(b, start, '{', '}') }

// CloseArray ends an array that began at b[start] and whose elements were each
// written with a comma in front, the first one included.
func CloseArray(b []byte, start int) []byte { return enclose(b, start, '[', ']') }

func enclose(b []byte, start int, open, end byte) []byte {
	if len(b) == start {
		return append(b, open, end)
	}
	b[start] = open
	return append(b, end)
}

// AppendTexts appends a list of strings.
func AppendTexts(b []byte, list []string) []byte {
	start := len(b)
	for _, s := range list {
		b = AppendString(append(b, ','), s)
	}
	return CloseArray(b, start)
}

// AppendTextMap appends an object whose values are strings, in the order of
// its names.
func AppendTextMap(b []byte, m map[string]string) []byte {
	start := len(b)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = AppendString(append(b, ','), name)
		b = AppendString(append(b, ':'), m[name])
	}
	return CloseObject(b, start)
}
