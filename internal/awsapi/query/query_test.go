package query_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/query"
	"github.com/bargehq/barge/internal/batch"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	h := query.New(query.Options{
		Namespace: "https://example.com/doc/",
		Version:   "2011-06-15",
		NotBuilt:  []string{"Wave"},
		Operations: map[string]query.Operation{
			"Greet": func(_ context.Context, p url.Values) (any, error) {
				if p.Get("Name") == "nobody" {
					return nil, batch.Errorf(batch.NotFound, "Nobody is <here>.")
				}
				return struct{ Greeting string }{"hello " + p.Get("Name")}, nil
			},
			"Panic": func(context.Context, url.Values) (any, error) { panic("no") },
		},
		Name: func(c batch.Code) (string, int) {
			switch c {
			case batch.NotFound:
				return "NoSuchEntity", 404
			case batch.NotBuilt:
				return "NotImplemented", 501
			default:
				return "InternalFailure", 500
			}
		},
	})
	fault := func(blame, code, message string) string {
		return `<ErrorResponse xmlns="https://example.com/doc/"><Error><Type>` + blame + `</Type><Code>` + code +
			`</Code><Message>` + message + `</Message></Error><RequestId>7</RequestId></ErrorResponse>`
	}
	tests := []struct {
		name, body string
		status     int
		answer     string
	}{
		{"plain", "Action=Greet&Version=2011-06-15&Name=you", 200, `<GreetResponse xmlns="https://example.com/doc/"><GreetResult>` +
			`<Greeting>hello you</Greeting></GreetResult><ResponseMetadata><RequestId>7</RequestId></ResponseMetadata></GreetResponse>`},
		{"typed no", "Action=Greet&Version=2011-06-15&Name=nobody", 404, fault("Sender", "NoSuchEntity", "Nobody is &lt;here&gt;.")},
		{"not built", "Action=Wave", 501, fault("Receiver", "NotImplemented", "The operation Wave is not implemented")},
		{
			"unknown", "Action=Dance&Version=2011-06-15", 400,
			fault("Sender", "InvalidAction", "Could not find operation &#34;Dance&#34; for version &#34;2011-06-15&#34;"),
		},
		{
			"other version", "Action=Greet&Version=1999-01-01", 400,
			fault("Sender", "InvalidAction", "Could not find operation &#34;Greet&#34; for version &#34;1999-01-01&#34;"),
		},
		{"no action", "", 400, fault("Sender", "MissingAction", "The request names no Action")},
		{"panic", "Action=Panic", 500, fault("Receiver", "InternalFailure", "Internal error. The server&#39;s log has it under the id 7")},
		{
			"too large", "Action=" + strings.Repeat("x", 65<<10), 400,
			fault("Sender", "MalformedQueryString", "The request is no form of at most 64 KiB"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			w.Header().Set("X-Amzn-Requestid", "7")
			h.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if diff := cmp.Diff(test.answer, w.Body.String()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}
