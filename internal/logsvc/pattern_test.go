package logsvc

import (
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct{ pattern, match, noMatch string }{
		{"", "anything|", ""},
		{"ERROR", "[ERROR] fatal|Exiting with ERRORCODE: -1", "error|warn"},
		{"ERROR Exception", "[ERROR] Caught IllegalArgumentException", "ERROR|Exception"},
		{"ERROR -Exiting", "[ERROR] fatal", "Exiting with ERRORCODE: -1"},
		{"-ERROR", "fine", "ERROR"},
		{"?ERROR ?WARN", "ERROR message|WARN message|ERROR WARN message", "INFO message"},
		{"?ERROR ?WARN -noise", "ERROR message", "WARN noise|INFO"},
		{"?ERROR REQUEST", "REQUEST", "ERROR"},
		{`"INTERNAL SERVER ERROR"`, "an INTERNAL SERVER ERROR came", "INTERNAL ERROR"},
		{`-"a b"  "x\"y\\"`, `x"y\`, `x"y\ a b|xy`},
		{`?"500:" ?"502:"`, "got 502:", "got 200:"},
		{"naïve_1", "so naïve_1!", "naive_1"},
	}
	for _, test := range tests {
		match, err := parsePattern(test.pattern)
		if err != nil {
			t.Errorf("pattern %s: %v", test.pattern, err)
			continue
		}
		for message := range strings.SplitSeq(test.match, "|") {
			if match != nil && !match(message) {
				t.Errorf("pattern %s does not match %q", test.pattern, message)
			}
		}
		for message := range strings.SplitSeq(test.noMatch, "|") {
			if test.noMatch != "" && match(message) {
				t.Errorf("pattern %s matches %q", test.pattern, message)
			}
		}
	}
	for pattern, want := range map[string]string{
		`{ $.a = 1 }`: "JSON patterns",
		`[a, b]`:      "space-delimited",
		`%ERR.R%`:     "regular expressions",
		`foo-bar`:     "Invalid character(s) in term 'foo-bar'",
		`""`:          `Invalid character(s) in term '""'`,
		`- x`:         "Invalid character(s) in term ''",
		`"open`:       "has no end",
	} {
		if _, err := parsePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("pattern %s: %v, want an error with %q", pattern, err, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`ERROR -"a \" b" ?x`, "some ERROR x")
	f.Fuzz(func(t *testing.T, pattern, message string) {
		match, err := parsePattern(pattern)
		if err == nil && match != nil {
			match(message)
		}
	})
}
