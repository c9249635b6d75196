package crash

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// told is a line of the file of events.
type told struct {
	ID         string `json:"id"`
	DetailType string `json:"detail-type"`
	Detail     struct {
		JobID    string          `json:"jobId"`
		Status   types.JobStatus `json:"status"`
		Reason   string          `json:"statusReason"`
		Stopped  int64           `json:"stoppedAt"`
		Attempts []any           `json:"attempts"`
	} `json:"detail"`
}

// events reads the file of events: those of each job in the order in which they
// came first, and how many came again. A line that is being written is left out.
func (s *server) events(t *testing.T) (byJob map[string][]told, again int) {
	t.Helper()
	text, err := os.ReadFile(s.eventsFile)
	if err != nil {
		t.Fatal(err)
	}
	byJob = make(map[string][]told)
	known := make(map[string]bool)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for line := range bytes.Lines(text) {
		var e told
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if known[e.ID] {
			again++
			continue
		}
		known[e.ID] = true
		byJob[e.Detail.JobID] = append(byJob[e.Detail.JobID], e)
	}
	return byJob, again
}

// checkEvents sees that every change of state of the jobs was told, in order.
func (s *server) checkEvents(t *testing.T, jobs map[string]types.JobDetail) (n int) {
	t.Helper()
	var all map[string][]told
	again := 0
	until(t, "all events to be delivered", func() bool {
		all, again = s.events(t)
		for id := range jobs {
			if list := all[id]; len(list) == 0 || !over(list[len(list)-1].Detail.Status) {
				return false
			}
		}
		return true
	})
	for id, j := range jobs {
		var path []string
		starts, ended := 0, 0
		for i, e := range all[id] {
			d := e.Detail
			path = append(path, string(d.Status))
			n++
			switch d.Status {
			case types.JobStatusStarting:
				starts++
			case types.JobStatusRunnable:
				ended = starts
			case types.JobStatusSucceeded, types.JobStatusFailed:
				ended = starts
				if i+1 < len(all[id]) {
					t.Errorf("job %s was told to have ended, and then more", id)
				}
			case types.JobStatusSubmitted:
				t.Errorf("job %s was told to be submitted", id)
			case types.JobStatusPending, types.JobStatusRunning:
			}
			if over(d.Status) != (d.Stopped != 0) || len(d.Attempts) != ended {
				t.Errorf("the event %s of job %s says that it stopped at %d and has %d ended attempts, want %d", d.Status, id, d.Stopped, len(d.Attempts), ended)
			}
		}
		last := all[id][len(path)-1].Detail
		if last.Status != j.Status || last.Reason != aws.ToString(j.StatusReason) || last.Stopped != aws.ToInt64(j.StoppedAt) || starts != len(j.Attempts) {
			t.Errorf("job %s is %s (%s) after %d attempts, told was %s: %s", id, j.Status, aws.ToString(j.StatusReason), len(j.Attempts), strings.Join(path, " → "), last.Reason)
		}
	}
	t.Logf("%d events of %d jobs, %d came again", n, len(jobs), again)
	return n
}
