package restjson_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
)

const maxBody = 1000

// serve starts a server whose operations are: Echo answers its body; Tags
// answers its label and query; Fail fails as the body says.
func serve(t *testing.T, log io.Writer) *httptest.Server {
	t.Helper()
	tags := func(_ context.Context, c *restjson.Call) error {
		c.Reply = fmt.Appendf(c.Reply, "{\"label\":%q,\"keys\":%q}", c.Label, c.Query["tagKeys"])
		return nil
	}
	srv := httptest.NewServer(restjson.New([]restjson.Route{
		{Operation: "Echo", Method: "POST", Path: "/v1/echo", Serve: func(_ context.Context, c *restjson.Call) error {
			c.Reply = append(c.Reply, c.Body...)
			return nil
		}},
		{Operation: "Fail", Method: "POST", Path: "/v1/fail", Serve: func(_ context.Context, c *restjson.Call) error {
			c.Reply = append(c.Reply, "half an answ"...)
			return fail(string(c.Body))
		}},
		{Operation: "Tag", Method: "POST", Path: "/v1/tags/{arn}", Serve: tags},
		{Operation: "Untag", Method: "DELETE", Path: "/v1/tags/{arn}", Serve: tags},
		{Operation: "ListTags", Method: "GET", Path: "/v1/tags/{arn}", Serve: tags},
	}, restjson.Options{Log: slog.New(slog.NewTextHandler(log, nil)), MaxBody: maxBody}))
	t.Cleanup(srv.Close)
	return srv
}

