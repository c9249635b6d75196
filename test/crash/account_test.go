package crash

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// settle waits until all orders that exist have ended, those without an answer
// included, and returns these orders and their jobs, children included.
func (s *server) settle(t *testing.T, orders []*order) (exist []*order, jobs map[string]types.JobDetail) {
	t.Helper()
	ctx := t.Context()
	byName := make(map[string]*order, len(orders))
	for _, o := range orders {
		byName[o.name] = o
	}
	listed := s.allEnded(t)
	for id, j := range listed {
		o := byName[*j.JobName]
		switch {
		case o == nil:
			t.Errorf("job %s, called %s, was never asked for", id, *j.JobName)
		case o.id == "":
			o.id = id // it had happened after all
		case o.id != id:
			t.Errorf("order %s became the jobs %s and %s", o.name, o.id, id)
		}
	}
	var ids []string
	for _, o := range orders {
		if o.id == "" {
			continue
		}
		if _, ok := listed[o.id]; !ok {
			t.Errorf("job %s of order %s was acknowledged and is not listed", o.id, o.name)
		}
		exist = append(exist, o)
		ids = append(ids, o.id)
	}
	for _, o := range exist {
		if o.size > 0 {
			ids = append(ids, o.ids()...)
		}
	}
	jobs, err := s.describe(ctx, ids)
	if err != nil {
		t.Fatalf("describe jobs: %v", err)
	}
	return exist, jobs
}

// allEnded waits until every job has ended and returns them. A listing is one
// request per state, so a job that is tried again can slip through one, but what
// two in a row show has ended, and is all.
func (s *server) allEnded(t *testing.T) map[string]types.JobSummary {
	t.Helper()
	var listed map[string]types.JobSummary
	until(t, "all jobs to end", func() bool {
		before := len(listed)
		var err error
		if listed, err = s.list(t.Context()); err != nil {
			t.Fatalf("list jobs: %v", err)
		}
		for _, j := range listed {
			if !over(j.Status) {
				return false
			}
		}
		return len(listed) == before
	})
	return listed
}

// tally is how much there was in an account.
type tally struct{ orders, jobs, attempts, events, wrong int }

// account waits for all orders and checks what became of each.
func (s *server) account(t *testing.T, orders []*order) (all tally) {
	t.Helper()
	exist, jobs := s.settle(t, orders)
	all.orders = len(exist)
	for _, o := range exist {
		for i, id := range o.ids() {
			j, ok := jobs[id]
			if !ok {
				t.Errorf("job %s of order %s does not exist", id, o.name)
				continue
			}
			child := 0
			if o.size > 0 {
				child = i + 1
			}
			all.jobs, all.attempts = all.jobs+1, all.attempts+len(j.Attempts)
			if o.after != nil && jobs[o.after.id].Status == types.JobStatusFailed {
				checkNever(t, o, j)
				continue
			}
			s.checkJob(t, o, j, child)
		}
		if o.size > 0 {
			checkArray(t, o, jobs)
		}
	}
	all.events = s.checkEvents(t, jobs)
	if s.journal != "" {
		wrong := judge(readJournal(t, s.journal), exist, jobs)
		all.wrong = len(wrong)
		for _, w := range wrong {
			t.Error(w)
		}
	}
	until(t, "the driver to forget all attempts", func() bool {
		if s.driver == "docker" {
			return len(s.containers("--all")) == 0
		}
		left, err := os.ReadDir(filepath.Join(s.data, s.driver, "output"))
		return err != nil || len(left) == 0
	})
	return all
}

// checkNever looks at a job that depends on one that has failed.
func checkNever(t *testing.T, o *order, j types.JobDetail) {
	t.Helper()
	reason := aws.ToString(j.StatusReason)
	if ended := o.ended && reason == endReason; j.Status != types.JobStatusFailed || len(j.Attempts) > 0 || !ended && reason != "Dependent Job failed" {
		t.Errorf("job %s depends on one that has failed, and is %s (%s) after %d attempts", *j.JobId, j.Status, reason, len(j.Attempts))
	}
}

