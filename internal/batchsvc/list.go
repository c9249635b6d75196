package batchsvc

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// AWS's largest pages of a listing by status and of one by filter.
const (
	maxList     = 1000
	maxFiltered = 100
)

// ListJobs lists the jobs of a queue, newest first, or the children of an array
// job or nodes of a multi-node job, by index: those in one state, RUNNING where none is given, or those of a
// queue that meet a filter, in whatever state.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
func (s *Service) ListJobs(ctx context.Context, in *batchapi.ListJobsRequest) (*batchapi.ListJobsResponse, error) {
	f, err := s.listFilter(ctx, in)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	f.Limit++
	jobs, err := s.o.Store.ListJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &batchapi.ListJobsResponse{JobSummaryList: []batchapi.JobSummary{}}
	if len(jobs) > 0 && jobs[0].Kind == core.Service { // and so are all of its queue
		return out, nil
	}
	if len(jobs) > limit {
		jobs = jobs[:limit]
		out.NextToken = position(&f, &jobs[limit-1])
	}
	var ids []int64
	for i := range jobs {
		ids = append(ids, jobs[i].Definition)
	}
	definitions, err := s.definitionsByID(ctx, unique(ids))
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		out.JobSummaryList = append(out.JobSummaryList, s.summary(&jobs[i], definitions[jobs[i].Definition]))
	}
	return out, nil
}

// position is the token of what comes after a job: its own place in the order
// of the listing, which stays true whatever comes and goes.
func position(f *store.JobFilter, j *store.Job) string {
	switch {
	case f.Queue == 0:
		return writeToken(itoa(int64(max(j.Ref.Child, -j.Ref.Child))))
	case f.Timed():
		return writeToken(itoa(j.Seq) + "@" + itoa(int64(j.CreatedAt)))
	}
	return writeToken(itoa(j.Seq))
}

// from continues a listing after the position that a token holds.
func from(f *store.JobFilter, token string) error {
	text, err := readToken(token)
	if err != nil || text == "" {
		return err
	}
	key, at, timed := strings.Cut(text, "@")
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil || n < 1 || timed != f.Timed() {
		return badToken()
	}
	switch {
	case timed:
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil || ms < 1 {
			return badToken()
		}
		f.Before, f.BeforeAt = n, batch.Instant(ms)
	case f.Queue != 0:
		f.Before = n
	case n > MostArraySize:
		return badToken()
	default:
		f.After = int32(n)
	}
	return nil
}

func (s *Service) listFilter(ctx context.Context, in *batchapi.ListJobsRequest) (f store.JobFilter, err error) {
	given := 0
	for _, of := range []string{in.JobQueue, in.ArrayJobId, in.MultiNodeJobId} {
		if of != "" {
			given++
		}
	}
	if given != 1 {
		return f, invalid("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.")
	}
	f.State = batch.Running
	if in.JobStatus != "" {
		f.State, _ = batch.ParseJobState(in.JobStatus) // the model has checked it
	}
	if f.Limit, err = limitOf(in.MaxResults, maxList); err != nil {
		return f, err
	}
	if err = addFilter(&f, in); err != nil {
		return f, err
	}
	if in.ArrayJobId != "" {
		ref, ok := jobRef(in.ArrayJobId)
		if !ok || ref.Child != 0 {
			return f, &batch.Error{Code: batch.Invalid, Field: "arrayJobId", Message: "arrayJobId " + in.ArrayJobId + " is no id of an array job."}
		}
		f.Parent = ref.ID
		return f, from(&f, in.NextToken)
	}
	if in.MultiNodeJobId != "" {
		ref, ok := jobRef(in.MultiNodeJobId)
		if !ok || ref.Child != 0 {
			return f, &batch.Error{Code: batch.Invalid, Field: "multiNodeJobId", Message: "multiNodeJobId " + in.MultiNodeJobId + " is no id of a multi-node job."}
		}
		f.Parent, f.Nodes = ref.ID, true
		return f, from(&f, in.NextToken)
	}
	q, err := s.queueNamed(ctx, in.JobQueue)
	if err != nil {
		return f, err
	}
	f.Queue = q.ID
	return f, from(&f, in.NextToken)
}