func fail(how string) error {
	codes := map[string]batch.Code{
		"internal": batch.Internal, "invalid": batch.Invalid, "notfound": batch.NotFound, "conflict": batch.Conflict,
		"denied": batch.Denied, "throttled": batch.Throttled, "notbuilt": batch.NotBuilt, "unavailable": batch.Unavailable,
	}
	switch code, ok := codes[how]; {
	case ok:
		return fmt.Errorf("place job: %w", batch.Errorf(code, "The \"%s\" one", how))
	case how == "panic":
		panic("secret of the panic")
	case how == "abort":
		panic(http.ErrAbortHandler)
	}
	return errors.New("secret of the error")
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// answer is what a test looks at.
type answer struct {
	Status    int
	ErrorType string
	Body      string
}

func send(t *testing.T, srv *httptest.Server, method, path string, body io.Reader) answer {
	t.Helper()
	req, err := http.NewRequest(method, srv.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s %s: Content-Type %q, want application/json", method, path, ct)
	}
	if method != http.MethodHead && res.ContentLength != int64(len(got)) {
		t.Errorf("%s %s: Content-Length %d of a body of %d bytes", method, path, res.ContentLength, len(got))
	}
	if id := res.Header.Get("x-amzn-RequestId"); !requestID.MatchString(id) {
		t.Errorf("%s %s: request id %q is no UUID", method, path, id)
	} else {
		got = bytes.ReplaceAll(got, []byte(id), []byte("ID"))
	}
	return answer{res.StatusCode, res.Header.Get("x-amzn-errortype"), string(got)}
}

// chunked hides a body's length from the client.
func chunked(n int) io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", n))) }

func TestRequests(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	tooLarge := answer{400, "ClientException", `{"message":"The request body is larger than 1000 bytes"}`}
	unknown := answer{404, "UnknownOperationException", `{"message":"There is no operation at this path"}`}
	otherMethod := answer{405, "UnknownOperationException", `{"message":"There is no operation with this method at this path"}`}
	for _, tt := range []struct {
		name, method, path string
		body               io.Reader
		want               answer
	}{
		{"answer", "POST", "/v1/echo", strings.NewReader(`{"a":1}`), answer{200, "", `{"a":1}`}},
		{"query is ignored", "POST", "/v1/echo?x=%zz", strings.NewReader(`{}`), answer{200, "", `{}`}},
		{"no body", "POST", "/v1/echo", nil, answer{200, "", ""}},
		{"largest body", "POST", "/v1/echo", strings.NewReader(strings.Repeat("x", maxBody)), answer{200, "", strings.Repeat("x", maxBody)}},
		{"largest body of unknown length", "POST", "/v1/echo", chunked(maxBody), answer{200, "", strings.Repeat("x", maxBody)}},
		{"too large", "POST", "/v1/echo", strings.NewReader(strings.Repeat("x", maxBody+1)), tooLarge},
		{"too large, unknown length", "POST", "/v1/echo", chunked(maxBody + 1), tooLarge},
		{"far too large", "POST", "/v1/echo", strings.NewReader(strings.Repeat("x", 3<<20)), tooLarge},

		{"label", "GET", "/v1/tags/arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fq", nil, answer{200, "", `{"label":"arn:aws:batch:us-east-1:123456789012:job-queue/q","keys":[]}`}},
		{"bare label", "GET", "/v1/tags/arn:aws:batch:us-east-1:123456789012:job-queue/q", nil, answer{200, "", `{"label":"arn:aws:batch:us-east-1:123456789012:job-queue/q","keys":[]}`}},
		{"label with a percent sign", "GET", "/v1/tags/a%252Fb+c", nil, answer{200, "", `{"label":"a%2Fb+c","keys":[]}`}},
		{"no label", "GET", "/v1/tags/", nil, answer{200, "", `{"label":"","keys":[]}`}},
		{"query", "DELETE", "/v1/tags/a?tagKeys=b&tagKeys=c%20d&x=y", nil, answer{200, "", `{"label":"a","keys":["b" "c d"]}`}},
		{"malformed query", "DELETE", "/v1/tags/a?tagKeys=%zz", nil, answer{400, "ClientException", `{"message":"The query string is malformed"}`}},
		{"query that is no text", "DELETE", "/v1/tags/a?tagKeys=%ff", nil, answer{400, "ClientException", `{"message":"The request's address is not valid UTF-8"}`}},
		{"label that is no text", "GET", "/v1/tags/%ff", nil, answer{400, "ClientException", `{"message":"The request's address is not valid UTF-8"}`}},

		{"unknown path", "POST", "/v1/nothing", strings.NewReader("{}"), unknown},
		{"root", "GET", "/", nil, unknown},
		{"version", "POST", "/v2/echo", nil, unknown},
		{"trailing slash", "POST", "/v1/echo/", nil, unknown},
		{"other case", "POST", "/v1/Echo", nil, unknown},
		{"doubled slash", "POST", "//v1/echo", nil, unknown},
		{"tags without a slash", "GET", "/v1/tags", nil, unknown},
		{"method", "GET", "/v1/echo", nil, otherMethod},
		{"method with a label", "PUT", "/v1/tags/a", nil, otherMethod},
		{"own method", "BREW", "/v1/echo", nil, otherMethod},

		{"internal", "POST", "/v1/fail", strings.NewReader("internal"), answer{500, "ServerException", `{"message":"The \"internal\" one"}`}},
		{"invalid", "POST", "/v1/fail", strings.NewReader("invalid"), answer{400, "ClientException", `{"message":"The \"invalid\" one"}`}},
		{"not found", "POST", "/v1/fail", strings.NewReader("notfound"), answer{400, "ClientException", `{"message":"The \"notfound\" one"}`}},
		{"conflict", "POST", "/v1/fail", strings.NewReader("conflict"), answer{400, "ClientException", `{"message":"The \"conflict\" one"}`}},
		{"denied", "POST", "/v1/fail", strings.NewReader("denied"), answer{403, "AccessDeniedException", `{"message":"The \"denied\" one"}`}},
		{"throttled", "POST", "/v1/fail", strings.NewReader("throttled"), answer{429, "TooManyRequestsException", `{"message":"The \"throttled\" one"}`}},
		{"not built", "POST", "/v1/fail", strings.NewReader("notbuilt"), answer{501, "NotImplementedException", `{"message":"The \"notbuilt\" one"}`}},
		{"unavailable", "POST", "/v1/fail", strings.NewReader("unavailable"), answer{500, "ServerException", `{"message":"The \"unavailable\" one"}`}},
		{"any error", "POST", "/v1/fail", strings.NewReader("x"), answer{500, "ServerException", `{"message":"Internal error. The server's log has it under the id ID"}`}},
		{"panic", "POST", "/v1/fail", strings.NewReader("panic"), answer{500, "ServerException", `{"message":"Internal error. The server's log has it under the id ID"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, send(t, srv, tt.method, tt.path, tt.body)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
			}
		})
	}
}

// What a client is not told is in the log, once, under the id it was told.
func TestIncident(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ how, secret, stack string }{
		{"error", "secret of the error", ""},
		{"panic", "secret of the panic", "restjson_test.fail"},
	} {
		t.Run(tt.how, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			srv := serve(t, &log)
			res, err := srv.Client().Post(srv.URL+"/v1/fail", "", strings.NewReader(tt.how))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			srv.Close()
			id := res.Header.Get("x-amzn-RequestId")
			if strings.Contains(string(body), tt.secret) || !strings.Contains(string(body), id) {
				t.Errorf("the client was told %s, want the id %s alone", body, id)
			}
			if n := strings.Count(log.String(), tt.secret); n != 1 || !strings.Contains(log.String(), "id="+id) ||
				!strings.Contains(log.String(), "op=Fail") || !strings.Contains(log.String(), tt.stack) {
				t.Errorf("the log has the error %d times, want once with operation, id and stack:\n%s", n, log.String())
			}
		})
	}
}

// After a refused body the connection still works, or is closed properly: the
// client sees the answer either way.
func TestTooLargeKeepsConnection(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for range 3 {
		for _, n := range []int{maxBody * 2, maxBody} {
			if _, err := fmt.Fprintf(conn, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n)); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("no answer to a body of %d bytes: %v", n, err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			if (res.StatusCode == 200) != (n <= maxBody) || res.Close {
				t.Fatalf("a body of %d bytes got the status %d, connection closed %t", n, res.StatusCode, res.Close)
			}
		}
	}
}

// A client that asks before it sends is not made to send what is refused.
func TestTooLargeBeforeSending(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err = fmt.Fprintf(conn, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 400 || !res.Close {
		t.Errorf("status %d, connection closed %t; want 400 and closed", res.StatusCode, res.Close)
	}
}

// A wrong method is answered with the right ones.
func TestAllow(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	res, err := srv.Client().Head(srv.URL + "/v1/tags/a")
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Allow"); res.StatusCode != 405 || got != "DELETE, GET, POST" {
		t.Errorf("status %d, Allow %q; want 405 and DELETE, GET, POST", res.StatusCode, got)
	}
}

// A middleware's request id is kept.
func TestRequestIDKept(t *testing.T) {
	t.Parallel()
	h := restjson.New(nil, restjson.Options{})
	w := httptest.NewRecorder()
	w.Header().Set("X-Amzn-Requestid", "mine")
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Result().Header.Values("x-amzn-RequestId"); !cmp.Equal(got, []string{"mine"}) {
		t.Errorf("request ids %q, want mine", got)
	}
}

// A handler that hangs up does hang up.
func TestAbort(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	if res, err := srv.Client().Post(srv.URL+"/v1/fail", "", strings.NewReader("abort")); err == nil {
		t.Errorf("got the status %d, want no answer", res.StatusCode)
	}
}

// Buffers go from request to request; their contents do not.
func TestCallsDoNotMix(t *testing.T) {
	t.Parallel()
	srv := serve(t, io.Discard)
	for i := range 20 {
		want := answer{200, "", strings.Repeat(string(rune('a'+i)), 1+(20-i)*40)}
		if diff := cmp.Diff(want, send(t, srv, "POST", "/v1/echo", strings.NewReader(want.Body))); diff != "" {
			t.Fatalf("request %d (-want +got):\n%s", i, diff)
		}
		if got := send(t, srv, "GET", "/v1/tags/", nil); got.Body != `{"label":"","keys":[]}` {
			t.Fatalf("request %d: an empty label got %s", i, got.Body)
		}
	}
}
