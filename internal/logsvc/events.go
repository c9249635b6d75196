package logsvc

import (
	"context"
	"fmt"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

// GetLogEventsInput is what GetLogEvents takes.
type GetLogEventsInput struct {
	LogGroupName       *string `json:"logGroupName"`
	LogGroupIdentifier *string `json:"logGroupIdentifier"`
	LogStreamName      *string `json:"logStreamName"`
	StartTime          *int64  `json:"startTime"`
	EndTime            *int64  `json:"endTime"`
	NextToken          *string `json:"nextToken"`
	Limit              *int64  `json:"limit"`
	StartFromHead      bool    `json:"startFromHead"`
}

// GetLogEventsOutput is a page of a stream, oldest event first.
type GetLogEventsOutput struct {
	Events            []OutputLogEvent `json:"events"`
	NextForwardToken  string           `json:"nextForwardToken"`
	NextBackwardToken string           `json:"nextBackwardToken"`
}

// OutputLogEvent is one event in GetLogEventsOutput.
type OutputLogEvent struct {
	Timestamp     batch.Instant `json:"timestamp"`
	Message       string        `json:"message"`
	IngestionTime batch.Instant `json:"ingestionTime"`
}

// GetLogEvents reads a stream in either direction. Without a token it starts
// with the latest events, or with the first ones if startFromHead is set. The
// token's direction counts, not startFromHead.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (s *Service) GetLogEvents(ctx context.Context, in *GetLogEventsInput) (*GetLogEventsOutput, error) {
	var c checks
	c.required(in.LogStreamName, "logStreamName")
	c.stream(in.LogStreamName, "logStreamName")
	c.time(in.StartTime, "startTime")
	c.time(in.EndTime, "endTime")
	c.token(in.NextToken)
	c.between(in.Limit, "limit", 1, logs.PageEvents)
	if err := c.err(); err != nil {
		return nil, err
	}
	group, err := s.either(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	q := logs.EventQuery{
		Group: group, From: batch.Instant(value(in.StartTime)), To: batch.Instant(value(in.EndTime)), Limit: int(value(in.Limit)),
	}
	switch {
	case in.NextToken != nil:
		if q.Start, q.Backward, err = parsePageToken(*in.NextToken); err != nil {
			return nil, err
		}
	case !in.StartFromHead:
		q.Start, q.Backward = logs.End, true
	}
	if q.Stream, err = s.stream(ctx, group, *in.LogStreamName); err != nil {
		return nil, err
	}
	page, err := s.store.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &GetLogEventsOutput{
		Events:            make([]OutputLogEvent, len(page.Events)),
		NextForwardToken:  pageToken('f', page.After),
		NextBackwardToken: pageToken('b', page.Before),
	}
	for i, e := range page.Events {
		out.Events[i] = OutputLogEvent{Timestamp: e.At, Message: e.Message, IngestionTime: e.Ingested}
	}
	return out, nil
}

// PutLogEventsInput is what PutLogEvents takes.
type PutLogEventsInput struct {
	LogGroupName  *string         `json:"logGroupName"`
	LogStreamName *string         `json:"logStreamName"`
	LogEvents     []InputLogEvent `json:"logEvents"`
}

// InputLogEvent is one event in PutLogEventsInput.
type InputLogEvent struct {
	Timestamp *int64  `json:"timestamp"`
	Message   *string `json:"message"`
}

// PutLogEventsOutput says which events were refused. The token is always the
// same: AWS ignores it since 2023, but old clients send it back.
type PutLogEventsOutput struct {
	NextSequenceToken     string                 `json:"nextSequenceToken"`
	RejectedLogEventsInfo *RejectedLogEventsInfo `json:"rejectedLogEventsInfo,omitempty"`
}

// RejectedLogEventsInfo gives the bounds of what was refused.
type RejectedLogEventsInfo struct {
	TooNewLogEventStartIndex *int `json:"tooNewLogEventStartIndex,omitempty"` // from here on
	TooOldLogEventEndIndex   *int `json:"tooOldLogEventEndIndex,omitempty"`   // up to but without
	ExpiredLogEventEndIndex  *int `json:"expiredLogEventEndIndex,omitempty"`  // up to but without
}

// What one PutLogEvents may hold.
const (
	putEvents   = 10_000
	putBytes    = 1 << 20
	eventBytes  = 26 // what each event counts beyond its message
	putSpan     = 24 * time.Hour
	putOldest   = 14 * 24 * time.Hour
	putNewest   = 2 * time.Hour
	putPatience = 20 * time.Second // for a disk that takes nothing
)

// PutLogEvents appends to a stream and returns when the events are durable.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
func (s *Service) PutLogEvents(ctx context.Context, in *PutLogEventsInput) (*PutLogEventsOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	group, err := s.store.Group(ctx, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	ok, err := s.store.HasStream(ctx, group.Name, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, batch.Errorf(batch.NotFound, "The specified log stream does not exist.")
	}
	events, rejected := accepted(in.LogEvents, time.Now(), group.RetentionDays)
	out := &PutLogEventsOutput{NextSequenceToken: fmt.Sprintf("%056d", 1), RejectedLogEventsInfo: rejected}
	if len(events) == 0 {
		return out, nil
	}
	if events[len(events)-1].at().Sub(events[0].at()) > putSpan {
		return nil, batch.Errorf(batch.Invalid, "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	w, err := s.store.Stream(ctx, group.Name, *in.LogStreamName)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	busy := batch.Errorf(batch.Unavailable, "The events cannot be stored right now.")
	ctx, cancel := context.WithTimeoutCause(ctx, putPatience, busy)
	defer cancel()
	for _, e := range events {
		if err := w.Append(ctx, e.at(), []byte(*e.Message), 0); err != nil {
			return nil, err
		}
	}
	return out, w.Flush(ctx)
}

func (in *PutLogEventsInput) check() error {
	c := (&StreamInput{in.LogGroupName, in.LogStreamName}).check()
	if n := len(in.LogEvents); n == 0 {
		c = append(c, "Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	} else if n > putEvents {
		c = append(c, fmt.Sprintf("Value at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to %d", putEvents))
	}
	size := 0
	ordered := true
	for i, e := range in.LogEvents {
		member := fmt.Sprintf("logEvents.%d.member.", i+1)
		if e.Timestamp == nil {
			c = append(c, "Value null at '"+member+"timestamp' failed to satisfy constraint: Member must not be null")
		}
		c.time(e.Timestamp, member+"timestamp")
		c.required(e.Message, member+"message")
		if e.Message != nil && *e.Message == "" {
			c.fail("", member+"message", "Member must have length greater than or equal to 1")
		}
		size += len(value(e.Message)) + eventBytes
		ordered = ordered && (i == 0 || e.at() >= in.LogEvents[i-1].at())
		if len(c) > 0 { // ten thousand complaints help nobody
			break
		}
	}
	switch err := c.err(); {
	case err != nil:
		return err
	case !ordered:
		return batch.Errorf(batch.Invalid, "Log events in a single PutLogEvents request must be in chronological order.")
	case size > putBytes:
		return batch.Errorf(batch.Invalid, "Upload too large: %d bytes exceeds limit of %d", size, putBytes)
	}
	return nil
}

func (e InputLogEvent) at() batch.Instant { return batch.Instant(value(e.Timestamp)) }

// accepted cuts off the events that are too old, expired or too new.
func accepted(events []InputLogEvent, now time.Time, retentionDays int) ([]InputLogEvent, *RejectedLogEventsInfo) {
	oldest := batch.InstantOf(now.Add(-putOldest))
	newest := batch.InstantOf(now.Add(putNewest))
	kept := batch.InstantOf(now.AddDate(0, 0, -retentionDays))
	if retentionDays == 0 {
		kept = 0
	}
	var info RejectedLogEventsInfo
	start, end := 0, len(events)
	for i, e := range events {
		at := e.at()
		if at < oldest {
			start = i + 1
			info.TooOldLogEventEndIndex = &start
		}
		if at < kept {
			expired := i + 1
			info.ExpiredLogEventEndIndex = &expired
		}
		if at > newest {
			end = i
			info.TooNewLogEventStartIndex = &end
			break
		}
	}
	if info == (RejectedLogEventsInfo{}) {
		return events, nil
	}
	first := max(value(info.TooOldLogEventEndIndex), value(info.ExpiredLogEventEndIndex))
	return events[first:max(first, end)], &info
}
