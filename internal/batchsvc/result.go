package batchsvc

import (
	"encoding/json"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
)

// containerEnd is what is kept of the end of one container of several, in the
// order of the definition, whose names are not repeated.
type containerEnd struct {
	Code   *int32 `json:"c,omitempty"`
	Reason string `json:"r,omitempty"`
	Ran    bool   `json:"s,omitempty"`
}

// ContainerEnds is what goes into a row of an attempt with several containers;
// nil where there are none.
func ContainerEnds(exits []driver.Exit) []byte {
	if len(exits) == 0 {
		return nil
	}
	ends := make([]containerEnd, len(exits))
	for i, e := range exits {
		ends[i] = containerEnd{Code: e.Code, Reason: e.Reason, Ran: e.StartedAt != 0}
	}
	b, err := json.Marshal(ends)
	if err != nil {
		panic(err) // our own type always marshals
	}
	return b
}

// endsOf are the ends of n containers of an ended attempt. A task of one
// container has none of its own: the attempt's are its.
func endsOf(a *core.AttemptRow, n int) []containerEnd {
	ends := make([]containerEnd, n)
	if len(a.Containers) == 0 {
		if n == 1 {
			ends[0] = containerEnd{Code: a.ExitCode, Reason: a.Reason, Ran: a.StartedAt != 0}
		}
		return ends
	}
	var kept []containerEnd
	if json.Unmarshal(a.Containers, &kept) == nil { // ours, and of this very definition
		copy(ends, kept)
	}
	return ends
}

// taskAttempt is an ended attempt of a job of ecsProperties.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_AttemptEcsTaskDetails.html
func (c *surroundings) taskAttempt(j *store.Job, s *spec, a *core.AttemptRow) batchapi.AttemptDetail {
	_, node := runner(j)
	containers := s.task(node).Containers
	t := batchapi.AttemptEcsTaskDetails{}
	t.ContainerInstanceArn, t.TaskArn = c.task(j, s, a.Host, a.Number)
	for i, end := range endsOf(a, len(containers)) {
		d := batchapi.AttemptTaskContainerDetails{
			Name: containers[i].Name, ExitCode: end.Code, Reason: end.Reason, NetworkInterfaces: c.s.interfaces(j, a.Number),
		}
		if end.Ran {
			_, d.LogStreamName = s.log(&containers[i], attemptID(j, a.Number))
		}
		t.Containers = append(t.Containers, d)
	}
	return batchapi.AttemptDetail{
		StartedAt: instant(a.StartedAt), StoppedAt: instant(a.StoppedAt), StatusReason: a.StatusReason,
		TaskProperties: []batchapi.AttemptEcsTaskDetails{t}, Barge: usage(a),
	}
}

// usage is what we add to an attempt: what it has used and cost, as far as that
// is known.
func usage(a *core.AttemptRow) *batchapi.BargeAttempt {
	if a.Usage == nil && a.Cost == nil {
		return nil
	}
	u := &batchapi.BargeAttempt{Cost: costDetail(a.Cost)}
	if a.Usage == nil {
		return u
	}
	u.PeakMemoryBytes, u.ReadBytes, u.WriteBytes = a.Usage.PeakMemory, a.Usage.ReadBytes, a.Usage.WriteBytes
	if a.Usage.CPU != nil {
		u.CpuSeconds = ptr(float64(*a.Usage.CPU) / 1e6)
	}
	return u
}

// taskOutcome puts what has become of a job of ecsProperties into its
// description: its latest attempt, ended or not.
func (c *surroundings) taskOutcome(j *store.Job, s *spec, d *batchapi.EcsTaskDetails) {
	if j.Attempt == 0 || j.IsArray() {
		return
	}
	_, node := runner(j)
	containers := s.task(node).Containers
	d.ContainerInstanceArn, d.TaskArn = c.task(j, s, j.Host, j.Attempt)
	ends := make([]containerEnd, len(containers))
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Number == j.Attempt {
		ends = endsOf(&j.Attempts[n-1], len(containers))
	} else if j.State == batch.Running { // then all have started
		for i := range ends {
			ends[i].Ran = true
		}
	}
	for i, end := range ends {
		d.Containers[i].ExitCode, d.Containers[i].Reason = end.Code, end.Reason
		d.Containers[i].NetworkInterfaces = c.s.interfaces(j, j.Attempt)
		if end.Ran {
			_, d.Containers[i].LogStreamName = s.log(&containers[i], attemptID(j, j.Attempt))
		}
	}
}
