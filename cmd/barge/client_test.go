package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

func TestNewClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		flag     string
		env      map[string]string
		endpoint string
		region   string
		key      string
	}{
		{name: "nothing", endpoint: defaultEndpoint, region: "us-east-1", key: "barge"},
		{name: "flag first", flag: "h:1", env: map[string]string{"AWS_ENDPOINT_URL_BATCH": "http://b"}, endpoint: "http://h:1", region: "us-east-1", key: "barge"},
		{
			name:     "the service's before the general one",
			env:      map[string]string{"AWS_ENDPOINT_URL_BATCH": "https://b/", "AWS_ENDPOINT_URL": "http://a", "AWS_DEFAULT_REGION": "r2"},
			endpoint: "https://b", region: "r2", key: "barge",
		},
		{
			name:     "credentials",
			env:      map[string]string{"AWS_ENDPOINT_URL": "http://a", "AWS_REGION": "r1", "AWS_DEFAULT_REGION": "r2", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"},
			endpoint: "http://a", region: "r1", key: "k",
		},
		{name: "half of the credentials", env: map[string]string{"AWS_ACCESS_KEY_ID": "k"}, endpoint: defaultEndpoint, region: "us-east-1", key: "barge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := newClient(tt.flag, func(name string) string { return tt.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			creds, err := c.credentials.Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, want := [3]string{c.endpoint, c.region, creds.AccessKeyID}, [3]string{tt.endpoint, tt.region, tt.key}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("endpoint, region, key (-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{"ftp://a", "http://", "http://a b"} {
		if _, err := newClient(bad, func(string) string { return "" }); err == nil {
			t.Errorf("the endpoint %q is accepted", bad)
		}
	}
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	endpoint := nobody(t)
	for _, args := range [][]string{{"run", "true"}, {"jobs"}, {"logs", "-f", "x"}, {"wait", "x"}, {"call", "ListJobs"}} {
		started := time.Now()
		got := barge(t.Context(), endpoint, strings.NewReader(""), args...)
		want := "barge: no server answers at " + endpoint
		if got.Code != 1 || got.Out != "" || !strings.HasPrefix(got.Err, want) || !strings.HasSuffix(got.Err, "start it with: barge serve\n") {
			t.Errorf("%v: got %+v, want exit code 1 and %q", args, got, want)
		}
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("%v: the hint came after %s", args, took)
		}
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"jobs"}, {"logs", "-f", "x"}, {"wait", "x"}, {"call", "ListJobs"}} {
		ctx, cancel := context.WithCancel(t.Context())
		slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client leave
			cancel()
			<-r.Context().Done()
		}))
		if got := barge(ctx, slow.URL, strings.NewReader(""), args...); got.Code != 130 || got.Err != "" {
			t.Errorf("%v: got %+v, want exit code 130 and no words", args, got)
		}
		slow.Close()
		cancel()
	}
}

// A server that restarts is waited for by those who watch its jobs.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	g := newGate(t)
	id := s.must("run", "--detach", "--", "sh", "-c", g.script()+"; echo done")
	c := s.client()
	if _, err := c.job(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s.stop()
	type end struct {
		status types.JobStatus
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		var e end
		e.err = c.await(t.Context(), []string{id}, func(j types.JobDetail) { e.status = j.Status })
		ended <- e
	}()
	again := startServerWith(t, s.config)
	g.open()
	if e := <-ended; e.err != nil || e.status != types.JobStatusSucceeded {
		t.Errorf("the job ended as %q, %v", e.status, e.err)
	}
	if got := again.must("logs", id); !strings.HasSuffix(got, "\ndone") {
		t.Errorf("the log is %q, want done at its end", got)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.client()
	_, err := c.queueExists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.list(t.Context(), &listNowhere, 1); c.explain(err).Error() != "JobQueue nowhere does not exist." {
		t.Errorf("the API's error is explained as %q", c.explain(err))
	}
	other := errors.New("other")
	if got := c.explain(other); !errors.Is(got, other) {
		t.Errorf("another error becomes %v", got)
	}
}

func TestJobID(t *testing.T) {
	t.Parallel()
	const id = "01a1fc69-b05c-4f7a-ad44-ff67547bd132"
	for _, arg := range []string{id, strings.ToUpper(id), "arn:aws:batch:us-east-1:123456789012:job/" + id} {
		if got := jobID(arg); got != id {
			t.Errorf("the id of %q is %q", arg, got)
		}
	}
	if got := jobID("arn:aws:batch:us-east-1:123456789012:job/" + id + ":7"); got != id+":7" {
		t.Errorf("the id of a child's ARN is %q", got)
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		job  types.JobDetail
		want string
	}{
		{types.JobDetail{}, "no reason given"},
		{types.JobDetail{StatusReason: aws.String("a\x1b[2J\nb")}, "a [2J b"},
		{types.JobDetail{
			StatusReason: aws.String("Essential container in task exited"),
			Container:    &types.ContainerDetail{ExitCode: aws.Int32(137), Reason: aws.String("OutOfMemoryError")},
		}, "exit code 137; Essential container in task exited; OutOfMemoryError"},
		{types.JobDetail{ArrayProperties: &types.ArrayPropertiesDetail{
			Size: aws.Int32(3), StatusSummary: map[string]int32{"FAILED": 1, "SUCCEEDED": 2, "RUNNING": 0},
		}}, "2 SUCCEEDED, 1 FAILED"},
	} {
		if got := failure(tt.job); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0.0s": -time.Second, "0.4s": 400 * time.Millisecond, "9.9s": 9940 * time.Millisecond, "10s": 10900 * time.Millisecond,
		"3m20s": 200 * time.Second, "5h12m": 5*time.Hour + 12*time.Minute + time.Second, "3d4h": 76 * time.Hour,
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%s prints as %s, want %s", d, got, want)
		}
	}
}
