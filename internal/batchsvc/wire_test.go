package batchsvc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// wire is AWS's official client of a server, and what has passed between them.
type wire struct {
	*sdk.Client
	t    *testing.T
	web  *http.Client
	base string
	ids  map[string]string // what operations have made, for later ones
	log  []exchange
}

// exchange is one request and its answer, as files of testdata/wire have them.
type exchange struct{ request, answer string }

// RoundTrip sends a request and keeps it with its answer.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(got))
	head := answer.Status
	if kind := answer.Header.Get("X-Amzn-Errortype"); kind != "" {
		head += " " + kind
	}
	w.log = append(w.log, exchange{
		request: r.Method + " " + r.URL.RequestURI() + "\n" + canonical(sent),
		answer:  head + "\n" + canonical(got),
	})
	return answer, nil
}

// canonical lays JSON out with its members in order.
func canonical(body []byte) string {
	var v any
	if len(body) == 0 {
		return ""
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return "not JSON: " + string(body)
	}
	return layout(v, "") + "\n"
}

// raw calls an operation that the official client does not know yet.
func (w *wire) raw(ctx context.Context, operation, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/v1/"+strings.ToLower(operation), strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := w.web.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &smithy.GenericAPIError{Code: answer.Header.Get("X-Amzn-Errortype")}
}

// id keeps what an operation has made.
func (w *wire) id(name string, made *string, err error) error {
	if err == nil {
		w.ids[name] = aws.ToString(made)
	}
	return err
}

func (w *wire) made(name string) *string {
	if id, ok := w.ids[name]; ok {
		return &id
	}
	return &name // of an operation that this version does not have
}

// updating reports whether files are to be rewritten; see docs_test.go.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// TestEveryOperation calls every operation through AWS's official client, once so
// that it succeeds and once so that it fails, and compares what went over the
// wire with testdata/wire. -update rewrites these files.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	server := newWorld(t, "")
	srv := httptest.NewServer(server.handler)
	defer srv.Close()
	w := &wire{t: t, base: srv.URL, ids: make(map[string]string)}
	w.web = &http.Client{Transport: w}
	w.Client = sdk.New(sdk.Options{
		Region: "eu-west-1", BaseEndpoint: &srv.URL, HTTPClient: w.web, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "barge", SecretAccessKey: "barge"}, nil
		}),
	})
	var called []string
	for _, o := range operations() {
		w.log = nil
		called = append(called, o.name)
		built := !slices.Contains(notYet(), o.name)
		switch err := o.good(t.Context(), w); {
		case built && err != nil:
			t.Errorf("%s: %v", o.name, err)
		case !built && codeOf(err) != "NotImplementedException":
			t.Errorf("%s: %v; it is said not to be built yet", o.name, err)
		}
		if err := o.bad(t.Context(), w); built && codeOf(err) != "ClientException" {
			t.Errorf("%s, a bad request: %v; want a ClientException", o.name, err)
		}
		checkWire(t, o.name, w.log)
	}
	slices.Sort(called)
	var all []string
	service := reflect.TypeFor[batchapi.Service]()
	for i := range service.NumMethod() {
		all = append(all, service.Method(i).Name)
	}
	if diff := cmp.Diff(all, called); diff != "" {
		t.Errorf("operations (-of the API +called):\n%s", diff)
	}
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// checkWire compares the exchanges of an operation with its file. Ids are
// numbered and moments are named.
func checkWire(t *testing.T, operation string, log []exchange) {
	t.Helper()
	var b strings.Builder
	for i, x := range log {
		fmt.Fprintf(&b, "%s----\n%s", x.request, x.answer)
		if i < len(log)-1 {
			b.WriteString("\n")
		}
	}
	seen := make(map[string]string)
	text := uuids.ReplaceAllStringFunc(b.String(), func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("<id %d>", len(seen)+1)
		}
		return seen[id]
	})
	text = moment.ReplaceAllString(text, `"<now>"`)
	path := filepath.Join("testdata", "wire", operation+".txt")
	if updating() {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s differs from what %s has; -update rewrites it (-file +now):\n%s", operation, path, diff)
	}
}
