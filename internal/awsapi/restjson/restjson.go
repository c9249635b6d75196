package restjson

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/wire"
	"github.com/bargehq/barge/internal/batch"
)

// Options of a handler.
type Options struct {
	Log     *slog.Logger // nil discards
	MaxBody int64        // in bytes; zero means 1 MiB
}

// Route binds a method and a path to an operation.
type Route struct {
	Operation string
	Method    string
	// Path is a literal, or ends in one label: `/v1/tags/{resourceArn}`.
	Path  string
	Serve func(context.Context, *Call) error
}

// Call is one request on its way through a route.
type Call struct {
	Body  []byte     // valid during the call only
	Label string     // what stood for the path's label, decoded
	Query url.Values // of a route with a label
	Reply []byte     // where the function appends its answer, a JSON object
}

// drainable is how much of a refused body is read so that the client, still
// writing, gets to see the answer and can keep the connection.
const drainable = 4 << 20

// pooled is the largest buffer worth keeping.
const pooled = 64 << 10

type handler struct {
	opts     Options
	paths    map[string]methods // literal paths
	labelled []labelled
	calls    sync.Pool
}

// methods are the routes of one path.
type methods map[string]Route

// labelled are the routes of the paths prefix + label.
type labelled struct {
	prefix  string
	methods methods
}

// New returns a handler for the routes.
func New(routes []Route, opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = 1 << 20
	}
	h := &handler{opts: opts, paths: make(map[string]methods)}
	h.calls.New = func() any { return new(Call) }
	for _, route := range routes {
		prefix, _, isLabelled := strings.Cut(route.Path, "{")
		if h.paths[prefix] == nil {
			h.paths[prefix] = make(methods)
			if isLabelled {
				h.labelled = append(h.labelled, labelled{prefix, h.paths[prefix]})
			}
		}
		h.paths[prefix][route.Method] = route
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := w.Header().Get("X-Amzn-Requestid")
	if id == "" {
		id = awsapi.NewRequestID()
		w.Header().Set("X-Amzn-Requestid", id)
	}
	found, label := h.find(r.URL)
	route, ok := found[r.Method]
	if !ok {
		fault := awsapi.Fault{
			Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: "There is no operation at this path",
		}
		if found != nil {
			fault.Status = http.StatusMethodNotAllowed
			fault.Message = "There is no operation with this method at this path"
			w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(found)), ", "))
		}
		respond(w, fault, nil)
		return
	}
	c := h.calls.Get().(*Call)
	defer h.release(c)
	c.Label = label
	if err := h.serve(w, r, route, c); err != nil {
		respond(w, awsapi.Explain(r.Context(), h.opts.Log, route.Operation, id, err), c.Reply)
		return
	}
	write(w, http.StatusOK, c.Reply)
}

// find returns the routes of a path, and what stands for its label. A label is
// one escaped segment, but clients that leave its slashes bare are understood.
func (h *handler) find(u *url.URL) (found methods, label string) {
	escaped := u.EscapedPath()
	for _, l := range h.labelled {
		if rest, ok := strings.CutPrefix(escaped, l.prefix); ok {
			label, err := url.PathUnescape(rest)
			if err != nil {
				return nil, ""
			}
			return l.methods, label
		}
	}
	return h.paths[u.Path], ""
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, route Route, c *Call) (err error) {
	defer awsapi.Recover(&err)
	if err = h.read(w, r, c); err != nil {
		return err
	}
	if strings.HasSuffix(route.Path, "}") {
		if c.Query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return batch.Errorf(batch.Invalid, "The query string is malformed")
		}
		if !valid(c) {
			return batch.Errorf(batch.Invalid, "The request's address is not valid UTF-8")
		}
	}
	ctx := r.Context()
	if token := r.Header.Get(awsapi.ClientTokenHeader); token != "" {
		ctx = awsapi.WithClientToken(ctx, token)
	}
	return route.Serve(ctx, c)
}

func valid(c *Call) bool {
	ok := utf8.ValidString(c.Label)
	for _, values := range c.Query {
		for _, v := range values {
			ok = ok && utf8.ValidString(v)
		}
	}
	return ok
}

// read reads the body, whose length may be declared or not.
func (h *handler) read(w http.ResponseWriter, r *http.Request, c *Call) error {
	limit := h.opts.MaxBody
	if r.ContentLength <= limit {
		// The buffer asks for room to spare even when nothing more comes.
		if n := int(max(r.ContentLength, 0)) + bytes.MinRead; cap(c.Body) < n {
			c.Body = make([]byte, 0, n)
		}
		body := bytes.NewBuffer(c.Body[:0])
		n, err := body.ReadFrom(io.LimitReader(r.Body, limit+1))
		c.Body = body.Bytes()
		if err != nil {
			return batch.Errorf(batch.Invalid, "The request body could not be read to its end")
		}
		if n <= limit {
			return nil
		}
	}
	if r.Header.Get("Expect") != "" || r.ContentLength > drainable {
		w.Header().Set("Connection", "close")
	} else if n, _ := io.CopyN(io.Discard, r.Body, drainable); n == drainable {
		w.Header().Set("Connection", "close")
	}
	return batch.Errorf(batch.Invalid, "The request body is larger than %d bytes", limit)
}

func (h *handler) release(c *Call) {
	if cap(c.Body) <= pooled && cap(c.Reply) <= pooled {
		*c = Call{Body: c.Body[:0], Reply: c.Reply[:0]}
		h.calls.Put(c)
	}
}

// respond writes a fault.
func respond(w http.ResponseWriter, f awsapi.Fault, b []byte) {
	w.Header().Set("X-Amzn-Errortype", f.Code)
	b = wire.AppendString(append(b[:0], `{"message":`...), f.Message)
	write(w, f.Status, append(b, '}'))
}

func write(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}
