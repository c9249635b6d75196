package awsjson_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/awsjson"
	"github.com/bargehq/barge/internal/batch"
)

type input struct {
	Name  string `json:"name"`
	Inner struct {
		Limit *int32 `json:"limit"`
	} `json:"inner"`
}

type output struct {
	Greeting string `json:"greeting"`
}

func greet(_ context.Context, in *input) (*output, error) {
	switch in.Name {
	case "nobody":
		return nil, batch.Errorf(batch.NotFound, "Nobody is here.")
	case "broken":
		return nil, errors.New("the cellar is flooded")
	case "panic":
		panic("no")
	case "silent":
		return nil, nil
	}
	return &output{Greeting: "<hello> " + in.Name + "\x00"}, nil
}

func handler() http.Handler {
	return awsjson.New(awsjson.Options{
		MaxBody:    100,
		Target:     "Greeter_1",
		Operations: map[string]awsjson.Operation{"Greet": awsjson.Operate(greet)},
		NotBuilt:   []string{"Wave"},
		Name: func(c batch.Code) (string, int) {
			switch c {
			case batch.NotFound:
				return "ResourceNotFoundException", 400
			case batch.NotBuilt:
				return "NotImplemented", 501
			default:
				return "InternalFailure", 500
			}
		},
	})
}

func TestRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, target, body string
		status                     int
		answer, errorType          string
	}{
		{
			name: "plain", target: "Greeter_1.Greet", body: `{"name":"you","unknown":[{}]}`, status: 200,
			answer: `{"greeting":"<hello> you\u0000"}`,
		},
		{name: "no body", target: "Greeter_1.Greet", status: 200, answer: `{"greeting":"<hello> \u0000"}`},
		{name: "no answer", target: "Greeter_1.Greet", body: `{"name":"silent"}`, status: 200},
		{
			name: "typed no", target: "Greeter_1.Greet", body: `{"name":"nobody"}`, status: 400, errorType: "ResourceNotFoundException",
			answer: `{"__type":"ResourceNotFoundException","message":"Nobody is here."}`,
		},
		{
			name: "wrong type", target: "Greeter_1.Greet", body: `{"inner":{"limit":"5"}}`, status: 400, errorType: "SerializationException",
			answer: `{"__type":"SerializationException","message":"Member inner.limit must not be a JSON string"}`,
		},
		{
			name: "not an object", target: "Greeter_1.Greet", body: `[]`, status: 400, errorType: "SerializationException",
			answer: `{"__type":"SerializationException","message":"The request body must not be a JSON array"}`,
		},
		{
			name: "no JSON", target: "Greeter_1.Greet", body: `{"name"`, status: 400, errorType: "SerializationException",
			answer: `{"__type":"SerializationException","message":"The request body is not JSON"}`,
		},
		{
			name: "too large", target: "Greeter_1.Greet", body: `{"name":"` + strings.Repeat("x", 100) + `"}`, status: 413,
			errorType: "RequestEntityTooLargeException",
			answer:    `{"__type":"RequestEntityTooLargeException","message":"The request body is larger than 100 bytes"}`,
		},
		{
			name: "unknown operation", target: "Greeter_1.Dance", status: 400, errorType: "UnknownOperationException",
			answer: `{"__type":"UnknownOperationException","message":"The header X-Amz-Target names no operation: \"Greeter_1.Dance\""}`,
		},
		{
			name: "other service", target: "Other.Greet", status: 400, errorType: "UnknownOperationException",
			answer: `{"__type":"UnknownOperationException","message":"The header X-Amz-Target names no operation: \"Other.Greet\""}`,
		},
		{
			name: "not built", target: "Greeter_1.Wave", status: 501, errorType: "NotImplemented",
			answer: `{"__type":"NotImplemented","message":"The operation Wave is not implemented"}`,
		},
		{
			name: "not a POST", method: "GET", target: "Greeter_1.Greet", status: 404, errorType: "UnknownOperationException",
			answer: `{"__type":"UnknownOperationException","message":"Operations are POST requests to /"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, header, answer := send(test.method, test.target, test.body)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			if diff := cmp.Diff(test.answer, answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if got := header.Get("x-amzn-ErrorType"); got != test.errorType {
				t.Errorf("error type %q, want %q", got, test.errorType)
			}
			if header.Get("x-amzn-RequestId") == "" || header.Get("Content-Type") != "application/x-amz-json-1.1" {
				t.Errorf("headers %v", header)
			}
		})
	}
}

func TestTextOfFaultsStaysInside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"broken", "panic"} {
		status, header, answer := send("", "Greeter_1.Greet", `{"name":"`+name+`"}`)
		if status != 500 || header.Get("x-amzn-ErrorType") != "InternalFailure" || strings.Contains(answer, "cellar") ||
			!strings.Contains(answer, header.Get("x-amzn-RequestId")) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

func send(method, target, body string) (int, http.Header, string) {
	if method == "" {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, r)
	answer, _ := io.ReadAll(w.Body)
	return w.Code, w.Header(), strings.TrimSpace(string(answer))
}
