package logsvc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
	"github.com/bargehq/barge/internal/logsvc"
)

const group = "/aws/batch/job"

// setup returns the SDK's client of a service over a fresh store.
func setup(t *testing.T, alias func(context.Context, string, string) (string, bool)) (*cwl.Client, *logs.Store) {
	t.Helper()
	store, err := logs.Open(logs.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	service := logsvc.New(logsvc.Options{
		Store: store, Alias: alias, Scope: batch.Scope{Partition: "aws", Region: "us-east-1", Account: "123456789012"},
	})
	server := httptest.NewServer(service.Handler())
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return cwl.New(cwl.Options{
		BaseEndpoint: aws.String(server.URL), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("x", "y", ""),
	}), store
}

// fill appends lines as a host does.
func fill(t *testing.T, store *logs.Store, stream string, at batch.Instant, lines ...string) {
	t.Helper()
	w, err := store.Stream(t.Context(), group, stream)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i, line := range lines {
		if err := w.Append(t.Context(), at+batch.Instant(i), []byte(line), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantError checks the name of an error and a part of its text.
func wantError(t *testing.T, err error, code, text string) {
	t.Helper()
	got, ok := errors.AsType[smithy.APIError](err)
	if !ok || got.ErrorCode() != code || !strings.Contains(got.ErrorMessage(), text) {
		t.Errorf("error %v, want %s: …%s…", err, code, text)
	}
}

func TestReadingAStreamForwardEndsWithTheSameToken(t *testing.T) {
	t.Parallel()
	client, store := setup(t, nil)
	fill(t, store, "def/default/1", 1000, "a", "b", "c", "d", "e")
	in := &cwl.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String("def/default/1"), StartFromHead: aws.Bool(true), Limit: aws.Int32(2),
	}
	var got []string
	for {
		out, err := client.GetLogEvents(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			got = append(got, *e.Message)
			if *e.IngestionTime == 0 || *e.Timestamp != 1000+int64(len(got))-1 {
				t.Errorf("event %s is of %d, stored at %d", *e.Message, *e.Timestamp, *e.IngestionTime)
			}
		}
		if !strings.HasPrefix(*out.NextForwardToken, "f/") || !strings.HasPrefix(*out.NextBackwardToken, "b/") {
			t.Errorf("tokens %s and %s", *out.NextForwardToken, *out.NextBackwardToken)
		}
		if in.NextToken != nil && *out.NextForwardToken == *in.NextToken {
			break
		}
		in.NextToken = out.NextForwardToken
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	fill(t, store, "def/default/1", 2000, "f")
	out, err := client.GetLogEvents(t.Context(), in)
	if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "f" {
		t.Errorf("the last token gives %v, %v; want the new line", out, err)
	}
}

func TestReadingAStreamBackward(t *testing.T) {
	t.Parallel()
	client, store := setup(t, nil)
	fill(t, store, "s", 1000, "a", "b", "c", "d", "e")
	in := &cwl.GetLogEventsInput{
		LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:123456789012:log-group:" + group),
		LogStreamName:      aws.String("s"), Limit: aws.Int32(2),
	}
	var pages []string
	for {
		out, err := client.GetLogEvents(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		page := ""
		for _, e := range out.Events {
			page += *e.Message
		}
		pages = append(pages, page)
		if in.NextToken != nil && *out.NextBackwardToken == *in.NextToken {
			break
		}
		in.NextToken = out.NextBackwardToken
	}
	if diff := cmp.Diff([]string{"de", "bc", "a", ""}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	in = &cwl.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String("s"),
		StartTime: aws.Int64(1001), EndTime: aws.Int64(1003),
	}
	out, err := client.GetLogEvents(t.Context(), in)
	if err != nil || len(out.Events) != 2 || *out.Events[0].Message != "b" || *out.Events[1].Message != "c" {
		t.Errorf("events from 1001 to before 1003: %v, %v; want b and c", out, err)
	}
}

func TestARunningJobWithoutOutputHasAnEmptyStream(t *testing.T) {
	t.Parallel()
	client, store := setup(t, func(_ context.Context, group, stream string) (string, bool) {
		return "def/default/1", stream == "def/job-id"
	})
	in := &cwl.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String("def/default/1"), StartFromHead: aws.Bool(true)}
	_, err := client.GetLogEvents(t.Context(), in)
	wantError(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	w, err := store.Stream(t.Context(), group, "def/default/1")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	out, err := client.GetLogEvents(t.Context(), in)
	if err != nil || len(out.Events) != 0 {
		t.Fatalf("got %v, %v; want no events", out, err)
	}
	fill(t, store, "def/default/1", 1000, "a")
	in.NextToken = out.NextForwardToken
	in.LogStreamName = aws.String("def/job-id")
	if out, err = client.GetLogEvents(t.Context(), in); err != nil || len(out.Events) != 1 {
		t.Errorf("through its alias the stream gives %v, %v; want one line", out, err)
	}
	in.LogStreamName = aws.String("other")
	_, err = client.GetLogEvents(t.Context(), in)
	wantError(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	in.LogGroupName = aws.String("other")
	_, err = client.GetLogEvents(t.Context(), in)
	wantError(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestSearching(t *testing.T) {
	t.Parallel()
	client, store := setup(t, nil)
	fill(t, store, "x/1", 1000, "a ERROR", "b", "c ERROR")
	fill(t, store, "y/1", 1001, "d ERROR", "e WARN")
	tests := []struct {
		name string
		in   cwl.FilterLogEventsInput
		want string
	}{
		{"all", cwl.FilterLogEventsInput{}, "x/1 a ERROR|x/1 b|y/1 d ERROR|x/1 c ERROR|y/1 e WARN"},
		{"pattern", cwl.FilterLogEventsInput{FilterPattern: aws.String("?ERROR ?WARN")}, "x/1 a ERROR|y/1 d ERROR|x/1 c ERROR|y/1 e WARN"},
		{"prefix", cwl.FilterLogEventsInput{LogStreamNamePrefix: aws.String("y/")}, "y/1 d ERROR|y/1 e WARN"},
		{"names", cwl.FilterLogEventsInput{LogStreamNames: []string{"x/1"}}, "x/1 a ERROR|x/1 b|x/1 c ERROR"},
		{"times", cwl.FilterLogEventsInput{StartTime: aws.Int64(1001), EndTime: aws.Int64(1001)}, "x/1 b|y/1 d ERROR"},
	}
	for _, test := range tests {
		for _, limit := range []int32{1, 2, 100} {
			in := test.in
			in.LogGroupName, in.Limit = aws.String(group), aws.Int32(limit)
			var got []string
			ids := make(map[string]bool)
			for p := cwl.NewFilterLogEventsPaginator(client, &in); p.HasMorePages(); {
				out, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range out.Events {
					got = append(got, *e.LogStreamName+" "+*e.Message)
					ids[*e.EventId] = true
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "|")); diff != "" || len(ids) != len(got) {
				t.Errorf("%s in pages of %d, %d ids (-want +got):\n%s", test.name, limit, len(ids), diff)
			}
		}
	}
	for _, bad := range []struct {
		in   cwl.FilterLogEventsInput
		code string
		text string
	}{
		{cwl.FilterLogEventsInput{LogGroupName: aws.String("none")}, "ResourceNotFoundException", "log group does not exist"},
		{cwl.FilterLogEventsInput{LogGroupName: aws.String(group), LogStreamNames: []string{"none"}}, "ResourceNotFoundException", "log stream does not exist"},
		{cwl.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: aws.String("{ $.a = 1 }")}, "InvalidParameterException", "JSON patterns"},
		{cwl.FilterLogEventsInput{LogGroupName: aws.String(group), NextToken: aws.String("x")}, "InvalidParameterException", "The specified nextToken is invalid."},
		{cwl.FilterLogEventsInput{LogGroupName: aws.String(group), LogStreamNames: []string{"x/1"}, LogStreamNamePrefix: aws.String("x")}, "InvalidParameterException", "mutually exclusive"},
		{cwl.FilterLogEventsInput{}, "InvalidParameterException", "is required"},
		{
			cwl.FilterLogEventsInput{LogGroupName: aws.String(group), Limit: aws.Int32(10001)},
			"InvalidParameterException",
			"1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
		},
	} {
		_, err := client.FilterLogEvents(t.Context(), &bad.in)
		wantError(t, err, bad.code, bad.text)
	}
}

func TestGroupsAndStreamsOfPeople(t *testing.T) {
	t.Parallel()
	client, _ := setup(t, nil)
	ctx := t.Context()
	name, stream := aws.String("/my/group"), aws.String("my-stream")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: name, LogStreamName: stream})
	wantError(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	must(client.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"a": "b"}}))
	_, err = client.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: name})
	wantError(t, err, "ResourceAlreadyExistsException", "The specified log group already exists")
	must(client.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: name, LogStreamName: stream}))
	_, err = client.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: name, LogStreamName: stream})
	wantError(t, err, "ResourceAlreadyExistsException", "The specified log stream already exists")
	must(client.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(7)}))
	_, err = client.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(8)})
	wantError(t, err, "InvalidParameterException", "retentionInDays 8")

	now := time.Now().UnixMilli()
	event := func(at int64, message string) types.InputLogEvent {
		return types.InputLogEvent{Timestamp: &at, Message: &message}
	}
	put := func(stream string, events ...types.InputLogEvent) (*cwl.PutLogEventsOutput, error) {
		return client.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: name, LogStreamName: &stream, LogEvents: events})
	}
	day := (24 * time.Hour).Milliseconds()
	out, err := put("my-stream", event(now-15*day, "too old"), event(now-8*day, "expired"), event(now-1, "one"), event(now, "two"), event(now+day, "too new"))
	must(nil, err)
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooOldLogEventEndIndex != 1 || *r.ExpiredLogEventEndIndex != 2 || *r.TooNewLogEventStartIndex != 4 {
		t.Errorf("rejected: %+v", out.RejectedLogEventsInfo)
	}
	_, err = put("my-stream", event(now, "b"), event(now-1, "a"))
	wantError(t, err, "InvalidParameterException", "chronological order")
	_, err = put("my-stream", event(now, ""))
	wantError(t, err, "InvalidParameterException", "'logEvents.1.member.message'")
	_, err = put("none", event(now, "a"))
	wantError(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	_, err = put("my-stream", event(now, strings.Repeat("x", 1<<20)))
	wantError(t, err, "InvalidParameterException", "Upload too large: 1048602 bytes exceeds limit of 1048576")

	groups, err := client.DescribeLogGroups(ctx, &cwl.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/my")})
	must(nil, err)
	if len(groups.LogGroups) != 1 {
		t.Fatalf("%d groups, want 1", len(groups.LogGroups))
	}
	g := groups.LogGroups[0]
	if *g.Arn != "arn:aws:logs:us-east-1:123456789012:log-group:/my/group:*" || *g.LogGroupArn+":*" != *g.Arn ||
		*g.RetentionInDays != 7 || *g.CreationTime < now-60_000 || *g.MetricFilterCount != 0 || *g.StoredBytes == 0 {
		t.Errorf("group %+v", g)
	}
	streams, err := client.DescribeLogStreams(ctx, &cwl.DescribeLogStreamsInput{LogGroupName: name, OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)})
	must(nil, err)
	if len(streams.LogStreams) != 1 {
		t.Fatalf("%d streams, want 1", len(streams.LogStreams))
	}
	st := streams.LogStreams[0]
	if *st.LogStreamName != "my-stream" || *st.FirstEventTimestamp != now-1 || *st.LastEventTimestamp != now || st.LastIngestionTime == nil ||
		*st.Arn != "arn:aws:logs:us-east-1:123456789012:log-group:/my/group:log-stream:my-stream" {
		t.Errorf("stream %+v", st)
	}
	_, err = client.DescribeLogStreams(ctx, &cwl.DescribeLogStreamsInput{LogGroupName: name, OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("m")})
	wantError(t, err, "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")

	must(client.DeleteRetentionPolicy(ctx, &cwl.DeleteRetentionPolicyInput{LogGroupName: name}))
	must(client.DeleteLogStream(ctx, &cwl.DeleteLogStreamInput{LogGroupName: name, LogStreamName: stream}))
	_, err = client.DeleteLogStream(ctx, &cwl.DeleteLogStreamInput{LogGroupName: name, LogStreamName: stream})
	wantError(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	must(client.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: name}))
	_, err = client.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: name})
	wantError(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	_, err = client.DescribeLogStreams(ctx, &cwl.DescribeLogStreamsInput{LogGroupName: name})
	wantError(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestListsHavePages(t *testing.T) {
	t.Parallel()
	client, store := setup(t, nil)
	for i := range 3 {
		if _, err := client.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: aws.String(fmt.Sprint("g", i))}); err != nil {
			t.Fatal(err)
		}
		fill(t, store, fmt.Sprint("s", i), batch.Instant(1000-i), "x")
	}
	var groups, streams []string
	for p := cwl.NewDescribeLogGroupsPaginator(client, &cwl.DescribeLogGroupsInput{Limit: aws.Int32(1)}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range out.LogGroups {
			groups = append(groups, *g.LogGroupName)
		}
	}
	if diff := cmp.Diff([]string{group, "g0", "g1", "g2"}, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	for _, order := range []types.OrderBy{types.OrderByLogStreamName, types.OrderByLastEventTime} {
		for p := cwl.NewDescribeLogStreamsPaginator(client, &cwl.DescribeLogStreamsInput{
			LogGroupName: aws.String(group), Limit: aws.Int32(2), OrderBy: order,
		}); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range out.LogStreams {
				streams = append(streams, *st.LogStreamName)
			}
		}
	}
	if diff := cmp.Diff([]string{"s0", "s1", "s2", "s2", "s1", "s0"}, streams); diff != "" {
		t.Errorf("streams by name and by time (-want +got):\n%s", diff)
	}
}

func TestValidationAndWhatIsNotBuilt(t *testing.T) {
	t.Parallel()
	client, _ := setup(t, nil)
	ctx := t.Context()
	_, err := client.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String("a b"), LogStreamName: aws.String("s")})
	wantError(t, err, "InvalidParameterException",
		`1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	_, err = client.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String("s:1"), Limit: aws.Int32(0), NextToken: aws.String("")})
	wantError(t, err, "InvalidParameterException", "3 validation errors detected: Value 's:1' at 'logStreamName' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: [^:*]*; Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1; ")
	for _, token := range []string{"x", "f/12/s", "g/" + strings.Repeat("0", 56) + "/s", "f/" + strings.Repeat("9", 56) + "/s"} {
		_, err = client.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String("s"), NextToken: &token})
		wantError(t, err, "InvalidParameterException", "The specified nextToken is invalid.")
	}
	_, err = client.StartQuery(ctx, &cwl.StartQueryInput{QueryString: aws.String("x"), StartTime: aws.Int64(0), EndTime: aws.Int64(1)})
	wantError(t, err, "NotImplemented", "The operation StartQuery is not implemented")
	_, err = client.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("g"), KmsKeyId: aws.String("k")})
	wantError(t, err, "NotImplemented", "kmsKeyId")
}
