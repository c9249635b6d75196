package logsvc

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/batch"
)

// checks collects what is wrong with a request's members. The wording is
// AWS's, undocumented but the same in all of its older services.
type checks []string

func (c *checks) fail(value, member, constraint string) {
	const shown = 200
	if len(value) > shown {
		value = strings.ToValidUTF8(value[:shown], "") + "…"
	}
	*c = append(*c, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

// required checks that a member is there.
func (c *checks) required(value *string, member string) {
	if value == nil {
		*c = append(*c, "Value null at '"+member+"' failed to satisfy constraint: Member must not be null")
	}
}

// text checks the length in characters, and the form, of a member that is there.
func (c *checks) text(value *string, member string, shortest, longest int, f form) {
	if value == nil {
		return
	}
	switch n := utf8.RuneCountInString(*value); {
	case n < shortest:
		c.fail(*value, member, fmt.Sprintf("Member must have length greater than or equal to %d", shortest))
	case n > longest:
		c.fail(*value, member, fmt.Sprintf("Member must have length less than or equal to %d", longest))
	case f.allowed != nil && strings.ContainsFunc(*value, func(r rune) bool { return !f.allowed(r) }):
		c.fail(*value, member, "Member must satisfy regular expression pattern: "+f.pattern)
	}
}

// between checks a number that is there.
func (c *checks) between(value *int64, member string, least, most int64) {
	switch {
	case value == nil:
	case *value < least:
		c.fail(fmt.Sprint(*value), member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		c.fail(fmt.Sprint(*value), member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (c *checks) oneOf(value *string, member string, allowed ...string) {
	if value == nil {
		return
	}
	for _, a := range allowed {
		if *value == a {
			return
		}
	}
	c.fail(*value, member, "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
}

// err returns all complaints as one error, nil if there are none.
func (c checks) err() error {
	switch len(c) {
	case 0:
		return nil
	case 1:
		return batch.Errorf(batch.Invalid, "1 validation error detected: %s", c[0])
	}
	return batch.Errorf(batch.Invalid, "%d validation errors detected: %s", len(c), strings.Join(c, "; "))
}

// form is which characters a text may have, and AWS's expression for that.
type form struct {
	pattern string
	allowed func(rune) bool
}

func groupForm() form {
	return form{`[\.\-_/#A-Za-z0-9]+`, func(r rune) bool { return alphanumeric(r) || strings.ContainsRune("./-_#", r) }}
}

func streamForm() form {
	return form{`[^:*]*`, func(r rune) bool { return r != ':' && r != '*' }}
}

func identifierForm() form {
	return form{`[\w#+=/:,.@-]*`, func(r rune) bool { return alphanumeric(r) || strings.ContainsRune("_#+=/:,.@-*", r) }}
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func (c *checks) group(value *string, member string) { c.text(value, member, 1, 512, groupForm()) }

func (c *checks) stream(value *string, member string) { c.text(value, member, 1, 512, streamForm()) }

func (c *checks) token(value *string) { c.text(value, "nextToken", 1, 4096, form{}) }

// time checks a moment in milliseconds.
func (c *checks) time(value *int64, member string) { c.between(value, member, 0, 1<<53) }

// either resolves the two ways to name a group.
func (s *Service) either(name, identifier *string) (string, error) {
	var c checks
	c.group(name, "logGroupName")
	c.text(identifier, "logGroupIdentifier", 1, 2048, identifierForm())
	switch err := c.err(); {
	case err != nil:
		return "", err
	case name != nil && identifier != nil:
		return "", batch.Errorf(batch.Invalid, "LogGroup name and LogGroup ARN are mutually exclusive parameters.")
	case name != nil:
		return *name, nil
	case identifier == nil:
		return "", batch.Errorf(batch.Invalid, "Either logGroupName or logGroupIdentifier is required.")
	}
	group, ok := s.groupIn(*identifier)
	if !ok {
		return "", batch.Errorf(batch.NotFound, "The specified log group does not exist.")
	}
	return group, nil
}

// groupIn returns the group that a name or an ARN, with or without `:*`, is
// about. It says false for the ARN of something else.
func (s *Service) groupIn(identifier string) (string, bool) {
	if !strings.HasPrefix(identifier, "arn:") {
		return identifier, true
	}
	name, ok := strings.CutPrefix(identifier, s.groupARN(""))
	return strings.TrimSuffix(name, ":*"), ok
}

func (s *Service) groupARN(group string) string {
	return "arn:" + s.scope.Partition + ":logs:" + s.scope.Region + ":" + s.scope.Account + ":log-group:" + group
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
