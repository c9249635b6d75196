package logsvc

import (
	"context"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

// StreamInput names a stream.
type StreamInput struct {
	LogGroupName  *string `json:"logGroupName"`
	LogStreamName *string `json:"logStreamName"`
}

func (in *StreamInput) check() checks {
	var c checks
	c.required(in.LogGroupName, "logGroupName")
	c.group(in.LogGroupName, "logGroupName")
	c.required(in.LogStreamName, "logStreamName")
	c.stream(in.LogStreamName, "logStreamName")
	return c
}

// CreateLogStream makes an empty stream.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
func (s *Service) CreateLogStream(ctx context.Context, in *StreamInput) (*Nothing, error) {
	if err := in.check().err(); err != nil {
		return nil, err
	}
	created, err := s.store.CreateStream(ctx, *in.LogGroupName, *in.LogStreamName)
	if err == nil && !created {
		err = batch.Errorf(batch.Conflict, "The specified log stream already exists")
	}
	return nil, err
}

// DeleteLogStream removes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *StreamInput) (*Nothing, error) {
	if err := in.check().err(); err != nil {
		return nil, err
	}
	return nil, s.store.DeleteStream(ctx, *in.LogGroupName, *in.LogStreamName)
}

// DescribeLogStreamsInput is what DescribeLogStreams takes.
type DescribeLogStreamsInput struct {
	LogGroupName        *string `json:"logGroupName"`
	LogGroupIdentifier  *string `json:"logGroupIdentifier"`
	LogStreamNamePrefix *string `json:"logStreamNamePrefix"`
	OrderBy             *string `json:"orderBy"`
	Descending          bool    `json:"descending"`
	NextToken           *string `json:"nextToken"`
	Limit               *int64  `json:"limit"`
}

// DescribeLogStreamsOutput is a page of streams.
type DescribeLogStreamsOutput struct {
	LogStreams []LogStream `json:"logStreams"`
	NextToken  string      `json:"nextToken,omitempty"`
}

// LogStream is one stream in DescribeLogStreamsOutput. AWS has reported zero
// bytes for every stream since 2019.
type LogStream struct {
	LogStreamName       string        `json:"logStreamName"`
	CreationTime        batch.Instant `json:"creationTime"`
	FirstEventTimestamp batch.Instant `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  batch.Instant `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   batch.Instant `json:"lastIngestionTime,omitempty"`
	ARN                 string        `json:"arn"`
	StoredBytes         int64         `json:"storedBytes"`
}

// DescribeLogStreams lists a group's streams by name or by their last event.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (s *Service) DescribeLogStreams(ctx context.Context, in *DescribeLogStreamsInput) (*DescribeLogStreamsOutput, error) {
	var c checks
	c.stream(in.LogStreamNamePrefix, "logStreamNamePrefix")
	c.oneOf(in.OrderBy, "orderBy", "LogStreamName", "LastEventTime")
	c.token(in.NextToken)
	c.between(in.Limit, "limit", 1, listLimit)
	if err := c.err(); err != nil {
		return nil, err
	}
	group, err := s.either(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	q := logs.StreamQuery{
		Group: group, Prefix: value(in.LogStreamNamePrefix), ByTime: value(in.OrderBy) == "LastEventTime",
		Descending: in.Descending, Limit: listLimit,
	}
	if in.Limit != nil {
		q.Limit = int(*in.Limit)
	}
	if q.ByTime && q.Prefix != "" {
		return nil, batch.Errorf(batch.Invalid, "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if in.NextToken != nil {
		if q.After, err = parseStreamMark(*in.NextToken, q.ByTime); err != nil {
			return nil, err
		}
	}
	streams, mark, err := s.store.Streams(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &DescribeLogStreamsOutput{LogStreams: []LogStream{}}
	if mark != nil {
		out.NextToken = streamMark(mark, q.ByTime)
	}
	for _, st := range streams {
		out.LogStreams = append(out.LogStreams, LogStream{
			LogStreamName: st.Name, CreationTime: st.Created, FirstEventTimestamp: st.FirstEvent,
			LastEventTimestamp: st.LastEvent, LastIngestionTime: st.Ingested,
			ARN: s.groupARN(group) + ":log-stream:" + st.Name,
		})
	}
	return out, nil
}

// stream returns the name of the stream to read: the one that was asked for,
// or the one that it is an alias of.
func (s *Service) stream(ctx context.Context, group, name string) (string, error) {
	if ok, err := s.store.HasStream(ctx, group, name); ok || err != nil {
		return name, err
	}
	if actual, ok := s.alias(ctx, group, name); ok {
		return actual, nil
	}
	return name, nil
}
