package batchapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/restjson"
)

const submit = `{"jobName":"align-sample-17","jobQueue":"high","jobDefinition":"align:3","retryStrategy":{"attempts":3,` +
	`"evaluateOnExit":[{"action":"RETRY","onStatusReason":"Host EC2*"},{"action":"EXIT","onReason":"*"}]},` +
	`"timeout":{},"dependsOn":[{"jobId":"8b5f0ffa-4a8f-4f2f-9a53-0f2b8ad1f4c5"}],"tags":{"team":"genomics"},` +
	`"containerOverrides":{"command":["bash","-c","run.sh sample-17"],` +
	`"environment":[{"name":"SAMPLE","value":"17"},{"name":"BUCKET","value":"s3://data/runs"}],` +
	`"resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"2048"}]}}`

func BenchmarkDecodeSubmitJob(b *testing.B) {
	data := []byte(submit)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := batchapi.DecodeSubmitJobRequest(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSubmitJob(b *testing.B) {
	in, err := batchapi.DecodeSubmitJobRequest([]byte(submit))
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = in.AppendJSON(buf[:0])
	}
}

// discard is a client that looks at the status only.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

func BenchmarkHandler(b *testing.B) {
	h := batchapi.Handler(&fake{}, restjson.Options{})
	r := httptest.NewRequest(http.MethodPost, "/v1/submitjob", nil)
	r.ContentLength = int64(len(submit))
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		r.Body = readCloser{strings.NewReader(submit)}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
