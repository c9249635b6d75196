package logsvc

import (
	"context"
	"fmt"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

// filterStreams is how many streams a search may name.
const filterStreams = 100

// FilterLogEventsInput is what FilterLogEvents takes.
type FilterLogEventsInput struct {
	LogGroupName        *string  `json:"logGroupName"`
	LogGroupIdentifier  *string  `json:"logGroupIdentifier"`
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix *string  `json:"logStreamNamePrefix"`
	StartTime           *int64   `json:"startTime"`
	EndTime             *int64   `json:"endTime"`
	FilterPattern       *string  `json:"filterPattern"`
	NextToken           *string  `json:"nextToken"`
	Limit               *int64   `json:"limit"`
}

// FilterLogEventsOutput is a page of a search, oldest event first.
type FilterLogEventsOutput struct {
	Events             []FilteredLogEvent `json:"events"`
	SearchedLogStreams []struct{}         `json:"searchedLogStreams"` // empty since 2020
	NextToken          string             `json:"nextToken,omitempty"`
}

// FilteredLogEvent is one event in FilterLogEventsOutput.
type FilteredLogEvent struct {
	LogStreamName string        `json:"logStreamName"`
	Timestamp     batch.Instant `json:"timestamp"`
	Message       string        `json:"message"`
	IngestionTime batch.Instant `json:"ingestionTime"`
	EventID       string        `json:"eventId"`
}

// FilterLogEvents searches the streams of a group, merged by time.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (s *Service) FilterLogEvents(ctx context.Context, in *FilterLogEventsInput) (*FilterLogEventsOutput, error) {
	var c checks
	for i, name := range in.LogStreamNames[:min(len(in.LogStreamNames), filterStreams)] {
		c.stream(&name, fmt.Sprintf("logStreamNames.%d.member", i+1))
	}
	if len(in.LogStreamNames) > filterStreams {
		c = append(c, fmt.Sprintf("Value at 'logStreamNames' failed to satisfy constraint: Member must have length less than or equal to %d", filterStreams))
	}
	c.stream(in.LogStreamNamePrefix, "logStreamNamePrefix")
	c.time(in.StartTime, "startTime")
	c.time(in.EndTime, "endTime")
	c.text(in.FilterPattern, "filterPattern", 0, 1024, form{})
	c.token(in.NextToken)
	c.between(in.Limit, "limit", 1, logs.PageEvents)
	switch err := c.err(); {
	case err != nil:
		return nil, err
	case len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil:
		return nil, batch.Errorf(batch.Invalid, "logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
	}
	group, err := s.either(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	q := logs.SearchQuery{
		Group: group, Streams: in.LogStreamNames, Prefix: value(in.LogStreamNamePrefix),
		From: batch.Instant(value(in.StartTime)), Limit: int(value(in.Limit)),
	}
	if in.EndTime != nil {
		q.To = batch.Instant(*in.EndTime) + 1
	}
	if in.NextToken != nil {
		if q.After, err = parseSearchToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	if q.Match, err = parsePattern(value(in.FilterPattern)); err != nil {
		return nil, err
	}
	found, mark, err := s.store.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &FilterLogEventsOutput{Events: make([]FilteredLogEvent, len(found)), SearchedLogStreams: []struct{}{}}
	for i, f := range found {
		out.Events[i] = FilteredLogEvent{
			LogStreamName: f.Stream, Timestamp: f.At, Message: f.Message, IngestionTime: f.Ingested, EventID: f.ID,
		}
	}
	if mark != nil {
		out.NextToken = searchToken(mark)
	}
	return out, nil
}