// addFilter reads the request's one filter. It takes the place of the state,
// but for the one by share, which may have both.
func addFilter(f *store.JobFilter, in *batchapi.ListJobsRequest) error {
	name, value, err := onlyFilter(in.Filters, "JOB_NAME", "JOB_DEFINITION", "BEFORE_CREATED_AT", "AFTER_CREATED_AT", "SHARE_IDENTIFIER")
	switch {
	case err != nil || name == "":
		return err
	case in.JobQueue == "":
		return invalid("filters can be used with jobQueue only: the children of arrays have no filters.")
	}
	f.Limit, f.AnyState = min(f.Limit, maxFiltered), true
	switch name {
	case "JOB_NAME":
		f.Name = foldedPattern(value)
	case "JOB_DEFINITION":
		err = definitionFilter(f, value)
	case "BEFORE_CREATED_AT":
		f.CreatedBefore, err = moment(name, value)
	case "AFTER_CREATED_AT":
		f.CreatedAfter, err = moment(name, value)
	case "SHARE_IDENTIFIER":
		f.Share, f.AnyState = value, in.JobStatus == ""
	}
	return err
}

// definitionFilter reads a name, with any rest, or a name or ARN with a revision.
func definitionFilter(f *store.JobFilter, value string) error {
	name, ok := batch.NameOf(batch.ARNJobDefinition, value)
	if strings.HasPrefix(value, "arn:") && strings.HasSuffix(value, "*") {
		return invalid("Filter JOB_DEFINITION takes no asterisk with an ARN.")
	}
	name, revision, has := strings.Cut(name, ":")
	f.Definition, f.DefinitionPrefix = strings.CutSuffix(name, "*")
	if has {
		n, err := strconv.ParseUint(revision, 10, 31)
		ok = ok && err == nil && n > 0 && !f.DefinitionPrefix
		f.Revision = int32(n)
	}
	if !ok || f.Definition == "" && !f.DefinitionPrefix {
		return invalid("Filter JOB_DEFINITION must be a name, name:revision or the ARN of a job definition, got %s", value)
	}
	return nil
}

func moment(name, value string) (batch.Instant, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, invalid("Filter %s must be a time in milliseconds since 1970, got %s", name, value)
	}
	return batch.Instant(max(n, 1)), nil
}

func (s *Service) summary(j *store.Job, d *definition) batchapi.JobSummary {
	out := batchapi.JobSummary{
		JobArn: s.o.Scope.ARN(batch.ARNJob, j.Ref.String()), JobId: j.Ref.String(), JobName: j.Name,
		CreatedAt: ptr(int64(j.CreatedAt)), Status: j.State.String(), StatusReason: j.StatusReason,
		StartedAt: instant(j.StartedAt), StoppedAt: instant(j.StoppedAt),
		JobDefinition: s.o.Scope.ARN(batch.ARNJobDefinition, d.ref()), ShareIdentifier: fairShare(j), ScheduledAt: instant(j.ScheduledAt),
		CapacityUsage: []batchapi.JobCapacityUsageSummary{
			{CapacityUnit: "VCPU", Quantity: shownVCPU(j.Needs.MilliVCPU)},
		},
	}
	if code := exitCode(j, j.ExitCode); code != nil || j.Reason != "" {
		out.Container = &batchapi.ContainerSummary{ExitCode: code, Reason: j.Reason}
	}
	if i, child := j.Ref.Index(); child {
		out.ArrayProperties = &batchapi.ArrayPropertiesSummary{Index: ptr(int32(i))}
	} else if j.IsArray() {
		out.ArrayProperties = &batchapi.ArrayPropertiesSummary{
			Size: ptr(j.Size), StatusSummary: summary(j), StatusSummaryLastUpdatedAt: ptr(int64(batch.InstantOf(time.Now()))),
		}
	}
	out.NodeProperties = nodeSummary(j)
	if j.Flags&core.Cancelled != 0 {
		out.IsCancelled = ptr(true)
	}
	if j.Flags&core.Terminated != 0 {
		out.IsTerminated = ptr(true)
	}
	return out
}
