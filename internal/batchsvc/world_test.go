package batchsvc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/batchsvc"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/engine"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/store/memory"
	"github.com/bargehq/barge/internal/store/sqlite"
)

// world is the service over a real engine and store. No driver runs anything:
// effects are noted, and the test says what hosts report.
type world struct {
	service *batchsvc.Service
	store   store.Store
	engine  *engine.Engine
	handler http.Handler
	dir     string // of the SQLite store; empty for one in memory
	stop    func()

	mu      sync.Mutex // guards effects
	effects []string

	names map[string]string // what scripts call jobs, to their ids
}

// newWorld opens a world in the directory, or in memory where there is none.
func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{dir: dir, store: memory.New(), names: make(map[string]string)}
	w.open(t)
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *world) open(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if w.dir != "" {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: w.dir, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		w.store = s
	}
	note := func(format string, args ...any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.effects = append(w.effects, fmt.Sprintf(format, args...))
	}
	e, err := engine.Open(t.Context(), engine.Options{Store: w.store, Log: log, Sinks: engine.Sinks{
		Start:  func(e core.Start) { note("start %s", e.Attempt) },
		Attach: func(e core.Attach) { note("attach %s", e.Attempt) },
		Stop:   func(e core.Stop) { note("stop %s", e.Attempt) },
		Scale:  func(e core.Scale) { note("scale %d to %d", e.Environment, e.VCPU) },
		Launch: func(e core.Launch) {
			note("launch %s for host %d of environment %d, Spot %t", e.Type, e.Host, e.Environment, e.Spot)
		},
		TerminateHost: func(e core.TerminateHost) {
			note("terminate host %d of environment %d", e.Host, e.Environment)
		},
		Events: func() {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = e
	w.service = batchsvc.New(batchsvc.Options{
		OnMachine: true, // unless a test says otherwise: then hosts come when it wants
		NodeSpace: netip.MustParsePrefix("100.64.0.0/10"),
		Do:        e.Do, View: e.View, Store: w.store, Owner: uuid.MustParse("9d1f3c52-6a0e-4b53-8f0b-0a7c5d1e2f34"),
		Scope: batch.Scope{Partition: "aws", Region: "eu-west-1", Account: "123456789012"},
		Secret: func(from string) (string, error) {
			value, ok := map[string]string{"token": "s3cret", "login": `{"username":"me","password":"pass"}`}[from]
			if !ok {
				return "", fmt.Errorf("%s: there is no such secret", from)
			}
			return value, nil
		},
		Volumes: map[string]driver.Mount{
			"fs-0123": {Host: "/srv/efs"}, "fs-0123/fsap-1": {Host: "/srv/efs/point"}, "fs-s3": {Host: "/srv/s3"},
			"fs-nfs": {NFS: &driver.NFS{Server: "10.0.0.9", Path: "/export"}},
		},
	})
	w.handler = batchapi.Handler(w.service, restjson.Options{Log: log}, w.service.Routes()...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("engine: %v", err)
		}
		if err := w.store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	}
}

// call sends a request and returns the status and the answer.
func (w *world) call(operation, body string) (int, []byte) { return w.callWith(operation, body, "") }

// callWith sends a request with a client token in its header, if not empty.
func (w *world) callWith(operation, body, token string) (int, []byte) {
	r := request(operation, body)
	if token != "" {
		r.Header.Set(awsapi.ClientTokenHeader, token)
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer.Code, answer.Body.Bytes()
}

// must calls and returns the answer, which has to be a good one.
func (w *world) must(t *testing.T, operation, body string) map[string]any {
	t.Helper()
	status, answer := w.call(operation, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", operation, body, status, answer)
	}
	var m map[string]any
	if err := json.Unmarshal(answer, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// tell steps a report and waits until it is durable.
func (w *world) tell(in core.Input) {
	done := make(chan struct{})
	w.engine.Tell(in, func() { close(done) })
	<-done
}

// settled waits until the effects of all that was told have been noted: they
// leave in order, before the answer to any later input.
func (w *world) settled() []string {
	w.tell(core.Tick{})
	w.tell(core.Tick{})
	w.mu.Lock()
	defer w.mu.Unlock()
	effects := w.effects
	w.effects = nil
	return effects
}

// ref reads `job`, `job:child`, `job@node`, as scripts name them.
func (w *world) ref(t *testing.T, name string) batch.JobRef {
	t.Helper()
	job, node, _ := strings.Cut(name, "@")
	job, child, _ := strings.Cut(job, ":")
	id := w.names[job]
	if node != "" {
		id += "#" + node
	}
	if child != "" {
		id += ":" + child
	}
	ref, ok := batch.ParseJobRef(id)
	if !ok {
		t.Fatalf("there is no job %s", name)
	}
	return ref
}

var (
	moment = regexp.MustCompile(`\b1[6-9]\d{11}\b`)
	given  = regexp.MustCompile(`\b40{7}(\d{5})\b`)
	number = regexp.MustCompile(`(<[a-z]+>)([:#]\d+)?/([1-9]\d*)`)
	// networks of nodes are numbered by the random ids of jobs.
	networks = regexp.MustCompile(`\b100\.\d+\.\d+\.(\d+)`)
)

// plain puts names in place of what differs from run to run: ids, tasks, the
// moments of the machine's clock.
func (w *world) plain(text string) string {
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		id, _ := batch.ParseJobID(w.names[name])
		refs := []batch.JobRef{{ID: id}}
		for i := range 10 {
			refs = append(refs, batch.ChildRef(id, i), batch.NodeRef(id, i))
		}
		for _, ref := range refs {
			for n := 1; n <= 3; n++ {
				a := batch.AttemptID{Job: ref, Number: n}
				text = strings.ReplaceAll(text, a.TaskID(), "<task "+a.String()+">")
			}
		}
		text = strings.ReplaceAll(text, id.String(), "<"+name+">")
	}
	text = given.ReplaceAllString(text, `"+$1"`)
	text = networks.ReplaceAllString(text, "100.x.x.$1")
	text = number.ReplaceAllString(text, "$1$2#$3")
	return moment.ReplaceAllString(text, `"<now>"`)
}

// flat prints JSON in one line.
func flat(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
}

// layout prints JSON with members in order of their names, in lines of up to
// 110 characters where that can be had.
func layout(v any, indent string) string {
	line := flat(v)
	if len(indent)+len(line) <= 110 {
		return line
	}
	var b strings.Builder
	inner := indent + " "
	switch v := v.(type) {
	case map[string]any:
		b.WriteString("{")
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, "\n%s%q: %s", inner, key, layout(v[key], inner))
		}
		b.WriteString("}")
	case []any:
		b.WriteString("[")
		for i, e := range v {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString("\n" + inner + layout(e, inner))
		}
		b.WriteString("]")
	default:
		return line
	}
	return b.String()
}

// field returns a member of an answer.
func field(t *testing.T, answer []byte, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(answer, &m); err != nil {
		t.Errorf("%v: %s", err, answer)
	}
	return m[name]
}
