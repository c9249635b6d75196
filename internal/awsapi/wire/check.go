package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Match checks that *s is one of the allowed values, whatever its case, and
// gives it the spelling of the one it matches.
func Match(s *string, allowed ...string) *Problem {
	for _, a := range allowed {
		if *s == a {
			return nil
		}
	}
	for _, a := range allowed {
		// Equal lengths keep out the letters beyond ASCII that fold into it.
		if len(*s) == len(a) && strings.EqualFold(*s, a) {
			*s = a
			return nil
		}
	}
	choice := "one of " + strings.Join(allowed, ", ")
	if len(allowed) == 1 {
		choice = allowed[0]
	}
	return &Problem{Text: "must be " + choice + ", not " + quoted(*s)}
}

// Within checks that lo ≤ n ≤ hi.
func Within(n, lo, hi int64) *Problem {
	if lo <= n && n <= hi {
		return nil
	}
	return &Problem{Text: fmt.Sprintf("must be between %d and %d, not %d", lo, hi, n)}
}

// TextLength checks that s has lo to hi characters.
func TextLength(s string, lo, hi int) *Problem {
	if lo <= len(s)/utf8.UTFMax && len(s) <= hi {
		return nil
	}
	return Count(utf8.RuneCountInString(s), lo, hi, "characters")
}

// Count checks that there are lo to hi of the given things.
func Count(n, lo, hi int, things string) *Problem {
	switch {
	case lo <= n && n <= hi:
		return nil
	case lo == 0:
		return &Problem{Text: fmt.Sprintf("must have at most %d %s, not %d", hi, things, n)}
	}
	return &Problem{Text: fmt.Sprintf("must have %d to %d %s, not %d", lo, hi, things, n)}
}

// Entries checks the lengths of a map's keys, keyLo to keyHi, and values, lo to
// hi, in characters. Of several problems it reports the one whose key comes
// first.
func Entries(m map[string]string, keyLo, keyHi, lo, hi int) *Problem {
	var first string
	var worst *Problem
	for key, value := range m {
		if worst != nil && key > first {
			continue
		}
		if p := TextLength(key, keyLo, keyHi); p != nil {
			first, worst = key, &Problem{Text: "has the key " + quoted(key) + ", which " + p.Text}
		} else if p := TextLength(value, lo, hi); p != nil {
			first, worst = key, p.In(shorten(key))
		}
	}
	return worst
}