// checkArray compares an array job with its children.
func checkArray(t *testing.T, o *order, jobs map[string]types.JobDetail) {
	t.Helper()
	want := make(map[string]int32)
	status := types.JobStatusSucceeded
	for _, id := range o.ids() {
		child := jobs[id]
		want[string(child.Status)]++
		if child.Status != types.JobStatusSucceeded {
			status = types.JobStatusFailed
		}
	}
	parent := jobs[o.id]
	if parent.ArrayProperties == nil {
		t.Errorf("array job %s has no array properties", o.id)
		return
	}
	got := make(map[string]int32)
	for state, n := range parent.ArrayProperties.StatusSummary {
		if n != 0 {
			got[state] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("array job %s: the summary differs from the children (-children +summary):\n%s", o.id, diff)
	}
	if parent.Status != status {
		t.Errorf("array job %s is %s, its children say %s", o.id, parent.Status, status)
	}
}

// checkJob compares a job that has ended with its order.
func (s *server) checkJob(t *testing.T, o *order, j types.JobDetail, child int) {
	t.Helper()
	want, got := o.codes(child), exitCodes(j)
	status := types.JobStatusFailed
	if want[len(want)-1] == 0 {
		status = types.JobStatusSucceeded
	}
	early := o.ended && j.Status == types.JobStatusFailed && aws.ToString(j.StatusReason) == endReason
	switch {
	case early: // all attempts but the last are whole, and that one may be
		if n := len(got) - 1; n >= len(want) || n > 0 && !slices.Equal(got[:n], want[:n]) {
			t.Errorf("job %s was ended early, with exit codes %v of %v", *j.JobId, got, want)
		}
	case j.Status != status || !slices.Equal(got, want):
		t.Errorf("job %s of order %+v is %s (%s) with exit codes %v, want %s with %v",
			*j.JobId, *o, j.Status, aws.ToString(j.StatusReason), got, status, want)
	}
	if !over(j.Status) || j.StoppedAt == nil {
		t.Errorf("job %s is %s, stopped at %v", *j.JobId, j.Status, j.StoppedAt)
	}
	s.checkBegun(t, j, early)
	for i, a := range j.Attempts {
		s.checkLog(t, o, j, i+1, a)
	}
}

func exitCodes(j types.JobDetail) []int32 {
	codes := make([]int32, 0, len(j.Attempts))
	for _, a := range j.Attempts {
		code := int32(-1)
		if a.Container.ExitCode != nil {
			code = *a.Container.ExitCode
		}
		codes = append(codes, code)
	}
	return codes
}

// checkBegun compares what the job wrote down with its attempts: each that ran
// did so once. One that was ended early may not have come to writing.
func (s *server) checkBegun(t *testing.T, j types.JobDetail, early bool) {
	t.Helper()
	if s.driver != "process" {
		return
	}
	var ran []string
	for i, a := range j.Attempts {
		if a.StartedAt != nil {
			ran = append(ran, strconv.Itoa(i+1))
		}
	}
	begun := s.begun(*j.JobId)
	if early && len(begun) == len(ran)-1 {
		ran = ran[:len(begun)]
	}
	if !slices.Equal(begun, ran) {
		t.Errorf("job %s (%s, %s): the attempts %v began, and it says that %v ran",
			*j.JobId, j.Status, aws.ToString(j.StatusReason), begun, ran)
	}
}

// begun returns the attempts that a job wrote down, in order.
func (s *server) begun(id string) []string {
	text, err := os.ReadFile(filepath.Join(s.marks, id))
	if err != nil {
		return nil // none
	}
	return strings.Fields(string(text))
}

// checkLog compares an attempt's log with what it prints.
func (s *server) checkLog(t *testing.T, o *order, j types.JobDetail, n int, a types.AttemptDetail) {
	t.Helper()
	if a.StartedAt == nil {
		return
	}
	if a.Container.LogStreamName == nil {
		t.Errorf("attempt %d of job %s ran and has no log", n, *j.JobId)
		return
	}
	lines, err := s.log(context.Background(), *a.Container.LogStreamName)
	if err != nil {
		t.Errorf("read the log of attempt %d of job %s: %v", n, *j.JobId, err)
		return
	}
	if len(lines) > 0 && strings.HasPrefix(lines[0], "barge: ") {
		lines = lines[1:]
	}
	want := o.output(n)
	if whole := a.Container.ExitCode != nil && (*a.Container.ExitCode == 0 || *a.Container.ExitCode == 3); !whole {
		want = want[:min(len(want), len(lines))]
	}
	if diff := cmp.Diff(want, lines, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("attempt %d of job %s: the log is not what it printed (-printed +log):\n%s", n, *j.JobId, diff)
	}
}
