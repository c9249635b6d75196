package awsjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/batch"
)

// Operation serves one request body and returns what to encode as the answer,
// or nil for an empty one.
type Operation func(ctx context.Context, body []byte) (any, error)

// Options of a handler.
type Options struct {
	Log        *slog.Logger // nil discards
	MaxBody    int64        // in bytes; zero means 1 MiB
	Target     string       // what stands before the dot in X-Amz-Target
	Operations map[string]Operation
	// NotBuilt names the service's other operations, which are answered
	// with NotImplemented.
	NotBuilt []string
	// Name is the service's name for an error, and the HTTP status that goes with it.
	Name func(batch.Code) (name string, status int)
}

const (
	contentType = "application/x-amz-json-1.1"
	requestID   = "X-Amzn-Requestid"
)

// Operate makes an operation of a function. In is filled from the body; Out is
// encoded.
func Operate[In, Out any](f func(context.Context, *In) (*Out, error)) Operation {
	return func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := decode(body, in); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}
}

// refusal is an error of the protocol itself.
type refusal struct{ fault awsapi.Fault }

func (r *refusal) Error() string { return r.fault.Message }

func refuse(code string, status int, message string) error {
	return &refusal{awsapi.Fault{Code: code, Status: status, Message: message}}
}

func decode(body []byte, in any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	err := json.Unmarshal(body, in)
	if err == nil {
		return nil
	}
	message := "The request body is not JSON"
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		member := "The request body"
		if wrong.Field != "" {
			member = "Member " + wrong.Field
		}
		message = member + " must not be a JSON " + wrong.Value
	}
	return refuse("SerializationException", http.StatusBadRequest, message)
}

type handler struct{ opts Options }

// New returns a handler for the operations.
func New(opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = 1 << 20
	}
	return &handler{opts}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := w.Header().Get(requestID)
	if id == "" {
		id = awsapi.NewRequestID()
		w.Header().Set(requestID, id)
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer, err := h.serve(w, r)
	if err != nil {
		fault := h.explain(r.Context(), name, id, err)
		w.Header().Set("X-Amzn-Errortype", fault.Code)
		answer, err = encode(map[string]string{"__type": fault.Code, "message": fault.Message})
		if err != nil {
			answer = nil // cannot be: a map of strings always encodes
		}
		write(w, fault.Status, answer)
		return
	}
	write(w, http.StatusOK, answer)
}

// serve returns the encoded answer.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) (answer []byte, err error) {
	defer awsapi.Recover(&err)
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return nil, refuse("UnknownOperationException", http.StatusNotFound, "Operations are POST requests to /")
	}
	service, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	operation := h.opts.Operations[name]
	switch {
	case service != h.opts.Target || operation == nil && !slices.Contains(h.opts.NotBuilt, name):
		return nil, refuse("UnknownOperationException", http.StatusBadRequest,
			"The header X-Amz-Target names no operation: "+strconv.Quote(r.Header.Get("X-Amz-Target")))
	case operation == nil:
		return nil, batch.Errorf(batch.NotBuilt, "The operation %s is not implemented", name)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.opts.MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refuse("RequestEntityTooLargeException", http.StatusRequestEntityTooLarge,
				"The request body is larger than "+strconv.FormatInt(h.opts.MaxBody, 10)+" bytes")
		}
		return nil, refuse("SerializationException", http.StatusBadRequest, "The request body could not be read to its end")
	}
	out, err := operation(r.Context(), body)
	if err != nil || out == nil {
		return nil, err
	}
	return encode(out)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func (h *handler) explain(ctx context.Context, operation, id string, err error) awsapi.Fault {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.fault
	}
	fault := awsapi.Explain(ctx, h.opts.Log, operation, id, err)
	code := batch.Internal
	if e, ok := errors.AsType[*batch.Error](err); ok {
		code = e.Code
	}
	fault.Code, fault.Status = h.opts.Name(code)
	return fault
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}
