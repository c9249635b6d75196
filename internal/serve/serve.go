// Package serve is the one endpoint: it tells by the form of a request which
// service it is for, and keeps out what no AWS client sends.
//
// A [Handler] owns nothing but the handlers it was given. AWS Batch is spoken on
// paths under /v1/, CloudWatch Logs by the header X-Amz-Target, STS as a form
// posted to /. GET /health answers 200 while the server runs.
//
// There is no authentication yet: whoever reaches the address may run commands
// on this machine. So a server listens on loopback unless told otherwise, and a
// browser, which reaches loopback on behalf of any page, is refused: by the
// headers that browsers add to what pages send, and by the Host header, which
// names a foreign domain when a page has pointed one at 127.0.0.1.
package serve

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/bargehq/barge/internal/awsapi"
)

// Options configure a Handler.
type Options struct {
	Batch, Logs, STS http.Handler
	// AnyHost accepts requests for any Host, for a server that is reached
	// under names of its own.
	AnyHost bool
	Version string
}

// Handler routes requests.
type Handler struct {
	o       Options
	browser *http.CrossOriginProtection
}

// New returns a Handler.
func New(o Options) *Handler {
	return &Handler{o: o, browser: http.NewCrossOriginProtection()}
}

// ServeHTTP passes the request on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.browser.Check(r); err != nil || !h.o.AnyHost && !localHost(r.Host) {
		refuse(w, http.StatusForbidden, "AccessDeniedException", "This endpoint takes no requests from web pages: use an AWS client.")
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		h.o.Batch.ServeHTTP(w, r)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "Logs_"):
		h.o.Logs.ServeHTTP(w, r)
	case r.Header.Get("X-Amz-Target") != "":
		refuse(w, http.StatusNotImplemented, "NotImplementedException", "Barge does not offer the service of "+r.Header.Get("X-Amz-Target")+".")
	case r.URL.Path == "/health":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "ok", "version": h.o.Version})
	case r.URL.Path == "/" && r.Method == http.MethodPost:
		h.o.STS.ServeHTTP(w, r)
	default:
		refuse(w, http.StatusNotFound, "UnknownOperationException", "Nothing answers at "+r.URL.Path+".")
	}
}

// localHost reports whether a Host header names this machine by an address or
// as localhost, and not by a domain that could be anybody's.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("X-Amzn-Requestid", awsapi.NewRequestID())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}
