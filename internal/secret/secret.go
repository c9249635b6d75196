// Package secret resolves what jobs name in `valueFrom`: secrets of Secrets
// Manager and parameters of Systems Manager, whose values stand in a file or in
// the environment of the server.
//
// A [Store] is made by [Open] and safe for concurrent use; batchsvc asks it once
// for each start of an attempt. The file is read anew every time, so a changed
// value counts from the next attempt on, as on AWS.
//
// Errors say which secret is missing and never what one holds. It deliberately
// keeps no values, knows no versions, and asks no service.
package secret

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// maxFile bounds the file, in bytes.
const maxFile = 4 << 20

// Store resolves secrets. The nil Store has none.
type Store struct {
	file   string
	prefix string // of variables, where there is no file
	lookup func(string) (string, bool)
}

// Open returns the store that source names: a file, or `env:PREFIX` for
// variables of that prefix, which lookup finds. A file is a JSON object or has a
// line NAME=VALUE each; it must be there already. An empty source is no store.
func Open(source string, lookup func(string) (string, bool)) (*Store, error) {
	if source == "" {
		return nil, nil
	}
	if prefix, env := strings.CutPrefix(source, "env:"); env {
		if prefix == "" {
			return nil, errors.New("env: needs a prefix, such as env:BARGE_SECRET_, or jobs could have every variable of the server")
		}
		return &Store{prefix: prefix, lookup: lookup}, nil
	}
	s := &Store{file: source}
	_, err := s.read()
	return s, err
}

// Value returns the value that from names: an ARN of Secrets Manager with what
// may follow it, an ARN of a parameter, a parameter's name, or any key of the store.
//
// https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data-secrets.html
func (s *Store) Value(from string) (string, error) {
	if s == nil {
		return "", fmt.Errorf("%s: no secrets are configured, see barge serve --secrets", from)
	}
	n := parse(from)
	if n.version != "" {
		return "", fmt.Errorf("%s: only the current version of a secret is there", from)
	}
	value, ok, err := s.find(append([]string{from}, n.keys...))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("%s: there is no such secret", from)
	}
	if n.member == "" {
		return value, nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &object) != nil {
		return "", fmt.Errorf("%s: the secret is no JSON object", from)
	}
	member, ok := object[n.member]
	if !ok {
		return "", fmt.Errorf("%s: the secret has no key %s", from, n.member)
	}
	return text(member), nil
}

// text is a JSON value as a job sees it: a string's characters, anything else as written.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// name is what a valueFrom says.
type name struct {
	keys    []string // by which the store may have it, the most exact first
	member  string   // of the secret, which is a JSON object then
	version string
}

// suffix is what Secrets Manager puts behind a secret's name in its ARN.
var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

func parse(from string) name {
	part := strings.Split(from, ":")
	switch {
	case len(part) >= 7 && part[0] == "arn" && part[2] == "secretsmanager" && part[5] == "secret":
		n := name{keys: []string{strings.Join(part[:7], ":"), part[6]}}
		if short := suffix.ReplaceAllString(part[6], ""); short != part[6] {
			n.keys = append(n.keys, short)
		}
		if len(part) > 7 {
			n.member = part[7]
		}
		for i := 8; i < len(part); i++ { // stage and id
			if part[i] != "" && part[i] != "AWSCURRENT" {
				n.version = part[i]
			}
		}
		return n
	case len(part) >= 6 && part[0] == "arn" && part[2] == "ssm" && strings.HasPrefix(part[5], "parameter/"):
		from = strings.TrimPrefix(part[5], "parameter")
	}
	// A parameter in a hierarchy has its slash in front, another one none.
	bare := strings.TrimPrefix(from, "/")
	return name{keys: []string{"/" + bare, bare}}
}

func (s *Store) find(keys []string) (value string, ok bool, err error) {
	if s.file == "" {
		for _, key := range keys {
			if value, ok = s.lookup(s.prefix + variable(key)); ok {
				return value, true, nil
			}
		}
		return "", false, nil
	}
	all, err := s.read()
	if err != nil {
		return "", false, err
	}
	for _, key := range keys {
		if value, ok = all[key]; ok {
			return value, true, nil
		}
	}
	return "", false, nil
}

// variable is a name in capitals, with underscores for what no variable's name has.
func variable(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(strings.TrimPrefix(key, "/")))
}

func (s *Store) read() (map[string]string, error) {
	info, err := os.Stat(s.file)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read secrets: %s has more than %d bytes", s.file, maxFile)
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		var object map[string]json.RawMessage
		if json.Unmarshal(b, &object) != nil { // the error may quote a value
			return nil, fmt.Errorf("read secrets: %s is no JSON object", s.file)
		}
		all := make(map[string]string, len(object))
		for key, v := range object {
			all[key] = text(v)
		}
		return all, nil
	}
	all := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxFile)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("read secrets: line %d of %s has no =", n, s.file)
		}
		all[strings.TrimSpace(key)] = unquote(strings.TrimSpace(value))
	}
	return all, lines.Err()
}

// unquote takes off quotation marks of either kind around a whole value.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
