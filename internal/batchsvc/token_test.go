package batchsvc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// TestConcurrentDuplicates submits the same jobs from many clients at once.
func TestConcurrentDuplicates(t *testing.T) {
	t.Parallel()
	w := ready(t, t.TempDir())
	const clients, jobs = 8, 25
	var mu sync.Mutex
	ids := make(map[string]map[string]bool) // of jobs, by token
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for n := range jobs {
				token := fmt.Sprintf("token-%d", n)
				status, body := w.callWith("SubmitJob", `{"jobName":"a","jobQueue":"q","jobDefinition":"d"}`, token)
				var out struct{ JobID string }
				if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK {
					t.Errorf("submit: %d %s", status, body)
				}
				mu.Lock()
				if ids[token] == nil {
					ids[token] = make(map[string]bool)
				}
				ids[token][out.JobID] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for token, made := range ids {
		if len(made) != 1 {
			t.Errorf("%s made %d jobs", token, len(made))
		}
	}
	listed := w.must(t, "ListJobs", `{"jobQueue":"q","jobStatus":"RUNNABLE"}`)["jobSummaryList"].([]any)
	if len(listed) != jobs {
		t.Errorf("%d jobs are listed, want %d", len(listed), jobs)
	}
}
