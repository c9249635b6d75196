package wire

import (
	"strconv"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/batch"
)

// Problem is the first thing wrong with a document. Its message is the path
// followed by the complaint, one sentence without a full stop: `jobName is
// required`.
type Problem struct {
	Path string // of the member, empty for the whole document
	Text string // begins with a verb: "is required", "must be an integer, not a string"
}

// maxQuoted is how much of what a client sent is repeated to it, in bytes.
const maxQuoted = 100

// Error returns the message.
func (p *Problem) Error() string {
	if p.Path == "" {
		return "the request body " + p.Text
	}
	return p.Path + " " + p.Text
}

// Invalid returns the problem as the error that a user sees.
func (p *Problem) Invalid() *batch.Error {
	return &batch.Error{Code: batch.Invalid, Message: p.Error(), Field: p.Path}
}

// In says that the problem is inside the named member.
func (p *Problem) In(member string) *Problem {
	p.Path = join(member, p.Path)
	return p
}

// At says that the problem is in element i of the named list.
func (p *Problem) At(member string, i int) *Problem {
	p.Path = join(member+"["+strconv.Itoa(i)+"]", p.Path)
	return p
}

// Missing reports a required member that is not there.
func Missing(member string) *Problem { return &Problem{Path: member, Text: "is required"} }

// quoted prints what a client sent in a message, shortened if it is long.
func quoted(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func join(outer, inner string) string {
	if inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}
