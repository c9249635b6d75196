package batchapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
)

// fake does a few operations; tags hold what is known.
type fake struct {
	batchapi.Unimplemented
	tags map[string]map[string]string
}

func (f *fake) SubmitJob(_ context.Context, in *batchapi.SubmitJobRequest) (*batchapi.SubmitJobResponse, error) {
	if in.JobQueue == "gone" {
		return nil, batch.Errorf(batch.NotFound, "JobQueue gone does not exist")
	}
	return &batchapi.SubmitJobResponse{JobName: in.JobName, JobId: string(in.AppendJSON(nil))}, nil
}

func (f *fake) ListTagsForResource(_ context.Context, in *batchapi.ListTagsForResourceRequest) (*batchapi.ListTagsForResourceResponse, error) {
	return &batchapi.ListTagsForResourceResponse{Tags: f.tags[in.ResourceArn]}, nil
}

func (f *fake) TagResource(_ context.Context, in *batchapi.TagResourceRequest) (*batchapi.TagResourceResponse, error) {
	f.tags[in.ResourceArn] = in.Tags
	return nil, nil
}

func (f *fake) UntagResource(_ context.Context, in *batchapi.UntagResourceRequest) (*batchapi.UntagResourceResponse, error) {
	for _, key := range in.TagKeys {
		delete(f.tags[in.ResourceArn], key)
	}
	return nil, nil
}

func (f *fake) DescribeJobs(_ context.Context, in *batchapi.DescribeJobsRequest) (*batchapi.DescribeJobsResponse, error) {
	out := &batchapi.DescribeJobsResponse{Jobs: []batchapi.JobDetail{}}
	for i, id := range in.Jobs {
		at, code := int64(1_700_000_000_000+i), int32(137)
		out.Jobs = append(out.Jobs, batchapi.JobDetail{
			JobId: id, Status: batchapi.JobStatusFailed, CreatedAt: &at,
			Container: &batchapi.ContainerDetail{ExitCode: &code, Reason: "OutOfMemoryError", Environment: []batchapi.KeyValuePair{{Name: "É", Value: "\x01\"\\"}}},
		})
	}
	return out, nil
}

func (f *fake) CancelJob(context.Context, *batchapi.CancelJobRequest) (*batchapi.CancelJobResponse, error) {
	return nil, batch.Errorf(batch.Throttled, "Too Many Requests")
}

func (f *fake) DeleteJobQueue(context.Context, *batchapi.DeleteJobQueueRequest) (*batchapi.DeleteJobQueueResponse, error) {
	return nil, errors.New("the disk is on fire")
}

func (f *fake) TerminateJob(context.Context, *batchapi.TerminateJobRequest) (*batchapi.TerminateJobResponse, error) {
	return nil, batch.Errorf(batch.Denied, "User: arn:x is not authorized to perform: batch:TerminateJob on resource: *")
}

func start(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(batchapi.Handler(&fake{tags: make(map[string]map[string]string)}, restjson.Options{}))
	t.Cleanup(srv.Close)
	return srv
}

func client(srv *httptest.Server) *sdk.Client {
	return sdk.New(sdk.Options{
		Region:       "us-east-1",
		BaseEndpoint: &srv.URL,
		HTTPClient:   srv.Client(),
		Credentials:  aws.AnonymousCredentials{},
		Retryer:      aws.NopRetryer{},
	})
}

