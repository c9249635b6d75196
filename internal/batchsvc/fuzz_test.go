package batchsvc_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/store/memory"
)

// FuzzRequests sends any body to any operation. Each decoder and all checks see
// it; whatever it says, the answer is a good one or tells what is wrong with it.
func FuzzRequests(f *testing.F) {
	service := reflect.TypeFor[batchapi.Service]()
	for i := range service.NumMethod() {
		name := service.Method(i).Name
		text, err := os.ReadFile(filepath.Join("testdata", "wire", name+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		for exchange := range strings.SplitSeq("\n"+string(text), "\nPOST ") {
			if _, body, ok := strings.Cut(exchange, "\n"); ok {
				body, _, _ = strings.Cut(body, "\n----\n")
				f.Add(uint8(i), []byte(strings.ReplaceAll(body, "<id 1>", "5f1d3c52-6a0e-4b53-8f0b-0a7c5d1e2f34")))
			}
		}
		f.Add(uint8(i), []byte(`{"nextToken":"NEBA","maxResults":1,"jobQueue":"q","filters":[{"name":"AFTER_CREATED_AT","values":["1"]}]}`))
	}
	f.Add(uint8(0), []byte(`{"tags":{"barge:client-token":"x","aws:y":""}}`))
	var w *world
	var requests int
	f.Fuzz(func(t *testing.T, operation uint8, body []byte) {
		if requests%10_000 == 0 { // what was made is forgotten now and then
			if w != nil {
				w.stop()
			}
			w = newFuzzWorld(t)
		}
		requests++
		name := service.Method(int(operation) % service.NumMethod()).Name
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+path(name), bytes.NewReader(body))
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		switch answer.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusNotImplemented:
		default:
			t.Errorf("%s %q: %d %s", name, body, answer.Code, answer.Body)
		}
	})
}

// path is what stands for the operation in the request's path. A body goes with
// one of those on tags only.
func path(operation string) string {
	switch operation {
	case "TagResource", "UntagResource", "ListTagsForResource":
		return "tags/arn:aws:batch:eu-west-1:123456789012:job-queue%2Fq"
	}
	return strings.ToLower(operation)
}

// newFuzzWorld makes a world that outlives the call of the fuzz target.
func newFuzzWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: memory.New(), names: make(map[string]string)}
	w.open(t)
	w.must(t, "CreateComputeEnvironment", `{"computeEnvironmentName":"ce","type":"MANAGED","computeResources":{"type":"EC2","minvCpus":0,
		"maxvCpus":16,"instanceTypes":["optimal"],"subnets":["s"],"securityGroupIds":["sg"],"instanceRole":"r"}}`)
	w.must(t, "CreateJobQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`)
	w.must(t, "RegisterJobDefinition", `{"jobDefinitionName":"d","type":"container","containerProperties":{"image":"i","vcpus":1,"memory":4}}`)
	return w
}
