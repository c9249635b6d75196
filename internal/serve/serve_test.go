package serve

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// named answers with the name of the service that a request reached.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Service", name) })
}

func handler(anyHost bool) *Handler {
	return New(Options{Batch: named("batch"), Logs: named("logs"), STS: named("sts"), AnyHost: anyHost, Version: "v1"})
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path, target string
		status                     int
		service, kind              string
	}{
		{"AWS Batch", "POST", "/v1/submitjob", "", 200, "batch", ""},
		{"tags of AWS Batch", "GET", "/v1/tags/arn%3Aaws%3Abatch", "", 200, "batch", ""},
		{"CloudWatch Logs", "POST", "/", "Logs_20140328.GetLogEvents", 200, "logs", ""},
		{"STS", "POST", "/", "", 200, "sts", ""},
		{"health", "GET", "/health", "", 200, "", ""},
		{"a service that is not offered", "POST", "/", "AmazonEC2ContainerServiceV20141113.DescribeTasks", 501, "", "NotImplementedException"},
		{"nothing", "GET", "/favicon.ico", "", 404, "", "UnknownOperationException"},
		{"STS wants a form", "GET", "/", "", 404, "", "UnknownOperationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "http://127.0.0.1:8642"+c.path, nil)
			if c.target != "" {
				r.Header.Set("X-Amz-Target", c.target)
			}
			w := httptest.NewRecorder()
			handler(false).ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("Service") != c.service || w.Header().Get("X-Amzn-Errortype") != c.kind {
				t.Errorf("%s %s: status %d, service %q, error %q; want %d, %q, %q", c.method, c.path,
					w.Code, w.Header().Get("Service"), w.Header().Get("X-Amzn-Errortype"), c.status, c.service, c.kind)
			}
			if c.kind == "" {
				return
			}
			var body struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Message == "" || w.Header().Get("X-Amzn-Requestid") == "" {
				t.Errorf("an error without a message or a request id: %q, %v", w.Body, w.Header())
			}
		})
	}
}

// TestHealth answers what a probe wants to know.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	handler(false).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/health", nil))
	if got := strings.TrimSpace(w.Body.String()); got != `{"status":"ok","version":"v1"}` {
		t.Errorf("health is %s", got)
	}
}

// TestPagesAreRefused: a browser reaches loopback for any page, by a request
// across origins or by a domain of the page's that points to 127.0.0.1.
func TestPagesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, host string
		header     [2]string
		anyHost    bool
		refused    bool
	}{
		{name: "an AWS client", host: "127.0.0.1:8642"},
		{name: "by name", host: "localhost:8642"},
		{name: "under localhost", host: "batch.localhost:8642"},
		{name: "IPv6", host: "[::1]:8642"},
		{name: "a domain", host: "evil.example:8642", refused: true},
		{name: "a domain that looks local", host: "localhost.evil.example", refused: true},
		{name: "a domain of the server's own", host: "batch.lab.example", anyHost: true},
		{name: "a page elsewhere", host: "127.0.0.1:8642", header: [2]string{"Sec-Fetch-Site", "cross-site"}, refused: true},
		{name: "an origin elsewhere", host: "127.0.0.1:8642", header: [2]string{"Origin", "https://evil.example"}, refused: true},
		{name: "a page elsewhere, any host", host: "batch.lab.example", header: [2]string{"Origin", "https://evil.example"}, anyHost: true, refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "http://x/v1/submitjob", strings.NewReader("{}"))
			r.Host = c.host
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			w := httptest.NewRecorder()
			handler(c.anyHost).ServeHTTP(w, r)
			if refused := w.Code == http.StatusForbidden; refused != c.refused || refused == (w.Header().Get("Service") == "batch") {
				t.Errorf("host %s, %q: status %d, service %q; refused should be %t", c.host, c.header, w.Code, w.Header().Get("Service"), c.refused)
			}
		})
	}
}