// The official client understands the answers.
func TestSDK(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), client(start(t))

	submitted, err := c.SubmitJob(ctx, &sdk.SubmitJobInput{
		JobName: aws.String("n"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"),
		RetryStrategy:      &types.RetryStrategy{EvaluateOnExit: []types.EvaluateOnExit{{Action: "retry"}}},
		ContainerOverrides: &types.ContainerOverrides{},
		ArrayProperties:    &types.ArrayProperties{Size: aws.Int32(3)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"jobName":"n","jobQueue":"q","arrayProperties":{"size":3},"jobDefinition":"d","retryStrategy":{"evaluateOnExit":[{"action":"RETRY"}]}}`
	if got := aws.ToString(submitted.JobId); got != want {
		t.Errorf("the service saw %s, want %s", got, want)
	}

	described, err := c.DescribeJobs(ctx, &sdk.DescribeJobsInput{Jobs: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(described.Jobs); n != 2 {
		t.Fatalf("got %d jobs, want 2", n)
	}
	job := described.Jobs[1]
	if aws.ToString(job.JobId) != "b" || job.Status != types.JobStatusFailed || aws.ToInt64(job.CreatedAt) != 1_700_000_000_001 ||
		aws.ToInt32(job.Container.ExitCode) != 137 || aws.ToString(job.Container.Environment[0].Value) != "\x01\"\\" {
		t.Errorf("job b came back as %+v", job)
	}

	arn := aws.String("arn:aws:batch:us-east-1:123456789012:job-definition/d:1")
	if _, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "1", "b c": "", "d&e": "ü"}}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "d&e"}}); err != nil {
		t.Fatal(err)
	}
	listed, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"b c": ""}, listed.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// The official client finds the types and codes of errors.
func TestSDKErrors(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), client(start(t))

	_, err := c.SubmitJob(ctx, &sdk.SubmitJobInput{JobName: aws.String("n"), JobQueue: aws.String("gone"), JobDefinition: aws.String("d")})
	if e, ok := errors.AsType[*types.ClientException](err); !ok || e.ErrorMessage() != "JobQueue gone does not exist" {
		t.Errorf("a queue that is not there: %v", err)
	}
	_, err = c.DeleteJobQueue(ctx, &sdk.DeleteJobQueueInput{JobQueue: aws.String("q")})
	if e, ok := errors.AsType[*types.ServerException](err); !ok || strings.Contains(e.ErrorMessage(), "fire") {
		t.Errorf("a failure of the server: %v", err)
	}
	for _, tt := range []struct {
		code string
		call func() error
	}{
		{"NotImplementedException", func() error {
			_, err := c.ListServiceJobs(ctx, &sdk.ListServiceJobsInput{})
			return err
		}},
		{"TooManyRequestsException", func() error {
			_, err := c.CancelJob(ctx, &sdk.CancelJobInput{JobId: aws.String("a"), Reason: aws.String("r")})
			return err
		}},
		{"AccessDeniedException", func() error {
			_, err := c.TerminateJob(ctx, &sdk.TerminateJobInput{JobId: aws.String("a"), Reason: aws.String("r")})
			return err
		}},
		{"ClientException", func() error { // an empty reason is none
			_, err := c.CancelJob(ctx, &sdk.CancelJobInput{JobId: aws.String("a"), Reason: aws.String("")})
			return err
		}},
	} {
		if e, ok := errors.AsType[smithy.APIError](tt.call()); !ok || e.ErrorCode() != tt.code {
			t.Errorf("got %v, want the code %s", e, tt.code)
		}
	}
}

// Every operation has a route and, unless a service does it, says that it is
// not built.
func TestUnimplemented(t *testing.T) {
	t.Parallel()
	svc := reflect.ValueOf(batchapi.Unimplemented{})
	for m := range reflect.TypeFor[batchapi.Service]().Methods() {
		out := svc.MethodByName(m.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.New(m.Type.In(1).Elem())})
		e, ok := out[1].Interface().(*batch.Error)
		if !ok || e.Code != batch.NotBuilt || !strings.Contains(e.Message, m.Name) {
			t.Errorf("%s gave %v, want NotBuilt with its name", m.Name, out[1])
		}
	}
	srv := start(t)
	for m := range reflect.TypeFor[batchapi.Service]().Methods() {
		if strings.HasSuffix(m.Name, "Resource") && !strings.Contains(m.Name, "Consumable") {
			continue // under /v1/tags/
		}
		res, err := srv.Client().Post(srv.URL+"/v1/"+strings.ToLower(m.Name), "", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusNotFound {
			t.Errorf("%s has no route", m.Name)
		}
	}
}

// Wrong requests by hand get a plain answer, and the next request works.
func TestWrongRequests(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/submitjob", `{`, 400, "the request body is not valid JSON: it ends too early"},
		{"POST", "/v1/submitjob", `jobName=n&jobQueue=q`, 400, "the request body is not valid JSON: invalid character 'j' at start of value at byte 0"},
		{"POST", "/v1/submitjob", `<job/>`, 400, "the request body is not valid JSON: invalid character '<' at start of value at byte 0"},
		{"POST", "/v1/submitjob", `[{}]`, 400, "the request body must be an object, not a list"},
		{"POST", "/v1/submitjob", ``, 400, "jobName is required"},
		{"POST", "/v1/submitjob", strings.Repeat(" ", 1<<20+1), 400, "The request body is larger than 1048576 bytes"},
		{"GET", "/v1/submitjob", ``, 405, "There is no operation with this method at this path"},
		{"POST", "/v1/submitjobs", `{}`, 404, "There is no operation at this path"},
		{"GET", "/v1/tags/", ``, 400, "resourceArn is required"},
		{"DELETE", "/v1/tags/arn", ``, 400, "tagKeys is required"},
		{"DELETE", "/v1/tags/arn?tagKeys=", ``, 400, "tagKeys[0] must have 1 to 128 characters, not 0"},
		{"DELETE", "/v1/tags/arn?" + strings.Repeat("tagKeys=a&", 51), ``, 400, "tagKeys must have 1 to 50 elements, not 51"},
		{"POST", "/v1/tags/arn", `{"tags":[]}`, 400, "tags must be an object, not a list"},
		{"POST", "/v1/tags/arn", `{"resourceArn":"other"}`, 400, "tags is required"},
		{"POST", "/v1/listservicejobs", `{"maxResults":"1"}`, 400, "maxResults must be an integer, not a string"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequest(tt.method, srv.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`{"message":%q}`, tt.want); res.StatusCode != tt.status || string(body) != want {
				t.Errorf("%s %.80s: %d %s, want %d %s", tt.method, tt.path, res.StatusCode, body, tt.status, want)
			}
		})
	}
}
