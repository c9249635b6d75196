package batchsvc

import (
	"context"
	"crypto/sha256"
	"maps"
	"regexp"
	"time"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
)

// AWS's limits of a submit.
const (
	maxSubmit    = 30 << 10
	minArraySize = 2
)

var jobNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// SubmitJob admits a job. It is durable when this returns.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
func (s *Service) SubmitJob(ctx context.Context, in *batchapi.SubmitJobRequest) (*batchapi.SubmitJobResponse, error) {
	claim, err := claimOf(ctx, in)
	if err != nil {
		return nil, err
	}
	cmd, err := s.submission(ctx, in)
	var reply core.Reply
	switch {
	case err == nil:
		cmd.Claim = claim
		reply, err = s.submit(ctx, cmd)
	case claim.Token != (core.Digest{}):
		// The same request may have been good when it was made first.
		var known error
		if reply, known = s.o.Do(ctx, core.Recall{Claim: claim}); known == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	id := reply.Job.String()
	return &batchapi.SubmitJobResponse{JobArn: s.o.Scope.ARN(batch.ARNJob, id), JobName: in.JobName, JobId: id}, nil
}

// claimOf returns what a token in the request's tags or header claims. The same
// request is one with the same members, however the token came.
func claimOf(ctx context.Context, in *batchapi.SubmitJobRequest) (claim core.Claim, err error) {
	var x extensions
	if err = x.read(onJob, in.Tags); err != nil {
		return claim, err
	}
	token := awsapi.ClientToken(ctx)
	switch {
	case token == "":
		token = x.clientToken
	case !tokenPattern.MatchString(token):
		return claim, invalid("Header %s must be 1 to 64 printable ASCII characters without spaces.", awsapi.ClientTokenHeader)
	case x.clientToken != "" && x.clientToken != token:
		return claim, invalid("Header %s and tag %s name different tokens.", awsapi.ClientTokenHeader, clientTokenTag)
	}
	if token == "" {
		return claim, nil
	}
	request := *in
	request.Tags = maps.Clone(in.Tags)
	delete(request.Tags, clientTokenTag)
	return core.Claim{Token: digest([]byte(token)), Request: digest(request.AppendJSON(nil))}, nil
}

func digest(b []byte) core.Digest {
	sum := sha256.Sum256(b)
	return core.Digest(sum[:16])
}

// submission is the command that a request amounts to.
func (s *Service) submission(ctx context.Context, in *batchapi.SubmitJobRequest) (cmd core.Submit, err error) {
	if err = s.checkSubmit(in); err != nil {
		return cmd, err
	}
	queue, ok := batch.NameOf(batch.ARNJobQueue, in.JobQueue)
	if !ok {
		return cmd, batch.Errorf(batch.NotFound, "JobQueue %s does not exist.", in.JobQueue)
	}
	if err = s.checkShare(ctx, in); err != nil {
		return cmd, err
	}
	d, err := s.definitionFor(ctx, in.JobDefinition)
	if err != nil {
		return cmd, err
	}
	job, err := newSpec(d, in)
	if err != nil {
		return cmd, err
	}
	needs, err := job.checkNeeds()
	if err != nil {
		return cmd, err
	}
	consumes, err := job.consumes()
	if err != nil {
		return cmd, err
	}
	gang, err := job.gang()
	if err != nil {
		return cmd, err
	}
	x, err := job.extensions()
	if err != nil {
		return cmd, err
	}
	share, err := s.fairJob(in, d)
	if err != nil {
		return cmd, err
	}
	quotas, err := quotaJob(in, d, x)
	if err != nil {
		return cmd, err
	}
	attempts, rules := job.rules()
	// What the row says already is not stored twice.
	stored := *in
	stored.JobName, stored.JobQueue, stored.JobDefinition = "", "", ""
	cmd = core.Submit{
		ID: batch.NewJobID(batch.InstantOf(time.Now())), Queue: queue, Definition: d.id, Needs: needs[0].resources(),
		DefinitionMax: x.definitionMax, Fair: share, Quota: quotas, Gang: gang, MaxAttempts: attempts, Retry: retry.Policy{Rules: rules, Backoff: x.backoff}, Consumes: consumes,
		New: core.NewJob{Name: in.JobName, Share: in.ShareIdentifier + x.quotaShare, Spec: stored.AppendJSON(nil)},
	}
	if size := len(cmd.New.Spec); size > maxSubmit {
		return cmd, invalid("Job size must be less than %d KiB, got %d KiB", maxSubmit>>10, (size+1023)>>10)
	}
	if t := job.timeout(); t != nil {
		cmd.TimeoutSeconds = deref(t.AttemptDurationSeconds)
	}
	if in.ArrayProperties != nil {
		cmd.Size, cmd.MaxRunning = *in.ArrayProperties.Size, x.maxRunning
	}
	if err = s.checkDependencies(in, &cmd); err != nil {
		return cmd, err
	}
	if err = s.checkQueue(ctx, queue, job); err != nil {
		return cmd, err
	}
	return cmd, job.checkRunnable()
}

// checkSubmit makes the checks that need no definition.
func (s *Service) checkSubmit(in *batchapi.SubmitJobRequest) error {
	switch {
	case !jobNamePattern.MatchString(in.JobName):
		return invalid("Job name should match valid pattern")
	}
	if a := in.ArrayProperties; a != nil {
		if size := deref(a.Size); size < minArraySize || size > s.o.Limits.ArraySize {
			return &batch.Error{Code: batch.Invalid, Field: "arrayProperties.size", Message: "arrayProperties.size must be between " + itoa(minArraySize) + " and " + itoa(int64(s.o.Limits.ArraySize)) + ", got " + itoa(int64(size)) + "."}
		}
	} else if _, capped := in.Tags[maxRunningTag]; capped {
		return badTag(maxRunningTag, "is for array jobs only.")
	}
	if err := checkRetry(in.RetryStrategy); err != nil {
		return err
	}
	return checkTimeout(in.Timeout)
}

// checkNeeds checks what the overrides have made of the definition and returns
// what a node needs, for each part. A pod needs nothing that is counted yet.
func (s *spec) checkNeeds() ([]amounts, error) {
	needs := make([]amounts, len(s.parts))
	for i := range s.parts {
		p := &s.parts[i]
		var err error
		if p.EksProperties != nil {
			err = checkEKS(p.EksProperties)
		} else if needs[i], err = needsOf(s.platform, taskOfPart(p)); err == nil && s.fargate() {
			err = checkFargateSize(needs[i])
		}
		if err == nil {
			err = checkConsumables(p.ConsumableResourceProperties)
		}
		if err != nil {
			return nil, err
		}
	}
	return needs, nil
}
