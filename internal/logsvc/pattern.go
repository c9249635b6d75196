package logsvc

import (
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// pattern is a filter pattern of terms. A term is found anywhere in a message,
// also inside of a word, with its case.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
type pattern struct {
	all  []string // every one is in the message
	none []string // no one is
	some []string // at least one is; not asked where there are terms in all
}

// parsePattern returns what decides about a message, nil for a pattern that
// every message matches.
func parsePattern(text string) (func(message string) bool, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	switch text[0] {
	case '{':
		return nil, batch.Errorf(batch.Invalid, "Invalid filter pattern: JSON patterns ({ $.field = value }) are not implemented; use terms, as in: ERROR -\"retry later\"")
	case '[':
		return nil, batch.Errorf(batch.Invalid, "Invalid filter pattern: patterns for space-delimited events ([a, b]) are not implemented; use terms, as in: ERROR -\"retry later\"")
	case '%':
		return nil, batch.Errorf(batch.Invalid, "Invalid filter pattern: regular expressions (%%…%%) are not implemented; use terms, as in: ERROR -\"retry later\"")
	}
	var p pattern
	for text != "" {
		list := &p.all
		switch text[0] {
		case '?':
			list, text = &p.some, text[1:]
		case '-':
			list, text = &p.none, text[1:]
		}
		term, rest, err := cutTerm(text)
		if err != nil {
			return nil, err
		}
		*list = append(*list, term)
		text = strings.TrimSpace(rest)
	}
	if len(p.all) > 0 {
		p.some = nil
	}
	return p.matches, nil
}

// cutTerm takes the first word, or quoted phrase, off text.
func cutTerm(text string) (term, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		var b strings.Builder
		for i := 1; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
				i++
				b.WriteByte(text[i])
			case c == '"' && b.Len() == 0:
				return "", "", badTerm(`""`)
			case c == '"':
				return b.String(), text[i+1:], nil
			default:
				b.WriteByte(c)
			}
		}
		return "", "", batch.Errorf(batch.Invalid, "Invalid filter pattern: a quotation mark has no end")
	}
	end := strings.IndexAny(text, " \t\r\n")
	if end < 0 {
		end = len(text)
	}
	term, rest = text[:end], text[end:]
	if term == "" || strings.ContainsFunc(term, func(r rune) bool { return r != '_' && r < 0x80 && !alphanumeric(r) }) {
		return "", "", badTerm(term)
	}
	return term, rest, nil
}

func badTerm(term string) error {
	return batch.Errorf(batch.Invalid, "Invalid filter pattern: Invalid character(s) in term '%s'", term)
}

func (p *pattern) matches(message string) bool {
	for _, term := range p.all {
		if !strings.Contains(message, term) {
			return false
		}
	}
	for _, term := range p.none {
		if strings.Contains(message, term) {
			return false
		}
	}
	for _, term := range p.some {
		if strings.Contains(message, term) {
			return true
		}
	}
	return len(p.some) == 0
}
