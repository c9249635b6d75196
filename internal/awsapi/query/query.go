package query

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/batch"
)

// Operation serves one request and returns a struct that encoding/xml encodes
// as the operation's result.
type Operation func(ctx context.Context, parameters url.Values) (any, error)

// Options of a handler.
type Options struct {
	Log        *slog.Logger // nil discards
	Namespace  string       // of the XML
	Version    string       // of the API, as a date
	Operations map[string]Operation
	// NotBuilt names the service's other operations, which are answered
	// with an error that says so.
	NotBuilt []string
	// Name is the service's name for an error, and the HTTP status that goes with it.
	Name func(batch.Code) (name string, status int)
}

const (
	maxBody   = 64 << 10
	requestID = "X-Amzn-Requestid"
)

type handler struct{ opts Options }

// New returns a handler for the operations.
func New(opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{opts}
}

// refusal is an error of the protocol itself.
type refusal struct{ fault awsapi.Fault }

func (r *refusal) Error() string { return r.fault.Message }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := w.Header().Get(requestID)
	if id == "" {
		id = awsapi.NewRequestID()
		w.Header().Set(requestID, id)
	}
	action, result, err := h.serve(w, r)
	var answer []byte
	if err == nil {
		answer, err = h.encode(action, result, id)
	}
	if err == nil {
		write(w, http.StatusOK, answer)
		return
	}
	fault := h.explain(r.Context(), action, id, err)
	write(w, fault.Status, h.encodeFault(fault, id))
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) (action string, result any, err error) {
	defer awsapi.Recover(&err)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err = r.ParseForm(); err != nil {
		return "", nil, &refusal{awsapi.Fault{
			Code: "MalformedQueryString", Status: http.StatusBadRequest,
			Message: "The request is no form of at most 64 KiB",
		}}
	}
	action, version := r.Form.Get("Action"), r.Form.Get("Version")
	switch {
	case action == "":
		return action, nil, &refusal{awsapi.Fault{
			Code: "MissingAction", Status: http.StatusBadRequest,
			Message: "The request names no Action",
		}}
	case version != "" && version != h.opts.Version,
		h.opts.Operations[action] == nil && !slices.Contains(h.opts.NotBuilt, action):
		return action, nil, &refusal{awsapi.Fault{
			Code: "InvalidAction", Status: http.StatusBadRequest,
			Message: fmt.Sprintf("Could not find operation %.100q for version %.20q", action, version),
		}}
	case h.opts.Operations[action] == nil:
		return action, nil, batch.Errorf(batch.NotBuilt, "The operation %s is not implemented", action)
	}
	result, err = h.opts.Operations[action](r.Context(), r.Form)
	return action, result, err
}

func (h *handler) explain(ctx context.Context, action, id string, err error) awsapi.Fault {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.fault
	}
	fault := awsapi.Explain(ctx, h.opts.Log, action, id, err)
	code := batch.Internal
	if e, ok := errors.AsType[*batch.Error](err); ok {
		code = e.Code
	}
	fault.Code, fault.Status = h.opts.Name(code)
	return fault
}

func (h *handler) element(name string) xml.StartElement {
	return xml.StartElement{
		Name: xml.Name{Local: name},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: h.opts.Namespace}},
	}
}

func plain(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

func (h *handler) encode(action string, result any, id string) ([]byte, error) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	outer, metadata := h.element(action+"Response"), plain("ResponseMetadata")
	err := errors.Join(
		e.EncodeToken(outer),
		e.EncodeElement(result, plain(action+"Result")),
		e.EncodeToken(metadata),
		e.EncodeElement(id, plain("RequestId")),
		e.EncodeToken(metadata.End()),
		e.EncodeToken(outer.End()),
		e.Close(),
	)
	return b.Bytes(), err
}

func (h *handler) encodeFault(f awsapi.Fault, id string) []byte {
	blame := "Sender"
	if f.Status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	// Strings into a buffer: none of this can fail.
	_ = e.EncodeElement(struct {
		Type    string `xml:"Error>Type"`
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
		ID      string `xml:"RequestId"`
	}{blame, f.Code, f.Message, id}, h.element("ErrorResponse"))
	return b.Bytes()
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}
