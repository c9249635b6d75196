package logsvc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
	"github.com/bargehq/barge/internal/logsvc"
)

// FuzzRequests sends any body to any operation: the answer is a good one, or
// tells what is wrong with the request.
func FuzzRequests(f *testing.F) {
	operations := []string{
		"CreateLogGroup", "CreateLogStream", "DeleteLogGroup", "DeleteLogStream", "DeleteRetentionPolicy", "DescribeLogGroups",
		"DescribeLogStreams", "FilterLogEvents", "GetLogEvents", "PutLogEvents", "PutRetentionPolicy", "ListTagsForResource", "Nonsense",
	}
	for i := range operations {
		f.Add(uint8(i), []byte(`{"logGroupName":"/aws/batch/job","logStreamName":"d/default/0","nextToken":"x","limit":3}`))
		f.Add(uint8(i), []byte(`{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1700000000000,"message":"m"}],"retentionInDays":7}`))
		f.Add(uint8(i), []byte(`{"logGroupName":"g","filterPattern":"\"a\" ?b -c","startTime":-1,"endTime":9223372036854775807,"interleaved":true}`))
	}
	store, err := logs.Open(logs.Options{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			f.Error(err)
		}
	})
	handler := logsvc.New(logsvc.Options{
		Store: store, Scope: batch.Scope{Partition: "aws", Region: "us-east-1", Account: "123456789012"},
	}).Handler()
	f.Fuzz(func(t *testing.T, operation uint8, body []byte) {
		name := operations[int(operation)%len(operations)]
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
		r.Header.Set("X-Amz-Target", "Logs_20140328."+name)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Errorf("%s %q: %d %s", name, body, answer.Code, answer.Body)
		}
	})
}
