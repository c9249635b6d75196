package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/secret"
)

const (
	manager   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
	parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/"
)

func open(t *testing.T, text string) *secret.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := secret.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValue(t *testing.T) {
	t.Parallel()
	object := open(t, `{"`+manager+`exact-AbCdEf": "by arn", "db": {"password": "deep", "port": 5432, "none": null},
		"plain": "text", "/prod/token": "in a tree", "other": "flat", "full-AbCdEf": "with suffix"}`)
	lines := open(t, "# comment\n\nplain=text\n/prod/token = 'in a tree'\nother=\"flat\"\ndb={\"password\":\"deep\",\"port\":5432}\n"+
		manager+"exact-AbCdEf=by arn\nfull-AbCdEf=with suffix\nwith=a=b\n")
	for from, want := range map[string]string{
		manager + "exact-AbCdEf":                      "by arn",
		manager + "full-AbCdEf":                       "with suffix",
		manager + "plain-AbCdEf":                      "text",
		manager + "plain":                             "text",
		manager + "plain-AbCdEf:::":                   "text",
		manager + "plain-AbCdEf::AWSCURRENT:":         "text",
		manager + "db-AbCdEf:password::":              "deep",
		manager + "db-AbCdEf:port::":                  "5432",
		parameter + "prod/token":                      "in a tree",
		parameter + "other":                           "flat",
		"/prod/token":                                 "in a tree",
		"other":                                       "flat",
		manager + "db-AbCdEf:nothing::":               "ERROR the secret has no key nothing",
		manager + "plain-AbCdEf:key::":                "ERROR the secret is no JSON object",
		manager + "plain-AbCdEf::AWSPREVIOUS:":        "ERROR only the current version",
		manager + "plain-AbCdEf:::9d4c4c6e-0000-0000": "ERROR only the current version",
		manager + "missing-AbCdEf":                    "ERROR there is no such secret",
		parameter + "missing":                         "ERROR there is no such secret",
		"arn:aws:s3:::bucket":                         "ERROR there is no such secret",
		"":                                            "ERROR there is no such secret",
	} {
		for kind, s := range map[string]*secret.Store{"object": object, "lines": lines} {
			got, err := s.Value(from)
			message, bad := strings.CutPrefix(want, "ERROR ")
			switch {
			case bad && (err == nil || !strings.Contains(err.Error(), message)):
				t.Errorf("%s: %q is %q, %v, want an error with %q", kind, from, got, err, message)
			case !bad && (err != nil || got != want):
				t.Errorf("%s: %q is %q, %v, want %q", kind, from, got, err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "deep") || strings.Contains(err.Error(), "text")) {
				t.Errorf("%s: the error shows a value: %v", kind, err)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	s, err := secret.Open("env:S_", func(name string) (string, bool) {
		v, ok := map[string]string{"S_PROD_DB_PASSWORD": "hidden", "PATH": "/bin"}[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{"/prod/db-password": "hidden", manager + "prod.db.password-AbCdEf": "hidden", "PATH": ""} {
		if got, err := s.Value(from); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", from, got, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	var none *secret.Store
	if _, err := none.Value("x"); err == nil || !strings.Contains(err.Error(), "--secrets") {
		t.Errorf("without a store: %v, want a hint at --secrets", err)
	}
	file := filepath.Join(t.TempDir(), "secrets")
	for source, text := range map[string]string{file + "1": `{"a": "hidden"`, file + "2": "hidden", file + "3": "", "env:": ""} {
		if text != "" {
			if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := secret.Open(source, nil); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("open of %q with %q: %v, want an error that shows nothing", source, text, err)
		}
	}
}

// A changed file counts at once.
func TestChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secrets")
	var s *secret.Store
	for _, value := range []string{"old", "new"} {
		err := os.WriteFile(file, []byte("a="+value), 0o600)
		if err == nil && s == nil {
			s, err = secret.Open(file, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Value("a"); got != value || err != nil {
			t.Errorf("a is %q, %v, want %q", got, err, value)
		}
	}
}
